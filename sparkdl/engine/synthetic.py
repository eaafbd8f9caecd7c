"""Made-up rows to try a model with."""

from __future__ import annotations

import keras
import numpy as np

from sparkdl.engine.building import build_model
from sparkdl.types import Batch, SampleSpec, TensorSpec

ROWS, FIRST_PART = 5, 2


def synthetic_batch(model: keras.Model, spec: SampleSpec, seed: int = 0, rows: int = ROWS) -> Batch:
    """Rows of the given columns with plausible values: small integers, 0 to 255 in uint8, floats between 0 and 1.

    Args:
        model: compiled; class numbers stay below the number of classes of its outputs.
        spec: the columns.
        seed: for other values.
        rows: number of rows.
    """
    rng = np.random.default_rng(seed)
    outputs = keras.tree.flatten(build_model(model, spec))
    features = synthetic_features(spec, rows, rng)
    limit = min((int(output.shape[-1] or 2) for output in outputs if len(output.shape) > 1), default=2)
    labels = tuple(_values(rng, column, rows, max(2, limit)) for column in spec.labels)
    weights = rng.uniform(0.5, 1.5, rows).astype(np.float32) if spec.weighted else None
    return Batch(features, labels, weights)


def synthetic_features(
    spec: SampleSpec, rows: int = ROWS, rng: np.random.Generator | None = None
) -> tuple[np.ndarray, ...]:
    """Features alone, of the same kind."""
    rng = rng or np.random.default_rng(0)
    return tuple(_values(rng, column, rows, 2) for column in spec.features)


def parts_of(batch: Batch) -> tuple[Batch, Batch, Batch]:
    """The batch and two unequal parts of it."""
    return batch, _rows(batch, slice(0, FIRST_PART)), _rows(batch, slice(FIRST_PART, None))


def _rows(batch: Batch, rows: slice) -> Batch:
    weights = None if batch.weights is None else batch.weights[rows]
    return Batch(tuple(x[rows] for x in batch.features), tuple(y[rows] for y in batch.labels), weights)


def _values(rng: np.random.Generator, column: TensorSpec, rows: int, limit: int) -> np.ndarray:
    shape = (rows, *column.shape)
    if column.dtype == "uint8":
        return rng.integers(0, 256 if column.shape else limit, shape).astype(np.uint8)
    if column.dtype.startswith(("int", "uint", "bool")):
        return rng.integers(0, limit, shape).astype(column.dtype)
    return rng.uniform(0.0, 1.0, shape).astype(column.dtype)

"""Converts Keras models for OpenVINO, on the driver, and compares what both say."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
import numpy as np
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from sparkdl.engine.runtimes.openvino import Network, OpenVINOPredictor, import_openvino, unreported
from sparkdl.engine.runtimes.tensorflow import TensorFlowPredictor
from sparkdl.engine.synthetic import synthetic_features
from sparkdl.errors import UnsupportedError
from sparkdl.storage.temporary import TemporaryFolder
from sparkdl.types import SampleSpec

TOLERANCE = 1e-4
TRIED_ROWS = (5, 1)


def convert(model: keras.Model, spec: SampleSpec) -> Network:
    """Converts a model, and checks that OpenVINO gives what TensorFlow gives on made-up rows.

    Args:
        model: a built Keras model.
        spec: the columns of a row.

    Returns:
        the network, with float32 weights as they are.

    Raises:
        MissingExtraError: OpenVINO is not installed.
        UnsupportedError: OpenVINO does not know an operation, or an output differs by more than `TOLERANCE` of its
            largest value.
    """
    openvino = import_openvino()
    reference = TensorFlowPredictor(model, spec)
    try:
        network = _converted(openvino, reference)
        converted = OpenVINOPredictor(network, cores=1)
        for rows in TRIED_ROWS:
            features = synthetic_features(spec, rows)
            _compare(reference.predict(features), converted.predict(features), model)
    except UnsupportedError:
        raise
    # OpenVINO raises plain RuntimeErrors, and its frontend whatever Python's converters meet.
    except Exception as error:  # noqa: BLE001
        raise UnsupportedError(
            f"OpenVINO cannot convert the model {model.name!r}: {_reason(error)}; TensorFlow can compute it "
            f"(runtime='tensorflow')."
        ) from error
    return network


def _converted(openvino: Any, predictor: TensorFlowPredictor) -> Network:
    """The network of the very function that TensorFlow runs, with its variables as constants.

    From a file, because OpenVINO's reader of files knows loops (LSTM and the like) that its reader of graphs in
    memory does not.
    """
    frozen = convert_variables_to_constants_v2(predictor.graph(), lower_control_flow=False)
    with TemporaryFolder("sparkdl-convert-") as folder:
        path = Path(folder, "graph.pb")
        path.write_bytes(frozen.graph.as_graph_def().SerializeToString())
        with unreported(), _kept_root_logger():
            model = openvino.convert_model(path)
        xml, weights = Path(folder, "network.xml"), Path(folder, "network.bin")
        openvino.serialize(model, xml, weights)  # save_model would round the weights to float16
        features = [tensor.name for tensor in frozen.inputs]
        results = {result.get_friendly_name(): number for number, result in enumerate(model.get_results())}
        return Network(
            xml.read_text(),
            weights.read_bytes() if weights.exists() else b"",
            tuple(next(features.index(name) for name in port.get_names() if name in features) for port in model.inputs),
            tuple(results[tensor.name] for tensor in frozen.outputs),
        )


@contextmanager
def _kept_root_logger() -> Iterator[None]:
    """OpenVINO lets the root logger show errors only, and where a conversion fails leaves it so: nobody's warnings,
    ours about that very failure among them, would be seen any more."""
    root = logging.getLogger()
    level, filters, handlers = root.level, list(root.filters), list(root.handlers)
    try:
        yield
    finally:
        root.setLevel(level)
        root.filters[:], root.handlers[:] = filters, handlers


def _compare(expected: list[np.ndarray], received: list[np.ndarray], model: keras.Model) -> None:
    """Raises UnsupportedError where outputs differ by more than rounding."""
    for index, (ours, theirs) in enumerate(zip(expected, received, strict=True)):
        one, other = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
        if one.shape != other.shape:
            difference = f"has the shape {other.shape} instead of {one.shape}"
        elif not np.array_equal(np.isfinite(one), np.isfinite(other)):
            difference = "is not finite at the same places"
        else:
            one, other = np.nan_to_num(one, posinf=0, neginf=0), np.nan_to_num(other, posinf=0, neginf=0)
            error = np.max(np.abs(one - other), initial=0.0)
            if error <= TOLERANCE * np.max(np.abs(one), initial=0.0):
                continue
            difference = f"differs by {error:.2g} where values are up to {np.max(np.abs(one)):.2g}"
        raise UnsupportedError(
            f"output {index} of the model {model.name!r} {difference} by OpenVINO; TensorFlow is exact "
            f"(runtime='tensorflow')."
        )


def _reason(error: Exception) -> str:
    """What matters of one of OpenVINO's long messages."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    telling = [line for line in lines if "No conversion rule" in line or "with a message" in line]
    return (telling or lines[-1:] or [type(error).__name__])[0].lstrip("- ").rstrip(".:")[:300]

"""What Keras does not say of a custom loss, `add_loss` or a custom metric, found by trying on the driver."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import keras

from sparkdl.engine.objective import Kind
from sparkdl.types import Batch, SampleSpec

ExtraKind = Literal["mean", "sum"]


@dataclass(frozen=True, slots=True)
class ExtraLosses:
    """How the losses of a model add up over the parts of a batch.

    Attributes:
        losses: for each loss given to `compile`.
        extras: for each that the model adds itself (`add_loss`, activity regularisers): "mean" where the batch's
            is the mean of the parts' by rows (or where it does not depend on the rows), "sum" where it is the sum.
    """

    losses: tuple[Kind, ...] = ()
    extras: tuple[ExtraKind, ...] = ()


def own_losses(model: keras.Model) -> tuple[list[Any], list[Any]]:
    """After a call of the model: what it added itself, and its weight regularisers' losses."""
    losses = list(model.losses)
    regularizers = len(model._get_regularization_losses())
    return losses[: len(losses) - regularizers], losses[len(losses) - regularizers :]


def probe_extra_losses(model: keras.Model, spec: SampleSpec, batch: Batch | None = None) -> ExtraLosses:
    """Finds how the model's losses add up over the rows of a batch."""
    return ExtraLosses()

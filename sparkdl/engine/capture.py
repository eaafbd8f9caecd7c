"""The state of the user's own model on the driver: what workers start from, and what they bring back."""

from __future__ import annotations

import keras
import numpy as np

from sparkdl.engine.layout import layout_of
from sparkdl.engine.model_state import ModelState
from sparkdl.engine.optimizer_state import load_into_optimizer, state_of_optimizer
from sparkdl.engine.serialization import model_arrays
from sparkdl.types import TrainingState


def capture_model(model: keras.Model) -> TrainingState:
    """All variables of a built model (`model/...`), and what its optimizer has learnt so far (`optimizer/...`)."""
    arrays = {f"model/{name}": array for name, array in model_arrays(model).items()}
    return TrainingState(arrays | state_of_optimizer(model.optimizer, model.trainable_variables))


def restore_model(model: keras.Model, state: TrainingState) -> None:
    """Puts what the workers brought back into the user's model: weights, statistics and optimizer.

    Of a finished training these are the final weights (the moving averages, where the optimizer keeps some).
    """
    layout = layout_of(model.trainable_variables)
    weights = state.arrays.get("final_weights", state.arrays["weights"])
    for variable, spec in zip(model.trainable_variables, layout.variables, strict=True):
        variable.assign(weights[spec.offset : spec.offset + spec.size].reshape(spec.shape))
    ModelState(model).set_statistics(np.asarray(state.arrays["statistics"]))
    optimizer = {name: array for name, array in state.arrays.items() if name.startswith("optimizer/")}
    load_into_optimizer(model.optimizer, model.trainable_variables, optimizer)

"""What XLA compiles: training steps where models ask for it or gain by it, and the updates of long runs."""

from __future__ import annotations

from dataclasses import dataclass

import keras
from keras.src.models.functional import Functional

# XLA takes seconds to compile the loop of a recurrent layer, as long as some hundred steps of a small one take.
FEWEST_STEPS = 500
# Steps of wider ones are products of matrices most of the time, which XLA does not make faster.
MOST_UNITS = 128
# Optimizers such as Adam pass over memory a dozen times, where XLA passes once: seconds for each parameter. Smaller
# models are in the processor's cache, and XLA's call costs as much as it saves.
SAVED, FEWEST_PARAMETERS = 1e-9, 2_000_000
# What it must save in the whole run; it takes some tenths of a second to compile.
FEWEST_SECONDS = 0.3
_RECURRENT = (keras.layers.LSTM, keras.layers.GRU, keras.layers.SimpleRNN)
# What may stand beside them: none reads a table, whose bounds XLA does not check, or draws random numbers, which would
# be others than TensorFlow's.
_BESIDE = (
    keras.layers.InputLayer,
    keras.layers.Activation,
    keras.layers.Add,
    keras.layers.Average,
    keras.layers.Concatenate,
    keras.layers.Dense,
    keras.layers.Flatten,
    keras.layers.Identity,
    keras.layers.LeakyReLU,
    keras.layers.Multiply,
    keras.layers.Permute,
    keras.layers.ReLU,
    keras.layers.RepeatVector,
    keras.layers.Reshape,
    keras.layers.Softmax,
    keras.layers.Subtract,
)


@dataclass(frozen=True)
class JitChoice:
    """Whether XLA compiles something, and why, in one sentence."""

    chosen: bool
    reason: str


def choose_jit_compile(model: keras.Model, steps: int, float32: bool = True) -> JitChoice:
    """XLA where the model was compiled with `jit_compile=True`, and for small recurrent networks.

    It makes their steps 1.2 to 1.7 times as fast on CPUs (and those of convolutional networks 2 to 3 times as slow),
    with results that differ by rounding alone.

    Args:
        model: compiled and built.
        steps: training steps of the whole run.
        float32: whether they compute in it; in bfloat16 XLA is taken only where it is asked for.

    Example:
        >>> model = keras.Sequential([keras.Input((48, 16)), keras.layers.GRU(64), keras.layers.Dense(2)])
        >>> model.compile("sgd", "mse")
        >>> choose_jit_compile(model, 10_000).chosen, choose_jit_compile(model, 10).chosen
        (True, False)
    """
    if model.jit_compile:
        return JitChoice(True, "XLA compiles the training step: the model was compiled with jit_compile=True.")
    if not float32 or steps < FEWEST_STEPS or not _is_small_recurrent(model):
        return JitChoice(False, "TensorFlow runs the training step as it is.")
    return JitChoice(True, f"XLA compiles the training step: {steps} steps of a small recurrent network.")


def choose_compiled_update(parameters: int, steps: int) -> JitChoice:
    """XLA for the update of the weights, which then is one pass over memory, in long runs of large models.

    The results differ from those of TensorFlow's kernels by rounding alone.

    Args:
        parameters: of the model.
        steps: training steps of the whole run.

    Example:
        >>> runs = (700_000, 10_000), (10_000_000, 10), (10_000_000, 100)
        >>> [choose_compiled_update(parameters, steps).chosen for parameters, steps in runs]
        [False, False, True]
    """
    if parameters < FEWEST_PARAMETERS or steps * parameters * SAVED < FEWEST_SECONDS:
        return JitChoice(False, "TensorFlow's kernels update the weights.")
    return JitChoice(True, f"XLA compiles the update of the weights: {steps} steps of {parameters:,} parameters.")


def _is_small_recurrent(model: keras.Model) -> bool:
    """Whether all its layers are Keras's own recurrent ones of at most 128 units, in float32, and light ones."""
    if model.run_eagerly or type(model) not in (keras.Sequential, Functional):
        return False
    layers = list(model._flatten_layers(include_self=False, recursive=False))
    cells = [cell for layer in layers for cell in _cells(layer)]
    beside = [layer for layer in layers if not _cells(layer)]
    return (
        bool(cells)
        and all(type(layer) in _BESIDE for layer in beside)
        and all(layer.compute_dtype == "float32" for layer in layers)
        and all(cell.units <= MOST_UNITS and not cell.dropout and not cell.recurrent_dropout for cell in cells)
    )


def _cells(layer: keras.layers.Layer) -> list[keras.layers.Layer]:
    """The cells of a recurrent layer that begins anew with each row; of any other one none."""
    if type(layer) is keras.layers.Bidirectional:
        return [*_cells(layer.forward_layer), *_cells(layer.backward_layer)]
    return [layer.cell] if type(layer) in _RECURRENT and not (layer.stateful or layer.unroll) else []

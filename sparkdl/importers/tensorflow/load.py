"""`sdl.load_tensorflow`: from the files of a TensorFlow model to a Keras model."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from sparkdl.errors import ImporterError, SparkDLError, UnsupportedError
from sparkdl.importers.tensorflow.ends import Ends, find_ends
from sparkdl.importers.tensorflow.inputs import InputSpec, input_specs
from sparkdl.importers.tensorflow.names import keras_name, unique
from sparkdl.importers.tensorflow.read import read_source
from sparkdl.importers.tensorflow.source import GraphSource
from sparkdl.importers.tensorflow.weights import find_weights
from sparkdl.nn.graph.check import check_part, check_recursion
from sparkdl.nn.graph.cut import assigned, cut
from sparkdl.nn.graph.lookup import filled
from sparkdl.nn.graph.program import graph_of, library_of, program_of
from sparkdl.nn.graph_layer import GraphLayer

Path = str | os.PathLike[str]

# What a damaged graph can make TensorFlow and Keras raise.
_UNFORESEEN = (
    ValueError,
    TypeError,
    AttributeError,
    IndexError,
    KeyError,
    ArithmeticError,
    AssertionError,
    MemoryError,
    RuntimeError,
    NotImplementedError,
    tf.errors.OpError,
)


def load_tensorflow(
    path: Path,
    inputs: Sequence[str] | None = None,
    outputs: Sequence[str] | None = None,
    *,
    bin_file: Path | None = None,
    byte_order: str = "little",
    checkpoint: Path | None = None,
    tags: Sequence[str] = ("serve",),
    signature: str | None = None,
    input_shapes: Mapping[str, Sequence[int | None]] | None = None,
) -> keras.Model:
    """Reads a TensorFlow model as a Keras model: a frozen graph, a graph with a checkpoint, or a SavedModel.

    The graph becomes one layer of the model, which runs the very ops of the file; see `docs/tensorflow.md`. Its
    weights are those of the variables that the file has or had before it was frozen, by their names; moving averages,
    integers, and what the file says is not trained, are not trainable. The batch is open unless the
    graph depends on its size.

    A boolean scalar placeholder (`is_training`, `keras_learning_phase`) that is not among the inputs has the value of
    the argument `training` of the Keras model; a normalisation whose form the file has fixed keeps it. Moving averages
    are updated in training where the graph does so before or in what computes the outputs.

    Args:
        path: the graph, text or binary, a MetaGraph, or the directory of a SavedModel.
        inputs: names of tensors, with or without `:0`, or keys of the signature; any tensor can be an input, and what
            lies before it is left out. None takes the signature's, or all placeholders that the outputs need.
        outputs: likewise; None takes the signature's, or all results that nothing reads.
        bin_file: the values of variables as BigDL's converter writes them.
        byte_order: of numbers in the graph, "little" or "big".
        checkpoint: the values of variables as TensorFlow saves them.
        tags: which graph of a SavedModel.
        signature: which of its signatures.
        input_shapes: whole shapes, with None for the batch, by the names of inputs; where the file does not tell
            them, or tells otherwise.

    Returns:
        A functional model, not compiled; its inputs and outputs have the names of the tensors, with `_` for what Keras
        forbids.

    Raises:
        ArgumentError: where a name is unknown.
        ImporterError: where a file is damaged, or the outputs need more than the inputs.
        UnsupportedError: where the graph needs ops that are unknown or refused; it names them all.

    Example:
        >>> import tempfile, numpy as np, tensorflow as tf, sparkdl as sdl
        >>> with tf.Graph().as_default() as graph:
        ...     x = tf.compat.v1.placeholder(tf.float32, [None, 3], name="x")
        ...     w = tf.identity(tf.constant(np.ones((3, 2), "float32"), name="dense/w"), name="dense/w/read")
        ...     y = tf.nn.relu(x @ w, name="y")
        >>> with tempfile.NamedTemporaryFile(suffix=".pb") as file:
        ...     _ = file.write(graph.as_graph_def().SerializeToString()), file.flush()
        ...     model = sdl.load_tensorflow(file.name, inputs=["x"], outputs=["y"])
        >>> [weight.path for weight in model.trainable_weights], model(np.ones((1, 3))).numpy().tolist()
        (['graph/dense/w'], [[3.0, 3.0]])
    """
    source = read_source(
        path, checkpoint=checkpoint, bin_file=bin_file, byte_order=byte_order, tags=tags, signature=signature
    )
    model, guessed = model_of(source, inputs, outputs, input_shapes)
    if guessed:
        warnings.warn(guessed, stacklevel=2)
    return model


def model_of(
    source: GraphSource,
    inputs: Sequence[str] | None = None,
    outputs: Sequence[str] | None = None,
    input_shapes: Mapping[str, Sequence[int | None]] | None = None,
) -> tuple[keras.Model, str]:
    """A Keras model of a graph that has been read (see `load_tensorflow`), and what was guessed for it, if anything."""
    return _named(source.path, lambda: _model_of(source, inputs, outputs, input_shapes or {}))


def _named(path: str, action: Callable[[], Any]) -> Any:
    """Runs an action so that its errors name the file, and are not wrapped by Keras."""
    filtering = keras.config.is_traceback_filtering_enabled()
    keras.config.disable_traceback_filtering()
    try:
        return action()
    except (ImporterError, UnsupportedError) as error:
        if path in str(error):
            raise
        raise type(error)(f"{path}: {error}") from error
    except SparkDLError:
        raise
    except _UNFORESEEN as error:
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise ImporterError(f"{path} cannot be made a model: {reason}") from error
    finally:
        if filtering:
            keras.config.enable_traceback_filtering()


def _model_of(
    source: GraphSource,
    inputs: Sequence[str] | None,
    outputs: Sequence[str] | None,
    input_shapes: Mapping[str, Sequence[int | None]],
) -> tuple[keras.Model, str]:
    library = library_of(source.graph)
    check_recursion(library)
    program = filled(program_of(source.graph))
    ends = find_ends(source, program, inputs, outputs)
    part = cut(program, [*ends.inputs.values(), *ends.training], list(ends.outputs.values()))
    check_part(part.program, library)
    specs = input_specs(source, program, ends, input_shapes)
    weights = find_weights(part.program, source.variables, source.path, library, source.recorded)
    count = len(ends.inputs)
    layer = GraphLayer(
        graph_of(weights.program.nodes.values(), library),
        part.inputs[:count],
        [str(name) for name in part.outputs],
        weights.specs,
        part.inputs[count:],
        # The moving averages of a frozen graph can be updated too, where they were variables.
        [name for name in part.effects if assigned(part.program, name) in {spec.name for spec in weights.specs}],
        values=weights.values,
        name="graph",
    )
    return _functional(layer, specs, ends), ends.guessed


def _functional(layer: GraphLayer, specs: Sequence[InputSpec], ends: Ends) -> keras.Model:
    """The model around the layer; the batch is left open if the outputs then have an open batch too."""
    opened = [spec.opened() for spec in specs]
    if opened != list(specs):
        try:
            model = _built(layer, opened, ends)
        except (ImporterError, ValueError, TypeError, tf.errors.OpError):
            model = None
        if model is not None and all(shape and shape[0] is None for shape in _shapes(model)):
            return model
    return _built(layer, specs, ends)


def _shapes(model: keras.Model) -> list[Any]:
    return [tuple(tensor.shape) for tensor in model.outputs]


def _policy(tensor: Any) -> str | None:
    """The type of a layer that must not cast a tensor."""
    return tensor.dtype if tensor.dtype.startswith(("float", "bfloat")) else None


def _built(layer: GraphLayer, specs: Sequence[InputSpec], ends: Ends) -> keras.Model:
    taken: set[str] = {layer.name}
    starts = [keras.Input(batch_shape=s.shape, dtype=s.dtype, name=unique(keras_name(s.name), taken)) for s in specs]
    made = layer(starts if len(starts) > 1 else starts[0])
    tensors = made if isinstance(made, (list, tuple)) else [made]
    # Layers that do nothing give outputs their names, also when the model has been saved and loaded.
    results = [
        keras.layers.Identity(name=unique(keras_name(name), taken), dtype=_policy(tensor))(tensor)
        for name, tensor in zip(ends.outputs, tensors, strict=True)
    ]
    return keras.Model(
        starts if len(starts) > 1 else starts[0], results if len(results) > 1 else results[0], name="tensorflow"
    )

"""What `quantize()` of a layer gives: the same layer in eight bits, for inference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from sparkdl.bigdl.nn.layers.base import Layer
from sparkdl.bigdl.nn.layers.values import arrays
from sparkdl.errors import UnsupportedError
from sparkdl.nn.torch.module import Array
from sparkdl.nn.torch.network import Shape, network
from sparkdl.spark.expectations import shapes_of
from sparkdl.spark.quantize import floating, quantize, reported
from sparkdl.spark.quantized import QuantizationReport, QuantizedModel
from sparkdl.types import SampleSpec, TensorSpec

_REFUSED = (
    "backward",
    "training",
    "reset",
    "set_weights",
    "update_parameters",
    "saveModel",
    "save",
    "save_tensorflow",
    "save_caffe",
)


class QuantizedLayer(Layer):
    """A copy of a layer that computes in eight bits, by OpenVINO.

    Where the layer had seen data (its last `forward`), all products are of int8, with the ranges that these rows led
    to. Where it had not, and for rows of other shapes, the weights are in int8, with a scale for each output; products
    of `Linear` are of int8 then, as OpenVINO finds the ranges of what goes in at each call, and those of convolutions
    are of float32.

    Inputs are batches of float32. As part of another layer it computes in float32.

    Attributes:
        calibration: the rows that the layer had seen, an array for each input; None where there were none.
    """

    calibration: list[Array] | None
    _seen: list[Array] | None
    _models: dict[str, tuple[QuantizedModel, QuantizedModel]]

    @classmethod
    def of_layer(cls, layer: Layer) -> QuantizedLayer:
        """The copy of a layer.

        Raises:
            MissingExtraError: NNCF or OpenVINO is not installed.
            UnsupportedError: they cannot take the layer.
        """
        from sparkdl.engine.runtimes.quantization import import_nncf

        import_nncf()
        made = cls.__new__(cls)
        made._hold(layer.value.copied(), layer.bigdl_type)
        made._models, made._seen = {}, None
        inputs = None if layer._recording is None else layer._recording.inputs
        made.calibration = None if inputs is None else [np.asarray(part) for part in keras.tree.flatten(inputs)]
        if made.calibration is not None:
            made._pair([tuple(part.shape[1:]) for part in made.calibration])
        return made

    def forward(self, input: Any) -> Any:
        """The output for a batch, or a list (table) of them."""
        self._seen = _flat(input)
        model, _ = self._pair([tuple(part.shape[1:]) for part in self._seen])
        return model.predict(self._seen, max(1, len(self._seen[0])))

    def predict_local(self, X: Any, batch_size: int = -1) -> Any:
        """The outputs for arrays whose first axis is the batch."""
        features = _flat(X)
        model, _ = self._pair([tuple(part.shape[1:]) for part in features])
        return model.predict(features, batch_size) if batch_size > 0 else model.predict(features)

    def predict_image(self, image_frame: Any, output_layer: str | None = None, *args: Any, **arguments: Any) -> Any:
        """As in layers; what inner layers give is not to be had."""
        if output_layer is not None:
            raise _refusal(self, "predict_image with an output_layer")
        return super().predict_image(image_frame, None, *args, **arguments)

    @property
    def report(self) -> QuantizationReport:
        """Size, speed and difference from float32, over the rows of the calibration, or of the last `forward`.

        Raises:
            UnsupportedError: there was neither.
        """
        features = self.calibration or self._seen
        if features is None:
            raise UnsupportedError(f"{self.name()} has seen no rows to be measured with: call forward first.")
        model, before = self._pair([tuple(part.shape[1:]) for part in features])
        found = model.report or reported(before, model, tuple(features), {}, {})
        return found if self.calibration else replace(found, rows=0)

    def _model(self, shapes: Sequence[Shape]) -> QuantizedModel:
        return self._pair(shapes)[0]

    def _pair(self, shapes: Sequence[Shape]) -> tuple[QuantizedModel, QuantizedModel]:
        """The model for rows of such shapes, in eight bits and in float32; made once."""
        key = str([tuple(shape) for shape in shapes])
        if key not in self._models:
            self._models[key] = self._made(list(shapes))
        return self._models[key]

    def _made(self, shapes: list[Shape]) -> tuple[QuantizedModel, QuantizedModel]:
        from sparkdl.engine.runtimes.quantization import compress_network

        model = network(self.value.copied(), shapes if len(shapes) > 1 else shapes[0]).model
        names = shapes_of(model).input_names
        tensors = [
            TensorSpec(name, tuple(int(size or 1) for size in shape), "float32")
            for name, shape in zip(names, shapes, strict=True)
        ]
        rows = tuple(np.zeros((1, *tensor.shape), np.float32) for tensor in tensors)
        before = floating(model, SampleSpec(tuple(tensors), feature_structure=_structure(tensors)), rows)
        if self.calibration is not None and [part.shape[1:] for part in self.calibration] == [t.shape for t in tensors]:
            return quantize(model, self.calibration, rows=len(self.calibration[0])), before
        return replace(before, network=compress_network(before.network)), before


def _structure(tensors: Sequence[TensorSpec]) -> Any:
    return "single" if len(tensors) == 1 else "list"


def _flat(value: Any) -> list[Array]:
    return [np.asarray(part, np.float32) for part in keras.tree.flatten(arrays(value))]


def _refusal(layer: Layer, what: str) -> UnsupportedError:
    return UnsupportedError(
        f"{layer.name()} is quantised, for forward, predict and evaluate alone: call {what} of the layer that it was "
        f"made of."
    )


def _refusing(name: str) -> Any:
    def refuse(self: Layer, *args: Any, **arguments: Any) -> Any:
        if name == "training" and (not arguments.get("is_training", True) or args[:1] == (False,)):
            return self
        raise _refusal(self, name)

    refuse.__name__ = name
    refuse.__doc__ = "Refused: the layer is for inference."
    return refuse


for _name in _REFUSED:
    setattr(QuantizedLayer, _name, _refusing(_name))

"""What `sdl.quantize` makes: a model in eight bits that is scored, evaluated and saved, and what is known of it."""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from sparkdl.engine.runtimes.openvino import Network, OpenVINOPredictor
from sparkdl.engine.runtimes.speed import Speed
from sparkdl.errors import DataError, ModelError
from sparkdl.spark.storage import read_file, write_file
from sparkdl.storage.paths import AnyPath, path_text
from sparkdl.train.checkpoint import encode_state, is_state, seal, unseal
from sparkdl.types import Buffer, SampleSpec, TensorSpec, TrainingState

FORMAT = 1


@dataclass(frozen=True)
class Port:
    """An input or output, as Keras's symbolic tensors describe it: the batch (None) comes first."""

    name: str
    shape: tuple[int | None, ...]
    dtype: str


@dataclass(frozen=True)
class QuantizationReport:
    """What eight bits cost and bring. The float32 model is the same network of OpenVINO before it was quantised.

    Attributes:
        before: metrics of the float32 model by name; none where there were no labels.
        after: the same of the quantised model.
        bytes_before: of the weights in float32 and the description of the network.
        bytes_after: the same of the quantised model.
        speed_before: of one thread on the driver, of the float32 model.
        speed_after: the same of the quantised model.
        difference: the largest difference of an output from the float32 model's over the rows of the calibration (or
            those tried, where there was none), in parts of the largest output.
        float_operations: products that this machine computes in float32: kind, and where in the model.
        rows: of the calibration; 0 where only weights are in eight bits.
    """

    before: Mapping[str, float]
    after: Mapping[str, float]
    bytes_before: int
    bytes_after: int
    speed_before: Speed | None
    speed_after: Speed | None
    difference: float
    float_operations: tuple[str, ...]
    rows: int

    def __str__(self) -> str:
        lines = [f"{'':<24}{'float32':>14}{'int8':>14}", _line("bytes", self.bytes_before, self.bytes_after, ",")]
        if self.speed_before is not None and self.speed_after is not None:
            one, other = asdict(self.speed_before), asdict(self.speed_after)
            titles = {"p50_ms": "one row, p50, ms", "p99_ms": "one row, p99, ms", "rows_per_second": "rows per second"}
            lines += [_line(title, one[name], other[name], ",.4g") for name, title in titles.items()]
        lines += [_line(name, value, self.after[name], ".4f") for name, value in self.before.items()]
        rows = f", over {self.rows} rows" if self.rows else ""
        lines.append(f"largest difference: {self.difference:.2g} of the largest output{rows}")
        return "\n".join([*lines, f"in float32: {', '.join(self.float_operations) or 'no product'}"])


def _line(title: str, before: float, after: float, form: str) -> str:
    return f"{title:<24}{before:>14{form}}{after:>14{form}}"


@dataclass(frozen=True, eq=False)
class QuantizedModel:
    """A model in eight bits, for `predict`, `evaluate`, `register_udf` and the stages. It cannot be trained.

    Attributes:
        name: of the model that it was made of.
        network: OpenVINO's description and weights.
        inputs: what it takes of a row.
        outputs: what it gives.
        report: what eight bits cost and bring; None where nobody measured.
        judge: a compiled Keras model, or Keras's description of one as JSON: loss and metrics for `evaluate`; None
            where the model was not compiled.
        label_values: for a label column of strings, these in the order of their numbers.
    """

    name: str
    network: Network
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    report: QuantizationReport | None = None
    judge: Any = field(default=None, repr=False)
    label_values: Mapping[str, Sequence[str]] = field(default_factory=dict)

    built = True

    @property
    def input_names(self) -> tuple[str, ...]:
        """The names of the inputs."""
        return tuple(port.name for port in self.inputs)

    @property
    def output_names(self) -> tuple[str, ...]:
        """The names of the outputs."""
        return tuple(port.name for port in self.outputs)

    @property
    def nbytes(self) -> int:
        """Bytes of the network: its weights and its description."""
        return len(self.network.weights) + len(self.network.xml.encode())

    @functools.cached_property
    def key(self) -> str:
        """A name for the network's contents."""
        return hashlib.sha256(self.network.xml.encode() + bytes(self.network.weights)).hexdigest()

    def predictor(self, cores: int = 1, precision: str = "float32") -> OpenVINOPredictor:
        """The network on this machine, loaded anew."""
        return OpenVINOPredictor(self.network, cores, precision)

    def predict(self, x: Any, batch_size: int = 1024) -> Any:
        """The outputs for arrays in memory, without Spark.

        Args:
            x: an array (rows, ...), or a list of them for several inputs.
            batch_size: rows per call.

        Returns:
            an array (rows, ...), or a list of them for several outputs.

        Raises:
            DataError: the arrays do not fit.
        """
        features = self.fitting([np.asarray(part) for part in (x if isinstance(x, (list, tuple)) else [x])])
        predictor = self._own_predictor
        starts = range(0, len(features[0]), batch_size)
        parts = [predictor.predict(tuple(part[start : start + batch_size] for part in features)) for start in starts]
        outputs = [np.concatenate([np.array(part[index]) for part in parts]) for index in range(len(self.outputs))]
        return outputs if len(outputs) > 1 else outputs[0]

    @functools.cached_property
    def _own_predictor(self) -> OpenVINOPredictor:
        return self.predictor()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_own_predictor"}

    def fitting(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Arrays as the network takes them.

        Raises:
            DataError: there are none, or their number, shapes or types do not fit.
        """
        if not arrays or not all(part.ndim and len(part) for part in arrays):
            raise DataError(f"the quantised model {self.name!r} was given no rows.")
        self.check(SampleSpec(tuple(TensorSpec(self.name, part.shape[1:], str(part.dtype)) for part in arrays)))
        return [part.astype(port.dtype, copy=False) for part, port in zip(arrays, self.inputs, strict=True)]

    def check(self, spec: SampleSpec) -> None:
        """Whether rows are such as the model was calibrated with; numbers may be of any type that fits into theirs.

        Raises:
            DataError: they are not.
        """
        expected = ", ".join(f"{port.name} {port.shape[1:]} {port.dtype}" for port in self.inputs)
        fits = len(spec.features) == len(self.inputs) and all(
            tensor.shape == port.shape[1:] and (port.dtype.startswith("float") or np.can_cast(tensor.dtype, port.dtype))
            for tensor, port in zip(spec.features, self.inputs, strict=True)
        )
        if not fits:
            given = ", ".join(f"{tensor.name} {tensor.shape} {tensor.dtype}" for tensor in spec.features)
            raise DataError(
                f"the quantised model {self.name!r} takes rows of {expected}, as in its calibration; received {given}: "
                f"cast or reshape the columns, or quantize the model with such rows."
            )

    def save(self, path: AnyPath) -> None:
        """Writes the model into one file, on any storage that Spark, pyarrow or fsspec knows; there is no pickle in it.

        Raises:
            ModelError: its loss or metrics cannot be described.
            StorageError: the file cannot be written.
        """
        write_file(path_text(path), self.content())

    def content(self) -> list[Buffer]:
        """What `save` writes."""
        info = {
            "sparkdl": "quantized",
            "format": FORMAT,
            "name": self.name,
            "places": [self.network.inputs, self.network.outputs],
            "inputs": [asdict(port) for port in self.inputs],
            "outputs": [asdict(port) for port in self.outputs],
            "report": None if self.report is None else asdict(self.report),
            "judge": _described(self.judge, self.name),
            "labels": {name: list(values) for name, values in self.label_values.items()},
        }
        texts = {"xml": self.network.xml.encode(), "weights": self.network.weights}
        arrays = {name: np.frombuffer(value, np.uint8) for name, value in texts.items()}
        return seal(encode_state(TrainingState(arrays, info)))


def load_quantized(path: str | os.PathLike[str]) -> QuantizedModel:
    """Reads a model that `QuantizedModel.save` wrote; nothing in the file is run.

    Args:
        path: a local path, or a URL of any storage that Spark, pyarrow or fsspec knows.

    Raises:
        ArgumentError: the path is none.
        DataError: the file is damaged or something else.
        ModelError: a newer sparkdl wrote it.
        StorageError: it cannot be read.
    """
    text = path_text(path)
    return quantized_of(read_file(text), text)


def quantized_of(content: bytes, path: str) -> QuantizedModel:
    """The model of a file's content; `path` is for messages."""
    if not is_state(content):
        raise _no_model(path)
    try:
        state = unseal(content)
    except DataError as error:
        raise DataError(f"{path!r} holds a damaged model: {str(error).rstrip('.')}; copy or save it again.") from error
    info = state.info
    if info.get("sparkdl") != "quantized":
        raise _no_model(path)
    if info["format"] != FORMAT:
        raise ModelError(f"{path!r} has the format {info['format']}, expected {FORMAT}: install a newer sparkdl.")
    inputs, outputs = info["places"]
    xml, weights = (state.arrays[name].tobytes() for name in ("xml", "weights"))
    return QuantizedModel(
        info["name"],
        Network(xml.decode(), weights, tuple(inputs), tuple(outputs)),
        _ports(info["inputs"]),
        _ports(info["outputs"]),
        report=None if info["report"] is None else _report(info["report"]),
        judge=info["judge"],
        label_values=info["labels"],
    )


def _no_model(path: str) -> DataError:
    return DataError(
        f"{path!r} is no quantised model: give the path that QuantizedModel.save was given, or load a Keras model by "
        "sdl.load_keras and make it one by sdl.quantize."
    )


def _ports(values: Sequence[Mapping[str, Any]]) -> tuple[Port, ...]:
    return tuple(Port(port["name"], tuple(port["shape"]), port["dtype"]) for port in values)


def judging(model: QuantizedModel) -> Any:
    """The compiled Keras model that judges a quantised model's outputs.

    Raises:
        ModelError: the model was not compiled, or its loss or metrics are not known here.
    """
    if model.judge is None:
        raise ModelError(
            f"the quantised model {model.name!r} has no loss and no metrics: compile the Keras model before quantize, "
            f"or measure what predict gives by sdl.measure."
        )
    if not isinstance(model.judge, str):
        return model.judge
    from sparkdl.engine.description import rebuild_model

    return rebuild_model(model.judge)


def _described(judge: Any, name: str) -> str | None:
    if judge is None or isinstance(judge, str):
        return judge
    from sparkdl.engine.description import describe_model

    found = describe_model(judge)
    if found is None:
        raise ModelError(
            f"the loss or a metric of the quantised model {name!r} cannot be described: give its class a get_config(), "
            f"or save dataclasses.replace(quantized, judge=None), which predicts all the same."
        )
    return found


def _report(values: Mapping[str, Any]) -> QuantizationReport:
    speeds = {name: values[name] and Speed(**values[name]) for name in ("speed_before", "speed_after")}
    return QuantizationReport(**{**values, **speeds, "float_operations": tuple(values["float_operations"])})

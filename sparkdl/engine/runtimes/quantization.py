"""Networks of eight bits, made by NNCF on the driver."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sparkdl.engine.runtimes.openvino import Network, import_openvino
from sparkdl.errors import MissingExtraError, SparkDLError, UnsupportedError
from sparkdl.storage.temporary import TemporaryFolder

# The kinds of OpenVINO's operations on CPUs that multiply, and the types of what goes in where they do it in 8 bits.
_PRODUCTS = frozenset({"Convolution", "Deconvolution", "FullyConnected", "MatMul", "RNNCell", "RNNSeq"})
_LOOPS = frozenset({"TensorIterator", "Loop"})  # NNCF leaves what is in them as it is
_EIGHT_BITS = frozenset({"i8", "u8"})
_SILENT = "NNCF_CI"  # keeps NNCF from reporting its use to its makers


@dataclass(frozen=True)
class AccuracyBound:
    """How much int8 may cost.

    Attributes:
        accuracy: of the outputs for all rows of the calibration; more is better.
        drop: how much less is allowed, in the same units.
    """

    accuracy: Callable[[list[np.ndarray]], float]
    drop: float


def quantize_network(network: Network, features: Sequence[np.ndarray], bound: AccuracyBound | None = None) -> Network:
    """The network with products of int8, whose ranges are those that rows of data have led to.

    Args:
        network: in float32.
        features: for each feature of the model the values of all rows of the calibration, (rows, ...).
        bound: keeps the operations in float32 that cost the most accuracy, until it is kept.

    Raises:
        MissingExtraError: NNCF is not installed.
        UnsupportedError: NNCF cannot quantise the network.
    """
    columns = [np.asarray(features[index]) for index in network.inputs]
    rows = len(features[0])
    items = [tuple(column[row : row + 1] for column in columns) for row in range(rows)]

    def quantize(nncf: Any, model: Any) -> Any:
        data = nncf.Dataset(items, lambda item: item[0] if len(item) == 1 else item)
        ranges = _ranges(nncf)
        if bound is None:
            return nncf.quantize(model, data, subset_size=rows, advanced_parameters=ranges)
        return nncf.quantize_with_accuracy_control(
            model,
            data,
            data,
            _validation(network, bound),
            max_drop=bound.drop,
            subset_size=rows,
            advanced_quantization_parameters=ranges,
        )

    return _rewritten(network, quantize)


def compress_network(network: Network) -> Network:
    """The network with weights of int8, a scale for each output channel; no data is needed.

    In dense layers OpenVINO multiplies such weights in int8, and quantises what goes in by its ranges at each call;
    those of convolutions it turns into float32 when it loads the network.

    Raises:
        MissingExtraError: NNCF is not installed.
        UnsupportedError: NNCF cannot compress the network.
    """
    return _rewritten(network, lambda nncf, model: nncf.compress_weights(model, mode=nncf.CompressWeightsMode.INT8_SYM))


def float_operations(network: Network) -> tuple[str, ...]:
    """The products that this machine computes in float32: kind, and where in the model.

    OpenVINO gives some operations no name: then it is that of what comes behind them.
    """
    openvino = import_openvino()
    model = openvino.Core().compile_model(_read(network), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    found = []
    for node in model.get_runtime_model().get_ordered_ops():
        kind, precision = (node.get_rt_info()[key].astype(str) for key in ("layerType", "runtimePrecision"))
        if kind in _LOOPS or (kind in _PRODUCTS and precision not in _EIGHT_BITS):
            found.append(f"{kind} {_place(node)}")
    return tuple(found)


def _place(node: Any) -> str:
    """The name of the model's layer that a node of a compiled model is of, or comes before."""
    prefix = ""
    while True:
        named = [name for name in node.get_rt_info()["originalLayersNames"].astype(str).split(",") if "/" in name]
        if named:
            return prefix + "/".join(named[0].split("/")[1:-1] or named[0].split("/")[:1])
        behind = [port.get_node() for output in node.outputs() for port in output.get_target_inputs()]
        if not behind or behind[0].get_rt_info()["layerType"].astype(str) == "Output":
            return prefix + "at the end"
        node, prefix = behind[0], "before "


def _ranges(nncf: Any) -> Any:
    """How ranges follow from values: those that round a histogram of all rows best.

    NNCF's own default, the mean over rows of each row's extremes, cuts what is beyond: on small dense nets that is an
    error of 5 % of the outputs, ten times as much as this.
    """
    from nncf.quantization.range_estimator import RangeEstimatorParametersSet

    return nncf.AdvancedQuantizationParameters(activations_range_estimator_params=RangeEstimatorParametersSet.HISTOGRAM)


def _validation(network: Network, bound: AccuracyBound) -> Callable[[Any, Iterable[Any]], tuple[float, None]]:
    """What NNCF asks for: the accuracy of a compiled model."""

    def validate(compiled: Any, items: Iterable[Any]) -> tuple[float, None]:
        found = [compiled(item if isinstance(item, np.ndarray) else list(item)).to_tuple() for item in items]
        outputs = [np.concatenate([row[place] for row in found]) for place in network.outputs]
        return float(bound.accuracy(outputs)), None

    return validate


def _rewritten(network: Network, rewrite: Callable[[Any, Any], Any]) -> Network:
    """The network after NNCF has changed it; inputs and outputs are found by name."""
    openvino = import_openvino()
    model = _read(network)
    inputs, outputs = _names(model)
    with quiet_nncf() as nncf, TemporaryFolder("sparkdl-quantize-") as folder:
        try:
            made = rewrite(nncf, model)
        except SparkDLError:
            raise
        # NNCF raises errors of its own, OpenVINO plain RuntimeErrors.
        except Exception as error:  # noqa: BLE001
            reason = " ".join(str(error).split())[:300].rstrip(".")
            raise UnsupportedError(
                f"NNCF cannot quantise this model ({reason}): score it in float32 or bf16."
            ) from error
        xml, weights = Path(folder, "network.xml"), Path(folder, "network.bin")
        openvino.serialize(made, xml, weights)
        inputs_now, outputs_now = _names(made)
        return Network(
            xml.read_text(),
            weights.read_bytes() if weights.exists() else b"",
            tuple(network.inputs[inputs.index(name)] for name in inputs_now),
            tuple(outputs_now.index(outputs[place]) for place in network.outputs),
        )


def _read(network: Network) -> Any:
    """A model of OpenVINO with weights of its own."""
    openvino = import_openvino()
    weights = np.frombuffer(network.weights, np.uint8)
    return openvino.Core().read_model(network.xml, openvino.Tensor(weights) if weights.size else openvino.Tensor())


def _names(model: Any) -> tuple[list[str], list[str]]:
    return (
        [parameter.get_friendly_name() for parameter in model.get_parameters()],
        [result.get_friendly_name() for result in model.get_results()],
    )


@contextmanager
def quiet_nncf() -> Iterator[Any]:
    """The package `nncf`, which shows no progress bars while it is used.

    Raises:
        MissingExtraError: it is not installed.
    """
    nncf = import_nncf()
    import rich

    console, log = rich.get_console(), logging.getLogger("nncf")
    before = console.quiet, log.level
    console.quiet = True
    log.setLevel(logging.ERROR)
    try:
        yield nncf
    finally:
        console.quiet = before[0]
        log.setLevel(before[1])


def import_nncf() -> Any:
    """The package `nncf`, which is kept from reporting its use over the network.

    Raises:
        MissingExtraError: it is not installed.
    """
    import_openvino()
    given = os.environ.get(_SILENT)
    os.environ[_SILENT] = "1"
    try:
        import nncf
    except ImportError as error:
        raise MissingExtraError(
            "quantize needs the package 'nncf', which is not installed in this Python: install "
            "'sparkdl[quantization]' on the driver; executors need 'sparkdl[openvino]' alone."
        ) from error
    finally:
        os.environ.pop(_SILENT) if given is None else os.environ.update({_SILENT: given})
    return nncf

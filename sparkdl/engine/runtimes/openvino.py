"""Applies a converted model by OpenVINO. Needs neither TensorFlow nor Keras."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from sparkdl.errors import MissingExtraError

_SILENT = "CI"  # what OpenVINO takes for a test server, which has nothing to report
_ONE_AT_A_TIME = threading.Lock()  # variables are the whole process's
PRECISIONS = {"float32": "f32", "bf16": "bf16"}


@dataclass(frozen=True)
class Network:
    """A converted model.

    Attributes:
        xml: OpenVINO's description of it.
        weights: its constants, float32 as they were (a buffer; one that may be written, as a
            privately mapped file, is not copied).
        inputs: for each of its inputs, which of the features it takes; features that change nothing are missing.
        outputs: for each output of the model, the number of the network's output that it is.
    """

    xml: str
    weights: Any
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


class OpenVINOPredictor:
    """A network on this CPU. A `sparkdl.types.Predictor`.

    Args:
        network: the converted model; its weights are used where they lie.
        cores: threads of one call.
        precision: "float32", or "bf16" for products in bfloat16.
    """

    def __init__(self, network: Network, cores: int, precision: str = "float32") -> None:
        openvino = import_openvino()
        weights = np.frombuffer(network.weights, np.uint8)
        if not weights.flags.writeable:  # OpenVINO shares no others, though it writes nothing
            weights = weights.copy()
        # The network keeps pointing into these bytes.
        self._weights = openvino.Tensor(weights, shared_memory=True) if weights.size else openvino.Tensor()
        core = openvino.Core()
        model = core.read_model(network.xml, self._weights)
        settings = {
            "INFERENCE_PRECISION_HINT": PRECISIONS[precision],
            "INFERENCE_NUM_THREADS": max(1, cores),
            "NUM_STREAMS": 1,
            # Each process would pin its thread to the same first core.
            "ENABLE_CPU_PINNING": False,
        }
        self._request = core.compile_model(model, "CPU", settings).create_infer_request()
        self._network = network

    def predict(self, features: tuple[np.ndarray, ...]) -> list[np.ndarray]:
        """Each output for all rows of a batch."""
        given = {place: features[index] for place, index in enumerate(self._network.inputs)}
        found = self._request.infer(given, share_inputs=True).to_tuple()
        return [found[place] for place in self._network.outputs]


def import_openvino() -> Any:
    """The package `openvino`, which does not report over the network that it is imported.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        with unreported():
            import openvino
    except ImportError as error:
        raise MissingExtraError(
            "runtime='openvino' needs the package 'openvino', which is not installed in this Python: install "
            "'sparkdl[openvino]' on the driver and on all executors, or give runtime='tensorflow'."
        ) from error
    return openvino


@contextmanager
def unreported() -> Iterator[None]:
    """Keeps OpenVINO from reporting its use to its makers, which it would do from a fork of this process
    for each of the twenty reports of one conversion.
    """
    with _ONE_AT_A_TIME:
        given = os.environ.get(_SILENT)
        os.environ[_SILENT] = "true"
        try:
            yield
        finally:
            os.environ.pop(_SILENT) if given is None else os.environ.update({_SILENT: given})

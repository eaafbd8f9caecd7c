"""Sends a model to the tasks that score or evaluate; chooses on the driver what will compute there."""

from __future__ import annotations

import functools
import hashlib
import json
import logging
import pickle
from typing import Any

from sparkdl.engine.building import subclassed_model
from sparkdl.engine.cache import Recent
from sparkdl.engine.probe import probe_extra_losses
from sparkdl.engine.release import release_kernels
from sparkdl.engine.runtimes.openvino import Network
from sparkdl.engine.serialization import ModelPayload, model_arrays, pack_model
from sparkdl.errors import MissingExtraError, UnsupportedError
from sparkdl.spark.cluster import context_of, cores_per_task, is_local
from sparkdl.spark.parcels import Parcel, send
from sparkdl.spark.quantized import QuantizedModel
from sparkdl.spark.shipped import ShippedModel, ShippedNetwork
from sparkdl.train.checkpoint import encode_state
from sparkdl.types import SampleSpec, TrainingState

logger = logging.getLogger("sparkdl")
CONVERTED = 4
_converted: Recent[Network] = Recent(CONVERTED)


def ship(data: Any, model: Any, spec: SampleSpec, *, compiled: bool) -> ShippedModel:
    """Sends a Keras model.

    Args:
        data: the DataFrame or RDD whose executors need it.
        model: a built Keras model.
        spec: the columns of every row.
        compiled: whether loss and metrics are needed too.
    """
    payload, arrays, key = _packed(model, compiled)
    extra_losses = probe_extra_losses(model, spec) if compiled else None
    release_kernels()
    parcel = send(data, [pickle.dumps(payload), arrays])
    return ShippedModel(key, parcel, spec, cores_per_task(context_of(data)), extra_losses)


def ship_predictor(
    data: Any, model: Any, spec: SampleSpec, *, runtime: str = "auto", precision: str = "float32"
) -> ShippedModel | ShippedNetwork:
    """Sends a model for inference.

    Args:
        data: the DataFrame or RDD whose executors need it.
        model: a built Keras model, or a quantised one.
        spec: the columns of every row (features only).
        runtime: "openvino", "tensorflow", or "auto": OpenVINO where it is installed and computes the model.
        precision: "float32", or "bf16", which TensorFlow does not offer here.

    Returns:
        what tasks make a predictor of. With "auto" on a cluster the Keras model goes along, for executors without
        OpenVINO.

    Raises:
        DataError: a quantised model was not calibrated with such rows.
        MissingExtraError: `runtime` is "openvino", and this Python has it not.
        UnsupportedError: OpenVINO does not compute the model, and TensorFlow was not to be used or lacks the
            precision.
    """
    if isinstance(model, QuantizedModel):
        return _ship_quantized(data, model, spec, runtime, precision)
    if runtime == "tensorflow" and precision != "float32":
        raise _no_precision(precision, "runtime='tensorflow' computes in the model's own precision")
    if runtime == "tensorflow":
        return ship(data, model, spec, compiled=False)
    try:
        network, key = converted(model, spec)
    except (UnsupportedError, MissingExtraError) as error:
        if runtime == "openvino":
            raise
        if precision != "float32":
            raise _no_precision(precision, str(error).rstrip(".")) from error
        _say_once(logging.INFO if isinstance(error, MissingExtraError) else logging.WARNING, str(error))
        return ship(data, model, spec, compiled=False)
    context = context_of(data)
    along = runtime == "auto" and precision == "float32" and not is_local(context)
    otherwise = ship(data, model, spec, compiled=False) if along else None
    return ShippedNetwork(key, _sent(data, network), cores_per_task(context), precision, otherwise)


def _ship_quantized(data: Any, model: QuantizedModel, spec: SampleSpec, runtime: str, precision: str) -> ShippedNetwork:
    if runtime == "tensorflow":
        raise UnsupportedError(
            f"the quantised model {model.name!r} is one of OpenVINO, which TensorFlow cannot compute: leave out "
            f"runtime='tensorflow', or give the Keras model."
        )
    model.check(spec)
    return ShippedNetwork(model.key, _sent(data, model.network), cores_per_task(context_of(data)), precision)


def _sent(data: Any, network: Network) -> Parcel:
    places = json.dumps([network.inputs, network.outputs]).encode()
    return send(data, [places, network.xml.encode(), network.weights])


def converted(model: Any, spec: SampleSpec) -> tuple[Network, str]:
    """A Keras model as a network of OpenVINO, and a name for it; those of the last few models are kept.

    Raises:
        MissingExtraError: OpenVINO is not installed.
        UnsupportedError: OpenVINO does not compute the model.
    """
    from sparkdl.engine.runtimes.conversion import convert
    from sparkdl.engine.runtimes.openvino import import_openvino

    import_openvino()
    key = f"{_packed(model, False)[2]} {spec}"

    def make() -> Network:
        network = convert(model, spec)
        release_kernels()
        return network

    return _converted.get(key, make), key


def _packed(model: Any, compiled: bool) -> tuple[ModelPayload, bytes, str]:
    model = subclassed_model(model)
    payload = pack_model(model, compiled=compiled)
    arrays = encode_state(TrainingState(model_arrays(model)))
    return payload, arrays, hashlib.sha256(arrays).hexdigest() + payload.fingerprint


def _no_precision(precision: str, reason: str) -> UnsupportedError:
    return UnsupportedError(
        f"precision={precision!r} is only to be had from OpenVINO, but {reason}: give precision='float32'."
    )


@functools.lru_cache(256)
def _say_once(level: int, message: str) -> None:
    logger.log(level, "TensorFlow scores instead of OpenVINO: %s", message)

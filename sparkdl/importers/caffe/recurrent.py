"""Recurrent layers: time is the first axis, streams the second."""

from __future__ import annotations

import math
from typing import Any

from sparkdl.importers.caffe.site import Blob, Site, initializer
from sparkdl.importers.caffe.table import converter
from sparkdl.nn.recurrent import StreamLSTM, StreamRNN


@converter("LSTM", "recurrent_param", inputs=(2, 3))
def lstm(
    site: Site,
    x: Blob,
    goes_on: Blob,
    static: Blob | None = None,
    *,
    num_output: int,
    weight_filler: Any = None,
    bias_filler: Any = None,
) -> Blob:
    """An LSTM that begins with a state of zeros; hidden states as blobs are refused."""
    config = _config(num_output, weight_filler, bias_filler)
    return _recurrent(site, StreamLSTM, config, [], [x, goes_on, *([static] if static else [])])


@converter("RNN", "recurrent_param", inputs=(2, 3))
def rnn(
    site: Site,
    x: Blob,
    goes_on: Blob,
    static: Blob | None = None,
    *,
    num_output: int,
    weight_filler: Any = None,
    bias_filler: Any = None,
) -> Blob:
    """A simple recurrent layer that begins with a state of zeros; hidden states as blobs are refused."""
    outputs = [(num_output, num_output), (num_output,)]
    config = _config(num_output, weight_filler, bias_filler)
    return _recurrent(site, StreamRNN, config, outputs, [x, goes_on, *([static] if static else [])])


def _config(units: int, weight_filler: Any, bias_filler: Any) -> dict[str, Any]:
    return {
        "units": units,
        "kernel_initializer": initializer(weight_filler, "glorot_uniform"),
        "bias_initializer": initializer(bias_filler, "zeros"),
    }


def _recurrent(
    site: Site, kind: Any, config: dict[str, Any], outputs: list[tuple[int, ...]], blobs: list[Blob]
) -> Blob:
    units = config["units"]
    wide = kind.gates * units
    values = math.prod(size or 0 for size in blobs[0].shape[2:])
    constant = [(wide, math.prod(size or 0 for size in blob.shape[1:])) for blob in blobs[2:]]
    shapes = [(wide, values), (wide,), *constant, (wide, units), *outputs]
    tensors = [site.first(blob) for blob in blobs]
    return Blob(site.add_filled(kind, tensors, shapes, lambda *given: [blob.T for blob in given], **config))

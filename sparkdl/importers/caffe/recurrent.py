"""Recurrent layers: time is the first axis, streams the second."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from sparkdl.importers.caffe.site import Blob, Site, initializer
from sparkdl.importers.caffe.table import converter
from sparkdl.nn.recurrent import StreamLSTM, StreamLSTMUnit, StreamRNN


@converter("LSTM", "recurrent_param", inputs=(2, 5))
def lstm(
    site: Site,
    *blobs: Blob,
    num_output: int,
    weight_filler: Any = None,
    bias_filler: Any = None,
    expose_hidden: bool = False,
) -> Any:
    """An LSTM; it begins with a state of zeros, or, with expose_hidden, with two more blobs."""
    config = _config(num_output, weight_filler, bias_filler, expose_hidden)
    return _recurrent(site, StreamLSTM, config, [], blobs)


@converter("RNN", "recurrent_param", inputs=(2, 4))
def rnn(
    site: Site,
    *blobs: Blob,
    num_output: int,
    weight_filler: Any = None,
    bias_filler: Any = None,
    expose_hidden: bool = False,
) -> Any:
    """A simple recurrent layer; it begins with a state of zeros, or, with expose_hidden, with one more blob."""
    config = _config(num_output, weight_filler, bias_filler, expose_hidden)
    return _recurrent(site, StreamRNN, config, [(num_output, num_output), (num_output,)], blobs)


@converter("LSTMUnit", inputs=3)
def lstm_unit(site: Site, cell: Blob, gates: Blob, goes_on: Blob) -> list[Blob]:
    """One step of an LSTM, as nets have it that are unrolled by hand."""
    made = site.add(StreamLSTMUnit, [site.first(cell), site.first(gates), site.first(goes_on)])
    return [Blob(tensor) for tensor in made]


def _config(units: int, weight_filler: Any, bias_filler: Any, expose_hidden: bool) -> dict[str, Any]:
    return {
        "units": units,
        "kernel_initializer": initializer(weight_filler, "glorot_uniform"),
        "bias_initializer": initializer(bias_filler, "zeros"),
        "stateful_ends": expose_hidden,
    }


def _recurrent(
    site: Site, kind: Any, config: dict[str, Any], outputs: list[tuple[int, ...]], blobs: Sequence[Blob]
) -> Any:
    units, states = config["units"], kind.states if config["stateful_ends"] else 0
    static = blobs[2 : len(blobs) - states]
    if len(static) > 1 or len(blobs) < 2 + states:
        raise ValueError(f"{len(blobs)} blobs for values, marks, at most one that stays the same, and {states} states")
    wide = kind.gates * units
    values = math.prod(size or 0 for size in blobs[0].shape[2:])
    constant = [(wide, math.prod(size or 0 for size in blob.shape[1:])) for blob in static]
    shapes = [(wide, values), (wide,), *constant, (wide, units), *outputs]
    tensors = [site.first(blob) for blob in blobs]
    made = site.add_filled(kind, tensors, shapes, lambda *given: [blob.T for blob in given], **config)
    return [Blob(tensor) for tensor in made] if states else Blob(made)

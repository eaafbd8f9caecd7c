"""Recurrent layers: time is the first axis, streams the second."""

from __future__ import annotations

import math
from typing import Any

from sparkdl.importers.caffe.site import Blob, Site
from sparkdl.importers.caffe.table import converter
from sparkdl.nn.recurrent import StreamLSTM, StreamRNN


@converter("LSTM", "recurrent_param", inputs=(2, 3))
def lstm(site: Site, x: Blob, goes_on: Blob, static: Blob | None = None, *, num_output: int) -> Blob:
    """An LSTM that begins with a state of zeros; hidden states as blobs are refused."""
    return _recurrent(site, StreamLSTM, num_output, [], [x, goes_on, *([static] if static else [])])


@converter("RNN", "recurrent_param", inputs=(2, 3))
def rnn(site: Site, x: Blob, goes_on: Blob, static: Blob | None = None, *, num_output: int) -> Blob:
    """A simple recurrent layer that begins with a state of zeros; hidden states as blobs are refused."""
    outputs = [(num_output, num_output), (num_output,)]
    return _recurrent(site, StreamRNN, num_output, outputs, [x, goes_on, *([static] if static else [])])


def _recurrent(site: Site, kind: Any, units: int, outputs: list[tuple[int, ...]], blobs: list[Blob]) -> Blob:
    wide = kind.gates * units
    values = math.prod(size or 0 for size in blobs[0].shape[2:])
    constant = [(wide, math.prod(size or 0 for size in blob.shape[1:])) for blob in blobs[2:]]
    shapes = [(wide, values), (wide,), *constant, (wide, units), *outputs]
    tensors = [site.first(blob) for blob in blobs]
    return Blob(site.add_filled(kind, tensors, shapes, lambda *given: [blob.T for blob in given], units=units))

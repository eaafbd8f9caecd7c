"""Attention, and what Transformers are made of."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import tensorflow as tf

from sparkdl.errors import DataError, UnsupportedError
from sparkdl.nn.torch.kernels.cells import affine, weight
from sparkdl.nn.torch.kinds import Call, Kind

_FUTURE = -1e9  # what is added to the score of what is not to be seen


def _kept(call: Call, x: Any, keep: float) -> Any:
    """Dropout; the arguments that are called dropout say what is kept."""
    if not call.training or keep >= 1.0:
        return x
    mask = tf.random.stateless_uniform(tf.shape(x), call.seed()) < keep
    return tf.where(mask, x / max(keep, 1e-12), tf.zeros_like(x))


def _heads(call: Call, x: Any) -> Any:
    """[batch, length, hidden] to [batch, heads, length, part of hidden]."""
    parts = call.a.hidden_size // call.a.num_heads
    split = tf.reshape(x, tf.concat([tf.shape(x)[:2], [call.a.num_heads, parts]], 0))
    return tf.transpose(split, [0, 2, 1, 3])


def _attention(call: Call, value: Any) -> Any:
    """A table of what asks [batch, n, hidden], what is looked at [batch, m, hidden], and what is added to the scores
    ([batch, 1, 1, m] or so). Inside: Linears of query, key, value and output.

    The softmax is over the heads, not over what is looked at: so are the numbers that scripts have always seen.
    """
    if not isinstance(value, (list, tuple)) or len(value) != 3:
        raise DataError(f"{call.name} takes a table of 3 arrays: queries, values and the bias of the scores.")
    x, y, bias = value
    query, key, seen = (_heads(call, affine(part, weight(call, place))) for place, part in enumerate((x, y, y)))
    scale = (call.a.hidden_size // call.a.num_heads) ** -0.5
    scores = tf.nn.softmax(tf.matmul(query * scale, key, transpose_b=True) + bias, 1)
    found = tf.matmul(_kept(call, scores, call.a.attention_dropout), seen)
    joined = tf.reshape(tf.transpose(found, [0, 2, 1, 3]), tf.shape(x))
    return affine(tf.ensure_shape(joined, x.shape), weight(call, 3))


def _feed_forward(call: Call, x: Any) -> Any:
    """Two Linears inside, with ReLU and dropout between."""
    inner = tf.nn.relu(affine(x, weight(call, 0), weight(call, 0, "bias")))
    return affine(_kept(call, inner, call.a.relu_dropout), weight(call, 1), weight(call, 1, "bias"))


def _positions(length: Any, channels: int) -> Any:
    """Sines and cosines [length, channels] of places in a sequence."""
    scales = channels // 2
    waves = np.exp(-np.arange(scales) * math.log(1e4) / max(scales - 1, 1))
    angles = tf.range(tf.cast(length, tf.float32))[:, None] * tf.constant(waves, tf.float32)[None]
    rest = tf.zeros([length, channels - 2 * scales])
    return tf.concat([tf.sin(angles), tf.cos(angles), rest], 1)


def _transformer(call: Call, ids: Any) -> Any:
    """Words [batch, length], which count from 1 (0 is padding), to [batch, length, hidden_size].

    Inside: LookupTable; for each layer LayerNormalization, Attention, LayerNormalization, FeedForwardNetwork;
    LayerNormalization. A place sees the words before it.
    """
    hidden, keep = call.a.hidden_size, call.a.postprocess_dropout
    words = tf.cast(ids, tf.int32)
    vectors = tf.gather(weight(call, 0), tf.maximum(words - 1, 0)) * math.sqrt(hidden)
    vectors = tf.where((words > 0)[..., None], vectors, tf.zeros_like(vectors))
    length = tf.shape(words)[1]
    x = tf.pad(vectors[:, :-1], [[0, 0], [1, 0], [0, 0]]) + _positions(length, hidden)
    x = _kept(call, tf.ensure_shape(x, vectors.shape), keep)
    ahead = _FUTURE * (1.0 - tf.linalg.band_part(tf.ones([length, length]), -1, 0))
    for place in range(1, call.children - 1, 4):
        normal = call.child(place, x)
        x = x + _kept(call, call.child(place + 1, [normal, normal, ahead[None, None]]), keep)
        x = x + _kept(call, call.child(place + 3, call.child(place + 2, x)), keep)
    return call.child(call.children - 1, x)


def _beam_search(call: Call, value: Any) -> Any:
    raise UnsupportedError(
        f"{call.name} cannot run: it asks a Transformer for translations for the next words, and there is none in "
        "Python; search with the outputs of a Transformer instead."
    )


KINDS = {
    "Attention": Kind(_attention),
    "FeedForwardNetwork": Kind(_feed_forward),
    "Transformer": Kind(_transformer),
    "SequenceBeamSearch": Kind(_beam_search),
}

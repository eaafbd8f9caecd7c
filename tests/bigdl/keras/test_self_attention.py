"""Transformers against numpy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from sparkdl.bigdl.keras.layers import BERT, TransformerLayer
from sparkdl.errors import ArgumentError
from sparkdl.nn.torch.network import network

ERF = np.vectorize(math.erf)


def softmax(x: Any) -> Any:
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def norm(x: Any, w: Any, b: Any, e: float) -> Any:
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt(np.square(centred).mean(-1, keepdims=True) + e) * w + b


def heads(x: Any, count: int) -> Any:
    return x.reshape(*x.shape[:2], count, -1).transpose(0, 2, 1, 3)


def attended(q: Any, k: Any, v: Any, count: int, added: Any) -> Any:
    q, k, v = (heads(part, count) for part in (q, k, v))
    weights = softmax(q @ k.transpose(0, 1, 3, 2) / math.sqrt(q.shape[-1]) + added)
    return (weights @ v).transpose(0, 2, 1, 3).reshape(q.shape[0], q.shape[2], -1)


def weights_by_use(layer: Any) -> dict[str, list[Any]]:
    """The weights by the kind of their module, in the order of the graph."""
    found: dict[str, list[Any]] = {}
    for module, name in layer.value.weights():
        found.setdefault(f"{module.kind}/{name}", []).append(module.parameters[name])
    return found


def test_bert() -> None:
    size, count, steps = 8, 2, 5
    layer = BERT.init(30, size, 1, count, steps, 16, 0.1, 0.1, 0.5, output_all_block=False)
    layer.training(False)
    random = np.random.RandomState(1)
    words, segments = random.randint(0, 30, (3, steps)), random.randint(0, 2, (3, steps))
    positions, mask = np.tile(np.arange(steps), (3, 1)), np.ones((3, 1, 1, steps))
    mask[:, :, :, -1] = 0
    output, pooled = layer.forward([words, segments, positions, mask])

    found = weights_by_use(layer)
    table, places, kinds = sorted(found["LookupTable/weight"], key=len, reverse=True)
    gammas = [p for p in found["Parameter/weight"] if p.mean() == 1]
    betas = [p for p in found["Parameter/weight"] if p.mean() == 0]
    assert len(gammas) == len(betas) == 3
    dense = list(zip(found["Linear/weight"], found["Linear/bias"], strict=True))
    project = [lambda x, w=w, b=b: x @ w.T + b for w, b in dense]
    x = norm(table[words] + places[positions] + kinds[segments], 1, 0, 1e-12)
    qkv = np.split(project[0](x), 3, -1)
    x = norm(x + project[1](attended(*qkv, count, (1 - mask) * -10000.0)), 1, 0, 1e-5)
    hidden = project[2](x)
    hidden = hidden * 0.5 * (1 + ERF(hidden / math.sqrt(2)))
    expected = norm(x + project[3](hidden), 1, 0, 1e-5)
    np.testing.assert_allclose(output, expected, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(pooled, np.tanh(project[4](expected[:, 0])), rtol=1e-3, atol=1e-4)
    assert layer.get_output_shape() == [(None, steps, size), (None, size)]


def test_transformer_sees_only_what_was_before() -> None:
    layer = TransformerLayer.init(20, 4, 2, n_head=2, hidden_size=8, output_all_block=True)
    layer.training(False)
    tokens, positions = np.array([[1, 2, 3, 4]]), np.array([[16, 17, 18, 19]])
    outputs = layer.forward([tokens, positions])
    assert [output.shape for output in outputs] == [(1, 4, 8), (1, 4, 8), (1, 8)]
    other = layer.forward([np.array([[1, 2, 3, 9]]), positions])
    # As in BigDL, the first half of the steps are pairs of tokens, the other half pairs of positions.
    np.testing.assert_allclose(outputs[1][:, :1], other[1][:, :1], rtol=1e-5)
    assert np.abs(outputs[1][:, 1:] - other[1][:, 1:]).max(-1).min() > 1e-4
    made = network(layer.value, [(4,), (4,)]).model
    np.testing.assert_allclose(made([tokens, positions])[1], outputs[1], rtol=1e-3, atol=1e-5)


def test_mistakes_are_told() -> None:
    with pytest.raises(ArgumentError, match="3 heads for 8 features"):
        TransformerLayer.init(20, 4, 1, n_head=3, hidden_size=8)
    with pytest.raises(ArgumentError, match="a table of four"):
        BERT(1, 2, 4, 0.1, 0.1, 0.02, True, None, ((4,), (4,)))

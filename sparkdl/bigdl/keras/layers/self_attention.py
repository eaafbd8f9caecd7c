"""Transformers: blocks in which each step attends to the others."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

import sparkdl.bigdl.keras.autograd as auto
from sparkdl.bigdl.keras.base import ZooKerasLayer, callZooFunc  # noqa: F401
from sparkdl.bigdl.keras.graphs import Input, InputLayer, graph, variables
from sparkdl.bigdl.keras.layers.convolutional import Convolution1D
from sparkdl.bigdl.keras.layers.core import Activation, Dense, Dropout, Permute, Reshape
from sparkdl.bigdl.keras.layers.embeddings import Embedding
from sparkdl.bigdl.keras.layers.torch import Select
from sparkdl.bigdl.keras.merging import Merge
from sparkdl.bigdl.keras.models import Model, Sequential
from sparkdl.bigdl.keras.variables import Variable
from sparkdl.bigdl.nn.layer import Layer, Sum  # noqa: F401
from sparkdl.bigdl.nn.layers.loading import Loading
from sparkdl.bigdl.util.log4Error import *  # noqa: F403
from sparkdl.errors import ArgumentError, UnsupportedError
from sparkdl.nn.torch.initial import generator

FAR = -1e9  # what is added to the weight of a step that is not to be seen


def layer_norm(x: Any, w: Any, b: Any, e: float = 1e-5) -> Variable:
    """Each row of the last dimension to mean 0 and variance 1, times `w`, plus `b`."""
    axis = len(x.get_output_shape()) - 1
    centred = x - auto.mean(x, axis, True)
    deviation = auto.sqrt(auto.mean(auto.square(centred), axis, True) + e)
    return centred / deviation * w + b


def _norm(size: int) -> tuple[auto.Parameter, auto.Parameter]:
    """The scale and shift of a normalization."""
    ones, zeros = np.ones((1, size), np.float32), np.zeros((1, size), np.float32)
    return auto.Parameter((1, size), init_weight=ones), auto.Parameter((1, size), init_weight=zeros)


def _table(rows: int, size: int, deviation: float, length: int) -> Embedding:
    drawn = generator().normal(0.0, deviation, (rows, size))
    return Embedding(rows, size, input_length=length, weights=drawn)


class TransformerLayer(ZooKerasLayer):
    """Blocks of attention and perceptrons over a sequence; made by `TransformerLayer.init`.

    It takes a table of numbers of tokens and of positions, each [batch, step] (what `embedding_layer` takes), and gives
    a table of [batch, step, size] (of each block, or of the last one) and of the first step's [batch, size].
    """

    bidirectional = True

    def __init__(
        self,
        n_block: int,
        hidden_drop: float,
        attn_drop: float,
        n_head: int,
        initializer_range: float,
        bidirectional: bool,
        output_all_block: bool,
        embedding_layer: Any,
        input_shape: Any,
        intermediate_size: int = 0,
        bigdl_type: str = "float",
    ) -> None:
        self.n_head, self.hidden_drop, self.attn_drop = n_head, hidden_drop, attn_drop
        self.initializer_range, self.intermediate_size = initializer_range, intermediate_size
        self.bidirectional = bidirectional
        self._begin(n_block, output_all_block, embedding_layer, input_shape, bigdl_type)

    def _begin(self, n_block: int, all_blocks: bool, embedding_layer: Any, input_shape: Any, bigdl_type: str) -> None:
        self.refuse(n_block < 1, f"needs a block or more, received n_block={n_block}")
        self.seq_len = input_shape[0][0]
        if not self.bidirectional:
            seen = np.tril(np.ones((1, 1, self.seq_len, self.seq_len), np.float32))
            self.mask_value = auto.Constant(seen)
        mask, embedded, inputs = self.build_input(input_shape)
        value = embedding_layer(embedded)
        size = value.get_output_shape()[-1]
        self.refuse(size % self.n_head != 0, f"has {self.n_head} heads for {size} features: give a divisor of those")
        outputs = []
        for _ in range(n_block):
            value = self.block(value, size, mask)
            outputs.append(value)
        ends = [*(outputs if all_blocks else outputs[-1:]), self.pooler(value, size)]
        nodes = variables(inputs), variables(ends)
        ZooKerasLayer.__init__(self, graph(*nodes)[0], bigdl_type=bigdl_type)
        self._taken, self._given = ([node.output_shape for node in part] for part in nodes)

    def build_input(self, input_shape: Any) -> tuple[Any, Any, Any]:
        """What is added to the weights of attention, the inputs of the embedding, and all inputs."""
        if any(not isinstance(shape, (list, tuple)) for shape in input_shape):
            raise ArgumentError(f"{type(self).__name__} takes a table: input_shape is a list, received {input_shape}.")
        inputs = [Input(shape) for shape in input_shape]
        return None, inputs, inputs

    def block(self, x: Any, size: int, attention_mask: Any = None, eplision: float = 1e-5) -> Variable:
        """Attention, then a perceptron of each step; each is added to its input and normalized."""
        first, second = _norm(size), _norm(size)
        attended = self.multi_head_self_attention(x, size, attention_mask)
        middle = layer_norm(x + attended, *first, eplision)
        return layer_norm(middle + self.mlp(middle, size), *second, eplision)

    def projection_layer(self, output_size: int) -> ZooKerasLayer:
        """A product with a matrix for each step."""
        return Convolution1D(output_size, 1, "normal", (0.0, self.initializer_range))

    def multi_head_self_attention(self, x: Any, size: int, attention_mask: Any = None) -> Variable:
        """Each step as a mixture of all, for each of the heads; then a projection."""
        together = self.projection_layer(size * 3)(x)
        query, key, value = (together.slice(2, size * place, size) for place in range(3))
        heads = self.split_heads(query, self.n_head), self.split_heads(key, self.n_head, k=True)
        mixed = self.attn(*heads, self.split_heads(value, self.n_head), True, attention_mask)
        return Dropout(self.hidden_drop)(self.projection_layer(size)(self.merge_heads(mixed)))

    def attn(self, q: Any, k: Any, v: Any, scale: bool = False, attention_mask: Any = None) -> Variable:
        """The mixtures [batch, head, step, size] of values by the products of queries and keys."""
        weights = auto.mm(q, k)
        if scale:
            weights = weights / math.sqrt(v.get_output_shape()[-1])
        if not self.bidirectional:
            weights = weights * self.mask_value + (self.mask_value * -1.0 + 1.0) * FAR
        if attention_mask is not None:
            weights = weights + attention_mask
        return auto.mm(Dropout(self.attn_drop)(Activation("softmax")(weights)), v)

    def mlp(self, x: Any, hidden_size: int) -> Variable:
        """Two projections with an activation between them."""
        size = self.intermediate_size if self.intermediate_size > 0 else hidden_size * 4
        hidden = self.gelu(self.projection_layer(size)(x))
        return Dropout(self.hidden_drop)(self.projection_layer(hidden_size)(hidden))

    def gelu(self, x: Any) -> Variable:
        """The Gaussian error linear unit, by tanh."""
        inside = (auto.square(x) * x * 0.044715 + x) * math.sqrt(2 / math.pi)
        return x * 0.5 * (Activation("tanh")(inside) + 1.0)

    def split_heads(self, x: Any, n_head: int, k: bool = False) -> Variable:
        """[batch, step, size] to [batch, head, step, part], for keys [batch, head, part, step]."""
        *steps, size = x.get_output_shape()[1:]
        parts = Reshape([*steps, n_head, size // n_head])(x)
        return Permute((2, 3, 1) if k else (2, 1, 3))(parts)

    def merge_heads(self, x: Any) -> Variable:
        """[batch, head, step, part] to [batch, step, size]."""
        swapped = auto.contiguous(Permute((2, 1, 3))(x))
        *steps, heads, part = swapped.get_output_shape()[1:]
        return Reshape([*steps, heads * part])(swapped)

    def pooler(self, x: Any, hidden_size: int) -> Variable:
        """A projection of the first step, with tanh."""
        return Activation("tanh")(Dense(hidden_size)(Select(1, 0)(x)))

    @classmethod
    def init(
        cls,
        vocab: int = 40990,
        seq_len: int = 77,
        n_block: int = 12,
        hidden_drop: float = 0.1,
        attn_drop: float = 0.1,
        n_head: int = 12,
        hidden_size: int = 768,
        embedding_drop: float = 0.1,
        initializer_range: float = 0.02,
        bidirectional: bool = False,
        output_all_block: bool = False,
    ) -> TransformerLayer:
        """A transformer whose tokens and positions are rows of one table."""
        if hidden_size <= 0:
            raise ArgumentError(f"TransformerLayer.init needs hidden_size above 0, received {hidden_size}.")
        entries = [InputLayer((seq_len,)), InputLayer((seq_len,))]
        embedding = Sequential().add(Merge(entries, "concat"))
        embedding.add(_table(vocab, hidden_size, initializer_range, seq_len * 2)).add(Dropout(embedding_drop))
        embedding.add(Reshape((seq_len, 2, hidden_size))).add(auto.Lambda(lambda x: auto.sum(x, 2)))
        shape = ((seq_len,), (seq_len,))
        return TransformerLayer(
            n_block,
            hidden_drop,
            attn_drop,
            n_head,
            initializer_range,
            bidirectional,
            output_all_block,
            embedding,
            input_shape=shape,
        )


class BERT(TransformerLayer):
    """A transformer over tokens that sees both sides; made by `BERT.init`.

    It takes a table of tokens, segments, positions (each [batch, step]) and a mask [batch, 1, 1, step] of 1 for steps
    that are to be seen; it gives what `TransformerLayer` gives.
    """

    def __init__(
        self,
        n_block: int,
        n_head: int,
        intermediate_size: int,
        hidden_drop: float,
        attn_drop: float,
        initializer_range: float,
        output_all_block: bool,
        embedding_layer: Any,
        input_shape: Any,
        bigdl_type: str = "float",
    ) -> None:
        self.n_block, self.n_head, self.intermediate_size = n_block, n_head, intermediate_size
        self.hidden_drop, self.attn_drop, self.initializer_range = hidden_drop, attn_drop, initializer_range
        self.output_all_block = output_all_block
        self._begin(n_block, output_all_block, embedding_layer, input_shape, bigdl_type)

    def projection_layer(self, output_size: int) -> ZooKerasLayer:
        """See `TransformerLayer`."""
        return Dense(output_size, "normal", (0.0, self.initializer_range))

    def build_input(self, input_shape: Any) -> tuple[Any, Any, Any]:
        """See `TransformerLayer`."""
        if len(input_shape) != 4:
            raise ArgumentError(
                "BERT takes a table of four: tokens, segments, positions and a mask; input_shape has "
                f"{len(input_shape)} entries."
            )
        _, inputs, _ = super().build_input(input_shape)
        return (-inputs[-1] + 1.0) * -10000.0, inputs[:-1], inputs

    def gelu(self, x: Any) -> Variable:
        """The Gaussian error linear unit."""
        return x * 0.5 * (auto.erf(x / math.sqrt(2.0)) + 1.0)

    @classmethod
    def init(  # type: ignore[override]
        cls,
        vocab: int = 40990,
        hidden_size: int = 768,
        n_block: int = 12,
        n_head: int = 12,
        seq_len: int = 512,
        intermediate_size: int = 3072,
        hidden_drop: float = 0.1,
        attn_drop: float = 0.1,
        initializer_range: float = 0.02,
        output_all_block: bool = True,
        bigdl_type: str = "float",
    ) -> BERT:
        """A BERT with tables of its own for tokens, positions and segments."""
        inputs = [Input(shape=(seq_len,)) for _ in range(3)]
        word, segment, position = inputs
        sizes: Sequence[tuple[int, Input]] = [(vocab, word), (seq_len, position), (2, segment)]
        found = [_table(rows, hidden_size, initializer_range, seq_len)(node) for rows, node in sizes]
        together = found[0] + found[1] + found[2]
        embedded = Dropout(hidden_drop)(layer_norm(together, *_norm(hidden_size), 1e-12))
        shape = ((seq_len,), (seq_len,), (seq_len,), (1, 1, seq_len))
        return BERT(
            n_block,
            n_head,
            intermediate_size,
            hidden_drop,
            attn_drop,
            initializer_range,
            output_all_block,
            Model(inputs, embedded),
            shape,
            bigdl_type,
        )

    @staticmethod
    def init_from_existing_model(
        path: str,
        weight_path: str | None = None,
        input_seq_len: float = -1.0,
        hidden_drop: float = -1.0,
        attn_drop: float = -1.0,
        output_all_block: bool = True,
        bigdl_type: str = "float",
    ) -> BERT:
        """The BERT in a file of BigDL, as it was saved.

        Raises:
            UnsupportedError: it is asked for with other sizes or rates than it was saved with.
        """
        if (input_seq_len, hidden_drop, attn_drop) != (-1.0, -1.0, -1.0):
            raise UnsupportedError(
                "BERT.init_from_existing_model gives a model as it was saved: leave input_seq_len, hidden_drop and "
                "attn_drop out, or make one by BERT.init and set its weights."
            )
        found = BERT.__new__(BERT)
        ZooKerasLayer.__init__(found, Loading.loadModel(path, weight_path).value, bigdl_type=bigdl_type)
        return found

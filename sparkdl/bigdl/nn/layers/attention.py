"""Attention, Transformers, and recurrent cells over trees."""

from __future__ import annotations

from sparkdl.bigdl.nn.initialization_method import Xavier, Zeros
from sparkdl.bigdl.nn.layers.base import Layer, check, describe
from sparkdl.bigdl.nn.layers.cells import drawn
from sparkdl.bigdl.nn.layers.linear import Linear
from sparkdl.bigdl.nn.layers.lookup import LookupTable
from sparkdl.bigdl.nn.layers.normalization import LayerNormalization


def _dense(inputs: int, outputs: int, with_bias: bool = True) -> Layer:
    return Linear(inputs, outputs, with_bias).set_init_method(Xavier(), Zeros())


class Attention(Layer):
    """Attention with several heads, of a table of queries, values, and what is added to the scores.

    Args:
        hidden_size: features of queries and values.
        num_heads: how many parts the features are cut into.
        attention_dropout: which part of the scores is kept in training (BigDL's name says the opposite).
    """

    def __init__(self, hidden_size: int, num_heads: int, attention_dropout: float, bigdl_type: str = "float") -> None:
        check(
            hidden_size % num_heads == 0,
            "Attention",
            f"hidden_size is {hidden_size}, expected a multiple of num_heads, which is {num_heads}",
        )
        parts = [_dense(hidden_size, hidden_size, False) for _ in range(4)]
        super().__init__(describe("Attention", locals(), parts), bigdl_type)
        for part, role in zip(parts, ("q", "k", "v", "output_transform"), strict=True):
            part.set_name(f"{self.name()}_{role}")


class FeedForwardNetwork(Layer):
    """Two Linear layers with ReLU between, at every place of [batch, length, hidden_size].

    Args:
        hidden_size: features of input and output.
        filter_size: features between.
        relu_dropout: which part of those is kept in training (BigDL's name says the opposite).
    """

    def __init__(self, hidden_size: int, filter_size: int, relu_dropout: float, bigdl_type: str = "float") -> None:
        parts = [_dense(hidden_size, filter_size), _dense(filter_size, hidden_size)]
        super().__init__(describe("FeedForwardNetwork", locals(), parts), bigdl_type)
        for part, role in zip(parts, ("filter_layer", "output_layer"), strict=True):
            part.set_name(f"{self.name()}_{role}")


class Transformer(Layer):
    """A language model: words [batch, length], which count from 1, to [batch, length, hidden_size].

    Args:
        vocab_size: how many words there are.
        hidden_size: features of a word.
        num_heads: of the attention.
        filter_size: of the feed-forward networks.
        num_hidden_layers: how many layers of both.
        postprocess_dropout: which part is kept in training behind each of them (BigDL's name says the opposite).
        attention_dropout: see `Attention`.
        relu_dropout: see `FeedForwardNetwork`.
    """

    def __init__(
        self,
        vocab_size: int,
        hidden_size: int,
        num_heads: int,
        filter_size: int,
        num_hidden_layers: int,
        postprocess_dropout: float,
        attention_dropout: float,
        relu_dropout: float,
        bigdl_type: str = "float",
    ) -> None:
        arguments = locals()
        parts: list[Layer] = [LookupTable(vocab_size, hidden_size).set_name("embedding").reset()]  # drawn twice
        for _ in range(num_hidden_layers):
            parts += [LayerNormalization(hidden_size), Attention(hidden_size, num_heads, attention_dropout)]
            parts += [LayerNormalization(hidden_size), FeedForwardNetwork(hidden_size, filter_size, relu_dropout)]
        super().__init__(describe("Transformer", arguments, [*parts, LayerNormalization(hidden_size)]), bigdl_type)


class SequenceBeamSearch(Layer):
    """Looks for the most likely sequences of words. It cannot run: see the message of `forward`."""

    def __init__(
        self,
        vocab_size: int,
        beam_size: int,
        alpha: float,
        decode_length: int,
        eos_id: float,
        padding_value: float,
        num_hidden_layers: int,
        hidden_size: int,
        bigdl_type: str = "float",
    ) -> None:
        super().__init__(describe("SequenceBeamSearch", locals()), bigdl_type)


class BinaryTreeLSTM(Layer):
    """Long short-term memory over binary trees: a table of inputs [batch, leaves, input_size] and trees.

    The row of a node [batch, nodes, 3] holds its children (rows from 1; 0 for a leaf, -1 for padding), and last the
    number of its input for a leaf, -1 for the root.

    Args:
        input_size: features of a leaf.
        hidden_size: features of a node's state.
        gate_output: whether states have a gate.
        with_graph: which of BigDL's two implementations orders the weights; the other one always has the gate.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        gate_output: bool = True,
        with_graph: bool = True,
        bigdl_type: str = "float",
    ) -> None:
        arguments = locals()
        gated = gate_output or not with_graph
        order = ((1, 0, 5, 4, 7, 6, 3, 2, 9, 8) if with_graph else range(10))[: 10 if gated else 8]
        composer = drawn([lambda: Linear(hidden_size, hidden_size)] * len(order), order)
        ends = ((1, 0) if with_graph else (0, 1)) if gated else (0,)
        leaf = drawn([lambda: Linear(input_size, hidden_size)] * len(ends), ends)
        super().__init__(describe("BinaryTreeLSTM", arguments, composer + leaf), bigdl_type)

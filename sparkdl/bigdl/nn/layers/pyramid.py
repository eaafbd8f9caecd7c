"""A pyramid of features, as detectors of objects of many sizes use it."""

from __future__ import annotations

from typing import Any

from sparkdl.bigdl.nn.layers.activations import ReLU
from sparkdl.bigdl.nn.layers.convolution import SpatialConvolution
from sparkdl.bigdl.nn.layers.graph import Container, Input
from sparkdl.bigdl.nn.layers.nodes import Node, graph_module
from sparkdl.bigdl.nn.layers.pooling import SpatialMaxPooling
from sparkdl.bigdl.nn.layers.resizing import UpSampling2D
from sparkdl.bigdl.nn.layers.tables import CAddTable


class FPN(Container):
    """A pyramid of features: 1 x 1 and 3 x 3 convolutions of each level, added to the next smaller one, enlarged.

    Takes a table of levels, the largest first. With top_blocks=1 a smaller level is added by pooling, with 2 two of
    them by convolutions.
    """

    def __init__(
        self,
        in_channels_list: Any,
        out_channels: int,
        top_blocks: int = 0,
        in_channels_of_p6p7: int = 0,
        out_channels_of_p6p7: int = 0,
        bigdl_type: str = "float",
    ) -> None:
        inputs: list[Node] = [Input() for _ in in_channels_list]
        results = _levels(inputs, list(in_channels_list), out_channels)
        if top_blocks == 1:
            results.append(SpatialMaxPooling(1, 1, 2, 2)(results[-1]))
        elif top_blocks == 2:
            same = in_channels_of_p6p7 == out_channels_of_p6p7
            sixth = _halved(in_channels_of_p6p7, out_channels_of_p6p7)(results[-1] if same else inputs[-1])
            results += [sixth, _halved(out_channels_of_p6p7, out_channels_of_p6p7)(ReLU()(sixth))]
        module, layers = graph_module(inputs, results)
        super().__init__(module, bigdl_type)
        self.children = layers


def _levels(inputs: list[Node], channels: list[int], outputs: int) -> list[Node]:
    """What comes of each level, the largest first."""
    # In the order in which BigDL makes them, which tells the random numbers that each starts with.
    pairs = [
        (
            SpatialConvolution(count, outputs, 1, 1).set_name(f"fpn_inner{place}"),
            SpatialConvolution(outputs, outputs, 3, 3, 1, 1, 1, 1).set_name(f"fpn_layer{place}"),
        )
        for place, count in enumerate(channels, 1)
    ]
    inner = [first(node) for (first, _), node in zip(pairs, inputs, strict=True)]
    results, last = [pairs[-1][1](inner[-1])], inner[-1]
    for place in range(len(inputs) - 2, -1, -1):
        last = CAddTable()([inner[place], UpSampling2D([2, 2])(last)])
        results.insert(0, pairs[place][1](last))
    return results


def _halved(inputs: int, outputs: int) -> SpatialConvolution:
    return SpatialConvolution(inputs, outputs, 3, 3, 2, 2, 1, 1)

"""All layers of BigDL."""

from sparkdl.bigdl.nn.layers.activations import Identity, ReLU, Sigmoid, Tanh
from sparkdl.bigdl.nn.layers.base import Layer, Node
from sparkdl.bigdl.nn.layers.graph import Container, Input, Model, Sequential
from sparkdl.bigdl.nn.layers.linear import Linear

__all__ = [
    "Container",
    "Identity",
    "Input",
    "Layer",
    "Linear",
    "Model",
    "Node",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "Tanh",
]

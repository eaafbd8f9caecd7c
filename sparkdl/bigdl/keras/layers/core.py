"""Layers of general use: products, activations, dropout, shapes."""

from __future__ import annotations

import math
import sys  # noqa: F401
from typing import Any

from sparkdl.bigdl.keras.base import ZooKerasLayer
from sparkdl.bigdl.keras.parts import activation, data_format, drawn, fused, nn, stacked
from sparkdl.bigdl.nn.layers.base import Layer
from sparkdl.bigdl.util.common import INTMIN
from sparkdl.nn.torch.build import make


def _size(input_dim: Any, input_shape: Any) -> Any:
    return (input_dim,) if input_dim else input_shape


class Activation(ZooKerasLayer):
    """A function of each element, by its name in Keras."""

    def __init__(self, activation: Any, input_shape: Any = None, **kwargs: Any) -> None:
        self.begin(locals())

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        return stacked(activation(self.a.activation))


class Dense(ZooKerasLayer):
    """The product of the last dimension with a trained matrix, plus a bias: [batch, ..., in] to [batch, ..., out]."""

    def __init__(
        self,
        output_dim: int,
        init: Any = "glorot_uniform",
        limits: Any = None,
        activation: Any = None,
        W_regularizer: Any = None,
        b_regularizer: Any = None,
        bias: bool = True,
        input_dim: int | None = None,
        input_shape: Any = None,
        **kwargs: Any,
    ) -> None:
        self.begin({**locals(), "input_shape": _size(input_dim, input_shape)})

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        a = self.a
        linear = nn.Linear(shape[-1], a.output_dim, a.bias, a.W_regularizer, a.b_regularizer)
        layer = drawn(linear, a.init, a.limits)
        if len(shape) > 2:
            rows = nn.InferReshape([-1, shape[-1]])
            layer = stacked(rows, layer, nn.InferReshape([-1, *shape[1:-1], a.output_dim]))
        return fused(layer, a.activation)


class SparseDense(ZooKerasLayer):
    """As `Dense`, of a sparse input; a dense one gets a gradient for some of its columns only."""

    def __init__(
        self,
        output_dim: int,
        init: Any = "glorot_uniform",
        activation: Any = None,
        W_regularizer: Any = None,
        b_regularizer: Any = None,
        backward_start: int = -1,
        backward_length: int = -1,
        init_weight: Any = None,
        init_bias: Any = None,
        init_grad_weight: Any = None,
        init_grad_bias: Any = None,
        bias: bool = True,
        input_shape: Any = None,
        **kwargs: Any,
    ) -> None:
        self.begin(locals())

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        a = self.a
        layer = nn.SparseLinear(
            shape[-1],
            a.output_dim,
            with_bias=a.bias,
            backwardStart=a.backward_start,
            backwardLength=a.backward_length,
            wRegularizer=a.W_regularizer,
            bRegularizer=a.b_regularizer,
            init_weight=a.init_weight,
            init_bias=a.init_bias,
            init_grad_weight=a.init_grad_weight,
            init_grad_bias=a.init_grad_bias,
        )
        if a.init_weight is None:
            drawn(layer, a.init)
        return fused(layer, a.activation)


class MaxoutDense(ZooKerasLayer):
    """The largest of several products with matrices: [batch, in] to [batch, out]."""

    RANKS = (2,)

    def __init__(
        self,
        output_dim: int,
        nb_feature: int = 4,
        W_regularizer: Any = None,
        b_regularizer: Any = None,
        bias: bool = True,
        input_dim: int | None = None,
        input_shape: Any = None,
        **kwargs: Any,
    ) -> None:
        self.begin({**locals(), "input_shape": _size(input_dim, input_shape)})

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        a = self.a
        return stacked(nn.Maxout(shape[1], a.output_dim, a.nb_feature, a.bias, a.W_regularizer, a.b_regularizer))


class Highway(ZooKerasLayer):
    """A product with a matrix that a trained gate mixes with the input: [batch, size] to [batch, size]."""

    RANKS = (2,)

    def __init__(
        self,
        activation: Any = None,
        W_regularizer: Any = None,
        b_regularizer: Any = None,
        bias: bool = True,
        input_dim: int | None = None,
        input_shape: Any = None,
        **kwargs: Any,
    ) -> None:
        self.begin({**locals(), "input_shape": _size(input_dim, input_shape)})

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        a = self.a
        return stacked(
            nn.Highway(
                shape[1],
                with_bias=a.bias,
                activation=activation(a.activation),
                wRegularizer=a.W_regularizer,
                bRegularizer=a.b_regularizer,
            )
        )


class Masking(ZooKerasLayer):
    """Steps ([batch, step, ...]) all of whose values are `mask_value` become 0."""

    def __init__(self, mask_value: float = 0.0, input_shape: Any = None, **kwargs: Any) -> None:
        self.begin(locals())

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        return stacked(nn.Masking(float(self.a.mask_value)))


class Dropout(ZooKerasLayer):
    """Drops a part `p` of the elements in training."""

    def __init__(self, p: float, input_shape: Any = None, **kwargs: Any) -> None:
        self.begin(locals())

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        return stacked(nn.Dropout(float(self.a.p)))


class SpatialDropout1D(ZooKerasLayer):
    """Drops whole features of sequences ([batch, step, feature]) in training."""

    RANKS = (3,)

    def __init__(self, p: float = 0.5, input_shape: Any = None, **kwargs: Any) -> None:
        self.begin(locals())

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        return stacked(nn.SpatialDropout1D(float(self.a.p)))


class SpatialDropout2D(ZooKerasLayer):
    """Drops whole channels of images in training."""

    RANKS = (4,)

    def __init__(self, p: float = 0.5, dim_ordering: str = "th", input_shape: Any = None, **kwargs: Any) -> None:
        self.begin(locals())

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        return stacked(nn.SpatialDropout2D(float(self.a.p), data_format(self.a.dim_ordering)))


class SpatialDropout3D(ZooKerasLayer):
    """Drops whole channels of volumes in training."""

    RANKS = (5,)

    def __init__(self, p: float = 0.5, dim_ordering: str = "th", input_shape: Any = None, **kwargs: Any) -> None:
        self.begin(locals())

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        return stacked(nn.SpatialDropout3D(float(self.a.p), data_format(self.a.dim_ordering)))


class Flatten(ZooKerasLayer):
    """Each row as a vector."""

    def __init__(self, input_shape: Any = None, **kwargs: Any) -> None:
        self.begin(locals())

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        return stacked(nn.Reshape([math.prod(shape[1:])], True))


class Reshape(ZooKerasLayer):
    """Each row in another shape; one size may be -1."""

    def __init__(self, target_shape: Any, input_shape: Any = None, **kwargs: Any) -> None:
        sizes = list(target_shape)
        self.refuse(sizes.count(-1) > 1, f"can work out one size only, and target_shape is {target_shape}")
        self.begin(locals())

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        size = [int(part) for part in self.a.target_shape]
        if None not in shape[1:] and -1 in size:
            known, total = -math.prod(size), math.prod(shape[1:])
            self.refuse(known <= 0 or total % known != 0, f"has target_shape={size} for an input of shape {shape}")
            size[size.index(-1)] = total // known
        return stacked(nn.InferReshape(size, True) if -1 in size else nn.Reshape(size, True))


class Permute(ZooKerasLayer):
    """The dimensions of each row in another order; `dims` counts them from 1, without the batch."""

    def __init__(self, dims: Any, input_shape: Any = None, **kwargs: Any) -> None:
        self.begin(locals())

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        wanted = list(self.a.dims)
        self.refuse(
            sorted(wanted) != list(range(1, len(shape))), f"has dims={self.a.dims} for an input of shape {shape}"
        )
        order, swaps = list(range(1, len(shape))), []
        for place, dimension in enumerate(wanted):
            other = order.index(dimension)
            if other != place:
                order[place], order[other] = order[other], order[place]
                swaps.append([place + 2, other + 2])
        return stacked(nn.Transpose(swaps))


class RepeatVector(ZooKerasLayer):
    """Each row `n` times: [batch, size] to [batch, n, size]."""

    RANKS = (2,)

    def __init__(self, n: int, input_dim: int | None = None, input_shape: Any = None, **kwargs: Any) -> None:
        self.begin({**locals(), "input_shape": _size(input_dim, input_shape)})

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        return stacked(nn.Replicate(self.a.n, 1, 1))


class ExpandDim(ZooKerasLayer):
    """A new dimension of size 1 at the place `dim`; 0 is before the batch."""

    def __init__(self, dim: int, input_shape: Any = None, **kwargs: Any) -> None:
        self.begin(locals())

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        return stacked(nn.Unsqueeze(self.a.dim + 1))


class GetShape(ZooKerasLayer):
    """The shape of the input, as a tensor."""

    def __init__(self, input_shape: Any = None, **kwargs: Any) -> None:
        self.begin(locals())

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        return Layer(make("GetShape"), "float")


class Max(ZooKerasLayer):
    """The largest elements in a dimension (0 is the batch), or their places, which count from 1."""

    def __init__(
        self,
        dim: int,
        num_input_dims: int = INTMIN,
        return_value: bool = True,
        input_shape: Any = None,
        **kwargs: Any,
    ) -> None:
        self.begin(locals())

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        a = self.a
        dim = a.dim + 1 if a.dim >= 0 else a.dim
        if a.return_value:
            return stacked(nn.Max(dim, a.num_input_dims))
        return Layer(make("ArgMax", dim=dim, num_input_dims=a.num_input_dims), "float")

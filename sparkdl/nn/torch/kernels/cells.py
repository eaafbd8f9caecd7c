"""What recurrent cells compute at one step, as closures over their weights that a sequence is run with.

Values are time-major: [steps, batch, ...]. The weights of a cell are those of the modules inside it, as Torch builds
its cells from layers; what depends on inputs alone is computed for all steps at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from sparkdl.nn.torch.kinds import Call
from sparkdl.nn.torch.module import Module, namespace

States = list[Any]  # of tensors, or of the states of several cells


@dataclass(frozen=True, slots=True)
class Prepared:
    """A cell, ready to run over one sequence (with one draw of its dropout).

    Attributes:
        inputs: what enters the steps, from inputs [steps, batch, ...].
        step: output and new states, from what enters the step and the states before it.
        whole: outputs [steps, batch, ...] and last states of all steps at once, from inputs [steps, batch, ...] and
            states, where TensorFlow has an operation for that.
    """

    inputs: Callable[[Any], Any]
    step: Callable[[Any, States], tuple[Any, States]]
    whole: Callable[[Any, States], tuple[Any, States]] | None = None


def inside(call: Call, index: int) -> Call:
    """The call of a cell inside another one."""
    module = call.module.children[index]
    return Call(module, call.runner, namespace(module, DEFAULTS))


def weight(call: Call, index: int, name: str = "weight") -> Any:
    """A parameter of a module inside a cell."""
    return call.runner.parameter(call.module.children[index], name)


def affine(x: Any, weight: Any, bias: Any = None) -> Any:
    """[..., in] times a matrix [out, in], plus a bias."""
    return _product(x, tf.transpose(weight), bias)


def _product(x: Any, matrix: Any, bias: Any = None) -> Any:
    """[..., in] times a matrix [in, out], plus a bias."""
    rows = tf.matmul(x if x.shape.rank == 2 else tf.reshape(x, [-1, x.shape[-1]]), matrix)
    rows = rows if bias is None else tf.nn.bias_add(rows, bias)
    return rows if x.shape.rank == 2 else tf.reshape(rows, tf.concat([tf.shape(x)[:-1], [matrix.shape[1]]], 0))


class _Linears:
    """Linear modules inside a cell, whose outputs stand beside each other; each drops inputs of its own.

    What does not depend on the step is computed here, outside of the loop over steps. Torch draws what is dropped
    once for all steps of a sequence.
    """

    def __init__(self, call: Call, places: Sequence[int], batch: Any) -> None:
        weights = [weight(call, place) for place in places]
        biases = [weight(call, place, "bias") for place in places if _bias(call, places[0]) is not None]
        p = call.a.p if call.training else 0.0
        self._masks = [_mask(call, p, [batch, w.shape[1]]) for w in weights] if p else []
        self._matrices = [tf.transpose(w) for w in (weights if p else [tf.concat(weights, 0)])]
        self._bias = tf.concat(biases, 0) if biases else None

    def __call__(self, x: Any) -> Any:
        """[..., batch, in] to [..., batch, all outputs]."""
        if not self._masks:
            return _product(x, self._matrices[0], self._bias)
        parts = [_product(x * mask, matrix) for mask, matrix in zip(self._masks, self._matrices, strict=True)]
        return tf.concat(parts, -1) if self._bias is None else tf.concat(parts, -1) + self._bias


def _mask(call: Call, p: float, shape: Any) -> Any:
    return tf.cast(tf.random.stateless_uniform(shape, call.seed()) >= p, tf.float32) / (1.0 - p)


def _rnn(call: Call, batch: Any) -> Prepared:
    """Inside: Linear of the input, Linear of the state, activation."""
    inputs, recurrent = _Linears(call, [0], batch), _Linears(call, [1], batch)

    def step(z: Any, states: States) -> tuple[Any, States]:
        state = call.child(2, z + recurrent(states[0]))
        return state, [state]

    return Prepared(inputs, step)


def _bias(call: Call, index: int) -> Any:
    return weight(call, index, "bias") if "bias" in call.module.children[index].parameters else None


def _lstm(call: Call, batch: Any) -> Prepared:
    """Inside: Linear of the input and Linear of the state, whose outputs are the gates in the order input, candidate,
    forget, output (with dropout: four of each, for one gate, the last gate first); activation, inner activation."""
    count = 1 if call.a.p == 0 else 4
    gates = range(count)[::-1]
    linears = _Linears(call, gates, batch), _Linears(call, [count + gate for gate in gates], batch)

    def step(z: Any, states: States) -> tuple[Any, States]:
        hidden, memory = states
        into, candidate, forget, out = tf.split(z + linears[1](hidden), 4, -1)
        activation, inner = lambda x: call.child(2 * count, x), lambda x: call.child(2 * count + 1, x)
        memory = inner(into) * activation(candidate) + inner(forget) * memory
        hidden = inner(out) * activation(memory)
        return hidden, [hidden, memory]

    usual = [child.kind for child in call.module.children[-2:]] == ["Tanh", "Sigmoid"]
    return Prepared(linears[0], step, _lstm_at_once(call) if count == 1 and usual else None)


def _lstm_at_once(call: Call) -> Callable[[Any, States], tuple[Any, States]] | None:
    """TensorFlow's operation for a whole sequence, which trains fastest on CPUs; other runtimes do not know it."""
    if not call.training:
        return None

    def whole(x: Any, states: States) -> tuple[Any, States]:
        gates, none = weight(call, 0).shape[0], tf.zeros([weight(call, 0).shape[0] // 4])
        matrix = tf.transpose(tf.concat([weight(call, 0), weight(call, 1)], 1))
        bias = _bias(call, 0)
        result = tf.raw_ops.BlockLSTM(
            seq_len_max=tf.shape(x, tf.int64)[0],
            x=x,
            cs_prev=states[1],
            h_prev=states[0],
            w=matrix,
            wci=none,
            wcf=none,
            wco=none,
            b=bias if bias is not None else tf.zeros([gates]),
            forget_bias=0.0,
            cell_clip=-1.0,
            use_peephole=False,
        )
        return result.h, [result.h[-1], result.cs[-1]]

    return whole


def _peephole(call: Call, batch: Any) -> Prepared:
    """Inside: Linear of the input (gates in the order input, forget, candidate, output), then in the order forget,
    input, candidate, output the CMul of the memory (the candidate has none) and the Linear of the state. With dropout
    there is no first one, and the Linear of the input of each gate stands behind that of the state."""
    width = 2 if call.a.p == 0 else 3
    first = 1 if call.a.p == 0 else 0
    peeps = {"forget": first, "into": first + width, "out": first + 3 * width - 1}
    states = [peeps["into"] + 1, peeps["forget"] + 1, first + 2 * width, peeps["out"] + 1]
    inputs = _Linears(call, [0] if first else [place + 1 for place in states], batch)
    recurrent = _Linears(call, states, batch)
    peep = {name: weight(call, place) for name, place in peeps.items()}

    def step(z: Any, states: States) -> tuple[Any, States]:
        hidden, memory = states
        into, forget, candidate, out = tf.split(z + recurrent(hidden), 4, -1)
        kept = tf.sigmoid(forget + peep["forget"] * memory) * memory
        memory = kept + tf.sigmoid(into + peep["into"] * memory) * tf.tanh(candidate)
        hidden = tf.sigmoid(out + peep["out"] * memory) * tf.tanh(memory)
        return hidden, [hidden, memory]

    return Prepared(inputs, step)


def _gru(call: Call, batch: Any) -> Prepared:
    """Inside: Linear of the input (reset gate, update gate, candidate), Linear of the state (both gates), Linear of
    the state that was reset; with dropout: Linears of the input for update and reset gate, Linears of the state for
    both, Linear of the state that was reset, Linear of the input for the candidate; activation, inner activation."""
    plain = call.a.p == 0
    places = ([0], [1], [2]) if plain else ([1, 0, 5], [3, 2], [4])
    inputs, recurrent, candidate = (_Linears(call, part, batch) for part in places)
    activation = 3 if plain else 6

    def step(z: Any, states: States) -> tuple[Any, States]:
        state = states[0]
        size = state.shape[-1]
        reset, update = tf.split(call.child(activation + 1, z[:, : 2 * size] + recurrent(state)), 2, -1)
        new = call.child(activation, z[:, 2 * size :] + candidate(reset * state))
        state = (1.0 - update) * new + update * state
        return state, [state]

    return Prepared(inputs, step)


def _multi(call: Call, batch: Any) -> Prepared:
    """Inside: cells, each of which takes what the one before gives."""
    cells = [begin(inside(call, index), batch) for index in range(call.children)]

    def step(x: Any, states: States) -> tuple[Any, States]:
        found = []
        for cell, state in zip(cells, states, strict=True):
            x, state = cell.step(cell.inputs(x[None])[0], state)
            found.append(state)
        return x, found

    return Prepared(lambda x: x, step)


Begin = Callable[[Call, Any], Prepared]
CELLS: dict[str, Begin] = {
    "RnnCell": _rnn,
    "LSTM": _lstm,
    "LSTMPeephole": _peephole,
    "GRU": _gru,
    "MultiRNNCell": _multi,
}
# The argument that tells how many channels a state has, and how many states there are.
STATES = {
    "RnnCell": ("hidden_size", 1),
    "LSTM": ("hidden_size", 2),
    "LSTMPeephole": ("hidden_size", 2),
    "GRU": ("hidden_size", 1),
    "ConvLSTMPeephole": ("output_size", 2),
    "ConvLSTMPeephole3D": ("output_size", 2),
}
DEFAULTS: dict[str, Any] = {"p": 0.0, "into": None}


def begin(call: Call, batch: Any) -> Prepared:
    """A cell, ready for one sequence of `batch` rows."""
    return CELLS[call.module.kind](call, batch)


def zero_states(module: Module, shape: Any) -> States:
    """The states before the first step, for inputs [batch, ..., channels] of a shape."""
    if module.kind == "MultiRNNCell":
        return [zero_states(cell, shape) for cell in module.children]
    argument, count = STATES[module.kind]
    space = shape[1:-1]
    if module.arguments.get("into"):  # the stride and the padding of the convolution of the input
        stride, pad = module.arguments["into"]
        lost = module.children[0].parameters["weight"].shape[-1] - 1 if pad == 0 else 0
        space = (space - lost + stride - 1) // stride
    sizes = tf.concat([shape[:1], space, [module.arguments[argument]]], 0)
    return [tf.zeros(sizes) for _ in range(count)]

"""Optimizers, a small model's variables and simulated workers, shared by the tests of updates and their state."""

from __future__ import annotations

import keras
import numpy as np

from sparkdl.collective.buckets import spans
from sparkdl.engine.updater import KerasUpdater, excluded_variables, shard_buckets
from sparkdl.types import VariableSpec, WeightLayout

SHAPES = {"hidden/kernel": (7, 9), "hidden/bias": (9,), "output/kernel": (9, 3)}


@keras.saving.register_keras_serializable("tests")
class Heavy(keras.optimizers.Optimizer):
    """A custom optimizer that looks at a whole variable, with an unnamed and a shared slot."""

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.speeds = [self.add_variable_from_reference(variable) for variable in variables]
        self.norms = [self.add_variable((), name="norm") for _ in variables]
        self.count = self.add_variable((), name="count")

    def update_step(self, gradient, variable, learning_rate):
        index = self._get_variable_index(variable)
        norm = keras.ops.norm(gradient)
        self.assign(self.norms[index], 0.5 * self.norms[index] + norm)
        self.assign(self.speeds[index], 0.9 * self.speeds[index] + gradient / (1.0 + self.norms[index]))
        self.assign_sub(variable, learning_rate * self.speeds[index])

    def _backend_update_step(self, grads, trainable_variables, learning_rate):
        self.assign_add(self.count, 1.0)
        super()._backend_update_step(grads, trainable_variables, learning_rate)


@keras.saving.register_keras_serializable("tests")
class Coupled(keras.optimizers.SGD):
    """A custom optimizer whose step depends on all gradients together."""

    def _backend_update_step(self, grads, trainable_variables, learning_rate):
        total = sum(keras.ops.sum(keras.ops.abs(gradient)) for gradient in grads)
        grads = [gradient / (1.0 + total) for gradient in grads]
        super()._backend_update_step(grads, trainable_variables, learning_rate)


def _decayed(optimizer):
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    return optimizer


_k = keras.optimizers
BUILT_IN = {
    "sgd": lambda: _k.SGD(0.1),
    "momentum": lambda: _k.SGD(0.1, momentum=0.9),
    "nesterov": lambda: _k.SGD(0.1, momentum=0.9, nesterov=True),
    "adam": lambda: _k.Adam(0.01),
    "amsgrad": lambda: _k.Adam(0.01, amsgrad=True),
    "adamw": lambda: _decayed(_k.AdamW(0.01, weight_decay=0.1)),
    "sgd decay": lambda: _decayed(_k.SGD(0.1, weight_decay=0.1)),
    "rmsprop": lambda: _k.RMSprop(0.01),
    "rmsprop centered": lambda: _k.RMSprop(0.01, momentum=0.5, centered=True),
    "adagrad": lambda: _k.Adagrad(0.1),
    "adadelta": lambda: _k.Adadelta(1.0),
    "adamax": lambda: _k.Adamax(0.01),
    "ftrl": lambda: _k.Ftrl(0.1, l1_regularization_strength=0.01, l2_regularization_strength=0.01),
    "nadam": lambda: _k.Nadam(0.01),
    "lion": lambda: _decayed(_k.Lion(0.01, weight_decay=0.1)),
    "lamb": lambda: _decayed(_k.Lamb(0.01, weight_decay=0.1)),
    "muon": lambda: _decayed(_k.Muon(0.01, exclude_layers=["output"])),
    "adafactor": lambda: _k.Adafactor(0.1),
    "schedule free": lambda: _k.ScheduleFreeAdamW(0.01),
}
OPTIONS = {
    "clipnorm": lambda: _k.Adam(0.01, clipnorm=0.5),
    "global_clipnorm": lambda: _k.SGD(0.1, momentum=0.9, global_clipnorm=0.5),
    "clipvalue": lambda: _k.SGD(0.1, clipvalue=0.3),
    "ema": lambda: _k.Adam(0.01, use_ema=True, ema_momentum=0.8),
    "ema overwrite": lambda: _k.SGD(0.1, use_ema=True, ema_momentum=0.8, ema_overwrite_frequency=4),
    "accumulation": lambda: _k.Adam(0.01, gradient_accumulation_steps=3),
    "accumulation clip": lambda: _k.Adam(0.01, gradient_accumulation_steps=3, global_clipnorm=0.5),
    "accumulation clip norm": lambda: _k.SGD(0.1, gradient_accumulation_steps=2, clipnorm=0.5),
    "schedule": lambda: _k.Adam(_k.schedules.ExponentialDecay(0.1, 3, 0.5)),
    "scale factor": lambda: _k.SGD(0.1, loss_scale_factor=128.0, global_clipnorm=0.5),
    "loss scale": lambda: _k.LossScaleOptimizer(_k.Adam(0.01), dynamic_growth_steps=4),
    "loss scale clip": lambda: _k.LossScaleOptimizer(_k.SGD(0.1, global_clipnorm=0.5), dynamic_growth_steps=4),
    "loss scale lamb": lambda: _k.LossScaleOptimizer(_k.Lamb(0.01), initial_scale=8.0),
    "custom": lambda: Heavy(0.1),
    "coupled": lambda: Coupled(0.1, momentum=0.5),
}
ALL = {**BUILT_IN, **OPTIONS}


def make_variables(shapes=SHAPES):
    """Variables with names and paths like those of layers, with seeded random values."""
    random = np.random.default_rng(7)
    made = []
    for path, shape in shapes.items():
        scope, _, name = path.rpartition("/")
        with keras.name_scope(scope):
            made.append(keras.Variable(random.normal(size=shape).astype("float32"), name=name))
    return made


def layout_of(variables):
    specs, offset = [], 0
    for variable in variables:
        specs.append(VariableSpec(variable.path, tuple(variable.shape), offset))
        offset += -(-specs[-1].size // 16) * 16
    return WeightLayout(tuple(specs), offset)


def flatten(layout, values):
    flat = np.zeros(layout.length, "float32")
    for spec, value in zip(layout.variables, values, strict=True):
        flat[spec.offset : spec.offset + spec.size] = np.asarray(value).reshape(-1)
    return flat


def gradients_of(step, variables):
    random = np.random.default_rng(100 + step)
    return [random.normal(size=tuple(variable.shape)).astype("float32") for variable in variables]


class Workers:
    """Several updaters in one process, stepped in two phases so that sums over all of them are right."""

    def __init__(self, optimizer, variables, workers, bucket_size=None, jit_compile=False):
        self.layout = layout_of(variables)
        self.weights = flatten(self.layout, [np.asarray(variable.value) for variable in variables])
        self.buckets = shard_buckets(self.layout, workers, optimizer, variables, bucket_size=bucket_size)
        excluded = excluded_variables(optimizer, variables)
        shared = (optimizer, variables, self.layout, self.buckets)
        self.updaters = [
            KerasUpdater(*shared, rank, self.weights, excluded, self._sum, jit_compile=jit_compile)
            for rank in range(workers)
        ]
        self._flat, self._measured = None, []

    def part(self, rank, flat):
        return np.concatenate([flat[:0], *(flat[low:high] for low, high in spans(self.buckets, rank))])

    def _sum(self, _):
        return np.sum(self._measured, axis=0)

    def step(self, gradients):
        self._flat = flatten(self.layout, gradients) * np.float32(self.updaters[0].loss_scale)
        self._measured = [
            np.asarray(updater._run_measure([np.array(self.part(rank, self._flat))])[0])
            for rank, updater in enumerate(self.updaters)
        ]
        for rank, updater in enumerate(self.updaters):
            updater.apply(self.part(rank, self._flat), self.weights)

    def finalize(self):
        for updater in self.updaters:
            updater.finalize(self.weights)


class Plain:
    """Keras itself: one optimizer over all variables."""

    def __init__(self, optimizer, variables):
        self.optimizer, self.variables = optimizer, variables
        self.layout = layout_of(variables)
        optimizer.build(variables)

    def step(self, gradients):
        scale = float(keras.ops.convert_to_numpy(self.optimizer.scale_loss(1.0)))
        self.optimizer.apply([keras.ops.convert_to_tensor(value * np.float32(scale)) for value in gradients])

    def finalize(self):
        self.optimizer.finalize_variable_values(self.variables)

    @property
    def weights(self):
        return flatten(self.layout, [np.asarray(variable.value) for variable in self.variables])

"""Torch's optimization methods and learning rates as Keras optimizers and schedules.

Each method works on any cut of the weights that its `scope` allows. Penalties on weights are added to gradients, as in
Torch; Keras's `weight_decay` is taken off the weights instead. The package imports its modules, so that Keras knows the
classes in saved models.
"""

from sparkdl.nn.torch_optim.adaptive import (
    TorchAdadelta,
    TorchAdagrad,
    TorchAdam,
    TorchAdamax,
    TorchFtrl,
    TorchRMSprop,
)
from sparkdl.nn.torch_optim.base import TorchOptimizer, halve_in_place, upper_half
from sparkdl.nn.torch_optim.lbfgs import TorchLBFGS
from sparkdl.nn.torch_optim.penalized import PenalizedAdam, UncorrectedAdam, WarmedUpDecay
from sparkdl.nn.torch_optim.schedules import LinearWarmup, PerEpoch, ScheduleSequence
from sparkdl.nn.torch_optim.sgd import TorchLARS, TorchSGD

__all__ = [
    "LinearWarmup",
    "PenalizedAdam",
    "PerEpoch",
    "ScheduleSequence",
    "TorchAdadelta",
    "TorchAdagrad",
    "TorchAdam",
    "TorchAdamax",
    "TorchFtrl",
    "TorchLARS",
    "TorchLBFGS",
    "TorchOptimizer",
    "TorchRMSprop",
    "TorchSGD",
    "UncorrectedAdam",
    "WarmedUpDecay",
    "halve_in_place",
    "upper_half",
]

"""Builds the model's side of a worker; the only worker module that loads TensorFlow."""

from __future__ import annotations

import logging
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace

import numpy as np

from sparkdl.data.epoch import EpochPlan
from sparkdl.engine.callbacks import KerasCallbackRunner
from sparkdl.engine.jit_compile import choose_compiled_update, choose_jit_compile
from sparkdl.engine.precision import cpu_has_bfloat16
from sparkdl.engine.release import release_models
from sparkdl.engine.replica import KerasReplica
from sparkdl.engine.serialization import set_model_arrays, unpack_model
from sparkdl.engine.threads import configure_threads
from sparkdl.engine.tree import decode_tree
from sparkdl.engine.updater import KerasUpdater, shard_buckets
from sparkdl.spark.assignment import Assignment
from sparkdl.spark.rows import ToDriver
from sparkdl.train.gradient_exchange import BUCKET_SIZE
from sparkdl.train.precision import choose_precision
from sparkdl.train.run import Run, steps_of
from sparkdl.train.state import under
from sparkdl.types import Collective, TrainingPlan, TrainingState

logger = logging.getLogger("sparkdl")

__all__ = ["build_callbacks", "build_replica", "release_models", "take_precision"]


def build_replica(
    assignment: Assignment, start: TrainingState, collective: Collective, epochs: EpochPlan, channel: ToDriver
) -> tuple[KerasReplica, KerasUpdater]:
    """The model with the driver's weights, and the optimizer over this worker's part of them; all workers call it.

    Args:
        epochs: the training rows of all workers.
        channel: where the driver is told what XLA compiles.
    """
    plan = assignment.plan
    configure_threads(plan.cores_per_worker)
    payload, extra_losses = pickle.loads(assignment.model)
    model = unpack_model(payload)
    set_model_arrays(model, under("model/", start.arrays))
    steps = plan.epochs * steps_of(plan, epochs)
    choice = choose_jit_compile(model, steps, computes_in_float32(plan))
    replica = KerasReplica(
        model,
        replace(assignment.spec, weighted=assignment.spec.weighted or plan.class_weight is not None),
        workers=collective.size,
        sum_over_workers=collective.all_sum,
        extra_losses=extra_losses,
        precision="float32" if plan.precision == "auto" else plan.precision,
        jit_compile=choice.chosen,
    )
    compiled_update = choose_compiled_update(replica.layout.length, steps)
    told = {name: asdict(one) for name, one in (("jit_compile", choice), ("update", compiled_update)) if one.chosen}
    if told and collective.rank == 0:
        channel.send("chosen", told)
    replica.seed_generators(plan.seed, collective.rank)
    variables = model.trainable_variables
    size = BUCKET_SIZE if collective.networked else None  # what memory carries is there at once
    buckets = shard_buckets(replica.layout, collective.size, model.optimizer, variables, assignment.coupled, size)
    replica.stream_gradients(buckets, in_runs=collective.size > 1 and not collective.networked)
    updater = KerasUpdater(
        model.optimizer,
        variables,
        replica.layout,
        buckets,
        collective.rank,
        replica.weights,
        assignment.excluded_from_weight_decay,
        collective.all_sum,
        replica.unreached,
        compiled_update.chosen,
    )
    updater.load_state({name: array for name, array in start.arrays.items() if name.startswith("optimizer/")})
    return replica, updater


def computes_in_float32(plan: TrainingPlan) -> bool:
    """Whether nothing else was ever possible: after a lost worker steps are compiled as they were before."""
    return plan.precision == "float32" and not plan.tries_precision


def take_precision(run: Run, replica: KerasReplica, channel: ToDriver) -> None:
    """Chooses the precision of a run that leaves it open, and tells the driver; all workers call it."""
    first = run.collective.rank == 0
    if run.plan.precision == "auto":
        choice = choose_precision(run, replica, cpu_has_bfloat16())
        run.plan = replace(run.plan, precision=choice.chosen)
        if first:
            channel.send("chosen", {"precision": asdict(choice)})
    elif run.plan.precision == "bf16" and first and not cpu_has_bfloat16():
        logger.warning(
            "this processor has no instructions for bfloat16 (avx512_bf16, amx_bf16): precision='float32' is faster."
        )


@contextmanager
def build_callbacks(
    assignment: Assignment, replica: KerasReplica, updater: KerasUpdater, start: TrainingState
) -> Iterator[KerasCallbackRunner | None]:
    """The user's callbacks, with the state that an earlier attempt left; None where there are none."""
    if not assignment.callbacks:
        yield None
        return
    plan = assignment.plan
    params = {"epochs": plan.epochs, "steps": plan.steps_per_epoch, "verbose": 0}
    runner = KerasCallbackRunner(assignment.callbacks, replica.model, params, updater, replica)
    if "callbacks" in start.arrays:
        runner.load_state(decode_tree(np.asarray(start.arrays["callbacks"]).tobytes()))
    with runner:
        yield runner

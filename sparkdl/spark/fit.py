"""`sdl.fit`: Keras's `fit` on a Spark DataFrame or RDD."""

from __future__ import annotations

import functools
import logging
import math
import pickle
import secrets
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, replace
from typing import Any, get_args

import cloudpickle

from sparkdl.collective.certificate import Identity
from sparkdl.engine.callback_files import folders_of, remote_folders
from sparkdl.engine.callback_pack import check_callbacks, pack_callbacks
from sparkdl.engine.callback_state import apply_states
from sparkdl.engine.capture import capture_model, restore_model
from sparkdl.engine.checks import check_compiled
from sparkdl.engine.index_limits import index_limits
from sparkdl.engine.layout import layout_of
from sparkdl.engine.layout_speed import LayoutTrial
from sparkdl.engine.precision import settle_precision
from sparkdl.engine.probe import probe_extra_losses
from sparkdl.engine.release import release_kernels
from sparkdl.engine.serialization import check_copy, check_model, class_counts, pack_model
from sparkdl.engine.shards import couples_variables, excluded_variables
from sparkdl.history import History
from sparkdl.spark.argument_values import check_values, drawn_part
from sparkdl.spark.arguments import check_choice, refuse, refuse_compiled, refuse_stream
from sparkdl.spark.assignment import Assignment
from sparkdl.spark.attempt import Outlets
from sparkdl.spark.checkpoint_writer import CheckpointWriter
from sparkdl.spark.cluster import Context, choose_workers, context_of, cores_per_task
from sparkdl.spark.encryption import identity_of_run
from sparkdl.spark.expectations import shapes_of
from sparkdl.spark.file_writer import FileWriter
from sparkdl.spark.frames import DataArguments, Prepared, prepare
from sparkdl.spark.launch import Attempts, Outcome, launch
from sparkdl.spark.pictures import where_classes_are_checked
from sparkdl.spark.progress import Progress, Verbosity
from sparkdl.spark.recording import Recording, check_log_dir
from sparkdl.spark.resuming import description_of, find_checkpoint, find_start, open_folder, precision_of, separate
from sparkdl.spark.stopped import needs_session
from sparkdl.spark.storage import check_folders, read_if_present, write_file
from sparkdl.spark.validation_metrics import ValidationMetrics, measured_outputs
from sparkdl.spark.worker_layout import (
    LayoutChoice,
    WorkerLayout,
    choose_layout,
    executors_of,
    known_layout,
    possible_layouts,
)
from sparkdl.storage.paths import AnyPath, path_text
from sparkdl.types import ExchangePrecision, Precision, SampleSpec, TrainingPlan, TrainingState

logger = logging.getLogger("sparkdl")
KERAS_DEFAULT_BATCH = 32
ON_A_STREAM = "give what its sink has written, or each of its batches by foreachBatch"


@needs_session
def fit(
    model: Any,
    data: Any,
    *,
    features: Any = "features",
    label: Any = "label",
    weight: str | None = None,
    batch_size: int | None = None,
    epochs: int = 1,
    verbose: Verbosity = "auto",
    callbacks: Sequence[Any] | Any | None = None,
    validation_split: float = 0.0,
    validation_data: Any = None,
    validation_indicator: str | None = None,
    shuffle: bool = True,
    class_weight: Mapping[int, float] | None = None,
    initial_epoch: int = 0,
    steps_per_epoch: int | None = None,
    validation_steps: int | None = None,
    validation_batch_size: int | None = None,
    validation_freq: int = 1,
    validation_metrics: ValidationMetrics = None,
    workers: int | None = None,
    cores_per_worker: int | None = None,
    precision: Precision = "float32",
    exchange_precision: ExchangePrecision = "float32",
    seed: int = 0,
    shapes: Mapping[str, tuple[int, ...]] | None = None,
    dtypes: Mapping[str, str] | None = None,
    transform: Any = None,
    log_dir: AnyPath | None = None,
    histograms: bool = False,
    max_failures: int = 3,
    resume: AnyPath | None = None,
    deadline: float = 300.0,
    encrypt: bool | None = None,
    memory_limit: int | None = None,
    spill_directory: AnyPath | None = None,
    **keras_arguments: Any,
) -> History:
    """Trains a compiled Keras model on the executors, by synchronous all-reduce SGD, where Spark holds the data.

    The objective of each step is Keras's own on the whole global batch, whatever the number of workers.
    The model given is updated, as Keras does it: weights, statistics and optimizer state.

    Args:
        model: a compiled `keras.Model` (TensorFlow backend).
        data: a DataFrame, or an RDD of `sparkdl.Sample`.
        features: the feature column; a list of scalar columns for one vector; a list of array columns or
            a dict {input name: column(s)} for several inputs. Samples have theirs, and their labels.
        label: the label column, or a list or dict {output name: column} for several outputs; None for none.
        weight: column of sample weights (Keras's `sample_weight`).
        batch_size: rows per step over all workers together; None for Keras's 32.
        epochs: number of the last epoch.
        verbose: 0 silent, "auto" or 1 a progress bar, 2 a line per epoch.
        callbacks: Keras callbacks; they run on worker 0, and their files and state come back. A `sparkdl.Checkpoint`
            among them keeps complete states of the run.
        validation_split: fraction of the rows, drawn with the seed, that is held out for validation.
        validation_data: a DataFrame or RDD like `data`; as in Keras, nothing is split off for `validation_split` then.
        validation_indicator: boolean column of `data` that is true for validation rows.
        shuffle: whether the rows of each worker are visited in a new order in every epoch.
        class_weight: weight per class number.
        initial_epoch: number of the first epoch, from 0.
        steps_per_epoch: steps after which an epoch ends; None for all rows.
        validation_steps: batches of validation that each worker takes; None for all rows.
        validation_batch_size: rows per validation batch over all workers.
        validation_freq: validate every so many epochs.
        validation_metrics: of `sdl.metrics`, over all validation rows exactly, weighted by `weight`: the value of
            AUROC() is logged as `val_auroc`. For several outputs a dict {output name: metrics}.
        workers: training processes; None for one per task slot, unless `cores_per_worker` is None too and the model
            has two million parameters or more: then fewer workers of more threads are taken where they are more
            than 5 % faster, or where more would not fit into memory. A few steps of each are timed on an executor
            first, once per model; `History.choices` tells. Give it where runs must give the same bytes.
        cores_per_worker: TensorFlow threads of each; None for `spark.task.cpus`, or as above.
        precision: what the layers compute in while training: "float32" (the model as it is), "bf16" (as under Keras's
            policy "mixed_bfloat16"; outputs, losses, weights, statistics, updates and validation stay float32), or
            "auto": the first batches are tried in both, and bfloat16 is taken where it is at least 5 % faster and
            its loss is within 2 % of float32's. `History.choices` says which, and both times.
        exchange_precision: what gradients, and then the changes of weights, are rounded to before they travel between
            hosts, half as many bytes: "bf16" (8 significant bits) or "fp16" (11 bits, with a common scale); sums, the
            optimizer and the weights stay float32, and the same bytes on all workers. It helps where the network is
            slower than some 5 Gbit/s per host ("fp16": 1 Gbit/s, as it costs more of a core); nothing is rounded inside
            a host.
        seed: with the same data, number of workers, one core each and CPU type, the same seed gives the same bytes.
        shapes: shape per row of a column, where neither the model nor the column says it.
        dtypes: numpy dtype of a `binary` column of raw tensors.
        transform: what is done to each image when a batch is made (see `sdl.images`), in columns of image structs or of
            encoded images (`binary`): afresh in every epoch, by seed, epoch and row; validation has its `inference()`.
            For several features, or a mask as label, a dict {column: transform or None}, all with the same draws.
        log_dir: directory for TensorBoard event files (loss, metrics, learning rate, rows/s): on the driver, or a URL
            such as `hdfs://...`, to which they are copied at the end of each epoch.
        histograms: whether these files hold histograms of the weights too, whenever the driver gets the state.
        max_failures: lost workers that are survived by going on from the newest state.
        resume: path of a `Checkpoint` to go on from; the run then ends as if it had never been interrupted.
        deadline: seconds that workers wait for one another; a process that shows no sign of life for a minute (or
            this, if it is less) counts as lost.
        encrypt: whether connections are encrypted; None where Spark's own are, False to leave them in clear there.
        memory_limit: bytes of rows that a worker holds in memory before it spills to files; None for a share
            of the container's memory.
        spill_directory: local directory of these files on the executors; only they can tell whether it is there.
        **keras_arguments: other arguments of `keras.Model.fit`, refused by name with the reason.

    Returns:
        a `History`: Keras's `.history`, plus timings per worker and phase.

    Raises:
        DataError: for rows or columns that do not fit.
        ModelError: for a model that cannot be trained as it is.
        ClusterError: where the cluster cannot run the workers.
        NonFiniteLossError: where the loss became NaN; the model then holds the last good weights.
        WorkerError: with the first real traceback of a failing worker.
        CancelledError: where somebody cancelled the Spark job or stopped the session; nothing is started again.
        StorageError: where files of callbacks could not be written; the model is trained all the same.
    """
    started = time.perf_counter()
    refuse("fit", **keras_arguments)
    checkpoint, callbacks = separate(as_tuple(callbacks))
    check_values(
        "fit",
        batch_size=batch_size,
        epochs=epochs,
        verbose=verbose,
        validation_split=validation_split,
        class_weight=class_weight,
        initial_epoch=initial_epoch,
        steps_per_epoch=steps_per_epoch,
        validation_steps=validation_steps,
        validation_batch_size=validation_batch_size,
        validation_freq=validation_freq,
        workers=workers,
        cores_per_worker=cores_per_worker,
        seed=seed,
        shapes=shapes,
        dtypes=dtypes,
        max_failures=max_failures,
        resume=resume,
        deadline=deadline,
        memory_limit=memory_limit,
        spill_directory=spill_directory,
    )
    refuse_stream("fit", data, ON_A_STREAM)
    refuse_stream("fit", validation_data, ON_A_STREAM, "validation_data")
    validation_split = drawn_part(validation_split, validation_data, validation_indicator)
    check_choice("precision", precision, get_args(Precision))
    check_choice("exchange_precision", exchange_precision, get_args(ExchangePrecision))
    check_compiled(model)
    refuse_compiled(model)
    check_callbacks(callbacks, model)
    context = context_of(data)
    identity = identity_of_run(context, encrypt)
    check_folders(remote_folders(callbacks), context)
    if log_dir is not None:
        check_log_dir(log_dir, context)
    folder = open_folder(checkpoint, context) if checkpoint is not None else None
    count, cores = choose_workers(context, workers, cores_per_worker)
    resume = None if resume is None else path_text(resume, "resume")
    before = None if resume is None else find_checkpoint(resume, context)

    arguments = DataArguments(features, label, weight, validation_indicator, shapes or {}, dtypes or {}, transform)

    def rows_for(number: int) -> Prepared:
        return prepare(data, arguments, shapes_of(model), validation_data=validation_data, workers=number)

    prepared = rows_for(count)
    check_model(model, prepared.spec, prepared.label_columns, prepared.string_labels)
    check_copy(model)
    validates = validation_data is not None or validation_indicator is not None or validation_split > 0
    measured = measured_outputs(validation_metrics, model, prepared.spec, validates)
    possible, obstacle = settle_precision(model, prepared.spec, precision)
    layout = None
    if workers is None and cores_per_worker is None:
        layout = own_layout(context, model, prepared.spec, batch_size or KERAS_DEFAULT_BATCH, possible, before)
    if layout is not None and layout.chosen != WorkerLayout(count, cores):
        count, cores = layout.chosen.workers, layout.chosen.cores
        prepared = rows_for(count)
    plan = TrainingPlan(
        generation=secrets.token_hex(8),
        workers=count,
        cores_per_worker=cores,
        batch_size=choose_batch_size(batch_size, count),
        epochs=epochs,
        initial_epoch=initial_epoch,
        steps_per_epoch=steps_per_epoch,
        validation_steps=validation_steps,
        validation_freq=validation_freq,
        validation_batch_size=validation_batch_size,
        validation_split=validation_split,
        class_weight=None if class_weight is None else {int(k): float(v) for k, v in class_weight.items()},
        shuffle=shuffle,
        seed=seed,
        deadline=deadline,
        capture_steps=checkpoint.every if checkpoint is not None and isinstance(checkpoint.every, int) else None,
        capture_epochs=checkpoint is not None and checkpoint.every == "epoch",
        memory_limit=memory_limit,
        spill_directory=None if spill_directory is None else path_text(spill_directory),
        precision=possible,
        tries_precision=possible == "auto",
        exchange_precision=exchange_precision,
    )
    resumed = find_start(resume, before, checkpoint, model, plan)
    plan = replace(plan, precision=precision_of(resumed, possible))
    packed = pack_callbacks(callbacks, model, functools.partial(read_if_present, spark=context))
    assignment = make_assignment(model, prepared, plan, packed, validates, identity)
    assignment = replace(assignment, measured=measured)
    history = History(params={"epochs": epochs, "batch_size": plan.batch_size, "workers": count})
    start = capture_model(model)
    if resumed is not None:
        history = History(**resumed.info["past"], params=history.params)
        start = TrainingState({**start.arrays, **resumed.arrays}, resumed.info)
    if layout is not None:
        history.choose("layout", asdict(layout))
    if precision == "auto" and plan.precision != "auto":
        history.choose("precision", known_precision(model, plan.precision, obstacle))
    weights = layout_of(model.trainable_variables) if histograms else None
    with ExitStack() as stack:
        stack.callback(release_kernels)
        progress = stack.enter_context(closing(Progress(epochs, verbose)))
        files = stack.enter_context(FileWriter(functools.partial(write_file, spark=context)))
        recording = stack.enter_context(closing(Recording(log_dir, files, weights))) if log_dir else None
        writer = stack.enter_context(CheckpointWriter(folder, description_of(model))) if folder else None
        outlets = Outlets(progress, history, files, folders_of(callbacks), recording, writer)
        run = Attempts(context, rows_for, max_failures, outlets)
        outcome = launch(run, prepared, assignment, start, None if resumed is None else resumed.info["labels"])
    bring_back(model, callbacks, outcome)
    history.seconds = time.perf_counter() - started
    if outcome.error is not None:
        raise outcome.error from None
    files.check()
    return history


def own_layout(
    context: Context, model: Any, spec: SampleSpec, batch_size: int, precision: Precision, before: TrainingState | None
) -> LayoutChoice | None:
    """The layout where the user leaves it open; None where there is nothing to choose."""
    executors = executors_of(context)
    possible = possible_layouts(executors, cores_per_task(context))
    if executors is None or not possible:
        return None
    size = sum(math.prod(variable.shape) for variable in model.trainable_variables)
    if known := known_layout(before, possible, size):
        return known
    packed = cloudpickle.dumps(pack_model(model))
    tried: Precision = "bf16" if precision == "bf16" else "float32"
    trials = {
        layout: LayoutTrial(
            packed,
            spec,
            layout.workers // executors.count,
            layout.cores,
            -(-batch_size // layout.workers),
            layout.workers,
            tried,
        )
        for layout in possible
    }
    # Of a model that is built anew, layers and inputs have other names.
    alike = (
        tuple(tuple(variable.shape) for variable in model.weights),
        tuple(type(layer).__qualname__ for layer in model._flatten_layers()),
        tuple((column.shape, column.dtype) for column in spec.columns),
    )
    return choose_layout(context, executors, trials, size, (*alike, batch_size, tried))


def make_assignment(
    model: Any,
    prepared: Prepared,
    plan: TrainingPlan,
    callbacks: bytes,
    validates: bool,
    identity: Identity | None,
) -> Assignment:
    """Everything about a run that its workers must know; the address of the driver is filled in by each attempt."""
    counts = class_counts(model, prepared.spec, prepared.string_labels)
    classes, transforms = where_classes_are_checked(counts, prepared.transforms)
    return Assignment(
        plan=plan,
        spec=prepared.spec,
        model=pickle.dumps((pack_model(model), probe_extra_losses(model, prepared.spec))),
        blocks=prepared.blocks,
        limits=index_limits(model, prepared.spec),
        address=("", 0),
        secret=secrets.token_bytes(32),
        identity=identity,
        callbacks=callbacks,
        classes=classes,
        strings=prepared.strings,
        excluded_from_weight_decay=excluded_variables(model.optimizer, model.trainable_variables),
        coupled=couples_variables(model.optimizer, model.trainable_variables),
        weight_bytes=4 * layout_of(model.trainable_variables).length,
        validates=validates,
        transforms=transforms,
    )


def bring_back(model: Any, callbacks: tuple[Any, ...], outcome: Outcome) -> None:
    """Puts what the workers learnt into the user's own model and callbacks."""
    if outcome.state is not None:
        restore_model(model, outcome.state)
        apply_states(callbacks, outcome.state)
    if outcome.labels:
        # Past Keras's __setattr__, which would track the lists as parts of the model.
        vars(model)["label_values"] = outcome.labels


def known_precision(model: Any, precision: Precision, obstacle: str) -> dict[str, str]:
    """What `History.choices` says where nothing need be tried."""
    because = (
        f"the model {model.name!r} cannot compute in bfloat16: {obstacle}" if obstacle else "the checkpoint's run did"
    )
    return {"chosen": precision, "reason": f"{precision} is taken: {because}."}


def as_tuple(value: Any) -> tuple[Any, ...]:
    """None, one thing or several, as a tuple."""
    if value is None:
        return ()
    return tuple(value) if isinstance(value, Sequence) else (value,)


def choose_batch_size(batch_size: int | None, workers: int) -> int:
    """The global batch size, with a warning where Keras's default is spread thin."""
    if batch_size is None and workers > 1:
        logger.warning(
            "batch_size was not given: Keras's default of %d rows per step, for all %d workers together, leaves each "
            "only %d; give batch_size=, for example %d.",
            KERAS_DEFAULT_BATCH,
            workers,
            KERAS_DEFAULT_BATCH // workers,
            KERAS_DEFAULT_BATCH * workers,
        )
    return batch_size or KERAS_DEFAULT_BATCH

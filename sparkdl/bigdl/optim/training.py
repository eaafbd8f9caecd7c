"""One training of a BigDL model on the engine of sparkdl."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from pyspark import RDD

from sparkdl.bigdl.optim.checkpoints import Snapshots
from sparkdl.bigdl.optim.following import EventFile, Following, following
from sparkdl.bigdl.optim.lines import Notes, logged
from sparkdl.bigdl.optim.measuring import Methods
from sparkdl.bigdl.optim.methods import SGD, OptimMethod
from sparkdl.bigdl.optim.schedules import Plateau
from sparkdl.bigdl.optim.summaries import TrainSummary, ValidationSummary
from sparkdl.bigdl.optim.triggers import Trigger, last_epoch
from sparkdl.bigdl.optim.validation import ValidationMethod, unique_names
from sparkdl.engine.capture import restore_model
from sparkdl.engine.optimizer_state import load_into_optimizer, state_of_optimizer
from sparkdl.errors import ArgumentError, DataError, SparkDLError, WorkerError
from sparkdl.nn.torch.network import Network, network
from sparkdl.nn.torch_loss import FlatRows, TorchLoss
from sparkdl.spark.cluster import task_slots
from sparkdl.spark.fit import fit
from sparkdl.spark.samples import first_sample
from sparkdl.spark.storage import write_file
from sparkdl.storage.paths import join
from sparkdl.types import Sample, TrainingState

logger = logging.getLogger("sparkdl")
_UNBOUNDED = 10**9
# Of what follows a training, what a method knows afterwards.
_REMEMBERED = ("epoch", "neval", "Loss", "score", "rate", "plateau")


@dataclass(frozen=True)
class Validation:
    """What is measured, when, and on which rows."""

    data: RDD[Sample]
    batch_size: int
    trigger: Trigger
    methods: tuple[ValidationMethod, ...]


@dataclass(frozen=True)
class Clipping:
    """How gradients are clipped: to a range, or to a length."""

    range: tuple[float, float] | None = None
    norm: float | None = None

    @property
    def arguments(self) -> dict[str, Any]:
        """For a Keras optimizer."""
        return {"clip_range": self.range, "global_clipnorm": self.norm}


@dataclass
class Training:
    """All that an Optimizer was told.

    Attributes:
        model: a layer; trained in place.
        criterion: what is minimised.
        data: the samples.
        batch_size: of all workers together.
        end: ends the training.
        method: remembers the training too.
        halved: whether workers exchange the upper halves of numbers, as BigDL's did, so that its numbers come out.
        workers: at most so many; None for one per task slot.
    """

    model: Any
    criterion: Any
    data: RDD[Sample]
    batch_size: int
    end: Trigger
    method: OptimMethod = field(default_factory=SGD)
    halved: bool = True
    clipping: Clipping = field(default_factory=Clipping)
    validation: Validation | None = None
    checkpoint: tuple[Trigger, str] | None = None
    train_summary: TrainSummary | None = None
    validation_summary: ValidationSummary | None = None
    workers: int | None = None

    def run(self) -> None:
        """Trains."""
        state = {"Loss": float("inf"), "score": float("-inf"), **self.method.state}
        if self.end.fires(state):
            logger.info("the end of the training is reached before its first iteration.")
            return
        form = Form.of(self.model.value, first_sample(self.data), self.criterion)
        form.check(first_sample(self.data), self.batch_size, () if self.validation is None else self.validation.methods)
        optimizer = self._optimizer()
        form.model.compile(optimizer, form.loss)
        self._begin(form, optimizer)
        snapshots = [] if self.checkpoint is None else [self._snapshots(self.checkpoint[1], form, optimizer)]
        epochs = last_epoch(self.end, self.method.state["epoch"])
        with self._logged() as notes:
            watcher, files = self._callbacks(notes)
            try:
                fit(
                    form.model,
                    form.rows(self.data),
                    batch_size=self.batch_size,
                    epochs=epochs or _UNBOUNDED,
                    workers=self.workers and min(self.workers, task_slots(self.data.context)),
                    initial_epoch=self.method.state["epoch"] - 1,
                    verbose="auto" if epochs else 0,
                    callbacks=[watcher, *files, *snapshots],
                    **self._validating(form),
                )
            except WorkerError as error:
                raise _told_by_criterion(error) from None
            finally:
                self._finish(form, optimizer, watcher)

    def _logged(self) -> AbstractContextManager[Notes | None]:
        """Notes what the log says, if anybody listens, and of validations in any case."""
        iterations = logger.isEnabledFor(logging.INFO)
        if self.validation is None and not iterations:
            return nullcontext()
        methods = () if self.validation is None else self.validation.methods
        return logged(self.model.name(), methods, iterations)

    def _validating(self, form: Form) -> dict[str, Any]:
        """What `fit` is told of the validation; callbacks ask for each."""
        if self.validation is None:
            return {}
        return {
            "validation_data": form.rows(self.validation.data),
            "validation_batch_size": self.validation.batch_size,
            "validation_freq": _UNBOUNDED,
            "validation_metrics": Methods(self.validation.methods, form.outputs, form.targets),
        }

    def _optimizer(self) -> Any:
        schedule = self.method.schedule
        steps = None
        if schedule is not None and schedule.counts_epochs:
            steps = -(-self.data.count() // self.batch_size)
        return self.method.optimizer(steps, halved=self.halved, **self.clipping.arguments)

    def _begin(self, form: Form, optimizer: Any) -> None:
        """Gives the optimizer what the method has learnt, and the rates of single weights."""
        variables = form.model.trainable_variables
        optimizer.build(variables)
        kept = {name: array for name, array in self.method.arrays.items() if "/whole/" not in name}
        if kept:
            mine = state_of_optimizer(optimizer, variables)
            load_into_optimizer(optimizer, variables, mine | {n: a for n, a in kept.items() if n in mine})
        if isinstance(self.method, SGD) and getattr(optimizer, "factors", False):
            module, shapes = self.model.value, form.shapes
            given = (self.method.learningrates, self.method.weightdecays)
            optimizer.set_factors(*(factors(module, shapes, values) for values in given))
        optimizer.halve(variables)

    def _callbacks(self, notes: Notes | None) -> tuple[Following, list[Any]]:
        validation = self.validation
        files: list[Any] = [] if notes is None else [notes]
        names = unique_names(() if validation is None else validation.methods)
        arguments: dict[str, Any] = {"state": {**self.method.state, "batch": self.batch_size}, "end": self.end}
        if validation is not None:
            arguments |= {"validation": validation.trigger, "score": names[0]}
            if self.validation_summary is not None:
                files.append(EventFile(self.validation_summary.path))
                arguments["validated"] = (files[-1], names)
        if notes is not None:
            arguments["notes"] = (notes, names)
        if self.train_summary is not None:
            files.append(EventFile(self.train_summary.path))
            arguments["train"] = (files[-1], self.train_summary.triggers)
        if self.checkpoint is not None:
            arguments["checkpoint"] = self.checkpoint[0]
        if isinstance(self.method.schedule, Plateau):
            arguments["plateau"] = self.method.schedule
            if self.method.schedule.monitor == "score" and validation is None:
                raise ArgumentError('Plateau(monitor="score") needs a validation: call set_validation first.')
        return following(**arguments), files

    def _snapshots(self, path: str, form: Form, optimizer: Any) -> Snapshots:
        first = self.method.state["neval"]

        def write(folder: str, state: TrainingState) -> str:
            number = first + state.info["iteration"]
            restore_model(form.model, state)
            method = self._method_after(form, optimizer, {"epoch": state.info["epoch"] + 1, "neval": number})
            optimizer.make_whole(form.model.trainable_variables)
            form.network.read_back()
            name = join(folder, f"model.{number}")
            self.model.saveModel(name, over_write=True)
            write_file(join(folder, f"optimMethod-{self.model.name()}.{number}"), method.to_bytes(), self.data.context)
            return name

        return Snapshots(path, write=write)

    def _method_after(self, form: Form, optimizer: Any, told: Mapping[str, Any]) -> OptimMethod:
        method = OptimMethod.__new__(type(self.method))
        vars(method).update(vars(self.method))
        method.arrays = state_of_optimizer(optimizer, form.model.trainable_variables)
        method.state = {**self.method.state, **told}
        return method

    def _finish(self, form: Form, optimizer: Any, watcher: Following) -> None:
        """Puts what was learnt into the model and the method, also where the training broke off."""
        told: dict[str, Any] = {name: value for name, value in watcher.state.items() if name in _REMEMBERED}
        method = self._method_after(form, optimizer, told)
        self.method.arrays, self.method.state = method.arrays, method.state
        optimizer.make_whole(form.model.trainable_variables)
        form.network.read_back()


def _told_by_criterion(error: WorkerError) -> SparkDLError:
    """The sentence of a criterion about labels, out of what TensorFlow made of it; any other error as it is."""
    found = re.search(r"\w+ got a label that is none of its classes [^\n]*?count from [01]\.", str(error))
    return DataError(found[0]) if found else error


@dataclass(frozen=True)
class Form:
    """A BigDL model as the engine takes it: one tensor of outputs, and one of labels, whatever they were.

    Attributes:
        model: the Keras model.
        network: the way back.
        loss: the criterion.
        shapes: of a row of the features.
        outputs: where the model gives a table, or the labels are one: the shapes of a row of its entries.
        targets: the same of the labels.
    """

    model: keras.Model
    network: Network
    loss: TorchLoss
    shapes: Any
    outputs: list[tuple[int, ...]] | None = None
    targets: list[tuple[int, ...]] | None = None

    @classmethod
    def of(cls, module: Any, sample: Sample, criterion: Any) -> Form:
        """Makes it for samples like this one.

        Raises:
            DataError: the model cannot take them.
        """
        shapes = feature_shapes(sample)
        made = network(module, shapes)
        targets = [tuple(label.shape) for label in sample.labels]
        if not targets:
            raise DataError("the samples have no labels: a training needs them.")
        output = made.model.output
        if not isinstance(output, list) and len(targets) == 1:
            return cls(made.model, made, TorchLoss(criterion.value), shapes)
        listed = output if isinstance(output, list) else [output]
        outputs = [tuple(int(size) for size in tensor.shape[1:]) for tensor in listed]
        model = keras.Model(made.model.input, FlatRows()(listed))
        table, single = (outputs, None) if isinstance(output, list) else (None, outputs)
        loss = TorchLoss(criterion.value, table or single, targets)
        return cls(model, made, loss, shapes, outputs, targets)

    def check(self, sample: Sample, batch_size: int, methods: Sequence[ValidationMethod]) -> None:
        """Looks, before a job starts, whether labels like those of a sample fit the criterion, and the methods too.

        Raises:
            DataError: they do not; with the sentence of the criterion, or of the method.
        """
        output = tuple(self.model.output.shape[1:])
        whole = sum(int(np.size(label)) for label in sample.labels)
        target = tuple(np.shape(sample.labels[0])) if self.targets is None else (whole,)
        specs = [tf.TensorSpec((batch_size, *shape), tf.float32) for shape in (target, output)]
        # Tracing says what does not fit, and computes nothing; what else it meets is for the training to tell.
        try:
            tf.function(self.loss.call, autograph=False).get_concrete_function(*specs)
        except (tf.errors.OpError, TypeError, ValueError) as error:
            if isinstance(error, DataError):
                raise
        for method in methods if self.outputs is None else ():
            method.check(output)

    def rows(self, data: RDD[Sample]) -> RDD[Sample]:
        """Samples with one label array."""
        return data if self.targets is None or len(self.targets) == 1 else data.map(with_one_label)


def feature_shapes(sample: Sample) -> Any:
    """The shape of the feature of a sample, or a list of them."""
    shapes = [tuple(feature.shape) for feature in sample.features]
    return shapes[0] if len(shapes) == 1 else shapes


def with_one_label(sample: Sample) -> Sample:
    """A sample whose labels stand behind each other in one vector."""
    labels = np.concatenate([np.asarray(label, np.float32).reshape(-1) for label in sample.labels])
    return Sample(tuple(np.asarray(feature) for feature in sample.features), (labels,), sample.weight)


def factors(module: Any, shapes: Any, values: np.ndarray | None) -> Sequence[np.ndarray] | None:
    """Numbers of single weights, in BigDL's order, as arrays like the variables of the module's Keras model.

    Raises:
        ArgumentError: there are more or fewer than weights.
    """
    if values is None:
        return None
    copy = module.copied()
    places = copy.weights()
    sizes = [part.parameters[name].size for part, name in places]
    if values.size != sum(sizes):
        raise ArgumentError(
            f"SGD was given the rates (or decays) of {values.size} single weights, and the model has {sum(sizes)}."
        )
    for (part, name), array in zip(places, np.split(values, np.cumsum(sizes)[:-1]), strict=True):
        part.parameters[name] = array.reshape(part.parameters[name].shape)
    return [np.asarray(variable) for variable in network(copy, shapes).model.trainable_variables]

"""Texts to classes, by vectors of their words.

As in BigDL's script, `build_model`, `to_sample` and `train` read settings that are variables of this module: set
`model_type`, `embedding_dim`, `sequence_len`, `p`, `learning_rate` and `max_epoch` before, if others are wanted.
"""

import datetime as dt  # noqa: F401
import importlib  # noqa: F401
import itertools  # noqa: F401
import re
from optparse import OptionParser  # noqa: F401
from typing import Any

import numpy as np

from sparkdl.bigdl.dataset import news20
from sparkdl.bigdl.nn.criterion import *  # noqa: F403
from sparkdl.bigdl.nn.criterion import ClassNLLCriterion
from sparkdl.bigdl.nn.layer import *  # type: ignore[assignment,unused-ignore]  # noqa: F403
from sparkdl.bigdl.nn.layer import (
    GRU,
    LSTM,
    Dropout,
    Linear,
    LogSoftMax,
    Recurrent,
    ReLU,
    Select,
    Sequential,
    Squeeze,
    TemporalConvolution,
    TemporalMaxPooling,
)
from sparkdl.bigdl.nncontext import *  # noqa: F403
from sparkdl.bigdl.optim.optimizer import *  # type: ignore[assignment]  # noqa: F403
from sparkdl.bigdl.optim.optimizer import Adagrad, EveryEpoch, MaxEpoch, Optimizer, Top1Accuracy
from sparkdl.bigdl.util.common import *  # noqa: F403
from sparkdl.bigdl.util.sample import Sample
from sparkdl.bigdl.util.utils import detect_conda_env_name  # noqa: F401
from sparkdl.errors import ArgumentError

model_type = "cnn"
sequence_len = 500
embedding_dim = 300
p = 0.0
learning_rate = 0.05
max_epoch = 30


def text_to_words(review_text: str) -> list[str]:
    """The words of a text, in lower case; digits and marks are left out.

    Example:
        >>> text_to_words("It's 2 words")
        ['it', 's', 'words']
    """
    return re.sub("[^a-zA-Z]", " ", review_text).lower().split()


def analyze_texts(data_rdd: Any) -> list[tuple[str, tuple[int, int]]]:
    """(word, (rank by frequency from 1, count)) of an RDD of (text, label), the most frequent first."""
    counts = data_rdd.flatMap(lambda pair: text_to_words(pair[0])).map(lambda word: (word, 1)).reduceByKey(int.__add__)
    ranked = counts.sortBy(lambda pair: (-pair[1], pair[0])).collect()
    return [(word, (rank, count)) for rank, (word, count) in enumerate(ranked, start=1)]


def pad(l: list[Any], fill_value: Any, width: int) -> list[Any]:  # noqa: E741
    """A list of a length: cut, or filled up.

    Example:
        >>> pad([1, 2], 0, 3), pad([1, 2, 3], 0, 2)
        ([1, 2, 0], [1, 2])
    """
    return [*l[:width], *[fill_value] * (width - len(l))]


def to_vec(token: str, b_w2v: Any, embedding_dim: int) -> list[float]:
    """The vector of a word; zeros where it has none."""
    return b_w2v[token] if token in b_w2v else [0.0] * embedding_dim


def to_sample(vectors: Any, label: Any, embedding_dim: int) -> Sample:
    """A sample of the vectors of a text."""
    features = np.asarray(vectors, "float32").reshape(-1, embedding_dim)
    return Sample.from_ndarray(features, np.array(label))


def build_model(class_num: int) -> Any:
    """A network of the type `model_type`: "cnn", "lstm" or "gru".

    Raises:
        ArgumentError: it is another one.
    """
    model = Sequential()
    kind = model_type.lower()
    if kind == "cnn":
        model.add(TemporalConvolution(embedding_dim, 256, 5)).add(ReLU())
        model.add(TemporalMaxPooling(sequence_len - 5 + 1)).add(Squeeze(2))
    elif kind in ("lstm", "gru"):
        cell = LSTM if kind == "lstm" else GRU
        model.add(Recurrent().add(cell(embedding_dim, 256, p))).add(Select(2, -1))
    else:
        raise ArgumentError(f'model_type must be "cnn", "lstm" or "gru", received {model_type!r}.')
    model.add(Linear(256, 128)).add(Dropout(0.2)).add(ReLU())
    return model.add(Linear(128, class_num)).add(LogSoftMax())


def train(
    sc: Any,
    data_path: str,
    batch_size: int,
    sequence_len: int,
    max_words: int,
    embedding_dim: int,
    training_split: float,
) -> Any:
    """Trains on the twenty newsgroups with GloVe's vectors, which must be at `data_path`, and gives the model."""
    texts = sc.parallelize(news20.get_news20(source_dir=data_path), 2)
    known = {word for word, _ in analyze_texts(texts)[10:max_words]}
    vectors = news20.get_glove_w2v(source_dir=data_path, dim=embedding_dim)
    shared = sc.broadcast({word: vector for word, vector in vectors.items() if word in known})

    def sample(pair: Any) -> Sample:
        words = pad([word for word in text_to_words(pair[0]) if word in known], "##", sequence_len)
        return to_sample([to_vec(word, shared.value, embedding_dim) for word in words], pair[1], embedding_dim)

    training, validation = texts.map(sample).randomSplit([training_split, 1 - training_split])
    optimizer = Optimizer.create(
        model=build_model(news20.CLASS_NUM),
        training_set=training,
        criterion=ClassNLLCriterion(),
        end_trigger=MaxEpoch(max_epoch),
        batch_size=batch_size,
        optim_method=Adagrad(learningrate=learning_rate, learningrate_decay=0.001),
    )
    optimizer.set_validation(
        batch_size=batch_size, val_rdd=validation, trigger=EveryEpoch(), val_method=[Top1Accuracy()]
    )
    return optimizer.optimize()

"""A recurrent network that guesses the next word of a sentence."""

import importlib  # noqa: F401
import itertools  # noqa: F401
import re  # noqa: F401
from collections import Counter
from optparse import OptionParser  # noqa: F401
from typing import Any

import numpy as np

from sparkdl.bigdl.dataset import base, sentence
from sparkdl.bigdl.nn.criterion import *  # noqa: F403
from sparkdl.bigdl.nn.layer import *  # type: ignore[assignment,unused-ignore]  # noqa: F403
from sparkdl.bigdl.nn.layer import LSTM, Linear, Recurrent, RnnCell, Sequential, Tanh, TimeDistributed
from sparkdl.bigdl.nncontext import *  # noqa: F403
from sparkdl.bigdl.optim.optimizer import *  # type: ignore[assignment]  # noqa: F403
from sparkdl.bigdl.util.common import *  # noqa: F403
from sparkdl.bigdl.util.sample import Sample
from sparkdl.errors import ArgumentError

_URL = "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt"
START, END = "SENTENCESTART", "SENTENCEEND"


def download_data(dest_dir: str) -> str:
    """The path of `input.txt`; nothing is downloaded.

    Raises:
        MissingFileError: it is not there.
    """
    return base.maybe_download("input.txt", dest_dir, _URL)


def prepare_data(sc: Any, folder: str, vocabsize: int, training_split: float) -> tuple[Any, Any, int]:
    """RDDs of samples for training and validation, and the number of words.

    A sample has a row per word, one-hot, and the number of the next word as label, from 1.

    Args:
        folder: with `input.txt`, or the URL of a text on HDFS.
        vocabsize: how many words have a number; the others share one.
        training_split: the part of the sentences that is for training.
    """
    path = folder if folder.startswith("hdfs://") else download_data(folder)
    padded = sc.textFile(path).flatMap(sentence.sentences_split).map(sentence.sentences_bipadding)
    parts = padded.map(sentence.sentence_tokenizer).randomSplit([training_split, 1 - training_split])
    train, validation = (part.cache() for part in parts)
    counts: Counter[str] = Counter(dict(train.flatMap(lambda words: words).countByValue()))
    numbers = {word: number for number, (word, _) in enumerate(counts.most_common(vocabsize))}
    size = len(numbers) + 1
    made = [part.map(_OneHot(numbers, part.map(len).max() - 1)).cache() for part in (train, validation)]
    return made[0], made[1], size


class _OneHot:
    """Makes a sample of the words of a sentence; all of one length."""

    def __init__(self, numbers: dict[str, int], length: int) -> None:
        self.numbers, self.length = numbers, length

    def __call__(self, words: list[str]) -> Sample:
        unknown, end = len(self.numbers), self.numbers.get(END, len(self.numbers))
        found = [self.numbers.get(word, unknown) for word in words]
        found += [end] * (self.length + 1 - len(found))
        features = np.zeros((self.length, unknown + 1), "float32")
        features[np.arange(self.length), found[:-1]] = 1
        return Sample.from_ndarray(features, np.array(found[1:]) + 1)


def build_model(input_size: int, hidden_size: int, output_size: int, model_type: str) -> Any:
    """A recurrent layer ("rnn" or "lstm") and a linear one for each step.

    Raises:
        ArgumentError: for another type.
    """
    if model_type not in ("rnn", "lstm"):
        raise ArgumentError(f'model_type must be "rnn" or "lstm", received {model_type!r}.')
    lstm = model_type == "lstm"
    cell = LSTM(input_size, hidden_size) if lstm else RnnCell(input_size, hidden_size, Tanh())
    return Sequential().add(Recurrent().add(cell)).add(TimeDistributed(Linear(hidden_size, output_size)))

"""`TextSet`: many texts, on the driver or in an RDD, from words to samples."""

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import six  # noqa: F401
from py4j.protocol import Py4JJavaError
from pyspark import RDD
from pyspark.sql import SparkSession

from sparkdl.bigdl.feature.preprocessing import Preprocessing
from sparkdl.bigdl.feature.text import relation_samples
from sparkdl.bigdl.feature.text.text_feature import TextFeature
from sparkdl.bigdl.feature.text.transformer import (
    Normalizer,
    SequenceShaper,
    TextFeatureToSample,
    Tokenizer,
    WordIndexer,
)
from sparkdl.bigdl.util.bridge import JavaValue, callZooFunc  # noqa: F401
from sparkdl.bigdl.util.contexts import get_spark_context
from sparkdl.bigdl.util.log4Error import (  # noqa: F401
    invalidInputError,
    invalidOperationError,
    logger,
    logging,
    outputUserMessage,
)
from sparkdl.bigdl.util.results import outputs_of
from sparkdl.errors import ArgumentError, DataError, ModelError, UnsupportedError


class TextSet(JavaValue):
    """Texts with what transforms make of them; transforms change the set, and return it.

    Attributes:
        value: a list of TextFeatures, or an RDD of them.
    """

    def __init__(self, jvalue: Any, bigdl_type: str = "float", *args: Any) -> None:
        super().__init__(getattr(jvalue, "value", jvalue), bigdl_type)
        self._word_index: dict[str, int] | None = getattr(jvalue, "_word_index", None)

    def is_local(self) -> bool:
        """Whether the texts are on the driver."""
        return not isinstance(self.value, RDD)

    def is_distributed(self) -> bool:
        """Whether they are in an RDD."""
        return not self.is_local()

    def to_local(self) -> "LocalTextSet":
        """The texts on the driver."""
        return self._like(self.value if self.is_local() else self.value.collect())  # type: ignore[return-value]

    def to_distributed(self, sc: Any = None, partition_num: int = 4) -> "DistributedTextSet":
        """The texts in an RDD."""
        if self.is_distributed():
            return self._like(self.value)  # type: ignore[return-value]
        return self._like((sc or get_spark_context()).parallelize(self.value, partition_num))  # type: ignore[return-value]

    def _like(self, value: Any) -> "TextSet":
        made = (DistributedTextSet if isinstance(value, RDD) else LocalTextSet)(jvalue=value)
        made._word_index = self._word_index
        return made

    @classmethod
    def read(cls, path: str, sc: Any = None, min_partitions: int = 1, bigdl_type: str = "float") -> "TextSet":
        """The texts of a folder of folders, one per class; classes count from 0 in the order of their names.

        Of local texts, as in BigDL, only files whose name is a number are read.

        Raises:
            DataError: there is no such folder.
        """
        missing = f"there is no folder of texts at {path}: give one that has a folder of files per class."
        if sc is not None:
            files = sc.wholeTextFiles(os.path.join(path, "*"), min_partitions)
            try:
                names = sorted(files.keys().map(_folder).distinct().collect())
            except Py4JJavaError as error:
                if "InvalidInputException" not in str(error):
                    raise
                raise DataError(missing) from None
            labels = {name: number for number, name in enumerate(names)}
            return DistributedTextSet(jvalue=files.map(lambda f: TextFeature(f[1], labels[_folder(f[0])], f[0])))
        if not os.path.isdir(path):
            raise DataError(missing)
        folders = sorted(entry.path for entry in os.scandir(path) if entry.is_dir())
        features = []
        for label, folder in enumerate(folders):
            for name in sorted(name for name in os.listdir(folder) if name.isdigit()):
                with open(os.path.join(folder, name), encoding="latin-1") as file:
                    features.append(TextFeature(file.read(), label, os.path.abspath(file.name)))
        return LocalTextSet(jvalue=features)

    @classmethod
    def read_csv(cls, path: str, sc: Any = None, min_partitions: int = 1, bigdl_type: str = "float") -> "TextSet":
        """The texts of a file with a line "id,text" for each; the text may hold commas."""
        if sc is not None:
            return DistributedTextSet(jvalue=sc.textFile(path, min_partitions).map(_of_line))
        with open(path, encoding="utf-8") as file:
            return LocalTextSet(jvalue=[_of_line(line.rstrip("\r\n")) for line in file])

    @classmethod
    def read_parquet(cls, path: str, sc: Any, bigdl_type: str = "float") -> "DistributedTextSet":
        """The texts of a Parquet file with the columns id and text."""
        session = getattr(sc, "sparkSession", sc)
        session = session if isinstance(session, SparkSession) else SparkSession(sc)
        rows = session.read.parquet(path).select("id", "text").rdd
        return DistributedTextSet(jvalue=rows.map(lambda row: TextFeature(row["text"], uri=row["id"])))

    @classmethod
    def from_relation_pairs(
        cls, relations: Any, corpus1: "TextSet", corpus2: "TextSet", bigdl_type: str = "float"
    ) -> "TextSet":
        """Samples for training a ranking: each text with one that belongs to it and one that does not."""
        return _related(relation_samples.of_pairs, relations, corpus1, corpus2)

    @classmethod
    def from_relation_lists(
        cls, relations: Any, corpus1: "TextSet", corpus2: "TextSet", bigdl_type: str = "float"
    ) -> "TextSet":
        """Samples for measuring a ranking: each text with all of its others."""
        return _related(relation_samples.of_lists, relations, corpus1, corpus2)

    def transform(self, transformer: Preprocessing) -> "TextSet":
        """The texts after a transform.

        Raises:
            ArgumentError: it is none.
        """
        if not isinstance(transformer, Preprocessing):
            raise ArgumentError(f"a TextSet takes a Preprocessing, received a {type(transformer).__name__}.")
        self.value = self._each(lambda feature: transformer.convert(feature.copy()))
        return self

    def tokenize(self) -> "TextSet":
        """Cuts the texts into words at white space."""
        return self.transform(Tokenizer())

    def normalize(self) -> "TextSet":
        """Words become lower case, and lose all that is no letter of English."""
        return self.transform(Normalizer())

    def shape_sequence(self, len: int, trunc_mode: str = "pre", pad_element: int = 0) -> "TextSet":
        """All texts get one length; long ones keep their end ("pre") or their beginning ("post")."""
        return self.transform(SequenceShaper(len, trunc_mode, pad_element))

    def generate_sample(self) -> "TextSet":
        """Makes samples of word numbers and labels."""
        return self.transform(TextFeatureToSample())

    def word2idx(
        self,
        remove_topN: int = 0,
        max_words_num: int = -1,
        min_freq: int = 1,
        existing_map: Mapping[str, int] | None = None,
    ) -> "TextSet":
        """Words become numbers, by the index that the set has, or a new one (see `generate_word_index_map`)."""
        if self._word_index is None:
            self.generate_word_index_map(remove_topN, max_words_num, min_freq, existing_map)
        return self.transform(WordIndexer(self._word_index or {}))

    def generate_word_index_map(
        self,
        remove_topN: int = 0,
        max_words_num: int = -1,
        min_freq: int = 1,
        existing_map: Mapping[str, int] | None = None,
    ) -> dict[str, int]:
        """Numbers words from 1 on, the most frequent first, and keeps the index.

        Args:
            remove_topN: how many of the most frequent words get none.
            max_words_num: how many words get one; -1 for all.
            min_freq: words that are rarer get none.
            existing_map: an index whose numbers stay, and whose largest new words follow.

        Raises:
            DataError: the texts are not tokenized.
        """
        counts = self._counts()
        # Words that are as frequent come in the order of the alphabet, so that every run gives the same numbers.
        words = [
            word for word, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])) if count >= min_freq
        ]
        words = words[remove_topN:]
        words = words if max_words_num < 0 else words[:max_words_num]
        index = dict(existing_map or {})
        new = [word for word in words if word not in index]
        index.update({word: number for number, word in enumerate(new, start=max(index.values(), default=0) + 1)})
        self._word_index = index
        return dict(index)

    def _counts(self) -> Mapping[str, int]:
        if self.is_local():
            return Counter(word for feature in self.value for word in _words(feature))
        return dict(self.value.flatMap(_words).map(lambda word: (word, 1)).reduceByKey(int.__add__).collect())

    def get_word_index(self) -> dict[str, int] | None:
        """The number of each word; None before there is an index."""
        return self._word_index

    def set_word_index(self, vocab: Mapping[str, int]) -> "TextSet":
        """Gives the set an index."""
        self._word_index = dict(vocab)
        return self

    def save_word_index(self, path: str) -> None:
        """Writes the index as lines "word number".

        Raises:
            ModelError: there is none.
        """
        if self._word_index is None:
            raise ModelError("the TextSet has no word index to save: word2idx it first, or set_word_index.")
        with open(path, "w", encoding="utf-8") as file:
            file.writelines(f"{word} {number}\n" for word, number in self._word_index.items())

    def load_word_index(self, path: str) -> "TextSet":
        """Reads what `save_word_index` wrote."""
        with open(path, encoding="utf-8") as file:
            pairs = (line.rstrip("\n").rsplit(" ", 1) for line in file)
            return self.set_word_index({word: int(number) for word, number in pairs})

    def get_texts(self) -> Any:
        """The text of each."""
        return self._each(lambda feature: feature.get_text())

    def get_uris(self) -> Any:
        """The id of each, or None."""
        return self._each(lambda feature: feature.get_uri())

    def get_labels(self) -> Any:
        """The label of each; -1 where there is none."""
        return self._each(lambda feature: feature.get_label())

    def get_samples(self) -> Any:
        """The sample of each, or None."""
        return self._each(lambda feature: feature.get_sample())

    def get_predicts(self) -> Any:
        """Pairs of the id and the list of a model's outputs for each, or None."""
        return self._each(lambda feature: (feature.get_uri(), outputs_of(feature["predict"])))

    def random_split(self, weights: Sequence[float]) -> list["TextSet"]:
        """Several sets, of sizes in proportion to the weights.

        Raises:
            UnsupportedError: the texts are on the driver.
        """
        if self.is_local():
            raise UnsupportedError("a LocalTextSet cannot be split at random: make it distributed (to_distributed).")
        return [self._like(part) for part in self.value.randomSplit([float(weight) for weight in weights])]

    def _each(self, function: Any) -> Any:
        return [function(feature) for feature in self.value] if self.is_local() else self.value.map(function)


class LocalTextSet(TextSet):
    """Texts on the driver."""

    def __init__(self, texts: Any = None, labels: Any = None, jvalue: Any = None, bigdl_type: str = "float") -> None:
        if jvalue is None:
            texts = _given(texts, "LocalTextSet")
            labels = [None] * len(texts) if labels is None else list(labels)
            if len(texts) != len(labels):
                raise DataError(f"a LocalTextSet was given {len(texts)} texts and {len(labels)} labels.")
            jvalue = [TextFeature(*pair) for pair in zip(texts, labels, strict=True)]
        super().__init__(jvalue, bigdl_type)


class DistributedTextSet(TextSet):
    """Texts in an RDD."""

    def __init__(self, texts: Any = None, labels: Any = None, jvalue: Any = None, bigdl_type: str = "float") -> None:
        if jvalue is None and not isinstance(texts, RDD):
            raise ArgumentError(f"a DistributedTextSet is made of an RDD of texts, received a {type(texts).__name__}.")
        if jvalue is None:
            jvalue = (
                texts.map(TextFeature) if labels is None else texts.zip(labels).map(lambda pair: TextFeature(*pair))
            )
        super().__init__(jvalue, bigdl_type)


def _given(texts: Any, what: str) -> list[str]:
    if texts is None or isinstance(texts, str):
        raise ArgumentError(f"a {what} is made of a list of texts, received {texts!r}.")
    return list(texts)


def _words(feature: TextFeature) -> Iterable[str]:
    words = feature.get_tokens()
    if words is None:
        raise DataError(f"the text {feature.get_uri() or ''} has no tokens yet: tokenize the TextSet first.")
    return words


def _folder(uri: str) -> str:
    return uri.rsplit("/", 2)[-2]


def _of_line(line: str) -> TextFeature:
    uri, comma, text = line.partition(",")
    if not comma:
        raise DataError(f"a line of texts has the form id,text, received {line[:80]!r}.")
    return TextFeature(text, uri=uri)


def _related(make: Any, relations: Any, corpus1: TextSet, corpus2: TextSet) -> TextSet:
    if relation_samples.check_same(relations, corpus1, corpus2):
        first = relation_samples.numbers_of(corpus1.value, "corpus1")
        return LocalTextSet(jvalue=make(relations, first, relation_samples.numbers_of(corpus2.value, "corpus2")))
    # Each text of the first corpus meets its relations, and then the texts that those name.
    named = relations.keyBy(lambda relation: relation.id1).join(corpus1.value.keyBy(lambda text: text.get_uri()))
    by_second = named.values().keyBy(lambda pair: pair[0].id2)
    whole = by_second.join(corpus2.value.keyBy(lambda text: text.get_uri())).values()
    groups = whole.keyBy(lambda item: item[0][0].id1).groupByKey().values()

    def made(group: Any) -> Any:
        items = list(group)
        first = relation_samples.numbers_of([item[0][1] for item in items], "corpus1")
        return make(
            [item[0][0] for item in items], first, relation_samples.numbers_of([i[1] for i in items], "corpus2")
        )

    return DistributedTextSet(jvalue=groups.flatMap(made))

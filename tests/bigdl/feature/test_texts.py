"""Text sets: words, numbers, one length, samples, relations; the same on the driver and on Spark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sparkdl.bigdl.feature.common import Relation
from sparkdl.bigdl.feature.text import DistributedTextSet, LocalTextSet, TextFeature, TextSet, WordIndexer
from sparkdl.errors import ArgumentError, DataError, ModelError, UnsupportedError

TEXTS, LABELS = ["Hello my Friend, hello!", "please annotate my text"], [0.0, 1]
INDEX = {"hello": 1, "my": 2, "annotate": 3, "friend": 4, "please": 5, "text": 6}


def _prepared(texts: TextSet) -> TextSet:
    return texts.tokenize().normalize().word2idx().shape_sequence(5, pad_element=0).generate_sample()


def test_from_words_to_samples(tmp_path: Path) -> None:
    texts = LocalTextSet(TEXTS, LABELS)
    assert _prepared(texts) is texts and texts.get_word_index() == INDEX
    assert [sample.feature.to_ndarray().tolist() for sample in texts.get_samples()] == [
        [1, 2, 4, 1, 0],
        [5, 3, 2, 6, 0],
    ]
    assert [sample.label.storage.tolist() for sample in texts.get_samples()] == [[0], [1]]
    assert texts.get_labels() == [0, 1] and texts.get_predicts() == [(None, None)] * 2
    texts.save_word_index(str(tmp_path / "index"))
    assert LocalTextSet(["x"]).load_word_index(str(tmp_path / "index")).get_word_index() == INDEX
    cut = LocalTextSet(TEXTS).set_word_index(INDEX).tokenize().normalize().word2idx()
    assert cut.shape_sequence(2, "post").value[1]["indexedTokens"] == [5, 3]
    assert cut.generate_sample().get_samples()[0].labels == [] and cut.get_labels() == [-1, -1]


def test_an_index_is_cut_and_continued() -> None:
    texts = LocalTextSet(TEXTS).tokenize().normalize()
    assert texts.generate_word_index_map(remove_topN=1, max_words_num=2) == {"my": 1, "annotate": 2}
    assert texts.generate_word_index_map(min_freq=2, existing_map={"new": 7}) == {"new": 7, "hello": 8, "my": 9}


def test_what_is_missing_is_said() -> None:
    for change, message in (
        (lambda texts: texts.normalize(), "has no tokens yet: tokenize it first"),
        (lambda texts: texts.word2idx(), "tokenize the TextSet first"),
        (lambda texts: texts.tokenize().generate_sample(), "word2idx"),
    ):
        with pytest.raises(DataError, match=message):
            change(LocalTextSet(TEXTS))
    with pytest.raises(DataError, match="no folder of texts at /absent"):
        TextSet.read("/absent")
    with pytest.raises(ModelError, match="no word index to save"):
        LocalTextSet(TEXTS).save_word_index("x")
    with pytest.raises(UnsupportedError, match="to_distributed"):
        LocalTextSet(TEXTS).random_split([1, 1])
    with pytest.raises(ArgumentError, match="list of texts"):
        LocalTextSet("text")
    with pytest.raises(ArgumentError, match="a dict from words"):
        WordIndexer(None)


def test_predictions_are_lists_of_outputs() -> None:
    texts = LocalTextSet(TEXTS, LABELS)
    texts.value[0]["predict"], texts.value[1]["predict"] = np.ones(2), [np.ones(2), np.zeros(1)]
    assert [[output.shape for output in outputs] for _, outputs in texts.get_predicts()] == [[(2,)], [(2,), (1,)]]


def test_features() -> None:
    feature = TextFeature("text", 1, "id")
    assert (feature.get_text(), feature.get_label(), feature.get_uri()) == ("text", 1, "id")
    assert not TextFeature("text").has_label() and TextFeature().set_label(3.0).get_label() == 3
    assert feature.keys() == ["text", "label", "uri"] and feature.get_tokens() is feature.get_sample() is None


def test_files(tmp_path: Path) -> None:
    for folder, name, text in (("a", "1", "one"), ("b", "2", "two"), ("b", "notes", "no")):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / name).write_text(text)
    texts = TextSet.read(str(tmp_path))
    assert texts.get_texts() == ["one", "two"] and texts.get_labels() == [0, 1]
    (tmp_path / "texts.csv").write_text("1,a, b\n2,c\n")
    texts = TextSet.read_csv(str(tmp_path / "texts.csv"))
    assert texts.get_uris() == ["1", "2"] and texts.get_texts() == ["a, b", "c"]


RELATIONS = [Relation("1", "5", 1), Relation("1", "6", 0), Relation("2", "6", 1)]


def _corpora(context: Any = None) -> tuple[TextSet, TextSet]:
    made = []
    for ids, text in ((("1", "2"), "hello my"), (("5", "6"), "my text annotate")):
        features = [TextFeature(text if name != "6" else "please friend hello", uri=name) for name in ids]
        texts: TextSet = LocalTextSet(jvalue=features)
        texts = texts.to_distributed(context, 2) if context else texts
        made.append(texts.set_word_index(INDEX).tokenize().word2idx())
    return made[0], made[1]


PAIR = [[1, 2, 2, 6, 3], [1, 2, 5, 4, 1]]


def test_relations_become_samples() -> None:
    first, second = _corpora()
    (pair,) = TextSet.from_relation_pairs(RELATIONS, first, second).get_samples()
    assert pair.feature.to_ndarray().tolist() == PAIR and pair.label.to_ndarray().tolist() == [[1], [0]]
    lists = TextSet.from_relation_lists(RELATIONS, first, second).get_samples()
    assert [item.feature.shape for item in lists] == [(2, 5), (1, 5)] and lists[1].label.to_ndarray().tolist() == [[1]]
    with pytest.raises(DataError, match="names the text '9'"):
        TextSet.from_relation_lists([Relation("1", "9", 1)], first, second)


def test_on_spark(spark_local: Any, tmp_path: Path) -> None:
    context = spark_local.sparkContext
    texts = _prepared(DistributedTextSet(context.parallelize(TEXTS, 1), context.parallelize(LABELS, 1)))
    assert texts.is_distributed() and texts.get_word_index() == INDEX
    assert texts.to_local().get_samples() == _prepared(LocalTextSet(TEXTS, LABELS)).get_samples()
    first, second = _corpora(context)
    relations = context.parallelize(RELATIONS, 2)
    (pair,) = TextSet.from_relation_pairs(relations, first, second).get_samples().collect()
    assert np.array_equal(pair.feature.to_ndarray(), PAIR)
    with pytest.raises(ArgumentError, match="all be local"):
        TextSet.from_relation_pairs(RELATIONS, first, second)
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "1").write_text(folder)
    with pytest.raises(DataError, match="no folder of texts at file:/absent"):
        TextSet.read("file:/absent", context)
    found = TextSet.read(f"file:{tmp_path}", context)
    assert sorted(zip(found.get_texts().collect(), found.get_labels().collect(), strict=True)) == [("a", 0), ("b", 1)]

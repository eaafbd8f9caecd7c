"""Layers without a recorded answer, and one sweep over the table."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import sparkdl as sdl
from sparkdl.errors import ImporterError
from sparkdl.importers.caffe import load  # noqa: F401 - fills the table
from sparkdl.importers.caffe.schema import MESSAGES
from sparkdl.importers.caffe.table import CONVERTERS, NEUTRAL, markdown
from tests.importers.caffe.detection_cases import DETECTION_CASES
from tests.importers.caffe.field_cases import FIELD_CASES
from tests.importers.caffe.files import caffemodel
from tests.importers.caffe.fork_cases import FORK_CASES
from tests.importers.caffe.goldens import apart, read_case
from tests.importers.caffe.own_cases import OWN_CASES, OwnCase
from tests.importers.caffe.places import COPIES, ROOT

READERS = ("Data", "ImageData", "MemoryData", "HDF5Data", "WindowData")
CASES = [*OWN_CASES, *FIELD_CASES, *FORK_CASES, *DETECTION_CASES]
FORKS_READERS = ("DenseImageData", "ImageSegData", "AnnotatedData")
OTHERS = {"BatchNorm+Scale", "Dropout", "HDF5Output", *READERS, *FORKS_READERS}  # each has a test of its own


def load_case(case: OwnCase, folder: Path) -> Any:
    """The model of a case, loaded from files."""
    (folder / "net.prototxt").write_text(case.text)
    (folder / "net.caffemodel").write_bytes(caffemodel({"l": case.weights}))
    for name, content in case.files.items():
        (folder / name).write_bytes(content)
    return sdl.load_caffe(folder / "net.prototxt", folder / "net.caffemodel" if case.weights else None)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.type}-{case.fields[:40]}")
def test_layer_answers_as_defined(case: OwnCase, tmp_path: Path) -> None:
    model, values = load_case(case, tmp_path), list(case.inputs.values())
    found, expected = model(values if len(values) > 1 else values[0]), case.expected(*values)
    pairs = [(found, expected)] if case.tops == 1 else zip(found, expected, strict=True)
    assert model.output_names == case.names
    assert max(apart(answer, np.asarray(value)) for answer, value in pairs) < 1e-5
    again = keras.Model.from_config(model.get_config())
    again.set_weights(model.get_weights())
    repeated = again(values if len(values) > 1 else values[0])
    pairs = [(repeated, found)] if case.tops == 1 else zip(repeated, found, strict=True)
    assert all(np.array_equal(one, other) for one, other in pairs)


def test_every_converter_has_a_case() -> None:
    recorded = {
        name
        for path in (COPIES / "zoo").glob("*.npz")
        for name in re.findall(r'type: "([A-Z]\w*)"', read_case(path).text)
    }
    covered = recorded | {case.type for case in CASES} | OTHERS
    assert set(CONVERTERS) - covered == set()


def test_every_field_of_the_schema_is_understood_or_neutral_or_refused_by_name() -> None:
    for row in CONVERTERS.values():
        known = {name for message in row.messages for name in MESSAGES[message]} | {"normalization"}
        assert set(row.fields) <= known, f"{row.type} asks for fields that the schema does not have"
    assert not NEUTRAL & {"axis", "pad"}


def test_the_page_of_the_documentation_holds_the_table_of_the_code() -> None:
    assert markdown() in (ROOT / "docs" / "caffe.md").read_text(), "run `make docs`"


@pytest.mark.parametrize("type_", READERS)
def test_readers_of_data_become_inputs(type_: str, tmp_path: Path) -> None:
    path = tmp_path / "net.prototxt"
    path.write_text(f"""
        layer {{ name: "d" type: "{type_}" top: "data" top: "label" transform_param {{ crop_size: 6 mean_value: 3 }} }}
        layer {{ name: "f" type: "InnerProduct" bottom: "data" top: "f" inner_product_param {{ num_output: 2 }} }}
        layer {{ name: "drop" type: "Dropout" bottom: "f" top: "f" dropout_param {{ dropout_ratio: 0.4 }} }}
        layer {{ name: "loss" type: "SoftmaxWithLoss" bottom: "f" bottom: "label" }}
        layer {{ name: "store" type: "HDF5Output" bottom: "f" bottom: "label" }}
    """)
    model = sdl.load_caffe(path)
    assert [(tensor.name, tensor.shape) for tensor in model.inputs] == [("data", (None, 3, 6, 6)), ("label", (None,))]
    assert model.output_names == ["loss"]
    assert model.get_layer("drop").rate == 0.4
    only = sdl.load_caffe(path, outputs=["f"], input_shapes={"data": (1, 2, 2)})
    assert [tensor.shape for tensor in only.inputs][0] == (None, 1, 2, 2)
    assert only.output_names == ["f"]


@pytest.mark.parametrize("type_", FORKS_READERS)
def test_readers_of_forks_become_inputs(type_: str, tmp_path: Path) -> None:
    sizes = {
        "DenseImageData": "dense_image_data_param { new_height: 6 new_width: 8 }",
        "ImageSegData": "image_data_param { label_type: PIXEL new_height: 6 new_width: 8 }",
        "AnnotatedData": "transform_param { resize_param { prob: 1 resize_mode: WARP height: 6 width: 8 } }",
    }
    path = tmp_path / "net.prototxt"
    path.write_text(f"""
        layer {{ name: "d" type: "{type_}" top: "data" top: "label" {sizes[type_]} }}
        layer {{ name: "c" type: "LRN" bottom: "data" top: "c" }}
        layer {{ name: "loss" type: "SoftmaxWithLoss" bottom: "c" bottom: "label" }}
    """)
    only = sdl.load_caffe(path, outputs=["c"])
    assert [(tensor.name, tensor.shape) for tensor in only.inputs] == [("data", (None, 3, 6, 8))]
    if type_ == "AnnotatedData":
        with pytest.raises(ImporterError, match="'label' has no shape; give input_shapes"):
            sdl.load_caffe(path)
    whole = sdl.load_caffe(path, input_shapes={"label": (1, 6, 8)} if type_ == "AnnotatedData" else None)
    assert [tensor.shape for tensor in whole.inputs] == [(None, 3, 6, 8), (None, 1, 6, 8)]
    assert whole.output_names == ["loss"]


def test_dropout_that_does_not_scale_in_training(tmp_path: Path) -> None:
    x = np.ones((4, 1000), "float32")
    case = OwnCase("Dropout", "dropout_param { dropout_ratio: 0.25 scale_train: false }", {"x": x}, lambda x: x)
    np.testing.assert_allclose(np.unique(load_case(case, tmp_path)(x, training=True)), [0, 1], rtol=1e-6)


def test_dropout_of_bayesian_segnet_goes_on_in_prediction(tmp_path: Path) -> None:
    x = np.ones((4, 1000), "float32")
    case = OwnCase("Dropout", "dropout_param { dropout_ratio: 0.25 sample_weights_test: true }", {"x": x}, lambda x: x)
    found = load_case(case, tmp_path)(x).numpy()
    np.testing.assert_allclose(np.unique(found), [0, 4 / 3], rtol=1e-6)
    assert abs((found == 0).mean() - 0.25) < 0.05

"""What Caffe itself answered for each layer: outputs, gradients of inputs and of weights."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.importers.caffe.goldens import apart, forward, gradients, load_case, read_case
from tests.importers.caffe.places import recorded

CASES = recorded("caffe_zoo", "zoo", "*.npz")
NO_GRADIENT = {"embed", "lstm_static", "rnn"}  # recorded without one


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_layer_answers_as_in_caffe(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    case = read_case(path)
    imported = load_case(case, tmp_path, monkeypatch)
    outputs, inputs, tape = forward(imported, case)
    expected = case.part("out")
    assert set(outputs) == set(expected)
    assert {name: apart(outputs[name], value) for name, value in expected.items()} == pytest.approx(
        dict.fromkeys(expected, 0.0), abs=1e-5
    )
    if case.name not in NO_GRADIENT:
        for name, found, value in gradients(imported, case, outputs, inputs, tape):
            assert apart(found, value) < 1e-4, name


@pytest.mark.parametrize("path", [path for path in CASES if path.stem.startswith(("conv_b", "pool_max_m", "spp"))])
def test_channels_last_at_the_borders(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    case = read_case(path)
    model = load_case(case, tmp_path, monkeypatch, data_format="channels_last").model
    outputs = model(case.arrays["in/data"].transpose(0, 2, 3, 1))
    for name, output in zip(model.output_names, outputs if isinstance(outputs, list) else [outputs], strict=True):
        expected = case.arrays[f"out/{name}"]
        assert apart(output, expected.transpose(0, 2, 3, 1) if expected.ndim == 4 else expected) < 1e-5

"""Numbers that make no sense end at the command line."""

from __future__ import annotations

import pytest
import train_digits
import train_failure_lstm


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--epochs", "-1", "argument --epochs: expected a whole number of at least 1, received -1"),
        ("--batch-size", "0", "argument --batch-size: expected a whole number of at least 1, received 0"),
        ("--workers", "two", "argument --workers: invalid count value: 'two'"),
    ],
)
def test_counts(option: str, value: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        train_digits.parse_arguments([option, value])
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf"])
def test_rates(value: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        train_failure_lstm.parse_arguments(["--data", "x", "--learning-rate", value])
    assert f"argument --learning-rate: expected a number above 0, received {value}" in capsys.readouterr().err
    assert train_failure_lstm.parse_arguments(["--data", "x", "--learning-rate", "0.5"]).learning_rate == 0.5

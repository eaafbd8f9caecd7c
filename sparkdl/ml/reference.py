"""The Params of all stages as a table for `docs/ml.md`."""

from __future__ import annotations

from typing import Any

from sparkdl.ml.classifier import DLClassificationModel, DLClassifier
from sparkdl.ml.estimator import DLEstimator, DLModel
from sparkdl.ml.regressor import DLRegressionModel, DLRegressor

_PAIRS = {"estimator": (DLEstimator, DLModel), "classifier": (DLClassifier, DLClassificationModel)}
_PAIRS["regressor"] = (DLRegressor, DLRegressionModel)


def markdown() -> str:
    """A row for each Param: its default, the stages that have it, whether fitted models can set it, its meaning."""
    found: dict[str, tuple[Any, list[str], bool]] = {}
    defaults: dict[str, Any] = {}
    for kind, (estimator, model) in _PAIRS.items():
        stage = estimator()
        defaults.update((param.name, value) for param, value in stage.extractParamMap().items())
        for param in stage.params:
            settable = hasattr(model, f"set{param.name[0].upper()}{param.name[1:]}")
            found.setdefault(param.name, (param, [], settable))[1].append(kind)
    rows = [
        f"| `{name}` | {_shown(defaults.get(name))} | {'all' if len(kinds) == len(_PAIRS) else ', '.join(kinds)} | "
        f"{'yes' if settable else ''} | {' '.join(param.doc.split())} |"
        for name, (param, kinds, settable) in sorted(found.items())
    ]
    return "\n".join(["| Param | default | stages | on models | |", "| --- | --- | --- | --- | --- |", *rows])


def _shown(value: Any) -> str:
    return "" if value is None else f"`{value!r}`"

"""`EvaluatedResult`: what BigDL's validation methods give."""

from typing import Any


class EvaluatedResult:
    """What one validation method says of a model.

    Example:
        >>> print(EvaluatedResult(0.5, 10, "Top1Accuracy"))
        Evaluated result: 0.5, total_num: 10, method: Top1Accuracy
    """

    def __init__(self, result: float, total_num: int, method: str) -> None:
        self.result = result
        self.total_num = total_num
        self.method = method

    def __reduce__(self) -> Any:
        return EvaluatedResult, (self.result, self.total_num, self.method)

    def __str__(self) -> str:
        return f"Evaluated result: {self.result}, total_num: {self.total_num}, method: {self.method}"


def outputs_of(said: Any) -> list[Any] | None:
    """What a model has said of an item, as the list of its outputs; None where it has not been asked.

    Example:
        >>> outputs_of(3.0), outputs_of((1.0, 2.0)), outputs_of(None)
        ([3.0], [1.0, 2.0], None)
    """
    if said is None or isinstance(said, list):
        return said
    return list(said) if isinstance(said, tuple) else [said]

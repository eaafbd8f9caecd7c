"""What is added to the gradients of weights."""

from __future__ import annotations

from sparkdl.bigdl.util.bridge import JavaValue


class L1L2Regularizer(JavaValue):
    """Adds `l1 * sign(w) + l2 * w` to a gradient; the reported loss stays what it is."""

    def __init__(self, l1: float, l2: float, bigdl_type: str = "float") -> None:
        super().__init__(None, bigdl_type)
        self.l1, self.l2 = float(l1), float(l2)
        self.value = (self.l1, self.l2)


class L1Regularizer(L1L2Regularizer):
    """Adds `l1 * sign(w)` to a gradient."""

    def __init__(self, l1: float, bigdl_type: str = "float") -> None:
        super().__init__(l1, 0.0, bigdl_type)


class L2Regularizer(L1L2Regularizer):
    """Adds `l2 * w` to a gradient."""

    def __init__(self, l2: float, bigdl_type: str = "float") -> None:
        super().__init__(0.0, l2, bigdl_type)

"""`Compose`: preprocessing in a chain."""

from collections.abc import Sequence

from sparkdl.bigdl.feature.preprocessing import ChainedPreprocessing, Preprocessing


class Compose(ChainedPreprocessing):
    """Several, one after the other."""

    def __init__(self, transformers: Sequence[Preprocessing], bigdl_type: str = "float") -> None:
        super().__init__(transformers, bigdl_type)


__all__ = ["Compose", "Preprocessing"]

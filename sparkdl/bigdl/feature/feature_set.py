"""`FeatureSet`: data on its way into a training."""

from __future__ import annotations

from typing import Any, NoReturn

from sparkdl.bigdl.dataset.dataset import DataSet
from sparkdl.bigdl.feature.preprocessing import ChainedPreprocessing, Preprocessing, SampleToMiniBatch
from sparkdl.errors import ArgumentError, UnsupportedError


class FeatureSet(DataSet):
    """An RDD or an ImageFrame for an Optimizer or Estimator.

    Where rows are kept while a model is trained (`memory_type`) is the engine's matter: in memory, and in files of the
    executors' disks beyond what fits there.

    Attributes:
        value: the RDD, or the ImageFrame.
        batch_size: what `SampleToMiniBatch` said; None where it is not in the chain.
    """

    batch_size: int | None = None

    def __init__(self, jvalue: Any = None, bigdl_type: str = "float") -> None:
        super().__init__(jvalue=jvalue, bigdl_type=bigdl_type)

    @classmethod
    def image_frame(  # type: ignore[override]
        cls,
        image_frame: Any,
        memory_type: str = "DRAM",
        sequential_order: bool = False,
        shuffle: bool = True,
        bigdl_type: str = "float",
    ) -> FeatureSet:
        """Of an ImageFrame."""
        return cls(image_frame)

    @classmethod
    def image_set(
        cls,
        imageset: Any,
        memory_type: str = "DRAM",
        sequential_order: bool = False,
        shuffle: bool = True,
        bigdl_type: str = "float",
    ) -> FeatureSet:
        """Of an ImageSet."""
        return cls(imageset.to_image_frame())

    @classmethod
    def sample_rdd(
        cls,
        rdd: Any,
        memory_type: str = "DRAM",
        sequential_order: bool = False,
        shuffle: bool = True,
        bigdl_type: str = "float",
    ) -> FeatureSet:
        """Of an RDD of samples."""
        return cls(rdd)

    @classmethod
    def rdd(
        cls,
        rdd: Any,
        memory_type: str = "DRAM",
        sequential_order: bool = False,
        shuffle: bool = True,
        bigdl_type: str = "float",
    ) -> FeatureSet:
        """Of an RDD of anything, which `transform` makes samples of."""
        return cls(rdd)

    @classmethod
    def tf_dataset(cls, func: Any, total_size: int, bigdl_type: str = "float") -> NoReturn:
        """Refused.

        Raises:
            UnsupportedError: always.
        """
        raise UnsupportedError(
            "FeatureSet.tf_dataset is not here: a tf.data pipeline would run in every worker beside Spark's data; give "
            "an RDD of samples, or a DataFrame to sparkdl.fit."
        )

    @classmethod
    def pytorch_dataloader(
        cls, dataloader: Any, features: str = "_data[0]", labels: str = "_data[1]", bigdl_type: str = "float"
    ) -> NoReturn:
        """Refused.

        Raises:
            UnsupportedError: always.
        """
        raise UnsupportedError(
            "FeatureSet.pytorch_dataloader is not here: this package does not know PyTorch; give an RDD of samples."
        )

    def transform(self, transformer: Any) -> FeatureSet:  # type: ignore[override]
        """The set with each item converted."""
        if hasattr(self.value, "transform"):
            return type(self)(self.value.transform(getattr(transformer, "transformer", transformer)))
        if not isinstance(transformer, Preprocessing):
            raise ArgumentError(f"FeatureSet.transform takes a Preprocessing, received a {type(transformer).__name__}.")
        made = type(self)(self.value.map(transformer.convert))
        last = transformer.transformers[-1] if isinstance(transformer, ChainedPreprocessing) else transformer
        made.batch_size = last.batch_size if isinstance(last, SampleToMiniBatch) else self.batch_size
        return made

    def to_dataset(self) -> FeatureSet:
        """Itself: it is a DataSet."""
        return self

"""`DataSet`: images on their way into a training."""

import sys  # noqa: F401
from typing import Any

from sparkdl.bigdl.transform.vision.image import *  # noqa: F403
from sparkdl.bigdl.transform.vision.image import FeatureTransformer, JavaValue
from sparkdl.errors import ArgumentError


class DataSet(JavaValue):
    """An ImageFrame that an Optimizer takes, with the transforms that are still to be done.

    Attributes:
        value: the ImageFrame, transforms and all.
    """

    def __init__(self, jvalue: Any = None, image_frame: Any = None, bigdl_type: str = "float") -> None:
        super().__init__(image_frame if jvalue is None else jvalue, bigdl_type)
        if image_frame is not None:
            # BigDL's object too has a value under the name of its class method.
            self.image_frame = image_frame  # type: ignore[method-assign]

    @classmethod
    def image_frame(cls, image_frame: Any, bigdl_type: str = "float") -> "DataSet":
        """A data set of an ImageFrame."""
        return DataSet(jvalue=image_frame, image_frame=image_frame)

    def transform(self, transformer: Any) -> "DataSet":
        """The data set with a further transform.

        Raises:
            ArgumentError: it is none.
        """
        if not isinstance(transformer, FeatureTransformer):
            raise ArgumentError(
                f"DataSet.transform takes a FeatureTransformer (of transform.vision.image), received a "
                f"{type(transformer).__name__}."
            )
        frame = self.value.transform(transformer)
        return DataSet(jvalue=frame, image_frame=frame)

    def get_image_frame(self) -> Any:
        """The ImageFrame."""
        return self.value

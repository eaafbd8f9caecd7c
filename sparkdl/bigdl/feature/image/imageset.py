"""`ImageSet`: many images, on the driver or in an RDD."""

import os
from collections.abc import Mapping
from typing import Any

from sparkdl.bigdl.feature.image.imagePreprocessing import ImageBytesToMat
from sparkdl.bigdl.feature.preprocessing import Preprocessing
from sparkdl.bigdl.transform.vision.feature import FeatureTransformer, ImageFeature, drawing_from
from sparkdl.bigdl.transform.vision.frames import DistributedImageFrame, ImageFrame, LocalImageFrame
from sparkdl.bigdl.transform.vision.sizes import Resize
from sparkdl.bigdl.util.bridge import callZooFunc  # noqa: F401
from sparkdl.bigdl.util.common import *  # noqa: F403
from sparkdl.bigdl.util.common import JavaValue
from sparkdl.bigdl.util.results import outputs_of


class _Converted(FeatureTransformer):
    """A Preprocessing of images as a transform of them."""

    def __init__(self, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.preprocessing = preprocessing

    def run(self, feature: ImageFeature, random: Any) -> ImageFeature:
        """Converts; what is no image afterwards stays with it under its own name."""
        with drawing_from(random):
            made = self.preprocessing.convert(feature)
        if isinstance(made, ImageFeature):
            return made
        feature["sample" if type(made).__name__ == "Sample" else "imageTensor"] = made
        return feature


class ImageSet(JavaValue):
    """Images with what preprocessing makes of them.

    Attributes:
        value: a list of ImageFeatures, or an RDD of them.
        label_map: the number of each class, where labels came from folders.
    """

    def __init__(self, jvalue: Any, bigdl_type: str = "float") -> None:
        super().__init__(getattr(jvalue, "value", jvalue), bigdl_type)
        self._label_map: Mapping[str, int] | None = getattr(jvalue, "_label_map", None)

    @property
    def image_set(self) -> "ImageSet":
        """The set of its kind."""
        return (LocalImageSet if self.is_local() else DistributedImageSet)(jvalue=self.value)

    @property
    def label_map(self) -> Mapping[str, int] | None:
        """The number of each class; None where no labels were read."""
        return self._label_map

    def _frame(self) -> ImageFrame:
        return ImageFrame(self.value)

    def is_local(self) -> bool:
        """Whether the images are on the driver."""
        return self._frame().is_local()

    def is_distributed(self) -> bool:
        """Whether they are in an RDD."""
        return self._frame().is_distributed()

    @classmethod
    def read(
        cls,
        path: str,
        sc: Any = None,
        min_partitions: int = 1,
        resize_height: int = -1,
        resize_width: int = -1,
        image_codec: int = -1,
        with_label: bool = False,
        one_based_label: bool = True,
        bigdl_type: str = "float",
    ) -> "ImageSet":
        """The images of a folder, file or pattern.

        Args:
            path: with labels a folder of folders, one per class.
            sc: None for images on the driver.
            min_partitions: of the RDD.
            resize_height: all images get this height and `resize_width`; -1 for their own sizes.
            resize_width: see `resize_height`.
            image_codec: OpenCV's flag: 0 for gray images, below 0 for gray or colours as in the file, else colours.
            with_label: whether the names of the folders are the classes, in their order.
            one_based_label: whether classes count from 1; else from 0.
        """
        place = os.path.join(path, "*") if with_label and sc is not None else path
        frame = ImageFrame.read_encoded(place, sc, min_partitions)
        frame.transform(ImageBytesToMat(image_codec=image_codec).transformer)
        if resize_height > 0 and resize_width > 0:
            frame.transform(Resize(resize_height, resize_width))
        found = ImageSet(frame.value, bigdl_type)
        if with_label:
            found._label_by_folder(int(one_based_label))
        return found

    def _label_by_folder(self, first: int) -> None:
        names = self._frame().get_uri()
        folders = {_folder(name) for name in names} if self.is_local() else set(names.map(_folder).distinct().collect())
        self._label_map = {folder: number for number, folder in enumerate(sorted(folders), start=first)}
        labels = self._label_map

        def labelled(feature: ImageFeature) -> ImageFeature:
            feature = feature.copy()
            feature.set_label(labels[_folder(feature["uri"])])
            return feature

        self.value = [labelled(feature) for feature in self.value] if self.is_local() else self.value.map(labelled)

    @classmethod
    def from_image_frame(cls, image_frame: ImageFrame, bigdl_type: str = "float") -> "ImageSet":
        """Of an ImageFrame."""
        return ImageSet(image_frame.value, bigdl_type)

    @classmethod
    def from_rdds(cls, image_rdd: Any, label_rdd: Any = None, bigdl_type: str = "float") -> "ImageSet":
        """Of an RDD of arrays (height, width, channels), and one of labels."""
        return ImageSet(DistributedImageFrame(image_rdd, label_rdd).value, bigdl_type)

    def transform(self, transformer: Any) -> "ImageSet":
        """The set itself, its images after a Preprocessing or a transform."""
        if isinstance(transformer, Preprocessing):
            transformer = _Converted(transformer)
        self.value = self._frame().transform(transformer).value
        return self

    def get_image(self, key: str = "floats", to_chw: bool = True) -> Any:
        """The pixels of each image as float32."""
        return self._frame().get_image(key, to_chw)

    def get_label(self) -> Any:
        """The label of each image, or None."""
        return self._frame().get_label()

    def get_predict(self, key: str = "predict") -> Any:
        """Pairs of where each image comes from and the list of a model's outputs for it, or None."""
        pairs = self._frame().get_predict(key)
        return [_listed(pair) for pair in pairs] if self.is_local() else pairs.map(_listed)

    def to_image_frame(self, bigdl_type: str = "float") -> ImageFrame:
        """The same images as an ImageFrame."""
        return ImageFrame(self.value, bigdl_type)


class LocalImageSet(ImageSet):
    """Images on the driver: of arrays, and their labels."""

    def __init__(
        self, image_list: Any = None, label_list: Any = None, jvalue: Any = None, bigdl_type: str = "float"
    ) -> None:
        super().__init__(LocalImageFrame(image_list, label_list, jvalue).value, bigdl_type)


class DistributedImageSet(ImageSet):
    """Images in an RDD: of an RDD of arrays, and one of labels."""

    def __init__(
        self, image_rdd: Any = None, label_rdd: Any = None, jvalue: Any = None, bigdl_type: str = "float"
    ) -> None:
        super().__init__(DistributedImageFrame(image_rdd, label_rdd, jvalue).value, bigdl_type)


def _listed(pair: tuple[Any, Any]) -> tuple[Any, Any]:
    return pair[0], outputs_of(pair[1])


def _folder(uri: str) -> str:
    return uri.rsplit("/", 2)[-2]

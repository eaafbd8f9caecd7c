"""BigDL 2.x's preprocessing of images: the transforms of `transform.vision.image` under other names."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from sparkdl.bigdl.feature.preprocessing import Preprocessing
from sparkdl.bigdl.transform.vision import image as vision
from sparkdl.bigdl.transform.vision.feature import BYTES, ImageFeature, channels_of, current_random
from sparkdl.bigdl.util.common import *  # noqa: F403
from sparkdl.bigdl.util.sample import JTensor, Sample
from sparkdl.data.images import decode_image, opencv
from sparkdl.errors import DataError


class ImagePreprocessing(Preprocessing):
    """A transform of images. `transformer` is what does it."""

    transformer: Any = None

    def __init__(self, bigdl_type: str = "float", *args: Any) -> None:
        super().__init__(bigdl_type)
        if args:
            self.transformer = args[0]

    def convert(self, value: ImageFeature) -> ImageFeature:
        """The transformed image."""
        return self.transformer.transform(value)


class ImageBytesToMat(ImagePreprocessing):
    """Decodes the file of an image, by OpenCV's flag: gray for 0, as in the file below 0, else in colours."""

    def __init__(self, byte_key: str = "bytes", image_codec: int = -1, bigdl_type: str = "float") -> None:
        super().__init__(bigdl_type, vision.BytesToMat(byte_key))
        self.transformer.channels = channels_of(image_codec)


class ImagePixelBytesToMat(ImagePreprocessing):
    """Takes bytes as pixels."""

    def __init__(self, byte_key: str = "bytes", bigdl_type: str = "float") -> None:
        super().__init__(bigdl_type, vision.PixelBytesToMat(byte_key))


class ImageResize(ImagePreprocessing):
    """Resizes."""

    def __init__(
        self,
        resize_h: int,
        resize_w: int,
        resize_mode: int = 1,
        use_scale_factor: bool = True,
        bigdl_type: str = "float",
    ) -> None:
        super().__init__(bigdl_type, vision.Resize(resize_h, resize_w, resize_mode, use_scale_factor))


class ImageAspectScale(ImagePreprocessing):
    """Resizes so that the shorter side has a length; the aspect ratio stays."""

    def __init__(
        self,
        min_size: int,
        scale_multiple_of: int = 1,
        max_size: int = 1000,
        resize_mode: int = 1,
        use_scale_factor: bool = True,
        min_scale: float = -1.0,
        bigdl_type: str = "float",
    ) -> None:
        scale = vision.AspectScale(min_size, scale_multiple_of, max_size, resize_mode, use_scale_factor, min_scale)
        super().__init__(bigdl_type, scale)


class ImageRandomAspectScale(ImagePreprocessing):
    """`ImageAspectScale` with a length drawn from several."""

    def __init__(
        self, scales: Sequence[int], scale_multiple_of: int = 1, max_size: int = 1000, bigdl_type: str = "float"
    ) -> None:
        super().__init__(bigdl_type, vision.RandomAspectScale(scales, scale_multiple_of, max_size))


class ImageBrightness(ImagePreprocessing):
    """Adds a number between the bounds."""

    def __init__(self, delta_low: float, delta_high: float, bigdl_type: str = "float") -> None:
        super().__init__(bigdl_type, vision.Brightness(delta_low, delta_high))


class ImageHue(ImagePreprocessing):
    """Adds a number between the bounds to the hue."""

    def __init__(self, delta_low: float, delta_high: float, bigdl_type: str = "float") -> None:
        super().__init__(bigdl_type, vision.Hue(delta_low, delta_high))


class ImageSaturation(ImagePreprocessing):
    """Multiplies the saturation by a number between the bounds."""

    def __init__(self, delta_low: float, delta_high: float, bigdl_type: str = "float") -> None:
        super().__init__(bigdl_type, vision.Saturation(delta_low, delta_high))


class ImageChannelOrder(ImagePreprocessing):
    """Puts the channels in an order drawn at random."""

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(bigdl_type, vision.ChannelOrder())


class ImageColorJitter(ImagePreprocessing):
    """Brightness, contrast, saturation, hue and order of channels, each with a probability."""

    def __init__(
        self,
        brightness_prob: float = 0.5,
        brightness_delta: float = 32.0,
        contrast_prob: float = 0.5,
        contrast_lower: float = 0.5,
        contrast_upper: float = 1.5,
        hue_prob: float = 0.5,
        hue_delta: float = 18.0,
        saturation_prob: float = 0.5,
        saturation_lower: float = 0.5,
        saturation_upper: float = 1.5,
        random_order_prob: float = 0.0,
        shuffle: bool = False,
        bigdl_type: str = "float",
    ) -> None:
        brightness, contrast = (brightness_prob, brightness_delta), (contrast_prob, contrast_lower, contrast_upper)
        saturation = (saturation_prob, saturation_lower, saturation_upper)
        jitter = vision.ColorJitter(
            *brightness, *contrast, hue_prob, hue_delta, *saturation, random_order_prob, shuffle
        )
        super().__init__(bigdl_type, jitter)


class ImageChannelNormalize(ImagePreprocessing):
    """Subtracts a mean from each channel and divides by a deviation; blue comes first."""

    def __init__(
        self,
        mean_b: float,
        mean_g: float,
        mean_r: float,
        std_b: float = 1.0,
        std_g: float = 1.0,
        std_r: float = 1.0,
        bigdl_type: str = "float",
    ) -> None:
        super().__init__(bigdl_type, vision.ChannelNormalize(mean_r, mean_g, mean_b, std_r, std_g, std_b))


class PerImageNormalize(ImagePreprocessing):
    """Scales the values of each image: by OpenCV's `normalize`, as a rule between `min` and `max`."""

    def __init__(self, min: float, max: float, norm_type: int = 32, bigdl_type: str = "float") -> None:
        super().__init__(bigdl_type, _Normalized(min, max, norm_type))


class _Normalized(vision.FeatureTransformer):
    def __init__(self, low: float, high: float, kind: int) -> None:
        super().__init__()
        self.low, self.high, self.kind = low, high, kind

    def transform_mat(self, mat: np.ndarray, random: np.random.RandomState) -> np.ndarray:
        """Float32."""
        made = opencv().normalize(mat.astype(np.float32), None, self.low, self.high, self.kind)
        return made.reshape(mat.shape)


class ImagePixelNormalize(ImagePreprocessing):
    """Subtracts a mean from each value."""

    def __init__(self, means: Any, bigdl_type: str = "float") -> None:
        super().__init__(bigdl_type, vision.PixelNormalize(means))


class ImageRandomCrop(ImagePreprocessing):
    """A part of a size, anywhere."""

    def __init__(self, crop_width: int, crop_height: int, is_clip: bool = True, bigdl_type: str = "float") -> None:
        super().__init__(bigdl_type, vision.RandomCrop(crop_width, crop_height, is_clip))


class ImageCenterCrop(ImagePreprocessing):
    """The middle."""

    def __init__(self, crop_width: int, crop_height: int, is_clip: bool = True, bigdl_type: str = "float") -> None:
        super().__init__(bigdl_type, vision.CenterCrop(crop_width, crop_height, is_clip))


class ImageFixedCrop(ImagePreprocessing):
    """A given part."""

    def __init__(
        self,
        x1: float,
        y1: float,
        x2: float,
        y2: float,
        normalized: bool = True,
        is_clip: bool = True,
        bigdl_type: str = "float",
    ) -> None:
        super().__init__(bigdl_type, vision.FixedCrop(x1, y1, x2, y2, normalized, is_clip))


class ImageExpand(ImagePreprocessing):
    """Puts the image at a random place of a larger one."""

    def __init__(
        self,
        means_r: int = 123,
        means_g: int = 117,
        means_b: int = 104,
        min_expand_ratio: float = 1.0,
        max_expand_ratio: float = 4.0,
        bigdl_type: str = "float",
    ) -> None:
        super().__init__(bigdl_type, vision.Expand(means_r, means_g, means_b, min_expand_ratio, max_expand_ratio))


class ImageFiller(ImagePreprocessing):
    """Fills a part with a value."""

    def __init__(
        self, start_x: float, start_y: float, end_x: float, end_y: float, value: int = 255, bigdl_type: str = "float"
    ) -> None:
        super().__init__(bigdl_type, vision.Filler(start_x, start_y, end_x, end_y, value))


class ImageHFlip(ImagePreprocessing):
    """Turns left and right around."""

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(bigdl_type, vision.HFlip())


class ImageMirror(ImagePreprocessing):
    """Turns left and right around, and upside down."""

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(bigdl_type, _Mirrored())


class _Mirrored(vision.FeatureTransformer):
    def transform_mat(self, mat: np.ndarray, random: np.random.RandomState) -> np.ndarray:
        """Mirrored."""
        return np.ascontiguousarray(mat[::-1, ::-1])


class ImageMatToTensor(ImagePreprocessing):
    """Makes a tensor of the pixels, channels first ("NCHW") or last ("NHWC")."""

    def __init__(
        self,
        to_RGB: bool = False,
        tensor_key: str = "imageTensor",
        share_buffer: bool = True,
        format: str = "NCHW",
        bigdl_type: str = "float",
    ) -> None:
        super().__init__(bigdl_type, vision.MatToTensor(to_RGB, tensor_key))
        self.tensor_key, self.format = tensor_key, format

    def convert(self, value: ImageFeature) -> ImageFeature:
        """Makes it."""
        feature = super().convert(value)
        tensor = feature[self.tensor_key]
        if self.format == "NHWC" and tensor is not None and len(tensor.shape) == 3:
            feature[self.tensor_key] = JTensor.from_ndarray(tensor.to_ndarray().transpose(1, 2, 0))
        return feature


class ImageSetToSample(ImagePreprocessing):
    """Makes a sample of tensors that the image holds."""

    def __init__(
        self,
        input_keys: Sequence[str] = ["imageTensor"],  # noqa: B006
        target_keys: Sequence[str] | None = ["label"],  # noqa: B006
        sample_key: str = "sample",
        bigdl_type: str = "float",
    ) -> None:
        super().__init__(bigdl_type, vision.ImageFrameToSample(input_keys, target_keys, sample_key))


class ImageRandomPreprocessing(Preprocessing):
    """Applies another with a probability."""

    def __init__(self, preprocessing: Preprocessing, prob: float, bigdl_type: str = "float") -> None:
        super().__init__(bigdl_type)
        self.preprocessing, self.prob = preprocessing, prob

    def convert(self, value: Any) -> Any:
        """Converted, or as it is."""
        return self.preprocessing.convert(value) if current_random().uniform() < self.prob else value


class ImageFeatureToTensor(Preprocessing):
    """The tensor that the image holds."""

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(bigdl_type)

    def convert(self, value: ImageFeature) -> JTensor:
        """The tensor."""
        return _held(value, "imageTensor", "ImageMatToTensor")


class ImageFeatureToSample(Preprocessing):
    """The sample that the image holds."""

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(bigdl_type)

    def convert(self, value: ImageFeature) -> Sample:
        """The sample."""
        return _held(value, "sample", "ImageSetToSample")


def _held(feature: ImageFeature, key: str, maker: str) -> Any:
    found = feature[key]
    if found is None:
        raise DataError(f"the image {feature['uri'] or ''} holds no {key}: put {maker} before this in the chain.")
    return found


class RowToImageFeature(Preprocessing):
    """Makes an image of a struct as `NNImageReader` and Spark read them (pixels, blue first), of one that holds the
    bytes of a file (`DLImageReader`), or the floats of a tensor (`DLImageTransformer`)."""

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(bigdl_type)

    def convert(self, value: Any) -> ImageFeature:
        """The image."""
        row = value if hasattr(value, "data") else value[0]
        feature = ImageFeature(path=row["origin"])
        height, width, channels = size = (row["height"], row["width"], row["nChannels"])
        feature["originalSize"] = size
        if isinstance(row["data"], list):
            feature.mat = np.asarray(row["data"], np.float32).reshape(channels, height, width).transpose(1, 2, 0)
        else:
            feature[BYTES] = content = bytes(row["data"])
            pixels = len(content) == np.prod(size)
            feature.mat = np.frombuffer(content, np.uint8).reshape(size) if pixels else decode_image(content)
        return feature

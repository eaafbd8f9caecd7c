"""`sdl.caffe_transform`: what the readers of a Caffe net did to images, for images that come from elsewhere."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from sparkdl.errors import ArgumentError, DataError, ImporterError, UnsupportedError
from sparkdl.storage.paths import path_text

if TYPE_CHECKING:
    import keras

Path = str | os.PathLike[str]

_KNOWN = frozenset({"scale", "mirror", "crop_size", "mean_file", "mean_value", "force_color", "force_gray"})
_GRAY = np.array([0.114, 0.587, 0.299], "float32")  # of blue, green and red, as OpenCV weighs them


@dataclass(frozen=True, slots=True, eq=False)
class CaffeTransform:
    """Makes the input of a Caffe net of an image; it can be pickled, and needs neither Keras nor TensorFlow.

    Attributes:
        scale: what values are multiplied with, after the mean was taken away.
        mean: a number for all or each channel, or a mean image (channels, height, width) of the size before the crop.
        crop_size: height and width of the part that is taken, 0 for the whole image.
        mirror: turns half of the images around.
        channels: 3 makes gray images colour, 1 colour images gray, None leaves them.
        random_crop: takes any part instead of the middle.
        data_format: the order of axes of the result.
        channel_order: the order of the channels of the images that come; the result's is Caffe's, "bgr".

    Example:
        >>> image = np.arange(32, dtype="uint8").reshape(4, 4, 2)
        >>> CaffeTransform(scale=0.5, mean=np.array([10.0, 11.0]), crop_size=2)(image).tolist()
        [[[0.0, 1.0], [4.0, 5.0]], [[0.0, 1.0], [4.0, 5.0]]]
    """

    scale: float = 1.0
    mean: np.ndarray | None = None
    crop_size: int = 0
    mirror: bool = False
    channels: int | None = None
    random_crop: bool = False
    data_format: Literal["channels_first", "channels_last"] = "channels_first"
    channel_order: Literal["bgr", "rgb"] = "bgr"

    def __call__(self, image: np.ndarray, generator: np.random.Generator | None = None) -> np.ndarray:
        """The input for one image.

        Args:
            image: (height, width, channels) or (height, width), of bytes or other numbers.
            generator: where chance comes from, for transforms of a training phase.

        Raises:
            DataError: where the image does not fit the crop or the mean.
            ArgumentError: where a generator is needed.
        """
        values = self._coloured(np.atleast_3d(np.asarray(image)))
        rows, columns = self._window(values.shape, generator)
        mean = self._mean_of(values.shape, rows, columns)
        values = (values[rows, columns].astype("float32") - mean) * np.float32(self.scale)
        if self.mirror and self._chance(generator).integers(2):
            values = values[:, ::-1]
        return np.ascontiguousarray(values if self.data_format == "channels_last" else values.transpose(2, 0, 1))

    def before(self, model: keras.Model, image_shape: Sequence[int]) -> keras.Model:
        """The model with this transform in front of it: its input is then bytes, as columns of images hold them.

        Args:
            model: a model of one input.
            image_shape: (height, width, channels) of the images that will come.

        Raises:
            ArgumentError: where the transform needs chance, or does not lead to the model's input.
        """
        import keras

        if self.mirror or self.random_crop:
            raise ArgumentError("a transform that crops or mirrors by chance cannot stand before a model; use TEST's.")
        height, width, channels = image_shape
        rows, columns = self._window(image_shape, None)
        pixels = tensor = keras.Input((height, width, channels), dtype="uint8", name=model.inputs[0].name)
        if self.channel_order == "rgb" and channels == 3:
            tensor = keras.ops.flip(tensor, axis=-1)
        if self.crop_size:
            margins = ((rows.start, height - rows.stop), (columns.start, width - columns.stop))
            tensor = keras.layers.Cropping2D(margins)(tensor)
        offset = -self._mean_of(image_shape, rows, columns) * np.float32(self.scale)
        tensor = keras.layers.Rescaling(self.scale, offset.tolist())(tensor)
        if self.data_format == "channels_first":
            tensor = keras.layers.Permute((3, 1, 2))(tensor)
        if tensor.shape[1:] != model.input_shape[1:] or self.channels not in (None, channels):
            raise ArgumentError(
                f"images of shape {tuple(image_shape)} become {tensor.shape[1:]}, and the model expects "
                f"{model.input_shape[1:]}; give the image_shape of the images, and the data_format of the model."
            )
        return keras.Model(pixels, model(tensor), name=model.name)

    def _coloured(self, image: np.ndarray) -> np.ndarray:
        """The image with blue first, in the colours that are asked for."""
        if self.channel_order == "rgb" and image.shape[2] == 3:
            image = image[:, :, ::-1]
        if self.channels == 3 and image.shape[2] == 1:
            return np.repeat(image, 3, axis=2)
        if self.channels == 1 and image.shape[2] == 3:
            return np.rint(image @ _GRAY)[:, :, np.newaxis]
        return image

    def _window(self, shape: Sequence[int], generator: np.random.Generator | None) -> tuple[slice, slice]:
        """The rows and columns that are taken."""
        size = self.crop_size
        if not size:
            return slice(0, shape[0]), slice(0, shape[1])
        if min(shape[:2]) < size:
            raise DataError(f"an image of {shape[0]} x {shape[1]} for a crop of {size} x {size}; resize images before.")
        starts = [(length - size) // 2 for length in shape[:2]]
        if self.random_crop:
            starts = [int(self._chance(generator).integers(length - size + 1)) for length in shape[:2]]
        return slice(starts[0], starts[0] + size), slice(starts[1], starts[1] + size)

    def _mean_of(self, shape: Sequence[int], rows: slice, columns: slice) -> np.ndarray:
        """The mean of the part of an image of this shape, with the channels behind."""
        mean, channels = np.asarray(0.0 if self.mean is None else self.mean, "float32"), shape[2]
        if mean.ndim < 2 and mean.size in (1, channels):
            return mean.reshape(-1)
        if mean.shape == (channels, *shape[:2]):
            return mean.transpose(1, 2, 0)[rows, columns]
        raise DataError(
            f"an image of shape {tuple(shape)} and a mean of shape {mean.shape}; expected a number, one for each "
            "channel, or a mean image (channels, height, width) of the image's size before the crop."
        )

    def _chance(self, generator: np.random.Generator | None) -> np.random.Generator:
        if generator is None:
            raise ArgumentError(
                "this transform crops or mirrors by chance: give generator=numpy.random.default_rng(...)."
            )
        return generator


def caffe_transform(
    prototxt: Path,
    phase: Literal["TEST", "TRAIN"] = "TEST",
    *,
    mean: Path | np.ndarray | None = None,
    data_format: Literal["channels_first", "channels_last"] = "channels_first",
    channel_order: Literal["bgr", "rgb"] = "bgr",
    level: int = 0,
    stages: Iterable[str] = (),
) -> CaffeTransform:
    """Reads the `transform_param` of a net: crop, mean and scale of the images that it was trained with.

    Args:
        prototxt: the definition of the net; that with its readers, which often is not the one for deployment.
        phase: whose reader to take.
        mean: a mean instead of the file's: an array, or the path of a `.binaryproto`. Paths in prototxt files are often
            those of another machine; they are looked for beside the prototxt.
        data_format: the order of axes of the result, as in `load_caffe`.
        channel_order: the order of channels of images that come: "bgr" as OpenCV and Spark read them, or "rgb".
        level: as in `load_caffe`.
        stages: as in `load_caffe`.

    Raises:
        ImporterError: where no layer of the phase has a `transform_param`.
        UnsupportedError: where it has fields that only forks know.

    Example:
        >>> import tempfile
        >>> reader = 'name: "d" type: "Data" top: "d" transform_param { scale: 0.5 mean_value: 10 crop_size: 2 }'
        >>> with tempfile.NamedTemporaryFile("w") as file:
        ...     _ = file.write(f"layer {{ {reader} }}"), file.flush()
        ...     transform = caffe_transform(file.name)
        >>> transform(np.full((4, 4, 1), 12, "uint8")).tolist()
        [[[1.0, 1.0], [1.0, 1.0]]]
    """
    # Imported here, so that an executor that applies a transform needs no Keras.
    from sparkdl.importers.caffe.load import read_definition
    from sparkdl.importers.caffe.net import resolve

    path = path_text(prototxt)
    net = resolve(read_definition(prototxt), path, phase, level, stages)
    given = {str(layer): layer.message["transform_param"] for layer in net.layers if "transform_param" in layer.message}
    if not given:
        raise ImporterError(
            f"{path} has no transform_param in phase {phase}; give the prototxt with the readers of images, or make a "
            "CaffeTransform of what was done to them."
        )
    layer, fields = next(iter(given.items()))
    strange = sorted(set(fields) - _KNOWN)
    if strange:
        raise UnsupportedError(
            f"{path}: the transform_param of {layer} has the fields {', '.join(strange)}; known are "
            f"{', '.join(sorted(_KNOWN))}."
        )
    return CaffeTransform(
        scale=fields.get("scale", 1.0),
        mean=_mean(fields, path, mean),
        crop_size=fields.get("crop_size", 0),
        mirror=fields.get("mirror", False),
        channels=3 if fields.get("force_color") else 1 if fields.get("force_gray") else None,
        random_crop=phase == "TRAIN" and bool(fields.get("crop_size")),
        data_format=data_format,
        channel_order=channel_order,
    )


def _mean(fields: Mapping[str, Any], prototxt: str, given: Path | np.ndarray | None) -> np.ndarray | None:
    """The mean that was given, or that of the fields."""
    from sparkdl.importers.caffe.blobs import read_caffe_mean

    if isinstance(given, np.ndarray):
        return given
    if given is not None:
        return read_caffe_mean(given)
    if "mean_file" in fields:
        return read_caffe_mean(os.path.join(os.path.dirname(prototxt), fields["mean_file"]))
    values = fields.get("mean_value", [])
    return np.asarray(values, "float32") if len(values) else None

"""What every transform is: a frozen dataclass that maps an image to an image and says what comes out."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from sparkdl.errors import ArgumentError, DataError

Size = int | tuple[int, int]


@dataclass(frozen=True, slots=True)
class ImageType:
    """What is known of images before they are there.

    Attributes:
        shape: (height, width, channels); None where it may be any.
        dtype: "uint8" or "float32".
        rgb: whether three channels are red, green, blue; they begin as blue, green, red.
    """

    shape: tuple[int | None, int | None, int | None] = (None, None, None)
    dtype: str = "uint8"
    rgb: bool = False

    def of(self, size: tuple[int | None, int | None]) -> ImageType:
        """The same with another height and width."""
        return dataclasses.replace(self, shape=(*size, self.shape[2]))


class Transform:
    """A function of an image (height, width, channels) and a generator; subclasses are frozen dataclasses.

    A subclass of your own implements `apply`, `after` where shape or dtype change, `random` and `inference`
    where it draws from the generator, and `moves_at_random` where all of that leaves pixels at their places. Its fields
    must be JSON values, tuples of them, or transforms.

    Example:
        >>> from dataclasses import dataclass
        >>> @dataclass(frozen=True)
        ... class Invert(Transform):
        ...     def apply(self, image, generator):
        ...         return 255 - image
        >>> Invert()(np.zeros((1, 1, 3), "uint8")).tolist(), Invert().to_config()
        ([[[255, 255, 255]]], {'class': 'Invert'})
    """

    classes: ClassVar[dict[str, type[Transform]]] = {}

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        Transform.classes[cls.__name__] = cls

    def __call__(self, image: np.ndarray, generator: np.random.Generator | None = None) -> np.ndarray:
        """The transformed image; the one given is not changed, but may be what is returned.

        Args:
            image: (height, width, channels), uint8 or float32.
            generator: where chance comes from; only random transforms need one.

        Raises:
            ArgumentError: a random transform has no generator.
            DataError: the image does not fit.
        """
        if image.ndim != 3:
            raise DataError(f"an image must have the shape (height, width, channels), received {image.shape}")
        if generator is None and self.random:
            raise ArgumentError(
                f"{type(self).__name__} draws at random: give it a numpy Generator, or use its inference()."
            )
        return self.apply(image, generator)

    @property
    def random(self) -> bool:
        """Whether it needs a generator."""
        return False

    @property
    def moves_at_random(self) -> bool:
        """Whether chance moves pixels, so that a mask of the image must be moved with it."""
        return self.random

    def apply(self, image: np.ndarray, generator: Any) -> np.ndarray:
        """What `__call__` does, after its checks; `generator` is a numpy Generator where `random`."""
        raise NotImplementedError

    def inference(self) -> Transform:
        """What takes its place in validation and scoring: itself, or without chance, or nothing."""
        return Compose(()) if self.random else self

    def after(self, before: ImageType) -> ImageType:
        """What comes out, as far as it is known before there is an image.

        Raises:
            ArgumentError: images like that cannot come in.
        """
        return before

    def to_config(self) -> dict[str, Any]:
        """JSON values that `from_config` makes the same transform of."""
        fields: Any = dataclasses.fields(self)  # type: ignore[arg-type]
        return {"class": type(self).__name__} | {item.name: _to_json(getattr(self, item.name)) for item in fields}


@dataclass(frozen=True)
class Compose(Transform):
    """Transforms in their order; of none, the image as it is.

    Attributes:
        transforms: the first is applied first. What cannot follow what (colours after `Normalize`) is refused at once.

    Example:
        >>> from sparkdl.data.transforms.color import Normalize
        >>> from sparkdl.data.transforms.crops import CenterCrop
        >>> from sparkdl.data.transforms.geometry import Flip
        >>> train = Compose([Flip(), CenterCrop(2), Normalize()])
        >>> train.inference()
        Compose(transforms=(CenterCrop(size=(2, 2)), Normalize(mean=(0.0,), std=(1.0,), scale=0.00392156862745098)))
        >>> train.after(ImageType((4, 4, 3)))
        ImageType(shape=(2, 2, 3), dtype='float32', rgb=False)
    """

    transforms: Sequence[Transform]

    def __post_init__(self) -> None:
        listed = isinstance(self.transforms, Sequence)
        if not listed or not all(isinstance(item, Transform) for item in self.transforms):
            raise ArgumentError(f"Compose takes a list of transforms, received {self.transforms!r}.")
        object.__setattr__(self, "transforms", tuple(self.transforms))
        self.after(ImageType())

    @property
    def random(self) -> bool:
        """Whether one of them draws at random."""
        return any(item.random for item in self.transforms)

    @property
    def moves_at_random(self) -> bool:
        """Whether one of them does."""
        return any(item.moves_at_random for item in self.transforms)

    def apply(self, image: np.ndarray, generator: Any) -> np.ndarray:
        """The image after all of them."""
        for item in self.transforms:
            image = item(image, generator)
        return image

    def inference(self) -> Compose:
        """Those of validation and scoring."""
        kept = [item.inference() for item in self.transforms]
        return Compose([item for item in kept if item != Compose(())])

    def after(self, before: ImageType) -> ImageType:
        """What the last one gives."""
        for item in self.transforms:
            before = item.after(before)
        return before


def from_config(config: Mapping[str, Any]) -> Any:
    """The transform that `to_config` described.

    Raises:
        ArgumentError: there is no such class, or it does not take these arguments.

    Example:
        >>> from_config({"class": "Compose", "transforms": []})
        Compose(transforms=())
    """
    arguments = {name: _from_json(value) for name, value in config.items() if name != "class"}
    kind = Transform.classes.get(str(config.get("class")))
    if kind is None:
        raise ArgumentError(
            f"there is no transform {config.get('class')!r}; known are {', '.join(sorted(Transform.classes))} (import "
            "the module of one of your own first)."
        )
    try:
        return kind(**arguments)
    except TypeError as error:
        raise ArgumentError(f"the config of transform {config['class']!r} does not fit it: {error}.") from None


def _to_json(value: Any) -> Any:
    if isinstance(value, Transform):
        return value.to_config()
    return [_to_json(item) for item in value] if isinstance(value, tuple) else value


def _from_json(value: Any) -> Any:
    if isinstance(value, Mapping):
        return from_config(value)
    return tuple(_from_json(item) for item in value) if isinstance(value, list) else value


def row_generator(seed: int, epoch: int, row: int) -> np.random.Generator:
    """Where the chance of one row in one epoch comes from, wherever and beside whatever it is computed.

    Example:
        >>> draws = [row_generator(0, 1, 2).integers(100, size=3).tolist() for _ in range(2)]
        >>> draws[0] == draws[1]
        True
    """
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence((seed, epoch, row))))


def pair(value: Any, name: str) -> tuple[int, int]:
    """A size as (height, width).

    Raises:
        ArgumentError: it is no positive number or pair of them.
    """
    sizes = (value, value) if isinstance(value, int) else value
    if not (isinstance(sizes, Sequence) and len(sizes) == 2 and all(whole(item) and item > 0 for item in sizes)):
        raise ArgumentError(f"{name} must be a positive whole number or a pair (height, width), received {value!r}.")
    return sizes[0], sizes[1]


def whole(value: Any) -> bool:
    """Whether it is an integer."""
    return isinstance(value, int) and not isinstance(value, bool)


def check_choice(value: Any, name: str, known: Sequence[str]) -> None:
    """Raises ArgumentError where a word is not one of the known."""
    if value not in known:
        raise ArgumentError(f"{name} must be one of {', '.join(map(repr, known))}, received {value!r}.")

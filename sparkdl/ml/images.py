"""Transforms of images as a stage of a Spark ML pipeline."""

from __future__ import annotations

from pyspark.ml import Transformer
from pyspark.ml.param import TypeConverters
from pyspark.ml.param.shared import HasInputCol, HasOutputCol, HasSeed
from pyspark.sql import DataFrame
from pyspark.sql.types import NullType, StructField

from sparkdl.errors import ArgumentError
from sparkdl.ml.params import HasHandleInvalid, HasTransformation, getter, param, setter
from sparkdl.ml.persistence import Persistent
from sparkdl.spark.image_transform import transform_images
from sparkdl.spark.scoring import check_new


class ImageTransformer(
    HasTransformation, HasHandleInvalid, Persistent, HasInputCol, HasOutputCol, HasSeed, Transformer
):
    """Transforms a column of images: image structs or encoded images (binary), of any sizes.

    The new column holds image structs where the transform makes bytes, and `array<float>` where it makes numbers (after
    `Normalize`), which the stages that train take as features. What the transform draws at random is left to
    `sdl.fit(transform=)`, where each epoch draws afresh; here it is `transform.inference()`, unless `augment` is set.

    Example:
        >>> from sparkdl.data.transforms.geometry import Resize
        >>> stage = ImageTransformer(inputCol="image", outputCol="small", transformation=Resize(32))
        >>> stage.getTransformation().size, stage.getAugment()
        ((32, 32), False)
    """

    augment = param(
        "augment",
        "whether what the transform draws at random is drawn: for each image by the seed and its content.",
        TypeConverters.toBoolean,
    )
    DEFAULTS = {"handleInvalid": "error", "seed": 0, "augment": False}

    getAugment = getter("augment")
    setAugment = setter("augment")
    setTransformation = setter("transformation")
    setInputCol = setter("inputCol")
    setOutputCol = setter("outputCol")
    setSeed = setter("seed")
    setHandleInvalid = setter("handleInvalid")

    def _transform(self, dataset: DataFrame) -> DataFrame:
        for name in ("inputCol", "transformation"):
            if not self.isDefined(name):
                raise ArgumentError(f"{self.uid} has no {name}: set it, for example by set{name[0].upper()}{name[1:]}.")
        output = self.getOutputCol()
        advice = f"set the Param of {self.uid} that names it (outputCol) to another name, or drop the other column"
        check_new([StructField(output, NullType())], dataset, advice)
        return transform_images(
            dataset,
            self.getInputCol(),
            output,
            self.getTransformation(),
            seed=self.getSeed() if self.getAugment() else None,
            invalid=self.getHandleInvalid(),
        )

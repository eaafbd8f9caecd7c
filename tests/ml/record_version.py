"""Writes stages in the present format to tests/ml/versions/N: `python -m tests.ml.record_version`, once per format."""

from __future__ import annotations

import json
from pathlib import Path

import keras
import numpy as np
from pyspark.sql import functions as F

from sparkdl import ml
from sparkdl.ml.persistence import FORMAT
from sparkdl.spark import images
from sparkdl.spark.session import local_session
from tests.ml.networks import classify, regress

VERSIONS = Path(__file__).parent / "versions"
POINTS = [[0.5, 0.5], [-0.5, 0.5], [0.9, -0.1]]
# Every transform, so that what an older sparkdl wrote of them is read.
TRANSFORM = images.Compose(
    [
        images.Resize((40, 30), "fit", "cubic", 1),
        images.Pad((1, 2), mode="edge"),
        images.CenterCrop(32),
        images.Rotate((-5, 10), fill=3),
        images.RandomCrop(30),
        images.RandomResizedCrop((20, 24), (0.5, 1.0), (0.8, 1.25), "area"),
        images.Flip(vertical=True, probability=0.25),
        images.ColorJitter(0.1, 0.2, 0.3, 0.4),
        images.Channels("rgb"),
        images.Normalize((0.4, 0.5, 0.6), 0.2, 1 / 255),
    ]
)


def main() -> None:
    """Trains, saves, and notes what the models say."""
    folder = VERSIONS / str(FORMAT)
    with local_session("local[2]") as spark:
        rows = spark.range(200).select("id", (F.rand(1) * 2 - 1).alias("x"), (F.rand(2) * 2 - 1).alias("y"))
        rows = rows.withColumn("label", F.when(F.col("x") * F.col("y") > 0, "same").otherwise("other")).cache()
        estimator = ml.DLClassifier(
            model=classify,
            modelParams={"units": 4},
            featuresCols=["x", "y"],
            optimizer=keras.optimizers.SGD(0.5, momentum=0.5),
            metrics=["accuracy"],
            thresholds=[0.4, 0.6],
            epochs=3,
            batchSize=50,
        )
        classifier = estimator.fit(rows)
        regressor = ml.DLRegressor(model=regress(4), loss=keras.losses.Huber(delta=2.0), labelCol="y", shapes={"x": []})
        model = ml.DLModel.from_keras(regress(4), featuresCols=["x", "y"], predictionCol="any")
        stages = {"classifier": classifier, "estimator": estimator, "regressor": regressor, "model": model}
        stages["images"] = ml.ImageTransformer(inputCol="a", outputCol="b", transformation=TRANSFORM, augment=True)
        for name, stage in stages.items():
            stage.write().overwrite().save(f"file:{folder / name}")
        said = {
            "probability": [classifier.predictProbability(np.array(point)).tolist() for point in POINTS],
            "any": [model.predict(np.array(point)).tolist() for point in POINTS],
            "history": classifier.summary.history,
        }
        (folder / "said.json").write_text(json.dumps(said, indent=1) + "\n")


if __name__ == "__main__":
    main()

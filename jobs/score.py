"""Applies a model of any supported format to a table or a folder of images; the result is a folder of Parquet files.

    spark-submit jobs/score.py --model model.keras --data table.parquet --features x --to scored
    spark-submit jobs/score.py --model graph.pb --inputs x --outputs prob --data rows.csv --features a b --to scored
    spark-submit jobs/score.py --model deploy.prototxt --weights net.caffemodel --images --data photos --to scored

What the model is, is found by the content of its files: Keras, TensorFlow, Caffe, or a folder of sparkdl's checkpoints.
All columns are kept, but the images themselves; `--keep` names those that are wanted. Paths may be URLs of what Spark
reads and writes. Images are resized to what the model takes; their pixels go from 0 to 255, unless `--scale` says
otherwise.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pyspark.sql import DataFrame, SparkSession

if TYPE_CHECKING:
    import keras


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True, help="file or folder of the model; path or URL")
    parser.add_argument("--weights", help="its weights, where they are another file (caffemodel, checkpoint, ...)")
    parser.add_argument("--inputs", nargs="+", help="tensors where a TensorFlow graph begins")
    parser.add_argument("--outputs", nargs="+", help="tensors where a TensorFlow graph ends")
    parser.add_argument("--data", required=True, help="Parquet, CSV with a header (*.csv), or with --images a folder")
    parser.add_argument("--csv", action="store_true", help="the data is CSV, whatever its name")
    parser.add_argument("--images", action="store_true", help="the data is a folder of images")
    parser.add_argument("--channels", choices=("rgb", "bgr", "gray"), help="of images (rgb; for Caffe bgr)")
    parser.add_argument(
        "--scale", type=float, default=1.0, help="factor for the pixels of images (default %(default)s)"
    )
    parser.add_argument("--features", nargs="+", default=["features"], help="columns that make the input (%(default)s)")
    parser.add_argument("--to", required=True, help="folder of the result")
    parser.add_argument("--output", default="prediction", help="the new column (default %(default)s)")
    parser.add_argument("--layers", nargs="+", help="inner layers whose outputs are wanted instead")
    parser.add_argument("--keep", nargs="*", help="columns of the data that are wanted beside it (default: all)")
    parser.add_argument("--batch-size", type=int, default=1024, help="rows per call of the model (default %(default)s)")
    parser.add_argument("--runtime", choices=("auto", "openvino", "tensorflow"), default="auto", help="what computes")
    parser.add_argument("--precision", choices=("float32", "bf16"), default="float32", help="(default %(default)s)")
    parser.add_argument(
        "--invalid", choices=("error", "skip", "keep"), default="error", help="rows with nulls or damaged images"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace a result that is there")
    parser.add_argument("--master", default="local[*]", help="Spark master where spark-submit gives none (%(default)s)")
    return parser.parse_args(arguments)


def load(arguments: argparse.Namespace) -> tuple[keras.Model, str]:
    """The model, and what its files were."""
    import sparkdl as sdl
    from sparkdl.errors import ImporterError
    from sparkdl.importers.inspect import format_of

    try:
        kind = format_of(arguments.model)
    except ImporterError:
        return sdl.load_checkpoint(arguments.model), "checkpoint"
    if kind == "caffe":
        # Images of Spark have their channels last.
        layout = "channels_last" if arguments.images else "channels_first"
        return sdl.load_caffe(arguments.model, arguments.weights, layout, outputs=arguments.outputs), kind
    if kind == "keras":
        return sdl.load_keras(arguments.model, weights=arguments.weights, compile=False), kind
    ends = (arguments.inputs, arguments.outputs)
    return sdl.load_tensorflow(arguments.model, *ends, checkpoint=arguments.weights), kind


def read(spark: SparkSession, arguments: argparse.Namespace) -> DataFrame:
    """The rows to score."""
    import sparkdl as sdl

    if arguments.images:
        return sdl.images.read(spark, arguments.data, invalid=arguments.invalid)
    if arguments.csv or arguments.data.rstrip("/").lower().endswith((".csv", ".csv.gz")):
        return spark.read.csv(arguments.data, header=True, inferSchema=True)
    return spark.read.parquet(arguments.data)


def transform(arguments: argparse.Namespace, model: keras.Model, kind: str) -> Any:
    """What is done to images before the model sees them."""
    import sparkdl as sdl

    height, width = model.input_shape[1:3]
    steps = [
        sdl.images.Resize((height, width)),
        sdl.images.Channels(arguments.channels or ("rgb", "bgr")[kind == "caffe"]),
    ]
    if arguments.scale != 1.0:
        steps.append(sdl.images.Normalize(scale=arguments.scale))
    return sdl.images.Compose(steps)


def score(spark: SparkSession, arguments: argparse.Namespace) -> int:
    """Scores, writes, prints; gives the number of rows."""
    import sparkdl as sdl

    model, kind = load(arguments)
    print(f"Loaded {arguments.model} ({kind}): {model.count_params():,} weights.")
    data = read(spark, arguments)
    features = ["image"] if arguments.images else arguments.features
    scored = sdl.predict(
        model,
        data,
        features=features[0] if len(features) == 1 else features,
        output=arguments.output,
        layers=arguments.layers[0] if arguments.layers and len(arguments.layers) == 1 else arguments.layers,
        batch_size=arguments.batch_size,
        runtime=arguments.runtime,
        precision=arguments.precision,
        handle_invalid=arguments.invalid,
        transform=transform(arguments, model, kind) if arguments.images else None,
    )
    new = [name for name in scored.columns if name not in data.columns]
    kept = data.drop("image").columns if arguments.images else data.columns
    start = time.perf_counter()
    result = scored.select(*[f"`{name}`" for name in (*(kept if arguments.keep is None else arguments.keep), *new)])
    result.write.mode("overwrite" if arguments.overwrite else "errorifexists").parquet(arguments.to)
    seconds = time.perf_counter() - start
    rows = spark.read.parquet(arguments.to).count()
    print(f"{rows:,} rows in {seconds:.1f} s ({rows / seconds:,.0f} rows/s): {', '.join(new)} in {arguments.to}")
    return rows


def main() -> None:
    """Runs the job."""
    from sparkdl.spark.program import one_line
    from sparkdl.spark.session import local_session

    arguments = parse_arguments()
    with local_session(arguments.master, app_name="score") as spark, one_line():
        score(spark, arguments)


if __name__ == "__main__":
    main()

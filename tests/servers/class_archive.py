"""Archives Spark's classes for the JVMs of the tests, which start in half of the CPU time with it.

`make test` does this once per virtual environment, in half a minute.
"""

from __future__ import annotations

import os
import tempfile

from pyspark.ml import Pipeline
from pyspark.ml.feature import StringIndexer, VectorAssembler
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from sparkdl.spark.session import local_session
from tests.servers.java import ARCHIVE, OPTIONS

# Classes that the driver does not load.
EXECUTOR = ("executor.CoarseGrainedExecutorBackend", "deploy.worker.Worker", "deploy.master.Master")
SECONDS = 180


def make() -> None:
    """Writes the archive: all classes that Spark has loaded while it did a little of what the tests do."""
    os.environ["JAVA_TOOL_OPTIONS"] = OPTIONS
    writing = {"spark.driver.extraJavaOptions": f"-XX:ArchiveClassesAtExit={ARCHIVE} -Xlog:disable"}
    for master in ("local[2]", "local-cluster[2,1,1024]"):
        session = local_session(master, {**writing, "spark.ui.enabled": "false", "spark.sql.shuffle.partitions": "2"})
        _use(session)
        java = session.sparkContext._gateway.proc
        for name in EXECUTOR:
            session.sparkContext._jvm.java.lang.Class.forName(f"org.apache.spark.{name}")
        session.stop()
    java.stdin.close()  # which ends it
    java.wait(SECONDS)


def _use(session: SparkSession) -> None:
    frame = session.range(100).select("id", (F.rand(1) * 2).alias("x"), (F.col("id") % 3).cast("string").alias("kind"))
    stages = [StringIndexer(inputCol="kind", outputCol="label"), VectorAssembler(inputCols=["x"], outputCol="vector")]
    frame = Pipeline(stages=stages).fit(frame).transform(frame).cache()
    frame.groupBy("kind").agg(F.avg("x"), F.collect_list("id")).orderBy("kind").collect()
    frame.repartition(2).mapInArrow(lambda batches: batches, frame.schema, barrier=True).toPandas()
    frame.select(F.pandas_udf(lambda column: column, "double")("x")).first()
    session.createDataFrame(frame.toPandas()[["id", "x"]]).join(frame, "id").count()
    session.createDataFrame(frame.rdd.sortBy(lambda row: row.x).collect(), frame.schema).count()
    with tempfile.TemporaryDirectory() as folder:
        for form in ("parquet", "csv", "json"):
            frame.select("id", "x", "kind").write.format(form).save(f"{folder}/{form}")
            session.read.format(form).load(f"{folder}/{form}").count()


if __name__ == "__main__":
    make()

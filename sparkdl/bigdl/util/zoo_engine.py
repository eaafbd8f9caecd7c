"""Analytics Zoo's name for `util.engine`."""

from sparkdl.bigdl.util.engine import (  # noqa: F401
    check_spark_source_conflict,
    compare_version,
    exist_pyspark,
    get_analytics_zoo_classpath,
    glob,
    invalidInputError,
    invalidOperationError,
    is_spark_below_2_2,
    is_spark_below_ver,
    log,
    logger,
    logging,
    os,
    outputUserMessage,
    prepare_env,
    sys,
    warnings,
)

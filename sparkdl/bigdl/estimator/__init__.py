"""BigDL 2.x's `estimator`."""

from sparkdl.bigdl.estimator.estimator import *  # noqa: F403

"""BigDL 2.x's images."""

from sparkdl.bigdl.feature.image.imagePreprocessing import *  # noqa: F403
from sparkdl.bigdl.feature.image.imageset import *  # noqa: F403

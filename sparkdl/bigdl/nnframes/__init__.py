"""BigDL 2.x's stages of Spark ML pipelines."""

from sparkdl.bigdl.nnframes.nn_classifier import *  # noqa: F403
from sparkdl.bigdl.nnframes.nn_image_reader import *  # noqa: F403
from sparkdl.bigdl.nnframes.nn_image_schema import *  # noqa: F403
from sparkdl.bigdl.nnframes.tree_model import *  # noqa: F403

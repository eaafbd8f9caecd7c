"""The Keras-style layers of BigDL."""

# Scripts find optimizers, criterions, numpy and much else through this one, as they did in BigDL.
from sparkdl.bigdl.keras.engine.topology import *  # noqa: F403
from sparkdl.bigdl.keras.graphs import Input, InputLayer  # noqa: F401
from sparkdl.bigdl.keras.layers.advanced_activations import *  # noqa: F403
from sparkdl.bigdl.keras.layers.convolutional import *  # noqa: F403
from sparkdl.bigdl.keras.layers.convolutional_recurrent import *  # noqa: F403
from sparkdl.bigdl.keras.layers.core import *  # noqa: F403
from sparkdl.bigdl.keras.layers.embeddings import *  # noqa: F403
from sparkdl.bigdl.keras.layers.local import *  # noqa: F403
from sparkdl.bigdl.keras.layers.noise import *  # noqa: F403
from sparkdl.bigdl.keras.layers.normalization import *  # noqa: F403
from sparkdl.bigdl.keras.layers.pooling import *  # noqa: F403
from sparkdl.bigdl.keras.layers.recurrent import *  # noqa: F403
from sparkdl.bigdl.keras.layers.self_attention import *  # noqa: F403
from sparkdl.bigdl.keras.layers.torch import *  # noqa: F403
from sparkdl.bigdl.keras.layers.wrappers import *  # noqa: F403
from sparkdl.bigdl.keras.merging import Merge, merge  # noqa: F401

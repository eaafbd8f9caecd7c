"""The engine of BigDL's Keras-style API: models, inputs and merging."""

from sparkdl.bigdl.keras.engine.topology import *  # noqa: F403

"""Where BigDL kept `dlframes.dl_classifier` at first."""

from sparkdl.bigdl.dlframes.dl_classifier import *  # noqa: F403

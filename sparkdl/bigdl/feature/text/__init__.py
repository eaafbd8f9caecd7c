"""BigDL 2.x's texts."""

from sparkdl.bigdl.feature.text.text_feature import *  # noqa: F403
from sparkdl.bigdl.feature.text.text_set import *  # noqa: F403
from sparkdl.bigdl.feature.text.transformer import *  # noqa: F403

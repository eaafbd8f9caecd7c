"""BigDL's `transform.vision.image`: images, frames of them, and their transforms."""

import sys  # noqa: F401

from sparkdl.bigdl.transform.vision.colors import (  # noqa: F401
    Brightness,
    ChannelNormalize,
    ChannelOrder,
    ChannelScaledNormalizer,
    ColorJitter,
    Contrast,
    Hue,
    PixelNormalize,
    Saturation,
)
from sparkdl.bigdl.transform.vision.feature import (  # noqa: F401
    BytesToMat,
    FeatureTransformer,
    ImageFeature,
    ImageFrameToSample,
    MatToFloats,
    MatToTensor,
    Pipeline,
    PixelBytesToMat,
    RandomTransformer,
    RoiLabel,
)
from sparkdl.bigdl.transform.vision.frames import (  # noqa: F401
    DistributedImageFrame,
    ImageFrame,
    LocalImageFrame,
)
from sparkdl.bigdl.transform.vision.regions import (  # noqa: F401
    CenterCrop,
    DetectionCrop,
    FixedCrop,
    RandomCrop,
    RandomCropper,
    RandomSampler,
    RoiHFlip,
    RoiNormalize,
    RoiProject,
    RoiResize,
)
from sparkdl.bigdl.transform.vision.sequence_files import SeqFileFolder  # noqa: F401
from sparkdl.bigdl.transform.vision.sizes import (  # noqa: F401
    AspectScale,
    Expand,
    Filler,
    FixExpand,
    HFlip,
    RandomAlterAspect,
    RandomAspectScale,
    RandomResize,
    Resize,
)
from sparkdl.bigdl.util.common import *  # noqa: F403

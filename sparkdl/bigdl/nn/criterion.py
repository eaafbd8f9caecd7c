"""All criterions of BigDL, and what a star import of its `nn.criterion` gives."""

import sys  # noqa: F401

import numpy as np  # noqa: F401

from sparkdl.bigdl.nn.criterions.base import Criterion  # noqa: F401
from sparkdl.bigdl.nn.criterions.class_labels import (  # noqa: F401
    CategoricalCrossEntropy,
    ClassNLLCriterion,
    ClassSimplexCriterion,
    CrossEntropyCriterion,
    MultiLabelMarginCriterion,
    MultiMarginCriterion,
    SoftmaxWithCriterion,
)
from sparkdl.bigdl.nn.criterions.containers import (  # noqa: F401
    MultiCriterion,
    ParallelCriterion,
    TimeDistributedCriterion,
    TimeDistributedMaskCriterion,
    TransformerCriterion,
)
from sparkdl.bigdl.nn.criterions.elements import (  # noqa: F401
    AbsCriterion,
    BCECriterion,
    DiceCoefficientCriterion,
    DistKLDivCriterion,
    DotProductCriterion,
    HingeEmbeddingCriterion,
    KullbackLeiblerDivergenceCriterion,
    L1Cost,
    MarginCriterion,
    MeanAbsolutePercentageCriterion,
    MeanSquaredLogarithmicCriterion,
    MSECriterion,
    MultiLabelSoftMarginCriterion,
    PGCriterion,
    PoissonCriterion,
    SmoothL1Criterion,
    SoftMarginCriterion,
)
from sparkdl.bigdl.nn.criterions.pairs import (  # noqa: F401
    CosineDistanceCriterion,
    CosineEmbeddingCriterion,
    CosineProximityCriterion,
    GaussianCriterion,
    KLDCriterion,
    L1HingeEmbeddingCriterion,
    MarginRankingCriterion,
    SmoothL1CriterionWithWeights,
)
from sparkdl.bigdl.nn.layers.base import Layer  # noqa: F401
from sparkdl.bigdl.util.common import JavaValue, JTensor, callBigDlFunc  # noqa: F401

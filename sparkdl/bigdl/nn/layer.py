"""All layers of BigDL, and what a star import of its module gave beside them."""

# ruff: noqa: F401

import importlib
import sys

import numpy as np
import six

from sparkdl.bigdl.dataset.dataset import DataSet
from sparkdl.bigdl.nn.layers.activations import (
    ELU,
    Abs,
    BinaryThreshold,
    Clamp,
    Contiguous,
    Echo,
    Exp,
    HardShrink,
    HardSigmoid,
    HardTanh,
    Identity,
    LeakyReLU,
    Log,
    LogSigmoid,
    LogSoftMax,
    PReLU,
    ReLU,
    ReLU6,
    RReLU,
    Sigmoid,
    SoftMax,
    SoftMin,
    SoftPlus,
    SoftShrink,
    SoftSign,
    Sqrt,
    Square,
    SReLU,
    Tanh,
    TanhShrink,
    Threshold,
)
from sparkdl.bigdl.nn.layers.arithmetic import (
    Add,
    AddConstant,
    CAdd,
    CMul,
    Mul,
    MulConstant,
    Negative,
    Power,
    Scale,
)
from sparkdl.bigdl.nn.layers.attention import (
    Attention,
    BinaryTreeLSTM,
    FeedForwardNetwork,
    SequenceBeamSearch,
    Transformer,
)
from sparkdl.bigdl.nn.layers.base import (
    Layer,
    SharedStaticUtils,
)
from sparkdl.bigdl.nn.layers.cells import (
    GRU,
    LSTM,
    ConvLSTMPeephole,
    ConvLSTMPeephole3D,
    LSTMPeephole,
    MultiRNNCell,
    RnnCell,
)
from sparkdl.bigdl.nn.layers.convolution import (
    LocallyConnected1D,
    LocallyConnected2D,
    SpatialConvolution,
    SpatialConvolutionMap,
    SpatialDilatedConvolution,
    SpatialFullConvolution,
    SpatialSeparableConvolution,
    SpatialShareConvolution,
    TemporalConvolution,
    VolumetricConvolution,
    VolumetricFullConvolution,
)
from sparkdl.bigdl.nn.layers.detection import (
    DetectionOutputFrcnn,
    DetectionOutputSSD,
    Pooler,
    PriorBox,
    Proposal,
    RoiAlign,
    RoiPooling,
)
from sparkdl.bigdl.nn.layers.graph import (
    Bottle,
    Concat,
    ConcatTable,
    Container,
    Input,
    MapTable,
    Model,
    Node,
    ParallelTable,
    Sequential,
)
from sparkdl.bigdl.nn.layers.linear import (
    Bilinear,
    Cosine,
    Euclidean,
    Highway,
    Linear,
    Maxout,
)
from sparkdl.bigdl.nn.layers.lookup import (
    DenseToSparse,
    LookupTable,
    LookupTableSparse,
    SparseJoinTable,
    SparseLinear,
)
from sparkdl.bigdl.nn.layers.noise import (
    ActivityRegularization,
    Dropout,
    GaussianDropout,
    GaussianNoise,
    GaussianSampler,
    GradientReversal,
    L1Penalty,
    NegativeEntropyPenalty,
    SpatialDropout1D,
    SpatialDropout2D,
    SpatialDropout3D,
)
from sparkdl.bigdl.nn.layers.normalization import (
    BatchNormalization,
    LayerNormalization,
    Normalize,
    NormalizeScale,
    SpatialBatchNormalization,
    SpatialContrastiveNormalization,
    SpatialCrossMapLRN,
    SpatialDivisiveNormalization,
    SpatialSubtractiveNormalization,
    SpatialWithinChannelLRN,
)
from sparkdl.bigdl.nn.layers.pooling import (
    SpatialAveragePooling,
    SpatialMaxPooling,
    TemporalMaxPooling,
    VolumetricAveragePooling,
    VolumetricMaxPooling,
)
from sparkdl.bigdl.nn.layers.products import (
    MM,
    MV,
    CosineDistance,
    CrossProduct,
    DotProduct,
    Gemm,
    Index,
    MaskedSelect,
    PairwiseDistance,
)
from sparkdl.bigdl.nn.layers.pyramid import FPN
from sparkdl.bigdl.nn.layers.recurrent import BiRecurrent, Recurrent, RecurrentDecoder, TimeDistributed
from sparkdl.bigdl.nn.layers.reductions import (
    Max,
    Mean,
    Min,
    Sum,
)
from sparkdl.bigdl.nn.layers.resizing import (
    Cropping2D,
    Cropping3D,
    ResizeBilinear,
    SpatialZeroPadding,
    UpSampling1D,
    UpSampling2D,
    UpSampling3D,
)
from sparkdl.bigdl.nn.layers.shapes import (
    ExpandSize,
    InferReshape,
    Masking,
    Narrow,
    Padding,
    Replicate,
    Reshape,
    Reverse,
    Select,
    Squeeze,
    Tile,
    Transpose,
    Unsqueeze,
    View,
)
from sparkdl.bigdl.nn.layers.tables import (
    BifurcateSplitTable,
    CAddTable,
    CAveTable,
    CDivTable,
    CMaxTable,
    CMinTable,
    CMulTable,
    CSubTable,
    FlattenTable,
    JoinTable,
    MixtureTable,
    NarrowTable,
    Pack,
    SelectTable,
    SplitTable,
    TableOperation,
)
from sparkdl.bigdl.optim.regularizers import L1L2Regularizer, L1Regularizer, L2Regularizer
from sparkdl.bigdl.transform.vision.image import ImageFrame
from sparkdl.bigdl.util.common import (
    DOUBLEMAX,
    INTMAX,
    INTMIN,
    RDD,
    JavaObject,
    JavaValue,
    JTensor,
    callBigDlFunc,
    callJavaFunc,
    get_activation_by_name,
    get_spark_context,
    invalidInputError,
    invalidOperationError,
    logger,
    logging,
    outputUserMessage,
    to_list,
)

"""Which attributes a module has in BigDL's files, of which type, and which argument of our modules each is.

A line is a kind of module; an attribute is `name:type:argument`, in the order of the module's constructor. Those
without an argument are regularizers, initial values (whose place is kept), activations (children), or mean nothing.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute of a kind of module.

    Attributes:
        name: in the file.
        type: int, double, float, bool, string, ints, floats, format (NCHW or NHWC), regularizer, tensor or module.
        argument: the argument of our module, or "".
    """

    name: str
    type: str
    argument: str = ""


_TABLE = """
ActivityRegularization l1:double:l1 l2:double:l2
Add inputSize:int:input_size
AddConstant constant_scalar:double:constant_scalar inplace:bool:inplace
Attention hiddenSize:int:hidden_size numHeads:int:num_heads attentionDropout:float:attention_dropout
BatchNormalization nOutput:int:n_output eps:double:eps momentum:double:momentum affine:bool:affine initWeight:tensor
 initBias:tensor initGradWeight:tensor initGradBias:tensor
BifurcateSplitTable dimension:int:dimension
Bilinear inputSize1:int:input_size1 inputSize2:int:input_size2 outputSize:int:output_size biasRes:bool:bias_res
 wRegularizer:regularizer bRegularizer:regularizer
BinaryThreshold th:double:th ip:bool:ip
BinaryTreeLSTM inputSize:int:input_size hiddenSize:int:hidden_size gateOutput:bool:gate_output
 withGraph:bool:with_graph
CAdd size:ints:size bRegularizer:regularizer
CAddTable inplace:bool:inplace
CAveTable inplace:bool:inplace
CMul size:ints:size wRegularizer:regularizer
Clamp minV:int:min maxV:int:max
Concat dimension:int:dimension
ConvLSTMPeephole inputSize:int:input_size outputSize:int:output_size kernelI:int:kernel_i kernelC:int:kernel_c
 stride:int:stride padding:int:padding activation:module innerActivation:module wRegularizer:regularizer
 uRegularizer:regularizer bRegularizer:regularizer cRegularizer:regularizer withPeephole:bool:with_peephole
ConvLSTMPeephole3D inputSize:int:input_size outputSize:int:output_size kernelI:int:kernel_i kernelC:int:kernel_c
 stride:int:stride padding:int:padding wRegularizer:regularizer uRegularizer:regularizer bRegularizer:regularizer
 cRegularizer:regularizer withPeephole:bool:with_peephole
Cosine inputSize:int:input_size outputSize:int:output_size
Cropping2D heightCrop:ints:heightCrop widthCrop:ints:widthCrop dataFormat:format:data_format
Cropping3D dim1Crop:ints:dim1Crop dim2Crop:ints:dim2Crop dim3Crop:ints:dim3Crop dataFormat:string:data_format
CrossProduct numTensor:int:numTensor embeddingSize:int:embeddingSize
DenseToSparse propagateBack:bool
DetectionOutputFrcnn nmsThresh:float:nms_thresh nClasses:int:n_classes bboxVote:bool:bbox_vote
 maxPerImage:int:max_per_image thresh:double:thresh
DetectionOutputSSD nClasses:int:n_classes shareLocation:bool:share_location bgLabel:int:bg_label
 nmsThresh:float:nms_thresh nmsTopk:int:nms_topk keepTopK:int:keep_top_k confThresh:float:conf_thresh
 varianceEncodedInTarget:bool:variance_encoded_in_target confPostProcess:bool:conf_post_process
Dropout initP:double:init_p inplace:bool:inplace scale:bool:scale
ELU alpha:double:alpha inplace:bool:inplace
Euclidean inputSize:int:input_size outputSize:int:output_size fastBackward:bool:fast_backward
ExpandSize targetSizes:ints:sizes
FPN inChannels:ints:in_channels_list outChannels:int:out_channels topBlocks:int:top_blocks
 inChannelsOfP6P7:int:in_channels_of_p6p7 outChannelsOfP6P7:int:out_channels_of_p6p7
FeedForwardNetwork hiddenSize:int:hidden_size filterSize:int:filter_size reluDropout:float:relu_dropout
GRU inputSize:int:input_size outputSize:int:hidden_size p:double:p activation:module innerActivation:module
 wRegularizer:regularizer uRegularizer:regularizer bRegularizer:regularizer
GaussianDropout rate:double:rate
GaussianNoise stddev:double:stddev
Gemm alpha:float:alpha beta:float:beta transA:bool:trans_a transB:bool:trans_b matrixB:tensor matrixC:tensor
GradientReversal lambda:double:the_lambda
HardShrink lambda:double:the_lambda
HardTanh minValue:double:min_value maxValue:double:max_value inplace:bool:inplace
Index dimension:int:dimension
InferReshape size:ints:size batchMode:bool:batch_mode
JoinTable dimension:int:dimension nInputDims:int:n_input_dims
L1Penalty l1weight:int:l1weight sizeAverage:bool:size_average provideOutput:bool:provide_output
LSTM inputSize:int:input_size hiddenSize:int:hidden_size p:double:p activation:module innerActivation:module
 wRegularizer:regularizer uRegularizer:regularizer bRegularizer:regularizer
LSTMPeephole inputSize:int:input_size hiddenSize:int:hidden_size p:double:p wRegularizer:regularizer
 uRegularizer:regularizer bRegularizer:regularizer
LayerNormalization hiddenSize:int:hidden_size
LeakyReLU negval:double:negval inplace:bool:inplace
Linear inputSize:int:input_size outputSize:int:output_size withBias:bool:with_bias wRegularizer:regularizer
 bRegularizer:regularizer initWeight:tensor initBias:tensor initGradWeight:tensor initGradBias:tensor
LocallyConnected1D nInputFrame:int:n_input_frame inputFrameSize:int:input_frame_size
 outputFrameSize:int:output_frame_size kernelW:int:kernel_w strideW:int:stride_w propagateBack:bool:propagate_back
 wRegularizer:regularizer bRegularizer:regularizer initWeight:tensor initBias:tensor initGradWeight:tensor
 initGradBias:tensor
LocallyConnected2D nInputPlane:int:n_input_plane inputWidth:int:input_width inputHeight:int:input_height
 nOutputPlane:int:n_output_plane kernelW:int:kernel_w kernelH:int:kernel_h strideW:int:stride_w strideH:int:stride_h
 padW:int:pad_w padH:int:pad_h propagateBack:bool:propagate_back wRegularizer:regularizer bRegularizer:regularizer
 initWeight:tensor initBias:tensor initGradWeight:tensor initGradBias:tensor withBias:bool:with_bias
 format:format:data_format
LookupTable nIndex:int:n_index nOutput:int:n_output paddingValue:double:padding_value maxNorm:double:max_norm
 normType:double:norm_type shouldScaleGradByFreq:bool:should_scale_grad_by_freq wRegularizer:regularizer maskZero:bool
LookupTableSparse nIndex:int:n_index nOutput:int:n_output combiner:string:combiner maxNorm:double:max_norm
 wRegularizer:regularizer
MM transA:bool:trans_a transB:bool:trans_b
MV trans:bool:trans
Masking maskValue:double:mask_value
Max dim:int:dim numInputDims:int:num_input_dims
Maxout inputSize:int:input_size outputSize:int:output_size maxoutNumber:int:maxout_number withBias:bool:with_bias
 wRegularizer:regularizer bRegularizer:regularizer initWeight:tensor initBias:tensor
Mean dimension:int:dimension nInputDims:int:n_input_dims squeeze:bool:squeeze
Min dim:int:dim numInputDims:int:num_input_dims
MixtureTable dim:int:dim
MulConstant constant:double:scalar inplace:bool:inplace
Narrow dimension:int:dimension offset:int:offset length:int:length
NarrowTable offset:int:offset length:int:length
Negative inplace:bool:inplace
NegativeEntropyPenalty beta:double:beta
Normalize p:double:p eps:double:eps
NormalizeScale p:double:p eps:double:eps scale:double:scale size:ints:size wRegularizer:regularizer
PReLU nOutputPlane:int:n_output_plane
Pack dimension:int:dimension
Padding dim:int:dim pad:int:pad nInputDim:int:n_input_dim value:double:value nIndex:int:n_index
PairwiseDistance norm:int:norm
Pooler resolution:int:resolution scales:floats:scales samplingRatio:int:sampling_ratio
Power power:double:power scale:double:scale shift:double:shift
PriorBox minSizes:floats:min_sizes maxSizes:floats:max_sizes _aspectRatios:floats:aspect_ratios isFlip:bool:is_flip
 isClip:bool:is_clip variances:floats:variances offset:float:offset imgH:int:img_h imgW:int:img_w imgSize:int:img_size
 stepH:float:step_h stepW:float:step_w step:float:step
Proposal preNmsTopNTest:int postNmsTopNTest:int ratios:floats:ratios scales:floats:scales
 rpnPreNmsTopNTrain:int:rpn_pre_nms_topn_train rpnPostNmsTopNTrain:int:rpn_post_nms_topn_train
RReLU lower:double:lower upper:double:upper inplace:bool:inplace
ReLU ip:bool:ip
ReLU6 inplace:bool:inplace
Replicate nFeatures:int:n_features dim:int:dim nDim:int:n_dim
ResizeBilinear outputHeight:int:output_height outputWidth:int:output_width alignCorners:bool:align_corner
 dataFormat:format:data_format
Reverse dim:int:dimension isInplace:bool:is_inplace
RnnCell inputSize:int:input_size hiddenSize:int:hidden_size activation:module isInputWithBias:bool:isInputWithBias
 isHiddenWithBias:bool:isHiddenWithBias wRegularizer:regularizer uRegularizer:regularizer bRegularizer:regularizer
RoiAlign spatialScale:float:spatial_scale samplingRatio:int:sampling_ratio pooledH:int:pooled_h pooledW:int:pooled_w
 mode:string aligned:bool
RoiPooling pooledW:int:pooled_w pooledH:int:pooled_h spatialScale:float:spatial_scale
SReLU shape:ints:input_shape sharedAxes:ints:share_axes
Scale size:ints:size
Select dimension:int:dim index:int:index
SelectTable index:int:index
SoftPlus beta:double:beta
SoftShrink lambda:double:the_lambda
SparseJoinTable dimension:int:dimension
SparseLinear inputSize:int:input_size outputSize:int:output_size backwardStart:int:backwardStart
 backwardLength:int:backwardLength withBias:bool:with_bias wRegularizer:regularizer bRegularizer:regularizer
 initWeight:tensor initBias:tensor initGradWeight:tensor initGradBias:tensor
SpatialAveragePooling kW:int:kw kH:int:kh dW:int:dw dH:int:dh padW:int:pad_w padH:int:pad_h
 globalPooling:bool:global_pooling ceilMode:bool:ceil_mode countIncludePad:bool:count_include_pad divide:bool:divide
 format:format:format
SpatialBatchNormalization nOutput:int:n_output eps:double:eps momentum:double:momentum affine:bool:affine
 initWeight:tensor initBias:tensor initGradWeight:tensor initGradBias:tensor dataFormat:format:data_format
SpatialContrastiveNormalization nInputPlane:int:n_input_plane kernel:tensor threshold:double:threshold
 thresval:double:thresval
SpatialConvolution nInputPlane:int:n_input_plane nOutputPlane:int:n_output_plane kernelW:int:kernel_w
 kernelH:int:kernel_h strideW:int:stride_w strideH:int:stride_h padW:int:pad_w padH:int:pad_h nGroup:int:n_group
 propagateBack:bool:propagate_back wRegularizer:regularizer bRegularizer:regularizer initWeight:tensor initBias:tensor
 initGradWeight:tensor initGradBias:tensor withBias:bool:with_bias format:format:data_format
SpatialConvolutionMap connTable:tensor kW:int:kw kH:int:kh dW:int:dw dH:int:dh padW:int:pad_w
 padH:int:pad_h wRegularizer:regularizer bRegularizer:regularizer
SpatialCrossMapLRN size:int:size alpha:double:alpha beta:double:beta k:double:k format:format:data_format
SpatialDilatedConvolution nInputPlane:int:n_input_plane nOutputPlane:int:n_output_plane kW:int:kw kH:int:kh dW:int:dw
 dH:int:dh padW:int:pad_w padH:int:pad_h dilationW:int:dilation_w dilationH:int:dilation_h wRegularizer:regularizer
 bRegularizer:regularizer
SpatialDivisiveNormalization nInputPlane:int:n_input_plane kernel:tensor threshold:double:threshold
 thresval:double:thresval
SpatialDropout1D initP:double:init_p
SpatialDropout2D initP:double:init_p format:format:data_format
SpatialDropout3D initP:double:init_p format:format:data_format
SpatialFullConvolution noBias:bool:no_bias wRegularizer:regularizer bRegularizer:regularizer
Bottle module:module nInputDim:int:n_input_dim nOutputDim1:int:n_output_dim1
MapTable module:module
TableOperation operationLayer:module
SpatialMaxPooling kW:int:kw kH:int:kh dW:int:dw dH:int:dh padW:int:pad_w padH:int:pad_h format:format:format
SpatialSeparableConvolution nInputChannel:int:n_input_channel nOutputChannel:int:n_output_channel
 depthMultiplier:int:depth_multiplier kW:int:kernel_w kH:int:kernel_h sW:int:stride_w sH:int:stride_h pW:int:pad_w
 pH:int:pad_h hasBias:bool:with_bias dataFormat:format:data_format wRegularizer:regularizer bRegularizer:regularizer
 pRegularizer:regularizer initDepthWeight:tensor initPointWeight:tensor initBias:tensor
SpatialShareConvolution nInputPlane:int:n_input_plane nOutputPlane:int:n_output_plane kernelW:int:kernel_w
 kernelH:int:kernel_h strideW:int:stride_w strideH:int:stride_h padW:int:pad_w padH:int:pad_h nGroup:int:n_group
 propagateBack:bool:propagate_back wRegularizer:regularizer bRegularizer:regularizer initWeight:tensor initBias:tensor
 initGradWeight:tensor initGradBias:tensor withBias:bool:with_bias
SpatialSubtractiveNormalization nInputPlane:int:n_input_plane kernel:tensor
SpatialWithinChannelLRN size:int:size alpha:double:alpha beta:double:beta
SpatialZeroPadding padLeft:int:pad_left padRight:int:pad_right padTop:int:pad_top padBottom:int:pad_bottom
SplitTable dimension:int:dimension nInputDims:int:n_input_dims keepDim:bool contiguousOutput:bool
Squeeze dims:ints:dim batchMode:bool
Sum dimension:int:dimension nInputDims:int:n_input_dims sizeAverage:bool:size_average squeeze:bool:squeeze
TemporalConvolution inputFrameSize:int:input_frame_size outputFrameSize:int:output_frame_size kernelW:int:kernel_w
 strideW:int:stride_w propagateBack:bool:propagate_back wRegularizer:regularizer bRegularizer:regularizer
 initWeight:tensor initBias:tensor initGradWeight:tensor initGradBias:tensor
TemporalMaxPooling kW:int:k_w dW:int:d_w
Threshold th:double:th v:double:v ip:bool:ip
Tile dim:int:dim copies:int:copies
Unsqueeze pos:ints:pos numInputDims:int:num_input_dims
UpSampling1D length:int:length
UpSampling2D size:ints:size format:format:data_format
UpSampling3D size:ints:size
View sizes:ints:sizes
VolumetricAveragePooling kT:int:k_t kW:int:k_w kH:int:k_h dT:int:d_t dW:int:d_w dH:int:d_h padT:int:pad_t
 padW:int:pad_w padH:int:pad_h countIncludePad:bool:count_include_pad ceilMode:bool:ceil_mode
VolumetricConvolution nInputPlane:int:n_input_plane nOutputPlane:int:n_output_plane kT:int:k_t kW:int:k_w kH:int:k_h
 dT:int:d_t dW:int:d_w dH:int:d_h padT:int:pad_t padW:int:pad_w padH:int:pad_h withBias:bool:with_bias
 wRegularizer:regularizer bRegularizer:regularizer
VolumetricFullConvolution nInputPlane:int:n_input_plane nOutputPlane:int:n_output_plane kT:int:kt kW:int:kw kH:int:kh
 dT:int:dt dW:int:dw dH:int:dh padT:int:pad_t padW:int:pad_w padH:int:pad_h adjT:int:adj_t adjW:int:adj_w
 adjH:int:adj_h nGroup:int:n_group noBias:bool:no_bias wRegularizer:regularizer bRegularizer:regularizer
VolumetricMaxPooling kT:int:k_t kW:int:k_w kH:int:k_h dT:int:d_t dW:int:d_w dH:int:d_h padT:int:pad_t padW:int:pad_w
 padH:int:pad_h
"""
# Modules whose constructors take nothing.
_PLAIN = """
Abs CDivTable CMaxTable CMinTable CMulTable CSubTable ConcatTable Contiguous CosineDistance DotProduct Exp
FlattenTable GaussianSampler HardSigmoid Identity Log LogSigmoid LogSoftMax Mul ParallelTable Sigmoid SoftMax SoftMin
SoftSign Sqrt Square Tanh TanhShrink
"""


def _table() -> dict[str, tuple[Attribute, ...]]:
    found: dict[str, tuple[Attribute, ...]] = {name: () for name in _PLAIN.split()}
    for line in _TABLE.strip().replace("\n ", " ").splitlines():
        kind, *attributes = line.split()
        found[kind] = tuple(Attribute(*attribute.split(":")) for attribute in attributes)
    return found


ATTRIBUTES = _table()

"""The messages of Caffe's files, as one table that drives both readers (`text` and `wire`).

A line is a message; a field is `name number type`, with `*` where it repeats. A field without a type holds the message
of its own name. A field with number 0 belongs to forks that disagree about its number: it is known in text only. (What
layers are is said by text; of a caffemodel, names and blobs are read, whose numbers all forks have left alone.)
What layers assume for absent fields stands where it is used, as the defaults of the converters' parameters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

_MESSAGES = """
Net: name 1 string, input 3 string*, input_shape 8 Shape*, input_dim 4 int*, force_backward 5 bool, state 6 State,
 debug_info 7 bool, layer 100 Layer*, layers 2 V1Layer*
Shape: dim 1 int*
Blob: shape 7 Shape, data 5 float*, double_data 8 double*, num 1 int, channels 2 int, height 3 int, width 4 int
State: phase 1 Phase, level 2 int, stage 3 string*
Rule: phase 1 Phase, min_level 2 int, max_level 3 int, stage 4 string*, not_stage 5 string*
ParamSpec: name 1 string, share_mode 2 ShareMode, lr_mult 3 float, decay_mult 4 float
Layer: name 1 string, type 2 string, bottom 3 string*, top 4 string*, phase 10 Phase, loss_weight 5 float*,
 param 6 ParamSpec*, blobs 7 Blob*, propagate_down 11 bool*, include 8 Rule*, exclude 9 Rule*, transform_param 100,
 loss_param 101, accuracy_param 102, argmax_param 103, batch_norm_param 139, bias_param 141, clip_param 148,
 concat_param 104, contrastive_loss_param 105, convolution_param 106, crop_param 144, data_param 107,
 dropout_param 108, dummy_data_param 109, eltwise_param 110, elu_param 140, embed_param 137, exp_param 111,
 flatten_param 135, hdf5_data_param 112, hdf5_output_param 113, hinge_loss_param 114, image_data_param 115,
 infogain_loss_param 116, inner_product_param 117, input_param 143, log_param 134, lrn_param 118,
 memory_data_param 119, mvn_param 120, parameter_param 145, pooling_param 121, power_param 122, prelu_param 131,
 python_param 130, recurrent_param 146, reduction_param 136, relu_param 123, reshape_param 133, scale_param 142,
 sigmoid_param 124, softmax_param 125, spp_param 132, slice_param 126, swish_param 147, tanh_param 127,
 threshold_param 128, tile_param 138, window_data_param 129, prior_box_param 0, detection_output_param 0,
 permute_param 0, norm_param 0, roi_pooling_param 0, smooth_l1_loss_param 0, bn_param 0, upsample_param 0,
 interp_param 0, shuffle_channel_param 0, dense_image_data_param 0
V1Layer: layer 1 V0Layer, bottom 2 string*, top 3 string*, name 4 string, include 32 Rule*, exclude 33 Rule*,
 type 5 V1Type, blobs 6 Blob*, param 1001 string*, blob_share_mode 1002 ShareMode*, blobs_lr 7 float*,
 weight_decay 8 float*, loss_weight 35 float*, accuracy_param 27, argmax_param 23, concat_param 9,
 contrastive_loss_param 40, convolution_param 10, data_param 11, dropout_param 12, dummy_data_param 26,
 eltwise_param 24, exp_param 41, hdf5_data_param 13, hdf5_output_param 14, hinge_loss_param 29, image_data_param 15,
 infogain_loss_param 16, inner_product_param 17, lrn_param 18, memory_data_param 22, mvn_param 34, pooling_param 19,
 power_param 21, relu_param 30, sigmoid_param 38, softmax_param 39, slice_param 31, tanh_param 37,
 threshold_param 25, window_data_param 20, transform_param 36, loss_param 42, prelu_param 0, bn_param 0,
 upsample_param 0, interp_param 0, roi_pooling_param 0
V0Layer: name 1 string, type 2 string, num_output 3 uint, biasterm 4 bool, weight_filler 5 Filler,
 bias_filler 6 Filler, pad 7 uint, kernelsize 8 uint, group 9 uint, stride 10 uint, pool 11 Pool,
 dropout_ratio 12 float, local_size 13 uint, alpha 14 float, beta 15 float, k 22 float, source 16 string,
 scale 17 float, meanfile 18 string, batchsize 19 uint, cropsize 20 uint, mirror 21 bool, blobs 50 Blob*,
 blobs_lr 51 float*, weight_decay 52 float*, rand_skip 53 uint, new_num 60 int, new_channels 61 int,
 new_height 62 int, new_width 63 int, shuffle_images 64 bool, concat_dim 65 uint
Filler: type 1 string, value 2 float, min 3 float, max 4 float, mean 5 float, std 6 float, sparse 7 int,
 variance_norm 8 VarianceNorm
transform_param: scale 1 float, mirror 2 bool, crop_size 3 uint, mean_file 4 string, mean_value 5 float*,
 force_color 6 bool, force_gray 7 bool, resize_param 0
resize_param: height 0 uint, width 0 uint
loss_param: ignore_label 1 int, normalization 3 Normalization, normalize 2 bool, weight_by_label_freqs 0 bool,
 class_weighting 0 float*
accuracy_param: top_k 1 uint, axis 2 int, ignore_label 3 int
argmax_param: out_max_val 1 bool, top_k 2 uint, axis 3 int
batch_norm_param: use_global_stats 1 bool, moving_average_fraction 2 float, eps 3 float
bias_param: axis 1 int, num_axes 2 int, filler 3 Filler
clip_param: min 1 float, max 2 float
concat_param: axis 2 int, concat_dim 1 uint
contrastive_loss_param: margin 1 float, legacy_version 2 bool
convolution_param: num_output 1 uint, bias_term 2 bool, pad 3 uint*, kernel_size 4 uint*, stride 6 uint*,
 dilation 18 uint*, pad_h 9 uint, pad_w 10 uint, kernel_h 11 uint, kernel_w 12 uint, stride_h 13 uint,
 stride_w 14 uint, group 5 uint, weight_filler 7 Filler, bias_filler 8 Filler, engine 15 Engine, axis 16 int,
 force_nd_im2col 17 bool
crop_param: axis 1 int, offset 2 uint*
data_param: source 1 string, batch_size 4 uint, rand_skip 7 uint, backend 8 Database, scale 2 float,
 mean_file 3 string, crop_size 5 uint, mirror 6 bool, force_encoded_color 9 bool, prefetch 10 uint
dense_image_data_param: source 0 string, batch_size 0 uint, shuffle 0 bool, new_height 0 uint, new_width 0 uint,
 is_color 0 bool, crop_width 0 uint, crop_height 0 uint
dropout_param: dropout_ratio 1 float, scale_train 0 bool, sample_weights_test 0 bool
dummy_data_param: data_filler 1 Filler*, shape 6 Shape*, num 2 uint*, channels 3 uint*, height 4 uint*, width 5 uint*
eltwise_param: operation 1 Eltwise, coeff 2 float*, stable_prod_grad 3 bool
elu_param: alpha 1 float
embed_param: num_output 1 uint, input_dim 2 uint, bias_term 3 bool, weight_filler 4 Filler, bias_filler 5 Filler
exp_param: base 1 float, scale 2 float, shift 3 float
flatten_param: axis 1 int, end_axis 2 int
hdf5_data_param: source 1 string, batch_size 2 uint, shuffle 3 bool
hdf5_output_param: file_name 1 string
hinge_loss_param: norm 1 Norm
image_data_param: source 1 string, batch_size 4 uint, rand_skip 7 uint, shuffle 8 bool, new_height 9 uint,
 new_width 10 uint, is_color 11 bool, scale 2 float, mean_file 3 string, crop_size 5 uint, mirror 6 bool,
 root_folder 12 string
infogain_loss_param: source 1 string, axis 2 int
inner_product_param: num_output 1 uint, bias_term 2 bool, weight_filler 3 Filler, bias_filler 4 Filler, axis 5 int,
 transpose 6 bool
input_param: shape 1 Shape*
log_param: base 1 float, scale 2 float, shift 3 float
lrn_param: local_size 1 uint, alpha 2 float, beta 3 float, norm_region 4 Region, k 5 float, engine 6 Engine
memory_data_param: batch_size 1 uint, channels 2 uint, height 3 uint, width 4 uint
mvn_param: normalize_variance 1 bool, across_channels 2 bool, eps 3 float
parameter_param: shape 1 Shape
pooling_param: pool 1 Pool, pad 4 uint, pad_h 9 uint, pad_w 10 uint, kernel_size 2 uint, kernel_h 5 uint,
 kernel_w 6 uint, stride 3 uint, stride_h 7 uint, stride_w 8 uint, engine 11 Engine, global_pooling 12 bool,
 round_mode 13 Round, ceil_mode 0 bool
power_param: power 1 float, scale 2 float, shift 3 float
prelu_param: filler 1 Filler, channel_shared 2 bool
python_param: module 1 string, layer 2 string, param_str 3 string, share_in_parallel 4 bool
recurrent_param: num_output 1 uint, weight_filler 2 Filler, bias_filler 3 Filler, debug_info 4 bool,
 expose_hidden 5 bool
reduction_param: operation 1 Reduction, axis 2 int, coeff 3 float
relu_param: negative_slope 1 float, engine 2 Engine
reshape_param: shape 1 Shape, axis 2 int, num_axes 3 int
scale_param: axis 1 int, num_axes 2 int, filler 3 Filler, bias_term 4 bool, bias_filler 5 Filler
sigmoid_param: engine 1 Engine
softmax_param: engine 1 Engine, axis 2 int
spp_param: pyramid_height 1 uint, pool 2 Pool, engine 6 Engine
slice_param: axis 3 int, slice_point 2 uint*, slice_dim 1 uint
swish_param: beta 1 float
tanh_param: engine 1 Engine
threshold_param: threshold 1 float
tile_param: axis 1 int, tiles 2 int
window_data_param: source 1 string, scale 2 float, mean_file 3 string, batch_size 4 uint, crop_size 5 uint,
 mirror 6 bool
prior_box_param: min_size 1 float*, max_size 2 float*, aspect_ratio 3 float*, flip 4 bool, clip 5 bool,
 variance 6 float*, img_size 7 uint, img_h 8 uint, img_w 9 uint, step 10 float, step_h 11 float, step_w 12 float,
 offset 13 float
detection_output_param: num_classes 1 uint, share_location 2 bool, background_label_id 3 int, nms_param 4,
 save_output_param 5, code_type 6 Code, variance_encoded_in_target 8 bool, keep_top_k 7 int,
 confidence_threshold 9 float, visualize 10 bool, visualize_threshold 11 float, save_file 12 string
nms_param: nms_threshold 1 float, top_k 2 int, eta 3 float
save_output_param: output_directory 1 string, output_name_prefix 2 string, output_format 3 string,
 label_map_file 4 string, name_size_file 5 string, num_test_image 6 uint
permute_param: order 1 uint*
norm_param: across_spatial 1 bool, scale_filler 2 Filler, channel_shared 3 bool, eps 4 float
roi_pooling_param: pooled_h 1 uint, pooled_w 2 uint, spatial_scale 3 float
smooth_l1_loss_param: sigma 1 float
bn_param: slope_filler 1 Filler, bias_filler 2 Filler, momentum 3 float, eps 4 float, frozen 5 bool, engine 6 Engine,
 scale_filler 0 Filler, shift_filler 0 Filler, bn_mode 0 BNMode
upsample_param: scale 1 uint, scale_h 2 uint, scale_w 3 uint, pad_out_h 4 bool, pad_out_w 5 bool, upsample_h 6 uint,
 upsample_w 7 uint
interp_param: height 1 int, width 2 int, zoom_factor 3 int, shrink_factor 4 int, pad_beg 5 int, pad_end 6 int
shuffle_channel_param: group 1 uint
"""

_ENUMS = """
Phase: TRAIN 0, TEST 1
ShareMode: STRICT 0, PERMISSIVE 1
VarianceNorm: FAN_IN 0, FAN_OUT 1, AVERAGE 2
Normalization: FULL 0, VALID 1, BATCH_SIZE 2, NONE 3
Engine: DEFAULT 0, CAFFE 1, CUDNN 2, MKL2017 3, MKLDNN 4
Database: LEVELDB 0, LMDB 1
Eltwise: PROD 0, SUM 1, MAX 2
Norm: L1 1, L2 2
Region: ACROSS_CHANNELS 0, WITHIN_CHANNEL 1
Pool: MAX 0, AVE 1, STOCHASTIC 2
Round: CEIL 0, FLOOR 1
Reduction: SUM 1, ASUM 2, SUMSQ 3, MEAN 4
Code: CORNER 1, CENTER_SIZE 2, CORNER_SIZE 3
BNMode: LEARN 0, INFERENCE 1
V1Type: NONE 0, ABSVAL 35, ACCURACY 1, ARGMAX 30, BNLL 2, CONCAT 3, CONTRASTIVE_LOSS 37, CONVOLUTION 4, DATA 5,
 DECONVOLUTION 39, DROPOUT 6, DUMMY_DATA 32, EUCLIDEAN_LOSS 7, ELTWISE 25, EXP 38, FLATTEN 8, HDF5_DATA 9,
 HDF5_OUTPUT 10, HINGE_LOSS 28, IM2COL 11, IMAGE_DATA 12, INFOGAIN_LOSS 13, INNER_PRODUCT 14, LRN 15, MEMORY_DATA 29,
 MULTINOMIAL_LOGISTIC_LOSS 16, MVN 34, POOLING 17, POWER 26, RELU 18, SIGMOID 19, SIGMOID_CROSS_ENTROPY_LOSS 27,
 SILENCE 36, SOFTMAX 20, SOFTMAX_LOSS 21, SPLIT 22, SLICE 33, TANH 23, WINDOW_DATA 24, THRESHOLD 31
"""

SCALARS = frozenset({"string", "bool", "int", "uint", "float", "double"})


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a message; `kind` is one of SCALARS, or names an enum or a message."""

    name: str
    number: int
    kind: str
    repeated: bool


def _lines(text: str) -> Mapping[str, list[list[str]]]:
    rows = (line.split(":") for line in text.replace("\n ", " ").strip().splitlines())
    return {name: [entry.split() for entry in entries.split(",")] for name, entries in rows}


def _field(name: str, number: str, kind: str = "") -> Field:
    return Field(name, int(number), kind.rstrip("*") or name, kind.endswith("*"))


MESSAGES: Mapping[str, Mapping[str, Field]] = {
    message: {entry[0]: _field(*entry) for entry in entries} for message, entries in _lines(_MESSAGES).items()
}
NUMBERED: Mapping[str, Mapping[int, Field]] = {
    message: {field.number: field for field in fields.values() if field.number} for message, fields in MESSAGES.items()
}
ENUMS: Mapping[str, Mapping[str, int]] = {
    enum: {name: int(number) for name, number in entries} for enum, entries in _lines(_ENUMS).items()
}
ENUM_NAMES: Mapping[str, Mapping[int, str]] = {
    enum: {number: name for name, number in values.items()} for enum, values in ENUMS.items()
}

"""Records what OpenCV answers for nets of Caffe: `python tests/golden/caffe/opencv/record.py`, with OpenCV 4 installed.

OpenCV reads Caffe's files with a reader and layers of its own. Nets are chosen from what it and Caffe agree on.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parent
sys.path.insert(0, str(FOLDER.parents[3]))

from tests.importers.caffe.files import caffemodel  # noqa: E402

DICE = np.random.default_rng(12)


def layer(name: str, kind: str, bottoms: str, fields: str = "") -> str:
    """One layer whose top has its name."""
    read = " ".join(f'bottom: "{bottom}"' for bottom in bottoms.split())
    return f'layer {{ name: "{name}" type: "{kind}" {read} top: "{name}" {fields} }}\n'


def convolution(name: str, bottom: str, fields: str, kind: str = "Convolution") -> str:
    """A layer with a convolution_param."""
    return layer(name, kind, bottom, f"convolution_param {{ {fields} }}")


def values(*shape: int) -> np.ndarray:
    """Weights or inputs."""
    return DICE.normal(size=shape).astype("float32")


DATA = 'input: "data" input_shape { dim: 1 dim: 3 dim: 24 dim: 32 }\n'
TURNED = "permute_param { order: 0 order: 2 order: 3 order: 1 }"
SSD = (
    DATA
    + convolution("c", "data", "num_output: 8 kernel_size: 3 stride: 2 pad: 1")
    + layer("n", "Normalize", "c", "norm_param { across_spatial: false channel_shared: false }")
    + convolution("d", "n", "num_output: 8 kernel_size: 3 stride: 2 pad: 1")
)
PRIORS = {
    "n": "min_size: 6 max_size: 10 aspect_ratio: 2 flip: true clip: false variance: [0.1, 0.1, 0.2, 0.2] offset: 0.5",
    "d": "min_size: 10 aspect_ratio: 2 aspect_ratio: 3 flip: true clip: true variance: [0.1, 0.1, 0.2, 0.2] step: 8",
}
WEIGHTS = {"c": [values(8, 3, 3, 3), values(8)], "n": [np.abs(values(8)) + 1], "d": [values(8, 8, 3, 3), values(8)]}
for source, boxes in (("n", 4), ("d", 5)):
    for kind, width in (("loc", 4 * boxes), ("conf", 3 * boxes)):
        name = f"{source}_{kind}"
        SSD += convolution(name, source, f"num_output: {width} kernel_size: 3 pad: 1")
        SSD += layer(f"{name}_perm", "Permute", name, TURNED) + layer(f"{name}_flat", "Flatten", f"{name}_perm")
        WEIGHTS[name] = [values(width, 8, 3, 3) / 20, values(width) / 4]
    SSD += layer(f"{source}_prior", "PriorBox", f"{source} data", f"prior_box_param {{ {PRIORS[source]} }}")
SSD += (
    layer("loc", "Concat", "n_loc_flat d_loc_flat")
    + layer("conf", "Concat", "n_conf_flat d_conf_flat")
    + layer("prior", "Concat", "n_prior d_prior", "concat_param { axis: 2 }")
    + layer("conf_reshape", "Reshape", "conf", "reshape_param { shape { dim: 0 dim: -1 dim: 3 } }")
    + layer("conf_softmax", "Softmax", "conf_reshape", "softmax_param { axis: 2 }")
    + layer("conf_flat", "Flatten", "conf_softmax")
)
for name, most in (("all", 500), ("best", 20)):
    choice = f"keep_top_k: {most} confidence_threshold: 0.4 nms_param {{ nms_threshold: 0.45 top_k: 100 }}"
    fields = f"num_classes: 3 share_location: true background_label_id: 0 code_type: CENTER_SIZE {choice}"
    SSD += layer(name, "DetectionOutput", "loc conf_flat prior", f"detection_output_param {{ {fields} }}")

# Each net: its text, its weights, and its inputs.
NETS = {
    "ssd": (SSD, WEIGHTS, {"data": values(1, 3, 24, 32)}),
    "roi_pooling": (
        'input: "x" input_shape { dim: 1 dim: 4 dim: 9 dim: 13 } input: "rois" input_shape { dim: 5 dim: 5 }\n'
        + layer("p", "ROIPooling", "x rois", "roi_pooling_param { pooled_w: 3 pooled_h: 2 spatial_scale: 0.25 }"),
        {},
        {
            "x": values(1, 4, 9, 13),
            "rois": np.array(
                [[0, 0, 0, 48, 32], [0, 4, 8, 30, 20], [0, 13, 2, 14, 3], [0, 9, 9, 70, 50], [0, 20, 30, 21, 31]],
                "float32",
            ),
        },
    ),
    "convolutions": (
        DATA
        + convolution("a", "data", "num_output: 6 kernel_h: 3 kernel_w: 5 stride_h: 2 stride_w: 1 pad_h: 1 pad_w: 2")
        + convolution("b", "a", "num_output: 6 group: 3 kernel_size: 3 pad: 2 dilation: 2")
        + convolution("e", "b", "num_output: 6 group: 6 kernel_size: 3 stride: 2 pad: 1 bias_term: false")
        + convolution("f", "e", "num_output: 4 group: 2 kernel_size: 4 stride: 2 pad: 1", "Deconvolution")
        + layer("p", "Pooling", "f", "pooling_param { pool: AVE kernel_size: 3 stride: 2 pad: 1 }")
        + layer("q", "Pooling", "f", "pooling_param { pool: MAX kernel_size: 3 stride: 2 pad: 1 }")
        + layer("s", "Eltwise", "p q", "eltwise_param { operation: SUM coeff: 0.5 coeff: -1 }"),
        {
            "a": [values(6, 3, 3, 5), values(6)],
            "b": [values(6, 2, 3, 3), values(6)],
            "e": [values(6, 1, 3, 3)],
            "f": [values(6, 2, 4, 4), values(4)],
        },
        {"data": values(1, 3, 24, 32)},
    ),
    "interp": (
        'input: "data" input_shape { dim: 1 dim: 2 dim: 5 dim: 7 }\n'
        + layer("i", "Interp", "data", "interp_param { zoom_factor: 3 }"),
        {},
        {"data": values(1, 2, 5, 7)},
    ),
    "shuffle": (
        'input: "data" input_shape { dim: 1 dim: 6 dim: 4 dim: 5 }\n'
        + layer("s", "ShuffleChannel", "data", "shuffle_channel_param { group: 3 }"),
        {},
        {"data": values(1, 6, 4, 5)},
    ),
}


def main() -> None:
    """Writes a file for each net."""
    import cv2

    for name, (text, weights, inputs) in NETS.items():
        model = caffemodel(weights)
        net = cv2.dnn.readNetFromCaffe(np.frombuffer(text.encode(), "uint8"), np.frombuffer(model, "uint8"))
        for blob, given in inputs.items():
            net.setInput(given, blob)
        outputs = net.getUnconnectedOutLayersNames()
        answers = {f"out/{blob}": answer for blob, answer in zip(outputs, net.forward(outputs), strict=True)}
        given = {f"in/{blob}": given for blob, given in inputs.items()}
        arrays = {"proto": np.array(text), "caffemodel": np.frombuffer(model, "uint8"), **given, **answers}
        np.savez_compressed(FOLDER / f"{name}.npz", **arrays)
        print(name, {blob: answer.shape for blob, answer in answers.items()})


if __name__ == "__main__":
    main()

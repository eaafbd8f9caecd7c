"""What layers print: the lines that BigDL prints, with layers inside of others indented."""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from sparkdl.nn.torch.module import Module

_LINE = "\n"
_TAB = "  "
_UNSET = -(2**31)  # what BigDL's constructors take for "not given"
_NO_NORM = 1.7976931348623157e308
_GENERATED = re.compile(r"[0-9a-f]{8}")
# Cells whose product with the input is made for all steps at once, and printed before them.
_AHEAD = frozenset({"GRU", "LSTM", "LSTMPeephole", "RnnCell"})

# What a layer prints, by its kind: the text behind its name where it begins with a bracket, else all of it.
_TEXTS: Mapping[str, str] = {
    "Add": "({input_size})",
    "AddConstant": "({constant_scalar:real}, {inplace})",
    "BatchNormalization": "nn.BatchNormalization({n_output}, {eps:real}, {momentum:real}, {affine})",
    "BifurcateSplitTable": "BifurcateSplitTable({dimension})",
    "Bilinear": "({input_size1}, {input_size2}, {output_size}, {bias_res})",
    "BinaryThreshold": "({th:real})",
    "CAdd": "([{size:, }])",
    "CMul": "([{size:, }])",
    "Clamp": "nn.Clamp",
    "Contiguous": "nn.Contiguous",
    "ConvLSTMPeephole": "ConvLSTMPeephole2D({input_size}, {output_size},{kernel_i}, {kernel_c}, {stride})",
    "ConvLSTMPeephole3D": "ConvLSTMPeephole3D({input_size}, {output_size},{kernel_i}, {kernel_c}, {stride})",
    "Cosine": "({input_size}, {output_size})",
    "Cropping2D": "(heightCrop: {heightCrop:, }; widthCrop: {widthCrop:, }.)",
    "Cropping3D": "(dim1: {dim1Crop:, }; dim2Crop: {dim2Crop:, }; dim3Crop: {dim3Crop:, })",
    "DotProduct": "nn.DotProduct",
    "Dropout": "({init_p:real})",
    "Euclidean": "({input_size}, {output_size})",
    "ExpandSize": "ExpandSize",
    "FlattenTable": "nn.Flatten",
    "GaussianDropout": "({rate:real})",
    "GaussianNoise": "({stddev:real})",
    "Graph": "StaticGraph[{id}]",
    "HardTanh": "nn.HardTanh",
    "Index": "({dimension})",
    "InferReshape": "({size:x})",
    "JoinTable": "nn.JoinTable",
    "L1Penalty": "({l1weight}, {size_average}, {provide_output})",
    "LSTM": "LSTM({input_size}, {hidden_size}, {p:real})",
    "LSTMPeephole": "LSTMPeephole({input_size}, {hidden_size}, {p:real})",
    "Linear": "({input_size} -> {output_size})",
    "LocallyConnected1D": (
        "nn.TemporalConvolution({input_frame_size} -> {output_frame_size}, {kernel_w} x {stride_w})"
    ),
    "LocallyConnected2D": (
        "({n_input_plane} -> {n_output_plane}, {kernel_w} x {kernel_h}, {stride_w}, {stride_h}, {pad_w}, {pad_h})"
    ),
    "LookupTable": (
        "(nIndex={n_index},nOutput={n_output},paddingValue={padding_value:real},"
        "normType={norm_type:real}{max_norm:norm})"
    ),
    "LookupTableSparse": "(nIndex={n_index},nOutput={n_output},{max_norm:norm})",
    "MM": "MM()",
    "MV": "MV()",
    "Max": "({dim})",
    "Mean": "nn.Mean",
    "Min": "({dim})",
    "MixtureTable": "({dim})",
    "MulConstant": "({scalar:real}, {inplace})",
    "Narrow": "({dimension}, {offset}, {length})",
    "NarrowTable": "({offset}, {length})",
    "Normalize": "({p:real}, {eps:real})",
    "PReLU": "({n_output_plane})",
    "Padding": "({dim}, {pad}, {n_input_dim}, {value:real}, {n_index})",
    "PairwiseDistance": "nn.PairwiseDistance",
    "Power": "({power:real}, {scale:real}, {shift:real})",
    "RReLU": "nn.RReLU",
    "ReLU": "(0.0, 0.0)",
    "ReLU6": "nn.HardTanh",
    "Replicate": "({n_features}, {dim})",
    "Reshape": "({size:x})",
    "Reverse": "nn.Reverse",
    "RoiPooling": "nn.RoiPooling",
    "Scale": "nn.Scale",
    "Select": "nn.Select",
    "SelectTable": "SelectTable({index})",
    "SparseLinear": "nn.SparseLinear({input_size} -> {output_size})",
    "SpatialAveragePooling": "({kw}, {kh}, {dw}, {dh}, {pad_w}, {pad_h})",
    "SpatialBatchNormalization": "({n_output}, {eps:real}, {momentum:real}, {affine})",
    "SpatialContrastiveNormalization": "({n_input_plane}, kernelTensor, {threshold:real}, {thresval:real})",
    "SpatialConvolution": (
        "({n_input_plane} -> {n_output_plane}, {kernel_w} x {kernel_h}, {stride_w}, {stride_h}, {pad_w}, {pad_h})"
    ),
    "SpatialCrossMapLRN": "({size}, {alpha:real}, {beta:real}, {k:real})",
    "SpatialDilatedConvolution": (
        "({n_input_plane} -> {n_output_plane}, {kw} x {kh}, {dw}, {dh}, {pad_w}, {pad_h}, {dilation_w}, {dilation_h})"
    ),
    "SpatialDivisiveNormalization": "({n_input_plane}, kernelTensor, {threshold:real}, {thresval:real})",
    "SpatialDropout1D": "({init_p:real})",
    "SpatialDropout2D": "({init_p:real})",
    "SpatialDropout3D": "({init_p:real})",
    "SpatialFullConvolution": (
        "({n_input_plane} -> {n_output_plane}, {kw} x {kh}, {dw}, {dh}, {pad_w}, {pad_h}, {adj_w}, {adj_h})"
    ),
    "SpatialMaxPooling": "({kw}, {kh}, {dw}, {dh}, {pad_w}, {pad_h})",
    "SpatialShareConvolution": (
        "({n_input_plane} -> {n_output_plane}, {kernel_w} x {kernel_h}, {stride_w}, {stride_h}, {pad_w}, {pad_h})"
    ),
    "SpatialSubtractiveNormalization": "({n_input_plane}, kernelTensor)",
    "SpatialZeroPadding": "(l={pad_left}, r={pad_right}, t={pad_top}, b={pad_bottom})",
    "SplitTable": "SplitTable({dimension}, {n_input_dims})",
    "Sqrt": "(0.5, 1.0, 0.0)",
    "Square": "(2.0, 1.0, 0.0)",
    "Squeeze": "({dim}, {num_input_dims:batch})",
    "Sum": "nn.Sum",
    "TableOperation": "TableOperationExpand",
    "TanhShrink": "nn.TanhShrink",
    "TemporalConvolution": (
        "nn.TemporalConvolution({input_frame_size} -> {output_frame_size}, {kernel_w} x {stride_w})"
    ),
    "TemporalMaxPooling": "({k_w}, {d_w})",
    "Threshold": "({th:real}, {v:real})",
    "Tile": "({dim},{copies})",
    "Transpose": "({permutations:pairs})",
    "Unsqueeze": "({pos})",
    "View": "({sizes:x})",
    "VolumetricAveragePooling": (
        "({k_t}, {k_w}, {k_h}, {d_t}, {d_w}, {d_h}, {pad_t}, {pad_w}, {pad_h}, {count_include_pad}, {ceil_mode})"
    ),
    "VolumetricConvolution": (
        "nn.VolumetricConvolution({n_input_plane} -> {n_output_plane}, {k_t} x {k_w} x {k_h}, "
        "{d_t}, {d_w}, {d_h}, {pad_t}, {pad_w}, {pad_h})"
    ),
    "VolumetricFullConvolution": (
        "({n_input_plane} -> {n_output_plane}, {kt} x {kw} x {kh}, {dt} x {dw}, {dh}, {pad_t}, "
        "{pad_w}, {pad_h}, {adj_t}, {adj_w}, {adj_h})"
    ),
    "VolumetricMaxPooling": "({k_t}, {k_w}, {k_h}, {d_t}, {d_w}, {d_h}, {pad_t}, {pad_w}, {pad_h})",
}


def text(module: Module, line: str = _LINE) -> str:
    """What a module prints.

    Args:
        module: it; names that it lacks are shown as `?`.
        line: the line end, with the indentation of the lines after it.

    Example:
        >>> from sparkdl.bigdl.nn.layer import Linear
        >>> text(Linear(3, 2).set_name("fc").value)
        'Linear[fc](3 -> 2)'
    """
    if module.kind in _NESTED:
        return _NESTED[module.kind](module, line)
    return _leaf(module)


def head(kind: str, name: str | None) -> str:
    """A kind with the name in brackets, or with the eight digits of a name that was made up."""
    return f"{kind}[{_mark(kind, name)}]"


def _mark(kind: str, name: str | None) -> str:
    given = str(name or "?")
    digits = given.removeprefix(kind)
    return digits if _GENERATED.fullmatch(digits) else given


def _leaf(module: Module) -> str:
    pattern = _TEXTS.get(module.kind, "")
    written = _FORMATTER.format(pattern, id=_mark(module.kind, module.name), **module.arguments)
    whole = bool(pattern) and not pattern.startswith("(")
    return written if whole else head(module.kind, module.name) + written


def real(value: float) -> str:
    """A number as Java writes it: 0.001, but 1.0E-4."""
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        return repr(float(value))
    sign, digits, exponent = Decimal(repr(float(value))).normalize().as_tuple()
    rest = "".join(map(str, digits[1:])) or "0"
    return f"{'-' * sign}{digits[0]}.{rest}E{int(exponent) + len(digits) - 1}"


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


_SPECS: Mapping[str, Callable[[Any], str]] = {
    "": _plain,
    "real": real,
    "norm": lambda value: "" if value == _NO_NORM else f" ,maxNorm={real(value)}",
    "pairs": lambda value: ", ".join(f"{one} -> {other}" for one, other in value),
    ", ": lambda value: ", ".join(map(str, value)),
    "x": lambda value: "x".join(map(str, value)),
    "batch": lambda value: "" if value == _UNSET else "batch",
}


class _Formatter(string.Formatter):
    def format_field(self, value: Any, format_spec: str) -> str:
        """One argument, in the way that its place asks for."""
        return _SPECS[format_spec](value)


_FORMATTER = _Formatter()


def _row(module: Module, line: str) -> str:
    steps = " -> ".join(f"({place})" for place in range(1, len(module.children) + 1))
    inner = line + _TAB
    rows = inner.join(f"({place}): {text(child, inner)}" for place, child in enumerate(module.children, 1))
    return f"{head(module.kind, module.name)}{{{inner}[input -> {steps} -> output]{inner}{rows}{line}}}"


def _branches(module: Module, line: str, last: str) -> str:
    """The layers that get the same input, below each other.

    Args:
        module: with them inside.
        line: where the branches begin.
        last: the stroke of the last one.
    """
    count, rows = len(module.children), []
    for place, child in enumerate(module.children, 1):
        end = place == count
        rows.append(
            f"{line}{last if end else '|'}`-> ({place}): {text(child, line + (' ' if end else '|') + _TAB * 2)}"
        )
    return "".join(rows)


def _concat(module: Module, line: str) -> str:
    inner = line + _TAB
    rows = _branches(module, inner + _TAB, "|") or _LINE
    return f"{head(module.kind, module.name)}{{{inner}input{rows}{inner}   ... -> output{inner}}}"


def _table(module: Module, line: str) -> str:
    own = f"nn.{module.kind}" if module.kind == "ParallelTable" else head(module.kind, module.name)
    rows = _branches(module, _LINE + "\t" + _TAB, " ")
    return f"{own} {{\n\tinput{rows}\n\t   ... -> output\n}}"


def _steps(module: Module, line: str) -> str:
    cells = []
    for cell in module.children:
        first = cell.children[0] if cell.children else None
        if cell.kind in _AHEAD and first is not None and not cell.arguments.get("p"):
            applied = text(first, line)
            at_once = head("TimeDistributed", _mark(first.kind, first.name))
            cells.append(applied if module.kind == "RecurrentDecoder" else at_once + applied)
        cells.append(text(cell, line))
    return f"{head(module.kind, module.name)}ArrayBuffer({', '.join(cells)})"


def _around(module: Module, line: str) -> str:
    return head(module.kind, module.name) + "".join(text(child, line) for child in module.children)


def _bottle(module: Module, line: str) -> str:
    sizes = ", ".join(str(module.arguments[name]) for name in ("n_input_dim", "n_output_dim1"))
    return f"{head(module.kind, module.name)}({text(module.children[0], line)}, {sizes})"


def _each(module: Module, line: str) -> str:
    own = head(module.kind, module.name)
    return f"{own}{{{line}{_TAB}{text(module.children[0], line + _TAB)}{line}}}" if module.children else f"{own} {{ }}"


_NESTED: Mapping[str, Callable[[Module, str], str]] = {
    "BiRecurrent": lambda module, line: f"{head(module.kind, module.name)}({text(module.children[0], line)})",
    "Bottle": _bottle,
    "Concat": _concat,
    "ConcatTable": _table,
    "MapTable": _each,
    "ParallelTable": _table,
    "Recurrent": _steps,
    "RecurrentDecoder": _steps,
    "Sequential": _row,
    "TimeDistributed": _around,
}

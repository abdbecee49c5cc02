"""Makes tests/data/ops/*.cases: small ONNX models of every operator with the inputs and outputs onnxruntime gives.

    python3 -m venv venv && venv/bin/pip install onnx onnxruntime numpy && venv/bin/python tests/data/make_op_cases.py

Each file is a sequence of records: name length (uint32), name, size (uint32), bytes; little-endian. A case NAME is the
records NAME/model.onnx, NAME/input_0.npy ..., NAME/output_0.npy ... . Where onnxruntime cannot run a model, or its answer
is known to differ from the operator's text, the expectation is onnx's reference evaluator (marked `reference=True`).
The versions used are written to tests/data/ops/versions.txt. Seeded: the same versions give the same files.
"""
import io
import struct
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

OUT = Path(__file__).resolve().parent / "ops"
rng = np.random.default_rng(2024)
families = {}
disagreements = []


def f(*shape, low=-2.0, high=2.0):
    return rng.uniform(low, high, shape).astype(np.float32)


def i64(*values):
    return np.array(values, dtype=np.int64)


def npy(a):
    b = io.BytesIO()
    np.save(b, np.array(a, order="C"))
    return b.getvalue()


def ort_run(model, feeds):
    o = ort.SessionOptions()
    o.intra_op_num_threads = 1
    o.inter_op_num_threads = 1
    o.log_severity_level = 4
    o.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    return ort.InferenceSession(model.SerializeToString(), o, providers=["CPUExecutionProvider"]).run(None, feeds)


def add(family, name, model, feeds, reference=False):
    """Records a case: runs it both ways, keeps onnxruntime's answer (or the reference's)."""
    answers = {}
    for who, run in (("ort", ort_run), ("ref", lambda m, x: ReferenceEvaluator(m).run(None, x))):
        try:
            answers[who] = [np.asarray(a) for a in run(model, feeds)]
        except Exception as e:  # noqa: BLE001
            answers[who] = str(e).split("\n")[0][:150]
    a, b = answers["ort"], answers["ref"]
    same = isinstance(a, list) and isinstance(b, list) and all(
        x.shape == y.shape and np.allclose(x.astype(np.float64), y.astype(np.float64), rtol=1e-5, atol=1e-5,
                                           equal_nan=True) for x, y in zip(a, b))
    if not same:
        def show(v):
            return v if isinstance(v, str) else [w.shape for w in v]
        disagreements.append(f"{family}/{name}: onnxruntime {show(a)}; reference {show(b)}; kept "
                             + ("reference" if reference else "onnxruntime"))
    kept = b if reference else a
    if isinstance(kept, str):
        raise RuntimeError(f"{family}/{name}: {kept}")
    records = families.setdefault(family, [])
    records.append((f"{name}/model.onnx", model.SerializeToString()))
    for i, v in enumerate(feeds.values()):
        records.append((f"{name}/input_{i}.npy", npy(v)))
    for i, v in enumerate(kept):
        records.append((f"{name}/output_{i}.npy", npy(v)))


def model_of(nodes, feeds, outputs, initializers, opset):
    graph = helper.make_graph(
        nodes, "g",
        [helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(v.dtype),
                                       [f"N_{n}" if d == 0 else int(s) for d, s in enumerate(v.shape)]) for n, v in feeds.items()],
        [helper.make_tensor_value_info(n, t, None) for n, t in outputs],
        [numpy_helper.from_array(v, n) for n, v in initializers.items()])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def case(family, name, op, feeds, params=(), opset=21, outputs=1, kind=TensorProto.FLOAT, reference=False, order=None,
         **attributes):
    """One node: `feeds` are network inputs, `params` initializers (None: left out), in that order."""
    feeds = {f"x{i}": v for i, v in enumerate(feeds)}
    names = list(feeds)
    initializers = {}
    for i, v in enumerate(params):
        if v is None:
            names.append("")
        else:
            names.append(f"p{i}")
            initializers[f"p{i}"] = v
    outs = [f"y{i}" for i in range(outputs)]
    node = helper.make_node(op, names, outs, name="n", **attributes)
    add(family, f"{name}_{opset}", model_of([node], feeds, [(o, kind) for o in outs], initializers, opset), feeds,
        reference)


# ---------------------------------------------------------------- Conv
def conv(name, x, w, bias=True, **a):
    case("conv", name, "Conv", [f(*x)], [f(*w)] + ([f(w[0])] if bias else []), **a)


conv("basic", (2, 3, 6, 5), (4, 3, 3, 3))
conv("no_bias_pads", (1, 2, 5, 6), (3, 2, 3, 3), bias=False, pads=[1, 1, 1, 1], kernel_shape=[3, 3])
conv("uneven_pads", (1, 2, 5, 6), (3, 2, 3, 2), pads=[2, 0, 1, 3], opset=13)
conv("strides", (1, 2, 9, 8), (3, 2, 3, 3), strides=[2, 3], pads=[1, 1, 1, 1])
conv("dilations", (1, 2, 9, 9), (2, 2, 3, 3), dilations=[2, 3], pads=[1, 2, 1, 2])
conv("groups", (2, 6, 5, 5), (4, 3, 3, 3), group=2, pads=[1, 1, 1, 1])
conv("depthwise", (2, 4, 6, 6), (4, 1, 3, 3), group=4, pads=[1, 1, 1, 1], opset=17)
conv("depthwise_multiplier", (1, 3, 6, 6), (6, 1, 3, 3), group=3, pads=[0, 1, 1, 0], strides=[2, 2])
conv("depthwise_dilated", (1, 3, 9, 8), (3, 1, 3, 3), group=3, pads=[2, 2, 2, 2], dilations=[2, 2])
conv("pointwise", (2, 5, 4, 4), (3, 5, 1, 1))
conv("pointwise_stride", (1, 3, 5, 5), (2, 3, 1, 1), strides=[2, 2])
conv("pointwise_groups", (1, 4, 3, 3), (6, 2, 1, 1), group=2)
for mode in ("SAME_UPPER", "SAME_LOWER", "VALID"):
    conv(f"{mode.lower()}", (1, 2, 6, 7), (3, 2, 3, 4), auto_pad=mode)
    conv(f"{mode.lower()}_stride", (1, 2, 6, 7), (3, 2, 3, 2), auto_pad=mode, strides=[2, 3], opset=13)
    conv(f"{mode.lower()}_1d", (1, 2, 9), (3, 2, 4), auto_pad=mode, strides=[2])
conv("notset", (1, 2, 6, 7), (3, 2, 3, 3), auto_pad="NOTSET", pads=[1, 0, 1, 0])
conv("1d", (2, 3, 10), (4, 3, 3), pads=[2, 1], strides=[2], dilations=[2])
conv("1d_groups", (1, 4, 8), (4, 2, 3), group=2)
conv("1d_depthwise", (1, 4, 8), (4, 1, 3), group=4, pads=[1, 1])
conv("3d", (1, 2, 4, 5, 4), (3, 2, 2, 3, 2), pads=[1, 0, 1, 0, 1, 0], strides=[1, 2, 1])
conv("3d_groups", (1, 2, 4, 4, 4), (2, 1, 3, 3, 3), group=2, pads=[1, 1, 1, 1, 1, 1], dilations=[1, 1, 2])
conv("large_pads", (1, 1, 2, 2), (1, 1, 3, 3), pads=[3, 3, 3, 3])
conv("kernel_5x1", (1, 2, 7, 4), (2, 2, 5, 1), pads=[2, 0, 2, 0])


# ---------------------------------------------------------------- ConvTranspose
def deconv(name, x, w, bias=True, **a):
    group = a.get("group", 1)
    case("conv_transpose", name, "ConvTranspose", [f(*x)], [f(*w)] + ([f(w[1] * group)] if bias else []), **a)


deconv("basic", (2, 3, 4, 3), (3, 2, 3, 3))
deconv("strides_pads", (1, 2, 4, 4), (2, 3, 3, 3), bias=False, strides=[2, 2], pads=[1, 1, 1, 1])
deconv("output_padding", (1, 2, 4, 4), (2, 3, 3, 3), strides=[2, 2], pads=[1, 1, 1, 1], output_padding=[1, 1], opset=13)
deconv("uneven_pads", (1, 2, 4, 5), (2, 2, 3, 3), strides=[2, 1], pads=[0, 1, 2, 0])
deconv("groups", (2, 4, 3, 3), (4, 3, 2, 2), group=2, strides=[2, 2])
deconv("depthwise", (1, 3, 4, 4), (3, 1, 4, 4), group=3, strides=[2, 2], pads=[1, 1, 1, 1])
deconv("dilations", (1, 2, 4, 4), (2, 2, 3, 3), dilations=[2, 2])
deconv("dilations_strides", (1, 2, 4, 4), (2, 2, 3, 2), dilations=[2, 3], strides=[2, 2], pads=[1, 0, 1, 0])
deconv("output_shape", (1, 2, 4, 4), (2, 2, 3, 3), strides=[3, 2], output_shape=[10, 8])
deconv("output_shape_odd", (1, 2, 4, 4), (2, 2, 4, 4), strides=[2, 2], output_shape=[7, 9])
deconv("output_shape_upper", (1, 2, 4, 4), (2, 2, 4, 4), strides=[2, 2], output_shape=[7, 9], auto_pad="SAME_UPPER")
deconv("output_shape_lower", (1, 2, 4, 4), (2, 2, 4, 4), strides=[2, 2], output_shape=[7, 9], auto_pad="SAME_LOWER")
for mode in ("SAME_UPPER", "SAME_LOWER", "VALID"):
    deconv(f"{mode.lower()}", (1, 2, 4, 3), (2, 2, 3, 4), strides=[2, 2], auto_pad=mode)
deconv("1d", (2, 3, 5), (3, 2, 4), strides=[2], pads=[1, 1])
deconv("1d_output_padding", (1, 2, 5), (2, 2, 3), strides=[3], output_padding=[2])
deconv("3d", (1, 2, 3, 2, 3), (2, 2, 2, 3, 2), strides=[2, 1, 2], pads=[0, 1, 0, 0, 1, 1])
deconv("3d_groups", (1, 2, 2, 2, 2), (2, 1, 2, 2, 2), group=2, strides=[2, 2, 2])
deconv("pointwise", (1, 3, 3, 3), (3, 4, 1, 1))

# ---------------------------------------------------------------- BatchNormalization, activations
for opset in (13, 14, 15, 21):
    case("activations", "batch_norm", "BatchNormalization", [f(2, 3, 4, 4)],
         [f(3), f(3), f(3), f(3, low=0.01)], opset=opset, epsilon=1e-3)
case("activations", "batch_norm_2d", "BatchNormalization", [f(4, 3)], [f(3), f(3), f(3), f(3, low=0.01)], momentum=0.5)
case("activations", "batch_norm_3d", "BatchNormalization", [f(2, 3, 5)], [f(3), f(3), f(3), f(3, low=0.01)])
case("activations", "batch_norm_5d", "BatchNormalization", [f(1, 2, 3, 2, 2)], [f(2), f(2), f(2), f(2, low=0.01)])
for opset in (13, 21):
    for op in ("Relu", "LeakyRelu", "Elu", "Sigmoid", "Tanh", "HardSigmoid"):
        case("activations", op.lower(), op, [f(3, 7, low=-6, high=6)], opset=opset)
case("activations", "leakyrelu_alpha", "LeakyRelu", [f(3, 7)], alpha=0.3)
case("activations", "elu_alpha", "Elu", [f(3, 7)], alpha=2.5)
case("activations", "hardsigmoid_alpha", "HardSigmoid", [f(3, 7)], alpha=0.5, beta=0.25)
case("activations", "hardswish", "HardSwish", [f(3, 7, low=-6, high=6)], opset=14)
case("activations", "hardswish", "HardSwish", [f(1, 2, 3, 3, low=-6, high=6)])
case("activations", "prelu_channel", "PRelu", [f(2, 3, 4, 4)], [f(3, 1, 1)], opset=13)
case("activations", "prelu_scalar", "PRelu", [f(2, 3, 4)], [f(1)])
case("activations", "prelu_full", "PRelu", [f(2, 3)], [f(2, 3)], opset=16)
for opset in (13, 21):
    case("activations", "clip_both", "Clip", [f(4, 5)], [np.float32(-0.5), np.float32(0.75)], opset=opset)
case("activations", "clip_low", "Clip", [f(4, 5)], [np.float32(-0.5)])
case("activations", "clip_high", "Clip", [f(4, 5)], [None, np.float32(0.75)])
case("activations", "clip_none", "Clip", [f(4, 5)])
case("activations", "clip_inverted", "Clip", [f(4, 5)], [np.float32(1), np.float32(-1)], reference=True)
case("activations", "special_relu", "Relu", [np.array([-np.inf, np.inf, -0.0, 0.0, 1e-40, -1e-40], np.float32)])
case("activations", "special_sigmoid", "Sigmoid", [np.array([-np.inf, np.inf, -100, 100, -88, 0], np.float32)])
for axis in (-1, 0, 1, 2):
    case("activations", f"softmax_{axis % 4}", "Softmax", [f(2, 3, 4, low=-5, high=5)], axis=axis)
case("activations", "softmax_default", "Softmax", [f(2, 5, low=-50, high=50)], opset=13)

# ---------------------------------------------------------------- two operands
pairs = {"same": ((2, 3, 4), (2, 3, 4)), "scalar": ((2, 3, 4), ()), "channel": ((2, 3, 4, 4), (3, 1, 1)),
         "rows": ((2, 3, 4), (4,)), "both": ((3, 1, 4), (2, 1, 5, 1)), "left": ((4,), (2, 3, 4)),
         "one": ((1, 1), (1,)), "image": ((2, 3, 2, 2), (2, 3, 1, 1))}
for op in ("Add", "Sub", "Mul", "Div", "Min", "Max"):
    for name, (a, b) in pairs.items():
        case("binary", f"{op.lower()}_{name}", op, [f(*a), f(*b, low=0.5)], opset=13 if name == "rows" else 21)
    case("binary", f"{op.lower()}_const", op, [f(2, 3)], [f(3, low=0.5)])
for op in ("Min", "Max"):
    case("binary", f"{op.lower()}_single", op, [f(2, 3)])
    case("binary", f"{op.lower()}_three", op, [f(2, 3), f(3), f(4, 1, 1)])
    case("binary", f"{op.lower()}_nan", op, [np.array([np.nan, 1, 2], np.float32), np.array([1, np.nan, 3], np.float32)])
for op in ("Add", "Sub", "Mul", "Div"):
    case("binary", f"{op.lower()}_int64", op, [rng.integers(-9, 9, (2, 3))], [i64(2, -3, 5)], kind=TensorProto.INT64)
    case("binary", f"{op.lower()}_int32", op, [rng.integers(-9, 9, (2, 3)).astype(np.int32)],
         [np.array([2, -3, 5], np.int32)], kind=TensorProto.INT32)
case("binary", "div_zero", "Div", [np.array([1, -1, 0], np.float32)], [np.zeros(3, np.float32)])


# ---------------------------------------------------------------- pools
def pool(op, name, x, **a):
    case("pools", f"{op.lower()}_{name}", op, [f(*x)], **a)


for op in ("MaxPool", "AveragePool"):
    both = {} if op == "MaxPool" else {"count_include_pad": 1}
    pool(op, "basic", (2, 2, 6, 6), kernel_shape=[2, 2], strides=[2, 2])
    pool(op, "default_stride", (1, 2, 5, 6), kernel_shape=[3, 2], opset=13)
    for extra, tag in (({}, ""), (both, "_count")):
        if tag and not both:
            continue
        pool(op, "pads" + tag, (1, 2, 6, 6), kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1], **extra)
        pool(op, "uneven_pads" + tag, (1, 2, 6, 5), kernel_shape=[3, 4], strides=[2, 1], pads=[0, 2, 1, 1], **extra)
        pool(op, "ceil" + tag, (1, 2, 6, 7), kernel_shape=[3, 2], strides=[2, 3], ceil_mode=1, **extra)
        pool(op, "ceil_pads" + tag, (1, 2, 6, 7), kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1], ceil_mode=1,
             **extra)
        pool(op, "ceil_drop" + tag, (1, 1, 4, 4), kernel_shape=[1, 2], strides=[3, 3], pads=[0, 1, 0, 1], ceil_mode=1,
             **extra)
        for mode in ("SAME_UPPER", "SAME_LOWER", "VALID"):
            pool(op, mode.lower() + tag, (1, 2, 6, 7), kernel_shape=[3, 2], strides=[2, 2], auto_pad=mode, **extra)
        pool(op, "1d" + tag, (2, 2, 9), kernel_shape=[3], strides=[2], pads=[1, 1], **extra)
        pool(op, "3d" + tag, (1, 2, 4, 5, 4), kernel_shape=[2, 3, 2], strides=[2, 2, 1], pads=[1, 1, 0, 0, 1, 1], **extra)
        pool(op, "dilations" + tag, (1, 2, 8, 8), kernel_shape=[3, 2], dilations=[2, 3], pads=[1, 1, 1, 1], **extra)
        pool(op, "dilations_ceil" + tag, (1, 1, 9, 8), kernel_shape=[3, 2], dilations=[2, 2], strides=[2, 3], ceil_mode=1,
             **extra)
case("pools", "averagepool_ceil_count_old", "AveragePool", [f(1, 1, 6, 7)], opset=13, kernel_shape=[3, 3],
     strides=[2, 2], pads=[0, 0, 0, 0], ceil_mode=0, count_include_pad=1)
for op in ("GlobalAveragePool", "GlobalMaxPool"):
    for x in ((2, 3, 4, 5), (2, 3, 7), (1, 2, 3, 2, 2)):
        case("pools", f"{op.lower()}_{len(x)}", op, [f(*x)], opset=13 + 2 * len(x) - 6)

# ---------------------------------------------------------------- shapes and movement
case("movement", "concat", "Concat", [f(2, 3, 2), f(2, 1, 2), f(2, 4, 2)], axis=1)
case("movement", "concat_negative", "Concat", [f(2, 3), f(2, 2)], axis=-1, opset=13)
case("movement", "concat_one", "Concat", [f(2, 3)], axis=0)
case("movement", "split_equal", "Split", [f(2, 6)], opset=13, outputs=3, axis=1)
case("movement", "split_lengths", "Split", [f(2, 6)], [i64(1, 3, 2)], opset=13, outputs=3, axis=-1)
case("movement", "split_axis0", "Split", [f(4, 2)], opset=17, outputs=2)
for opset in (18, 21):
    case("movement", "split_num_outputs", "Split", [f(2, 7)], opset=opset, outputs=3, axis=1, num_outputs=3)
    case("movement", "split_lengths", "Split", [f(2, 6, 2)], [i64(4, 2)], opset=opset, outputs=2, axis=1)
for opset in (13, 18, 21):
    case("movement", "pad_constant", "Pad", [f(1, 2, 3, 3)], [i64(0, 0, 1, 2, 0, 1, 0, 1), np.float32(1.5)], opset=opset)
    case("movement", "pad_zero", "Pad", [f(2, 3)], [i64(1, 0, 0, 2)], opset=opset)
    case("movement", "pad_reflect", "Pad", [f(1, 1, 4, 5)], [i64(0, 0, 2, 3, 0, 0, 1, 2)], mode="reflect", opset=opset)
    case("movement", "pad_edge", "Pad", [f(1, 1, 3, 4)], [i64(0, 0, 2, 3, 0, 0, 4, 1)], mode="edge", opset=opset)
    case("movement", "pad_negative", "Pad", [f(4, 5)], [i64(-1, 1, 2, -2)], opset=opset)
case("movement", "pad_axes", "Pad", [f(1, 2, 3, 4)], [i64(1, 2, 0, 1), np.float32(-1), i64(-2, 3)], opset=18)
case("movement", "pad_axes_edge", "Pad", [f(2, 3, 4)], [i64(2, 1), None, i64(1)], opset=21, mode="edge")
case("movement", "pad_wrap", "Pad", [f(2, 3)], [i64(1, 2, 1, 1)], opset=19, mode="wrap")
for opset in (13, 18, 21):
    new = opset >= 18
    for name, axes in (("last", [-1]), ("spatial", [2, 3]), ("outer", [0, 2]), ("middle", [1])):
        for keep in (0, 1):
            a = {} if new else {"axes": axes}
            case("movement", f"reducemean_{name}_{keep}", "ReduceMean", [f(2, 3, 4, 2)], [i64(*axes)] if new else [],
                 opset=opset, keepdims=keep, **a)
    case("movement", "reducemean_all", "ReduceMean", [f(2, 3, 4)], opset=opset)
case("movement", "reducemean_noop", "ReduceMean", [f(2, 3)], noop_with_empty_axes=1)
for axis in (0, 1, 2, 3, -1, -2):
    case("movement", f"flatten_{axis % 10}", "Flatten", [f(2, 3, 4)], axis=axis)
case("movement", "flatten_default", "Flatten", [f(2, 3, 2, 2)], opset=13)
case("movement", "reshape", "Reshape", [f(2, 3, 4)], [i64(0, -1)], opset=13)
case("movement", "reshape_zero", "Reshape", [f(2, 3, 4)], [i64(4, 0, -1)])
case("movement", "reshape_grow", "Reshape", [f(2, 12)], [i64(2, 3, 2, 2)], opset=14)
case("movement", "reshape_scalar", "Reshape", [f(1, 1)], [np.zeros(0, np.int64)])
case("movement", "squeeze_axes", "Squeeze", [f(1, 3, 1, 2)], [i64(0, -2)], opset=13)
case("movement", "squeeze_all", "Squeeze", [f(2, 3, 1, 1)])
case("movement", "unsqueeze", "Unsqueeze", [f(2, 3)], [i64(0, 3)], opset=13)
case("movement", "unsqueeze_negative", "Unsqueeze", [f(2, 3)], [i64(-1, 1)])
case("movement", "transpose_default", "Transpose", [f(2, 3, 4)], opset=13)
case("movement", "transpose_nhwc", "Transpose", [f(2, 3, 4, 5)], perm=[0, 2, 3, 1])
case("movement", "transpose_shuffle", "Transpose", [f(2, 3, 2, 3, 2)], perm=[0, 2, 1, 3, 4])
case("movement", "transpose_int", "Transpose", [rng.integers(0, 99, (3, 4))], kind=TensorProto.INT64)
case("movement", "identity", "Identity", [f(2, 3)])
case("movement", "dropout", "Dropout", [f(2, 3)], opset=13)
case("movement", "dropout_ratio", "Dropout", [f(2, 3)], [np.float32(0.7), np.array(False)])
case("movement", "gather_axis0", "Gather", [f(4, 3)], [i64(2, 0, -1)], opset=13)
case("movement", "gather_axis1", "Gather", [f(2, 4, 3)], [np.array([[1, 3], [0, -2]], np.int64)], axis=1)
case("movement", "gather_scalar", "Gather", [f(2, 4)], [np.array(1, np.int64)], axis=-1)
case("movement", "gather_int32", "Gather", [f(5)], [np.array([4, 1], np.int32)])
case("movement", "slice", "Slice", [f(4, 5)], [i64(1, 0), i64(3, 4)], opset=13)
case("movement", "slice_axes", "Slice", [f(2, 5, 6)], [i64(-4, 1), i64(-1, 100), i64(2, 1)])
case("movement", "slice_steps", "Slice", [f(7, 8)], [i64(0, 1), i64(7, 8), i64(0, 1), i64(2, 3)])
case("movement", "slice_backwards", "Slice", [f(6, 5)], [i64(-1, 3), i64(-100, 0), i64(0, 1), i64(-1, -2)])
case("movement", "slice_empty", "Slice", [f(4, 3)], [i64(3), i64(1), i64(0)])
case("movement", "slice_max", "Slice", [f(4, 3)], [i64(1), i64(9223372036854775807), i64(0)])
case("movement", "slice_min", "Slice", [f(4, 3)], [i64(-1), i64(-9223372036854775808), i64(0), i64(-1)])
case("movement", "shape", "Shape", [f(2, 3, 4)], kind=TensorProto.INT64, opset=13)
case("movement", "shape_range", "Shape", [f(2, 3, 4, 5)], kind=TensorProto.INT64, start=1, end=-1)
case("movement", "shape_clamped", "Shape", [f(2, 3)], kind=TensorProto.INT64, start=-9, end=9)
case("movement", "cast_int64", "Cast", [np.array([-1.9, -0.5, 0.5, 1.9, 3e9], np.float32)], to=TensorProto.INT64,
     kind=TensorProto.INT64, opset=13)
case("movement", "cast_int32", "Cast", [np.array([-1.9, 2.9, 7], np.float32)], to=TensorProto.INT32, kind=TensorProto.INT32)
case("movement", "cast_bool", "Cast", [np.array([-1.9, 0, 7], np.float32)], to=TensorProto.BOOL, kind=TensorProto.BOOL)
case("movement", "cast_float", "Cast", [np.array([-5, 0, 2**40], np.int64)], to=TensorProto.FLOAT)
case("movement", "cast_u8", "Cast", [np.array([0, 200, 255], np.uint8)], to=TensorProto.FLOAT)

# ---------------------------------------------------------------- products
for ta in (0, 1):
    for tb in (0, 1):
        a, b = ((4, 3) if ta else (3, 4)), ((5, 4) if tb else (4, 5))
        case("products", f"gemm_{ta}{tb}", "Gemm", [f(*a)], [f(*b), f(5)], transA=ta, transB=tb)
case("products", "gemm_alpha_beta", "Gemm", [f(3, 4)], [f(4, 5), f(3, 5)], alpha=0.5, beta=-2.0, opset=13)
case("products", "gemm_no_c", "Gemm", [f(3, 4)], [f(4, 5)], alpha=1.5)
case("products", "gemm_scalar_c", "Gemm", [f(3, 4)], [f(4, 5), f()])
case("products", "gemm_column_c", "Gemm", [f(3, 4)], [f(4, 5), f(3, 1)])
case("products", "gemm_row_c", "Gemm", [f(3, 4)], [f(4, 5), f(1, 5)], beta=0.5)
for name, a, b in (("2d", (3, 4), (4, 5)), ("stack_const", (2, 3, 4), (4, 5)), ("stacks", (2, 3, 4), (2, 4, 5)),
                   ("broadcast", (2, 1, 3, 4), (3, 4, 2)), ("left_2d", (3, 4), (2, 4, 5)), ("vector_right", (2, 3, 4), (4,)),
                   ("vector_left", (4,), (2, 4, 5)), ("dot", (4,), (4,)), ("one_stack", (1, 3, 4), (5, 4, 2))):
    case("products", f"matmul_{name}", "MatMul", [f(*a), f(*b)], opset=13 if name == "2d" else 21)
case("products", "matmul_constant", "MatMul", [f(2, 5, 4)], [f(4, 3)])


# ---------------------------------------------------------------- graphs as exporters write them
def graph(name, nodes, feeds, outputs, initializers, opset=17):
    add("graphs", name, model_of(nodes, feeds, [(o, TensorProto.FLOAT) for o in outputs], initializers, opset), feeds)


def const(name, value):
    return helper.make_node("Constant", [], [name], name="/" + name, value=numpy_helper.from_array(np.asarray(value)))


n = helper.make_node
graph("constants_feed", [
    const("lo", np.float32(0)), const("hi", np.float32(6)), const("shape", i64(-1, 12)),
    const("pads", i64(0, 0, 1, 1, 0, 0, 1, 1)),
    n("Pad", ["x", "pads", ""], ["/pad_out"], name="/Pad", mode="reflect"),
    n("Conv", ["/pad_out", "w"], ["/c"], name="/conv/Conv"), n("Clip", ["/c", "lo", "hi"], ["/r"], name="/act/Clip"),
    n("Reshape", ["/r", "shape"], ["/f"], name="/Reshape")],
    {"x": f(4, 2, 2, 2)}, ["/f"], {"w": f(3, 2, 3, 3)})
graph("shape_chain", [
    n("Conv", ["x", "w", "b"], ["c"], name="/c/Conv"), n("Shape", ["c"], ["s"], name="/Shape"), const("zero", np.int64(0)),
    n("Gather", ["s", "zero"], ["n"], axis=0, name="/Gather"), const("axes", i64(0)),
    n("Unsqueeze", ["n", "axes"], ["n1"], name="/Unsqueeze"), const("rest", i64(-1)),
    n("Concat", ["n1", "rest"], ["target"], axis=0, name="/Concat"), n("Reshape", ["c", "target"], ["y"], name="/Reshape")],
    {"x": f(3, 2, 4, 4)}, ["y"], {"w": f(2, 2, 3, 3), "b": f(2)})
graph("shape_arithmetic", [
    n("Shape", ["x"], ["s"]), const("a", i64(1)), const("b", i64(2)), const("ax", i64(0)),
    n("Slice", ["s", "a", "b", "ax"], ["ch"]), const("two", i64(2)), n("Div", ["ch", "two"], ["half"]),
    n("Cast", ["half"], ["half_f"], to=TensorProto.FLOAT), n("Cast", ["half_f"], ["half_i"], to=TensorProto.INT64),
    n("Mul", ["half_i", "two"], ["all"]), const("zero", i64(0)), n("Slice", ["x", "zero", "half_i", "a"], ["x1"]),
    n("Slice", ["x", "half_i", "all", "a"], ["x2"]), n("Concat", ["x2", "x1"], ["y"], axis=1)],
    {"x": f(2, 4, 3, 3)}, ["y"], {})
graph("channel_shuffle", [
    const("s1", i64(0, 2, 3, 4, 4)), const("s2", i64(0, -1, 4, 4)), n("Reshape", ["x", "s1"], ["a"]),
    n("Transpose", ["a"], ["b"], perm=[0, 2, 1, 3, 4]), n("Reshape", ["b", "s2"], ["y"])], {"x": f(2, 6, 4, 4)}, ["y"], {})
graph("squeeze_excite", [
    n("Conv", ["x", "w"], ["c"], pads=[1, 1, 1, 1]), n("BatchNormalization", ["c", "g", "be", "m", "v"], ["bn"]),
    n("HardSwish", ["bn"], ["h"]), n("GlobalAveragePool", ["h"], ["p"]), n("Conv", ["p", "w1", "b1"], ["q"]), n("Relu", ["q"], ["r"]),
    n("Conv", ["r", "w2", "b2"], ["t"]), n("HardSigmoid", ["t"], ["u"], alpha=1 / 6), n("Mul", ["u", "h"], ["y"])],
    {"x": f(2, 3, 5, 5)}, ["y"],
    {"w": f(4, 3, 3, 3), "g": f(4), "be": f(4), "m": f(4), "v": f(4, low=0.1), "w1": f(2, 4, 1, 1), "b1": f(2),
     "w2": f(4, 2, 1, 1), "b2": f(4)})
graph("mean_and_matmul", [
    n("Relu", ["x"], ["r"]), n("ReduceMean", ["r"], ["p"], axes=[2, 3], keepdims=0), n("MatMul", ["p", "w"], ["z"]),
    n("Add", ["b", "z"], ["l"]), n("Softmax", ["l"], ["y"], axis=1)], {"x": f(3, 4, 3, 3)}, ["y"], {"w": f(4, 5), "b": f(5)})
graph("u_net", [
    n("Conv", ["x", "w"], ["a"], pads=[1, 1, 1, 1]), n("MaxPool", ["a"], ["d"], kernel_shape=[2, 2], strides=[2, 2]),
    n("ConvTranspose", ["d", "wt", "bt"], ["u"], strides=[2, 2]), n("BatchNormalization", ["u", "g", "be", "m", "v"], ["un"]),
    n("PRelu", ["un", "sl"], ["pr"]), n("Concat", ["pr", "a"], ["cat"], axis=1),
    n("Split", ["cat", "parts"], ["s1", "s2"], axis=1), n("Sub", ["s1", "k"], ["y1"]), n("Tanh", ["s2"], ["y2"])],
    {"x": f(1, 1, 4, 4)}, ["y1", "y2"],
    {"w": f(2, 1, 3, 3), "wt": f(2, 3, 2, 2), "bt": f(3), "g": f(3), "be": f(3), "m": f(3), "v": f(3, low=0.1),
     "sl": f(3, 1, 1), "parts": i64(2, 3), "k": f()}, opset=21)
graph("folded_weights", [
    n("Transpose", ["w"], ["wt"], perm=[1, 0]), n("MatMul", ["x", "wt"], ["z"]), n("Identity", ["b"], ["b1"]),
    n("Mul", ["b1", "two"], ["b2"]), n("Add", ["z", "b2"], ["d"]), n("Dropout", ["d"], ["y"])],
    {"x": f(3, 4)}, ["y"], {"w": f(5, 4), "b": f(5), "two": np.float32(2)})
inputs_too = model_of([n("Gemm", ["x", "w", "b"], ["y"], transB=1)], {"x": f(2, 3)}, [("y", TensorProto.FLOAT)],
                      {"w": f(4, 3), "b": f(4)}, 13)
for name, dims in (("w", [4, 3]), ("b", [4])):
    inputs_too.graph.input.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, dims))
add("graphs", "initializers_as_inputs", inputs_too, {"x": f(2, 3)})
fields = model_of([n("Conv", ["x", "w"], ["c"]), n("Reshape", ["c", "s"], ["y"])], {"x": f(2, 1, 3, 3)},
                  [("y", TensorProto.FLOAT)], {}, 13)
fields.graph.initializer.append(helper.make_tensor("w", TensorProto.FLOAT, [2, 1, 3, 3], f(18)))  # float_data
fields.graph.initializer.append(helper.make_tensor("s", TensorProto.INT64, [2], [0, -1]))  # int64_data
add("graphs", "typed_data_fields", fields, {"x": f(2, 1, 3, 3)})
for kind, value in (("value_float", 1.5), ("value_floats", [1.5, -2.0, 0.25]), ("value_int", 3), ("value_ints", [1, 2, 3])):
    add("graphs", "constant_" + kind, model_of(
        [n("Constant", [], ["k"], **{kind: value}), n("Cast", ["k"], ["kf"], to=TensorProto.FLOAT), n("Add", ["x", "kf"], ["y"])],
        {"x": f(2, 3)}, [("y", TensorProto.FLOAT)], {}, 13), {"x": f(2, 3)})
half = model_of([n("Cast", ["h"], ["k"], to=TensorProto.FLOAT), n("Mul", ["x", "k"], ["y"])], {"x": f(2, 6)},
                [("y", TensorProto.FLOAT)], {"h": np.array([1, -2.5, 6e-8, 65504, 0.1, -0.0], np.float16)}, 13)
add("graphs", "float16_weights", half, {"x": f(2, 6)})

# ---------------------------------------------------------------- opsets 11 and 12, where an operator says it otherwise
def old(name, op, feeds, params=(), **a):
    for opset in (11, 12):
        case("old_opsets", name, op, feeds, params, opset=opset, **a)


old("squeeze_axes", "Squeeze", [f(1, 3, 1, 2)], axes=[0, -2])
old("squeeze_all", "Squeeze", [f(2, 1, 3, 1)])
old("unsqueeze", "Unsqueeze", [f(2, 3)], axes=[0, 3])
old("unsqueeze_negative", "Unsqueeze", [f(2, 3)], axes=[-1, 1])
old("split_lengths", "Split", [f(2, 6)], outputs=3, axis=-1, split=[1, 3, 2])
old("split_equal", "Split", [f(2, 6)], outputs=2, axis=1)
old("split_axis0", "Split", [f(4, 2)], outputs=2)
for axis in (0, 1, 2, -1, -2):
    old(f"softmax_{axis % 10}", "Softmax", [f(2, 3, 4, low=-5, high=5)], axis=axis)
old("softmax_default", "Softmax", [f(2, 3, 2, 2, low=-50, high=50)])
old("softmax_matrix", "Softmax", [f(3, 5)], axis=1)
old("clip_both", "Clip", [f(4, 5)], [np.float32(-0.5), np.float32(0.75)])
old("clip_high", "Clip", [f(4, 5)], [None, np.float32(0.75)])
old("pad_constant", "Pad", [f(1, 2, 3, 3)], [i64(0, 0, 1, 2, 0, 1, 0, 1), np.float32(1.5)])
old("pad_reflect", "Pad", [f(1, 1, 4, 5)], [i64(0, 0, 2, 3, 0, 0, 1, 2)], mode="reflect")
old("reducemean", "ReduceMean", [f(2, 3, 4, 2)], axes=[2, -1], keepdims=0)
old("reducemean_all", "ReduceMean", [f(2, 3, 4)])
old("batch_norm", "BatchNormalization", [f(2, 3, 4, 4)], [f(3), f(3), f(3), f(3, low=0.01)], epsilon=1e-3, momentum=0.9)
old("gemm", "Gemm", [f(3, 4)], [f(5, 4), f(5)], transB=1, alpha=0.5, beta=2.0)
old("gemm_no_c", "Gemm", [f(3, 4)], [f(4, 5)])
old("matmul", "MatMul", [f(2, 3, 4)], [f(4, 5)])
old("conv", "Conv", [f(1, 2, 5, 5)], [f(4, 1, 3, 3), f(4)], group=2, pads=[1, 1, 1, 1])
old("conv_transpose", "ConvTranspose", [f(1, 2, 3, 3)], [f(2, 3, 2, 2), f(3)], strides=[2, 2])
old("max_pool", "MaxPool", [f(1, 2, 6, 6)], kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)
old("average_pool", "AveragePool", [f(1, 2, 6, 6)], kernel_shape=[2, 2], pads=[1, 1, 0, 0], count_include_pad=1)
old("global_average_pool", "GlobalAveragePool", [f(1, 2, 3, 3)])
old("hard_sigmoid", "HardSigmoid", [f(3, 7, low=-6, high=6)], alpha=0.25)
old("prelu", "PRelu", [f(2, 3, 4)], [f(3, 1)])
old("max", "Max", [f(2, 3), f(3)])
old("add", "Add", [f(2, 3), f(3)])
old("div", "Div", [f(2, 3), f(3, low=0.5)])
old("concat", "Concat", [f(2, 3), f(2, 1)], axis=-1)
old("flatten", "Flatten", [f(2, 3, 4)], axis=-1)
old("reshape", "Reshape", [f(2, 3, 4)], [i64(0, -1)])
old("transpose", "Transpose", [f(2, 3, 4)], perm=[2, 0, 1])
old("gather", "Gather", [f(4, 3)], [i64(2, 0, -1)])
old("slice", "Slice", [f(4, 5)], [i64(1, -4), i64(3, 4), i64(0, -1)])
old("identity", "Identity", [f(2, 3)])
old("shape", "Shape", [f(2, 3, 4)], kind=TensorProto.INT64)
old("cast", "Cast", [np.array([-5, 0, 2**40], np.int64)], to=TensorProto.FLOAT)
case("old_opsets", "dropout_ratio", "Dropout", [f(2, 3)], opset=11, ratio=0.3)
case("old_opsets", "dropout_ratio", "Dropout", [f(2, 3)], [np.float32(0.3)], opset=12)
graph("old_shape_chain", [
    n("Shape", ["x"], ["s"]), const("a", i64(0)), const("b", i64(1)), n("Slice", ["s", "a", "b", "a"], ["n1"]),
    n("Squeeze", ["n1"], ["n0"], axes=[0]), n("Unsqueeze", ["n0"], ["n"], axes=[0]), const("rest", i64(-1)),
    n("Concat", ["n", "rest"], ["target"], axis=0), n("Reshape", ["x", "target"], ["r"]), n("Softmax", ["r"], ["y"])],
    {"x": f(3, 2, 4)}, ["y"], {}, opset=11)


# ---------------------------------------------------------------- Resize to the nearest element
def resize(name, x, scales=None, sizes=None, opset=19, roi=None, **a):
    params = [roi, None if scales is None else np.array(scales, np.float32), None if sizes is None else i64(*sizes)]
    if opset < 13:  # both must be there, empty where they say nothing
        params = [np.zeros(0, np.float32) if p is None else p for p in params[:2]] + params[2:]
    while params[-1] is None:
        params.pop()
    x = x if isinstance(x, np.ndarray) else f(*x)
    case("resize", name, "Resize", [x], params, opset=opset, kind=helper.np_dtype_to_tensor_dtype(x.dtype), mode="nearest",
         **a)


for opset in (11, 12, 13, 18, 19, 21):
    resize("asymmetric_floor", (1, 2, 3, 4), [1, 1, 2, 2], opset=opset, coordinate_transformation_mode="asymmetric",
           nearest_mode="floor")
    resize("sizes", (1, 2, 5, 3), None, [1, 2, 7, 4], opset=opset, coordinate_transformation_mode="asymmetric",
           nearest_mode="floor")
    resize("default", (1, 1, 4, 5), [1, 1, 1.5, 2.25], opset=opset)
for where in ("half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric", "half_pixel_symmetric", "tf_half_pixel_for_nn"):
    opset = 11 if where.startswith("tf") else 19
    for nearest in ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil"):
        tag = f"{where}_{nearest}"
        resize(tag + "_up", (1, 1, 5, 6), [1, 1, 2.6, 3], opset=opset, coordinate_transformation_mode=where, nearest_mode=nearest)
        resize(tag + "_down", (1, 1, 10, 9), [1, 1, 0.65, 0.5], opset=opset, coordinate_transformation_mode=where,
               nearest_mode=nearest)
        resize(tag + "_sizes", (1, 1, 7, 8), None, [1, 1, 9, 3], opset=opset, coordinate_transformation_mode=where,
               nearest_mode=nearest)
        resize(tag + "_one", (1, 1, 8, 8), None, [1, 1, 1, 8], opset=opset, coordinate_transformation_mode=where,
               nearest_mode=nearest)
resize("channels_and_batch", (2, 3, 2, 2), [2, 1.5, 1, 2], opset=13, coordinate_transformation_mode="asymmetric",
       nearest_mode="floor")
resize("same", (1, 2, 3, 3), [1, 1, 1, 1])
resize("1d", (5,), [2.5])
resize("5d", (1, 2, 2, 3, 2), [1, 1, 2, 2, 3], coordinate_transformation_mode="asymmetric", nearest_mode="floor")
resize("uint8", rng.integers(0, 255, (1, 1, 3, 4)).astype(np.uint8), [1, 1, 2, 3])
resize("int32", rng.integers(-9, 9, (1, 1, 3, 4)).astype(np.int32), [1, 1, 2, 3])
resize("tenths", (1, 1, 10, 10), [1, 1, 0.7, 1.1])
resize("axes", (1, 2, 4, 6), [2, 0.5], opset=18, axes=[2, 3])
resize("axes_order", (1, 2, 4, 6), None, [5, 7], opset=19, axes=[-1, 2])
for policy in ("stretch", "not_larger", "not_smaller"):
    resize("policy_" + policy, (1, 2, 4, 6), None, [7, 8], axes=[2, 3], keep_aspect_ratio_policy=policy)
    resize("policy_down_" + policy, (1, 2, 9, 6), None, [5, 5], axes=[2, 3], keep_aspect_ratio_policy=policy)
graph("upsample_and_add", [
    n("Conv", ["x", "w"], ["c"], pads=[1, 1, 1, 1], strides=[2, 2]), const("s", np.array([1, 1, 2, 2], np.float32)),
    n("Resize", ["c", "", "s"], ["u"], mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor"),
    n("Conv", ["x", "w1"], ["d"]), n("Add", ["u", "d"], ["y"])],
    {"x": f(1, 2, 4, 6)}, ["y"], {"w": f(3, 2, 3, 3), "w1": f(3, 2, 1, 1)}, opset=13)

OUT.mkdir(exist_ok=True)
total = 0
for family, records in families.items():
    with open(OUT / f"{family}.cases", "wb") as file:
        for name, data in records:
            file.write(struct.pack("<I", len(name)) + name.encode() + struct.pack("<I", len(data)) + data)
    total += (OUT / f"{family}.cases").stat().st_size
count = sum(1 for r in families.values() for n_, _ in r if n_.endswith("model.onnx"))
(OUT / "versions.txt").write_text(
    f"onnxruntime {ort.__version__}, onnx {onnx.__version__}, numpy {np.__version__}, Python {sys.version.split()[0]}\n"
    f"{count} cases, {total} bytes\n"
    "Cases in which onnxruntime and onnx's reference evaluator differ:\n" + "".join(f"  {d}\n" for d in disagreements))
print((OUT / "versions.txt").read_text())

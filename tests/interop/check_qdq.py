"""Written ONNX files against onnx and onnxruntime.

    python check_qdq.py INTEROP_CASE EXAMPLES_DATA WORK_FOLDER

For the digit networks, and for networks made here with random shapes (grouped, transposed, asymmetric padding):
  - onnx.checker accepts the file, with full shape inference;
  - every layer, fed the codes our simulation has, gives our codes or their neighbours (graph optimizations off);
  - the whole network, graph optimizations off: the same class for 99.5 % of the images, and a mean squared difference of
    the logits from our simulation of at most 5 % of what quantization itself costs, with float biases and with int32
    ones;
  - with optimizations on, accuracy within 0.3 points where the processor has VNNI (elsewhere it is reported: 8-bit
    products saturate in 16 bits there);
  - opset and IR version are no higher than the types need, and what the writer did not have to touch is as it was.
Ends with 1 when something does not hold.
"""
import json
import os
import re
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

program, data, work = sys.argv[1:4]
os.makedirs(work, exist_ok=True)
failures = []


def check(holds, what):
    print(("ok      " if holds else "FAILED  ") + what, flush=True)
    if not holds:
        failures.append(what)


def session(model, optimized=False):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    if not optimized:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def run(model, inputs, batch, optimized=False):
    s = session(model, optimized)
    name = s.get_inputs()[0].name
    return np.concatenate([s.run(None, {name: inputs[i : i + batch]})[0] for i in range(0, len(inputs), batch)])


def attribute(node, name, otherwise=None):
    for a in node.attribute:
        if a.name == name:
            return helper.get_attribute_value(a)
    return otherwise


def layers_alone(prefix, case):
    """Every activation's DequantizeLinear becomes an input that is fed our values, every QuantizeLinear's codes an output."""
    model = onnx.load(prefix + ".qdq.onnx")
    graph = model.graph
    initializers = {t.name: t for t in graph.initializer}
    quantizers = {n.output[0]: n for n in graph.node if n.op_type == "QuantizeLinear"}
    ours = {name: np.load(f"{prefix}.{i}.npy") for i, name in enumerate(case["values"])}
    dequantizers = [n for n in graph.node if n.op_type == "DequantizeLinear" and n.input[0] in quantizers]
    feeds, expected, steps = {}, {}, 0
    original_inputs = [i.name for i in graph.input]
    outputs = {o.name for o in graph.output}
    check(len(dequantizers) == len(ours), f"{prefix}: {len(dequantizers)} activations are quantized, {len(ours)} expected")
    del graph.output[:]
    for n in dequantizers:
        q = quantizers[n.input[0]]
        check(list(q.input[1:]) == list(n.input[1:]), f"{prefix}: {n.input[0]} shares scale and zero point")
        name = re.sub(r"_QuantizeLinear(_\d+)?$", "", q.name)
        value = ours[name]
        scale = numpy_helper.to_array(initializers[n.input[1]])
        zero = initializers[n.input[2]]
        if zero.data_type == TensorProto.FLOAT8E4M3FN:
            expected[n.input[0]] = (value, scale)
        else:
            z = numpy_helper.to_array(zero).astype(np.int64)
            expected[n.input[0]] = (np.rint(value.astype(np.float64) / np.float64(scale)).astype(np.int64) + z, None)
        if n.output[0] not in outputs:
            feeds[n.output[0]] = value
            graph.input.append(helper.make_tensor_value_info(n.output[0], TensorProto.FLOAT, value.shape))
        graph.node.remove(n)
        graph.output.append(helper.make_tensor_value_info(n.input[0], zero.data_type, None))
    # A QuantizeLinear's codes of float8 are compared as values.
    for name, (_, scale) in list(expected.items()):
        if scale is not None:
            graph.node.append(
                helper.make_node("DequantizeLinear", [name, *quantizers[name].input[1:]], [name + "_seen"])
            )
            for o in graph.output:
                if o.name == name:
                    o.CopyFrom(helper.make_tensor_value_info(name + "_seen", TensorProto.FLOAT, None))
    del graph.value_info[:]
    s = session(model.SerializeToString())
    inputs = {i.name: feeds[i.name] for i in s.get_inputs() if i.name in feeds}
    for i in original_inputs:
        if i in [x.name for x in s.get_inputs()]:
            inputs[i] = case["first"]
    different, worst, count = 0, 0, 0
    for output, got in zip(s.get_outputs(), s.run(None, inputs)):
        key = output.name[: -len("_seen")] if output.name.endswith("_seen") else output.name
        want, scale = expected[key]
        if scale is None:
            distance = np.abs(got.astype(np.int64) - want)
        else:  # neighbouring float8 numbers are at most 2^-3 of their size, or one subnormal step, apart
            step = np.maximum(np.maximum(np.abs(got), np.abs(want)) / 8, scale * 2.0**-9) * 1.001
            distance = np.where(got == want, 0, np.where(np.abs(got - want) <= step, 1, 2))
        worst = max(worst, int(distance.max()))
        different += int((distance != 0).sum())
        count += distance.size
    check(worst <= 1, f"{prefix}: each layer fed our codes: {different} of {count} codes differ, by at most {worst} step(s)")


def check_biases(name, model, floating):
    """int32, within half a step of the float ones; the step is that of the input times that of the weight."""
    tensors = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    wanted = {t.name: numpy_helper.to_array(t) for t in floating.graph.initializer}
    producer = {n.output[0]: n for n in model.graph.node}
    bias_name = {n.name: n.input[2] for n in floating.graph.node if len(n.input) > 2 and n.op_type != "Clip"}
    for n in model.graph.node:
        if n.op_type not in ("Conv", "ConvTranspose", "Gemm") or len(n.input) < 3:
            continue
        dq = producer[n.input[2]]
        codes, scale = tensors[dq.input[0]], tensors[dq.input[1]]
        holds = codes.dtype == np.int32 and len(dq.input) == 2
        error = np.abs(codes * scale.astype(np.float64) - wanted[bias_name[n.name]])
        holds = holds and bool(np.all(error <= 0.5001 * scale))
        x = producer.get(n.input[0])
        if x is not None and x.op_type == "DequantizeLinear":
            ratio = attribute(n, "alpha", 1.0) / attribute(n, "beta", 1.0)
            product = tensors[x.input[1]].astype(np.float64) * tensors[producer[n.input[1]].input[1]]
            product = (ratio * product).astype(np.float32)
            repeats = len(scale) // len(product) if scale.ndim else 1
            holds = holds and np.array_equal(np.tile(product, repeats) if scale.ndim else product, scale)
        check(bool(holds), f"{name}: bias of {n.name} as int32")


def check_content(name, model, original):
    """Every name is met once, and nothing is in the file that nothing reads and nobody left unread before."""
    graph = model.graph
    nodes, values = [n.name for n in graph.node if n.name], [o for n in graph.node for o in n.output if o]
    tensors, inputs = [t.name for t in graph.initializer], [i.name for i in graph.input]
    values += [v for v in tensors + inputs if v not in tensors or v not in inputs]
    check(len(set(nodes)) == len(nodes) and len(set(values)) == len(values), f"{name}: names of nodes and values are unique")
    ours = set(nodes) - {n.name for n in original.graph.node}
    check(not ours & set(values), f"{name}: nodes of ours have names that no value has")
    reads = lambda g: {i for n in g.node for i in n.input} | {o.name for o in g.output}
    unread_before = {o for n in original.graph.node for o in n.output} | {t.name for t in original.graph.initializer}
    unread_before -= reads(original.graph)
    unread = [v for v in tensors if v not in reads(graph) and v not in unread_before]
    unread += [n.output[0] for n in graph.node if not any(o in reads(graph) or o in unread_before for o in n.output)]
    check(not unread, f"{name}: nothing unread is in the file {unread[:3]}")


def has_vnni():
    try:
        with open("/proc/cpuinfo") as f:
            return any(flag in f.read() for flag in ("avx512_vnni", "avx_vnni"))
    except OSError:
        return False


opset_of = {"uint16": 21, "groups": 21, "float8": 19}
ir_of = {"uint16": 10, "groups": 10, "float8": 9}


def case(model, calibration, inputs, name, weight, activation, options=(), labels=None, floating_biases=None,
         optimized_too=False):
    prefix = os.path.join(work, name)
    subprocess.run([program, model, calibration, inputs, prefix, weight, activation, *options], check=True)
    written = prefix + ".qdq.onnx"
    original, quantized = onnx.load(model), onnx.load(written)
    try:
        onnx.checker.check_model(written, full_check=True)
        check(True, f"{name}: onnx.checker, full shape inference")
    except Exception as e:  # noqa: BLE001
        check(False, f"{name}: onnx.checker: {e}")

    default = {o.domain: o.version for o in original.opset_import}.get("", 0)
    needed = max([default] + [opset_of.get(t, 13) for t in (weight, activation)])
    check({o.domain: o.version for o in quantized.opset_import}.get("") == needed, f"{name}: opset {needed}")
    ir = max([original.ir_version] + [ir_of.get(t, 0) for t in (weight, activation) if opset_of.get(t, 0) > default])
    check(quantized.ir_version == ir, f"{name}: IR version {ir}")
    for field in ("metadata_props", "producer_name", "doc_string", "domain", "model_version"):
        check(getattr(original, field) == getattr(quantized, field), f"{name}: {field} is untouched")
    before = {t.name: t.SerializeToString() for t in original.graph.initializer}
    kept = [t for t in quantized.graph.initializer if t.name in before]
    check(all(t.SerializeToString() == before[t.name] for t in kept), f"{name}: {len(kept)} initializers are untouched")
    layers = [n for n in quantized.graph.node if n.op_type in ("Conv", "ConvTranspose", "Gemm", "MatMul")]
    producer = {n.output[0]: n for n in quantized.graph.node}
    weights = {t.name: t for t in quantized.graph.initializer}
    axis = {"Conv": lambda n: 0, "ConvTranspose": lambda n: 1, "Gemm": lambda n: 1 - attribute(n, "transB", 0)}
    code_type = TensorProto.FLOAT8E4M3FN if weight == "float8" else TensorProto.INT8
    for n in layers:
        dq = producer[n.input[1]]
        codes = weights[dq.input[0]]
        right = axis.get(n.op_type, lambda _: len(codes.dims) - 1)(n)
        if weight == "groups":  # two along axis 1; where that is all or one of them, along any axis
            right = 1 if attribute(dq, "block_size", 0) == 2 else attribute(dq, "axis")
        holds = dq.op_type == "DequantizeLinear" and codes.data_type == code_type and attribute(dq, "axis") == right
        check(holds, f"{name}: weight of {n.name}: codes, axis {right}")
    if weight == "groups":
        blocks = [attribute(n, "block_size") for n in quantized.graph.node if attribute(n, "block_size")]
        check(blocks and set(blocks) <= {1, 2}, f"{name}: {len(blocks)} weights with block_size")
    check_content(name, quantized, original)
    if "integer_biases" in options:
        check_biases(name, quantized, onnx.load(os.path.join(work, floating_biases + ".qdq.onnx")))

    x = np.load(inputs)
    if x.dtype == np.uint8:
        x = x.astype(np.float32) / np.float32(255)
    description = json.load(open(prefix + ".json"))
    batch = description["batch"]
    description["first"] = x[:batch]
    layers_alone(prefix, description)
    floating, ours = np.load(prefix + ".float.npy"), np.load(prefix + ".quantized.npy")
    got = run(written, x, batch)
    got = got.reshape(len(got), -1)
    own = float(np.mean((ours.astype(np.float64) - floating) ** 2))
    difference = float(np.mean((ours.astype(np.float64) - got) ** 2))
    text = f"{name}: logit MSE from our simulation {difference:.3g}, quantization's own {own:.3g}"
    check(difference <= 0.05 * own, text)
    if optimized_too:
        got = run(written, x, batch, optimized=True)
        difference = float(np.mean((ours.astype(np.float64) - got.reshape(len(got), -1)) ** 2))
        text = f"{name}: optimizations on: logit MSE from our simulation {difference:.3g}"
        if has_vnni():
            check(difference <= 0.05 * own, text)
        else:
            print("        no VNNI: " + text)
    if labels is None:
        return
    same = float(np.mean(ours.argmax(1) == got.argmax(1)))
    check(same >= 0.995, f"{name}: same class for {100 * same:.2f} %")
    optimized = run(written, x, batch, optimized=True)
    loss = 100 * abs(np.mean(optimized.argmax(1) == labels) - np.mean(ours.argmax(1) == labels))
    if has_vnni():
        check(loss <= 0.3, f"{name}: optimizations on: accuracy differs by {loss:.2f} points")
    else:
        print(f"        {name}: optimizations on, no VNNI: accuracy differs by {loss:.2f} points")


def random_network(seed, path):
    """Random shapes: a grouped convolution with asymmetric padding, a grouped transposed one, Gemm both ways, MatMul."""
    rng = np.random.default_rng(seed)
    tensors, nodes = [], []

    def tensor(name, shape, center=0.0, spread=0.5):
        tensors.append(numpy_helper.from_array((center + spread * rng.standard_normal(shape)).astype(np.float32), name))
        return name

    groups, per_group = int(rng.integers(2, 4)), int(rng.integers(1, 4))
    channels, middle = groups * int(rng.integers(1, 3)), groups * per_group
    height, width = (int(v) for v in rng.integers(7, 12, 2))
    kernel = [int(v) for v in rng.integers(2, 4, 2)]
    pads = [int(v) for v in rng.integers(0, 3, 4)]
    nodes.append(helper.make_node("Conv", ["x", tensor("w1", (middle, channels // groups, *kernel)), tensor("b1", middle)],
                                  ["c1"], "conv", group=groups, pads=pads, doc_string="kept"))
    norm = [tensor("g", middle, 1, 0.2), tensor("o", middle), tensor("m", middle), tensor("v", middle, 2, 0.1)]
    nodes.append(helper.make_node("BatchNormalization", ["c1", *norm], ["n1"], "norm"))
    nodes.append(helper.make_node("Relu", ["n1"], ["r1"], "relu"))
    nodes.append(helper.make_node("ConvTranspose", ["r1", tensor("w2", (middle, 2, 3, 2)), tensor("b2", 2 * groups)],
                                  ["t1"], "transposed", group=groups, strides=[2, 1], output_padding=[1, 0], pads=[1, 0, 0, 1]))
    nodes.append(helper.make_node("Conv", ["t1", tensor("w3", (4, 2 * groups, 3, 3))], ["c2"], "valid", strides=[2, 2]))
    nodes.append(helper.make_node("GlobalAveragePool", ["c2"], ["p1"], "average"))
    nodes.append(helper.make_node("GlobalAveragePool", ["r1"], ["p2"], "average2"))
    nodes.append(helper.make_node("Concat", ["p1", "p2"], ["k"], "join", axis=1))
    nodes.append(helper.make_node("Flatten", ["k"], ["f"], "flat"))
    size = 4 + middle
    nodes.append(helper.make_node("Gemm", ["f", tensor("w4", (size, 9)), tensor("b4", 9)], ["h"], "gemm", beta=0.5))
    nodes.append(helper.make_node("Sigmoid", ["h"], ["s"], "sigmoid"))
    nodes.append(helper.make_node("Gemm", ["s", tensor("w5", (6, 9)), tensor("b5", (1, 6))], ["h2"], "gemm_t", transB=1))
    nodes.append(helper.make_node("MatMul", ["h2", tensor("w6", (6, 5))], ["mm"], "matmul"))
    nodes.append(helper.make_node("Add", ["mm", tensor("b6", 5)], ["y"], "add"))
    tensor("unused", 3)
    graph = helper.make_graph(
        nodes, "random", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", channels, height, width])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 5])], tensors, doc_string="of the graph")
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13 + seed % 5)], ir_version=8,
                              producer_name="check_qdq", doc_string="of the model")
    helper.set_model_props(model, {"key": "value"})
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path + ".onnx")
    for kind, count in (("calibration", 100), ("inputs", 200)):
        x = rng.standard_normal((count, channels, height, width)).astype(np.float32)
        np.save(f"{path}.{kind}.npy", x)


def biases_network(path):
    """Weights of zero, weights too small for their bias, a bias that two layers share, Gemms with alpha and beta, weights
    in Constant nodes, and nodes that have the names a writer would like."""
    rng = np.random.default_rng(7)
    tensors, nodes = [], []

    def tensor(name, values):
        tensors.append(numpy_helper.from_array(np.asarray(values, np.float32), name))
        return name

    w = 0.3 * rng.standard_normal((6, 3, 3, 3)).astype(np.float32)
    w[1], w[2] = 0, 0
    w[3] *= 1e-20
    w[4] *= 1e-10
    w[5] *= 1e-41
    nodes.append(helper.make_node("Conv", ["x", tensor("w1", w), tensor("b1", [0.1, 0.4, -0.2, 0.7, -0.5, 1.0])], ["c1"],
                                  "x_QuantizeLinear", pads=[1, 1, 1, 1]))
    nodes.append(helper.make_node("Relu", ["c1"], ["r1"], "x_DequantizeLinear"))
    w2, w3 = (numpy_helper.from_array(s * rng.standard_normal((4, 6, 1, 1)).astype(np.float32)) for s in (1.0, 0.01))
    nodes.append(helper.make_node("Constant", [], ["w2"], "w1_DequantizeLinear", value=w2))
    nodes.append(helper.make_node("Constant", [], ["w3"], "w2_DequantizeLinear", value=w3))
    tensor("b2", [0.5, -0.25, 2.0, 0.0])
    nodes.append(helper.make_node("Conv", ["r1", "w2", "b2"], ["c2"], "b1_scale"))
    nodes.append(helper.make_node("Conv", ["r1", "w3", "b2"], ["c3"], "b2_quantized"))
    nodes.append(helper.make_node("Conv", ["r1", tensor("w4", np.zeros((4, 6, 1, 1))), tensor("b4", [3, -1, 0.01, 0])],
                                  ["c4"], "r1_scale"))
    nodes.append(helper.make_node("Concat", ["c2", "c3", "c4"], ["k"], "w3_quantized", axis=1))
    nodes.append(helper.make_node("GlobalAveragePool", ["k"], ["p"], "r1_quantized"))
    nodes.append(helper.make_node("Flatten", ["p"], ["f"], "flat"))
    g = lambda *shape: 0.4 * rng.standard_normal(shape)
    nodes.append(helper.make_node("Gemm", ["f", tensor("w5", g(12, 8)), tensor("b5", g(8))], ["h"], "gemm", alpha=2.0))
    nodes.append(helper.make_node("Gemm", ["h", tensor("w6", g(7, 8)), tensor("b6", g(7))], ["h2"], "gemm_t", transB=1,
                                  alpha=0.5, beta=3.0))
    nodes.append(helper.make_node("Relu", ["h2"], ["y"], "y_DequantizeLinear"))
    graph = helper.make_graph(nodes, "biases", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 6, 6])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 7])], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path + ".onnx")
    for kind, count in (("calibration", 100), ("inputs", 200)):
        np.save(f"{path}.{kind}.npy", rng.standard_normal((count, 3, 6, 6)).astype(np.float32))


calibration, images = os.path.join(data, "hard_calib_images_u8.npy"), os.path.join(data, "hard_test_images_u8.npy")
labels = np.load(os.path.join(data, "hard_test_labels.npy"))
for network in ("digits_cnn", "digits_mobilenet_plain"):
    model = os.path.join(data, network + ".onnx")
    case(model, calibration, images, network, "int8", "uint8", labels=labels)
    case(model, calibration, images, network + "_integer_biases", "int8", "uint8", ["integer_biases"], labels, network)
for seed in range(3):
    path = os.path.join(work, f"network{seed}")
    random_network(seed, path)
    files = (path + ".onnx", path + ".calibration.npy", path + ".inputs.npy")
    case(*files, f"random{seed}", "int8", "uint8")
    case(*files, f"random{seed}_integer_biases", "int8", "uint8", ["integer_biases"], floating_biases=f"random{seed}")
    for weight, activation in (("int8", "int8"), ("groups", "uint8"), ("int8", "narrow8"), ("int4", "uint4"), ("int8", "uint16"), ("float8", "float8")):
        case(*files, f"random{seed}_{weight}_{activation}", weight, activation)

path = os.path.join(work, "biases")
biases_network(path)
files = (path + ".onnx", path + ".calibration.npy", path + ".inputs.npy")
case(*files, "biases_float", "int8", "uint8", optimized_too=True)
case(*files, "biases_integer", "int8", "uint8", ["integer_biases"], floating_biases="biases_float", optimized_too=True)

print(f"onnx {onnx.__version__}, onnxruntime {onnxruntime.__version__}: {len(failures)} failure(s)")
for f in failures:
    print("FAILED  " + f)
sys.exit(1 if failures else 0)

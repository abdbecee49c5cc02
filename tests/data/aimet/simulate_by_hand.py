"""A network quantized by hand as an AIMET encodings file (1.0.0) says: batch norms folded by AIMET's rules, constants
rounded here, QuantizeLinear and DequantizeLinear after each activation, run by ONNX Runtime without optimizations.

    python simulate_by_hand.py NETWORK.onnx ENCODINGS INPUT.npy OUT.npy [FLOAT_OUT.npy]
"""
import json
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper


def attribute(node, name, default):
    for a in node.attribute:
        if a.name == name:
            return helper.get_attribute_value(a)
    return default


def constants_of(graph):
    """Initializers and Constant nodes by name; the latter become initializers."""
    values = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    nodes = []
    for n in graph.node:
        if n.op_type == "Constant":
            values[n.output[0]] = numpy_helper.to_array(n.attribute[0].t)
        else:
            nodes.append(n)
    return values, nodes


def fold(nodes, values, outputs):
    """Conv and ConvTranspose keep their names; a batch norm that stays gets NAME_1 and its statistics inside."""
    producer = {o: n for n in nodes for o in n.output}
    readers = {}
    for n in nodes:
        for i in n.input:
            readers.setdefault(i, []).append(n)
    kept = []
    rename = {}
    for n in nodes:
        if n.op_type != "BatchNormalization":
            kept.append(n)
            continue
        gamma, beta, mean, var = (values[i].astype(np.float64) for i in n.input[1:5])
        s = gamma / np.sqrt(var + attribute(n, "epsilon", 1e-5))
        layer = producer.get(n.input[0])
        single = layer is not None and len(readers[n.input[0]]) == 1 and n.input[0] not in outputs
        if single and layer.op_type in ("Conv", "ConvTranspose"):
            w = values[layer.input[1]].astype(np.float64)
            if layer.op_type == "Conv":
                w = w * s.reshape([-1] + [1] * (w.ndim - 1))
            else:
                group = attribute(layer, "group", 1)
                assert group == 1
                w = w * s.reshape([1, -1] + [1] * (w.ndim - 2))
            b = values[layer.input[2]].astype(np.float64) if len(layer.input) > 2 else 0
            values[layer.input[1]] = w.astype(np.float32)
            bias = layer.output[0] + ".folded_bias"
            values[bias] = ((b - mean) * s + beta).astype(np.float32)
            inputs = list(layer.input[:2]) + [bias]
            del layer.input[:]
            layer.input.extend(inputs)
            rename[n.output[0]] = layer.output[0]
        else:
            new = []
            for i, v in zip(n.input[1:5], (s, beta - mean * s, np.zeros_like(s), np.ones_like(s))):
                values[i + "_1"] = v.astype(np.float32)
                new.append(i + "_1")
            inputs = [n.input[0]] + new
            del n.input[:]
            n.input.extend(inputs)
            for a in n.attribute:
                if a.name == "epsilon":
                    a.f = 0.0
            kept.append(n)
    for n in kept:
        for k, i in enumerate(n.input):
            n.input[k] = rename.get(i, i)
    return kept


def rounded(x, entry, axis):
    scale = np.float32(entry["scale"])
    offset = np.float64(entry["offset"])
    shape = [1] * x.ndim
    if len(scale) > 1:
        shape[axis] = -1
    scale, offset = scale.reshape(shape), offset.reshape(shape)
    q = np.clip(np.rint(np.float64(x / scale)) - offset, 0, 2 ** entry["bw"] - 1)
    return ((q + offset) * scale).astype(np.float32).reshape(x.shape)


def main(network, encodings, data, out, float_out=None):
    model = onnx.load(network)
    graph = model.graph
    outputs = {o.name for o in graph.output}
    values, nodes = constants_of(graph)
    nodes = fold(nodes, values, outputs)
    entries = json.load(open(encodings))
    axes = {}
    for n in nodes:
        if n.op_type == "ConvTranspose":
            axes[n.input[1]] = 1
        elif n.op_type in ("Conv", "Gemm"):
            axes[n.input[1]] = 0 if n.op_type == "Conv" or attribute(n, "transB", 0) else 1
    used = 0
    activations = {}
    for e in entries["param_encodings"] + entries["activation_encodings"]:
        if e["name"] in values:
            values[e["name"]] = rounded(values[e["name"]], e, axes.get(e["name"], 0))
            used += 1
        else:
            activations[e["name"]] = e
    final = []
    reads = {}

    def quantize(name):
        e = activations.pop(name)
        values[name + ".scale"] = np.float32(e["scale"][0])
        values[name + ".zero"] = np.uint8(-int(e["offset"][0]))
        assert e["bw"] == 8
        final.append(helper.make_node("QuantizeLinear", [name, name + ".scale", name + ".zero"], [name + ".q"]))
        final.append(helper.make_node("DequantizeLinear", [name + ".q", name + ".scale", name + ".zero"], [name + ".dq"]))
        reads[name] = name + ".dq"

    for i in graph.input:
        if i.name in activations:
            quantize(i.name)
    for n in nodes:
        for k, i in enumerate(n.input):
            n.input[k] = reads.get(i, i)
        final.append(n)
        for o in n.output:
            if o in activations:
                quantize(o)
    assert not activations, activations
    names = [reads.get(o.name, o.name) for o in graph.output]
    new = helper.make_graph(
        final, "by_hand", [i for i in graph.input if i.name not in values],
        [helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, None) for n in names],
        [numpy_helper.from_array(np.asarray(v), k) for k, v in values.items()])
    quantized = helper.make_model(new, opset_imports=model.opset_import, ir_version=model.ir_version)
    x = np.load(data)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    options.intra_op_num_threads = 1

    def run(bytes_of_model):
        session = onnxruntime.InferenceSession(bytes_of_model, options, providers=["CPUExecutionProvider"])
        name = session.get_inputs()[0].name
        return session.run(None, {name: x})[0]

    y = run(quantized.SerializeToString())
    reference = run(open(network, "rb").read())
    np.save(out, y)
    if float_out:
        np.save(float_out, reference)
    noise = np.sum((y.astype(np.float64) - reference) ** 2)
    print(f"SQNR {10 * np.log10(np.sum(reference.astype(np.float64) ** 2) / noise):.3f} dB, {used} constants")


main(*sys.argv[1:])

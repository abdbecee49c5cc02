"""Writes the weight codes that the tests expect: NETWORK.TENSOR.codes.npy.

    pip install numpy onnx onnxruntime
    python make_codes.py            (in this folder)

torch_w8a8: what onnxruntime's QuantizeLinear makes of the weights in AIMET's own Q/DQ export, torch_qdq.onnx.
All three networks: round(weight / scale) in float32, clamped to the codes; where both exist they are compared.
"""
import json

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper

peer = onnx.load("torch_qdq.onnx")
weights = ["0.weight", "2.weight", "5.weight"]
for name in weights:
    peer.graph.output.append(helper.make_tensor_value_info(name + "_q", onnx.TensorProto.INT8, None))
options = onnxruntime.SessionOptions()
options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
session = onnxruntime.InferenceSession(peer.SerializeToString(), options)
output, *recorded = session.run(None, {"input": np.load("x.npy")})
assert np.array_equal(output, np.load("torch_w8a8.y.npy"))

for network in ["torch_w8a8", "torch_w4a16", "onnx_net"]:
    tensors = {t.name: numpy_helper.to_array(t) for t in onnx.load(network + ".onnx").graph.initializer}
    for entry in json.load(open(network + "_1.0.0.encodings.json"))["param_encodings"]:
        weight = tensors[entry["name"]]
        scale = np.array(entry["scale"], np.float32).reshape([-1] + [1] * (weight.ndim - 1))
        half = 2 ** (entry["bw"] - 1)
        codes = np.clip(np.rint(weight / scale), -half, half - 1).astype(np.int8)
        if network == "torch_w8a8":
            assert np.array_equal(codes, recorded[weights.index(entry["name"])])
        np.save(f"{network}.{entry['name']}.codes.npy", codes)

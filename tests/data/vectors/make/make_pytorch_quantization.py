#!/usr/bin/env python3
"""Runs NVIDIA pytorch-quantization 2.2.1 (CPU path) and records golden vectors.

  PYTHONPATH=<TensorRT>/tools/pytorch-quantization python make_pytorch_quantization.py --seed N --out DIR [--extra]

The copy needs two stub modules, pytorch_quantization/version.py (__version__) and pytorch_quantization/cuda_ext.py
(functions fake_tensor_quant, fake_tensor_quant_with_axis, fake_e4m3fy that may raise).
"""
import argparse
import contextlib
import io
import os
import warnings

warnings.filterwarnings("ignore")
import numpy as np
import torch
from torch import nn

import pytorch_quantization
from absl import logging as absl_logging
absl_logging.set_verbosity(absl_logging.FATAL)
from pytorch_quantization import cuda_ext, tensor_quant as tq, calib, nn as qnn, utils as qutils
from pytorch_quantization.calib import histogram as H
from pytorch_quantization.nn.modules.tensor_quantizer import TensorQuantizer
from pytorch_quantization.nn import functional as QF
from pytorch_quantization.tensor_quant import QuantDescriptor

import seed_vec_common as C

ap = argparse.ArgumentParser()
ap.add_argument("--seed", type=int, required=True)
ap.add_argument("--out", required=True)
ap.add_argument("--extra", action="store_true", help="add further seed-drawn edge values")
A = ap.parse_args()

torch.set_num_threads(1)
rng = np.random.default_rng(A.seed)
T = torch.from_numpy
LIN = {"rtol": 2e-6, "atol": 2e-6, "reason": "sum order of the matrix product is the framework's; inputs are fake-quantized bit-exactly"}
ACT = {"rtol": 5e-6, "atol": 5e-6, "reason": "matrix product sum order plus the framework's exp/tanh"}

# The C++/CUDA fp8 cast is __nv_fp8_e4m3 (round to nearest even, saturate to +-448, NaN stays NaN). torch's own cast is the same
# once the value is clamped, so it stands in for the missing extension.
cuda_ext.fake_e4m3fy = lambda x: x.float().clamp(-448.0, 448.0).to(torch.float8_e4m3fn).to(x.dtype)
# _compute_amax_mse calls .cuda(); on the CPU that must be a no-op.
torch.Tensor.cuda = lambda self, *a, **k: self

W = C.Writer(A.out, "pytorch-quantization (NVIDIA TensorRT tools), CPU path", pytorch_quantization.__version__,
             "make_pytorch_quantization.py --seed %d%s --out <this folder>" % (A.seed, " --extra" if A.extra else ""),
             "outputs are compared by bits; a NaN matches any NaN; a case may override this with its own float_compare. "
             "Made with torch %s on CPU, one thread. fp16/bf16 tensors are stored as float32 (exact)." % torch.__version__.split("+")[0])
W.missing("CUDA kernel results (cuda_ext is absent): only the reference CPU path was run; fp8 uses torch.float8_e4m3fn in place of cuda_ext.fake_e4m3fy.")
W.missing("QuantRNN / GRU modules: upstream has no working quantized GRU (quant_rnn.GRU shares the LSTM call signature and its cell takes no quantizers).")
W.missing("ONNX export of Q/DQ: its symbolic functions need the old TorchScript exporter and are only static formulas.")


def shp(rank, lo=3, hi=8):
    return tuple(int(v) for v in rng.integers(lo, hi, rank))


def randn(shape, s=1.0):
    return (rng.standard_normal(shape) * s).astype(np.float32)


def f32(v):
    return float(np.float32(v))


# ------------------------------------------------------------------ a. functional
def run_quant(x, amax, nb, uns, narrow):
    xt, at = T(x), (T(amax) if isinstance(amax, np.ndarray) else torch.tensor(amax))
    q, s = tq.tensor_quant(xt, at, nb, uns, narrow)
    f = tq.fake_tensor_quant(xt, at, nb, uns, narrow)
    l = tq.legacy_fake_tensor_quant(xt, at, nb, uns, narrow)
    assert torch.equal(f.nan_to_num(7.0), l.nan_to_num(7.0))
    return {"q": q, "scale": s, "fake": f}


def functional():
    x = randn(shp(4, 3, 7), 1.5)
    xp = np.abs(x)
    for nb in (2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 16) if not A.extra else (2, 3, 4, 6, 8, 10, 13, 14, 15, 16):
        for uns, narrow in ((False, True), (False, False), (True, True)):
            xx = xp if uns else x
            a = np.float32(np.abs(xx).max() * rng.uniform(0.4, 1.1))
            W.attempt("tq_b%d_%s_%s" % (nb, "u" if uns else "s", "narrow" if narrow else "full"), "tensor_quant",
                      {"num_bits": nb, "unsigned": uns, "narrow_range": narrow, "axis": None, "amax": f32(a)},
                      {"x": xx, "amax": np.array(a)}, lambda: run_quant(xx, np.array(a), nb, uns, narrow),
                      "q = quantized (float integers), scale = returned scale, fake = fake_tensor_quant = legacy_fake_tensor_quant")
    for axis in (0, 1, (0, 1)):
        keep = axis if isinstance(axis, tuple) else (axis,)
        red = tuple(i for i in range(4) if i not in keep)
        for nb in (2, 4, 8, 16):
            for uns, narrow in ((False, True), (False, False), (True, True)):
                xx = xp if uns else x
                a = (np.abs(xx).max(axis=red, keepdims=True) * rng.uniform(0.4, 1.0)).astype(np.float32)
                W.attempt("tq_axis%s_b%d_%s_%s" % ("".join(map(str, keep)), nb, "u" if uns else "s", "narrow" if narrow else "full"),
                          "tensor_quant", {"num_bits": nb, "unsigned": uns, "narrow_range": narrow, "axis": list(keep)},
                          {"x": xx, "amax": a}, lambda: run_quant(xx, a, nb, uns, narrow), "axis = kept axes")
    # edges: amax chosen so that the ties are exact (step 1, 2^-k) and inexact
    for tag, nb, uns, narrow, a in (("step1", 8, False, True, 127.0), ("step1", 8, False, False, 127.0), ("step1u", 8, True, True, 255.0),
                                    ("pow2", 8, False, False, 127.0 / 64), ("b4", 4, False, False, 7.0 / 8), ("b4n", 4, False, True, 7.0 / 8),
                                    ("b2", 2, False, False, 1.0), ("b16", 16, False, False, 32767.0 / 4096), ("inexact", 8, False, True, f32(rng.uniform(.3, 3))),
                                    ("inexact4", 4, False, False, f32(rng.uniform(.3, 3))), ("b12", 12, False, False, f32(rng.uniform(.3, 3)))):
        B = 2 ** (nb - 1 + int(uns)) - 1
        e = C.edge_values(np.float32(a) / np.float32(B), rng if A.extra else None)
        if uns:
            e = np.abs(e)
        W.attempt("tq_edge_%s_b%d_%s" % (tag, nb, "narrow" if narrow else "full"), "tensor_quant",
                  {"num_bits": nb, "unsigned": uns, "narrow_range": narrow, "axis": None, "amax": f32(a)},
                  {"x": e, "amax": np.array(a, np.float32)}, lambda: run_quant(e, np.array(a, np.float32), nb, uns, narrow),
                  "ties on .5 steps and their neighbours, grid points, +-0, subnormals, huge, inf, NaN")
    # tiny amax
    e24 = np.float32(2.0 ** -24)
    xs = np.float32([0, 1e-9, -1e-9, 5.9e-8, -5.9e-8, 3e-8, 1e-3, -1e-3, 1.0, -1.0, np.inf, -np.inf, np.nan])
    tiny = {"eq": e24, "above": np.nextafter(e24, np.float32(1)), "below": np.nextafter(e24, np.float32(0)), "zero": np.float32(0),
            "1e-26": np.float32(1e-26), "subnormal": np.float32(1e-40), "inf": np.float32(np.inf), "nan": np.float32(np.nan),
            "fltmax": np.float32(3.4028235e38)}
    if A.extra:
        tiny["neg_zero"] = np.float32(-0.0)
        tiny["twice"] = np.float32(2.0 ** -23)
    for k, a in tiny.items():
        W.attempt("tq_amax_%s" % k, "tensor_quant", {"num_bits": 8, "unsigned": False, "narrow_range": False, "axis": None, "amax": float(a)},
                  {"x": xs, "amax": np.array(a)}, lambda: run_quant(xs, np.array(a), 8, False, False), "amax <= 2^-24 gives q 0 and scale 1")
    x3 = randn((2, 3, 4))
    a3 = np.float32([1, 1e-26, .5]).reshape(1, 3, 1)
    W.attempt("tq_amax_mixed_tiny_channel", "tensor_quant", {"num_bits": 8, "unsigned": False, "narrow_range": True, "axis": [1]},
              {"x": x3, "amax": a3}, lambda: run_quant(x3, a3, 8, False, True), "one dead channel among live ones")
    an = np.float32([np.nan, 1e-26, 0.0, 1.0]).reshape(4, 1)
    xa = randn((4, 5))
    W.attempt("tq_amax_nan_channel_hides_tiny", "tensor_quant", {"num_bits": 8, "unsigned": False, "narrow_range": False, "axis": [0]},
              {"x": xa, "amax": an}, lambda: run_quant(xa, an, 8, False, False), "one NaN amax makes min(amax) NaN: the tiny-amax and the negative-amax guards are both skipped for every channel")
    W.odd("one NaN channel in amax switches off the tiny-amax guard and the negative-amax check for ALL channels (both test min(amax)), tq_amax_nan_channel_hides_tiny; an infinite amax gives scale 0 and 0/0 = NaN everywhere (tq_amax_inf).")
    # errors
    W.attempt("tq_err_unsigned_negative", "tensor_quant", {"num_bits": 8, "unsigned": True, "narrow_range": True, "axis": None, "amax": 1.0},
              {"x": x3, "amax": np.array(1, np.float32)}, lambda: run_quant(x3, np.array(1, np.float32), 8, True, True))
    W.attempt("tq_err_negative_amax", "tensor_quant", {"num_bits": 8, "unsigned": False, "narrow_range": True, "axis": None, "amax": -1.0},
              {"x": x3, "amax": np.array(-1, np.float32)}, lambda: run_quant(x3, np.array(-1, np.float32), 8, False, True))
    xn = np.float32([np.nan, -1.0, 0.5, -0.0])
    if W.attempt("tq_unsigned_nan_hides_negative", "tensor_quant", {"num_bits": 8, "unsigned": True, "narrow_range": True, "axis": None, "amax": 1.0},
                 {"x": xn, "amax": np.array(1, np.float32)}, lambda: run_quant(xn, np.array(1, np.float32), 8, True, True)) is None:
        W.odd("unsigned: the negative-input check is min(x) < 0, and min() of a tensor holding a NaN is NaN, so one NaN anywhere hides every "
              "negative value; they are then clamped to 0 instead of raising (tq_unsigned_nan_hides_negative).")
    for nb, uns in ((1, False), (0, False), (0, True), (1, True)):
        xd = np.float32([-1, -.4, 0, .3, 1]) if not uns else np.float32([0, .3, .5, 1, 2])
        W.attempt("tq_degenerate_b%d_%s" % (nb, "u" if uns else "s"), "tensor_quant", {"num_bits": nb, "unsigned": uns, "narrow_range": True, "axis": None, "amax": 1.0},
                  {"x": xd, "amax": np.array(1, np.float32)}, lambda: run_quant(xd, np.array(1, np.float32), nb, uns, True), "degenerate bit widths")
    # reduced precision inputs
    xh = randn((4, 9))
    for dt, name in ((torch.float16, "float16"), (torch.bfloat16, "bfloat16"), (torch.float64, "float64")):
        for tag, am in (("scalar", torch.tensor(1.25)), ("axis0", T(np.abs(xh).max(1, keepdims=True)))):
            def go():
                xx = T(xh).to(dt)
                f = tq.fake_tensor_quant(xx, am, 8, False, False)
                q, s = tq.tensor_quant(xx, am, 8, False, False)
                return {"q": q, "scale": s, "fake": f}
            xin = T(xh).to(dt)
            W.attempt("tq_%s_%s" % (name, tag), "tensor_quant", {"num_bits": 8, "unsigned": False, "narrow_range": False, "input_dtype": name,
                      "out_dtype": str(tq.fake_tensor_quant(xin, am, 8, False, False).dtype).replace("torch.", "")},
                      {"x": xin, "amax": am}, go, "low precision input, float32 amax")
    xo = torch.tensor([1e-5, -5e-5, 1e-4], dtype=torch.float16)
    W.attempt("tq_err_fp16_scale_overflow", "tensor_quant", {"num_bits": 8, "unsigned": False, "narrow_range": True, "input_dtype": "float16", "amax": 1e-4},
              {"x": xo}, lambda: dict(zip("qs", tq.tensor_quant(xo, torch.tensor(1e-4)))))
    W.attempt("fake_fp16_scale_overflow", "fake_tensor_quant", {"num_bits": 8, "unsigned": False, "narrow_range": True, "input_dtype": "float16", "amax": 1e-4},
              {"x": xo}, lambda: {"fake": tq.fake_tensor_quant(xo, torch.tensor(1e-4))}, "scale becomes inf in fp16: everything becomes 0")
    # affine
    v = np.float32([-1, -13, -101, -128, 0, 2, 5, 13, 93, 111, 127])
    xr = randn(shp(2, 5, 9), 2.0)
    for i, (xx, lo, hi, nb) in enumerate(((v, -128., 127., 8), (xr, -2.5, 3.1, 8), (xr, f32(xr.min()), f32(xr.max()), 8), (xr, -1.0, 2.0, 4), (xr, 0.0, 1.7, 8),
                                          (xr, -1.7, 0.0, 5), (xr, .5, 1.5, 8), (xr, -.3, .4, 2), (xr, -3., 3., 16), (xr, 1.0, 1.0, 8), (xr, -1., 1., 12),
                                          (C.edge_values(1 / 64., rng if A.extra else None), -1.0, (255 - 64) / 64., 8))):
        W.attempt("affine_%d_b%d" % (i, nb), "fake_affine_tensor_quant", {"num_bits": nb, "min": f32(lo), "max": f32(hi)}, {"x": xx},
                  lambda: {"y": tq.fake_affine_tensor_quant(T(xx), torch.tensor(lo, dtype=torch.float32), torch.tensor(hi, dtype=torch.float32), nb)})
    W.odd("fake_affine_tensor_quant with min == max: step is 0, so the output is NaN (affine_9_b8); no guard upstream.")
    # fp8
    doc = torch.arange(-2.0, 1.81, 0.2)[:20]
    fe = np.concatenate([C.edge_values(1.0 / 8, rng if A.extra else None), np.float32([17, 19, 2.0 ** -10, 1.5 * 2.0 ** -9, 2.0 ** -9, 464, 447, 448, 449, 465, 480, 2.0 ** -24, 1.9 * 2.0 ** -24,
                         np.nextafter(np.float32(2.0 ** -24), np.float32(0)), 240, 256, 0.0175])]).astype(np.float32)
    for tag, xx, am in (("doc", doc.numpy(), None), ("doc_amax2", doc.numpy(), 2.0), ("edge", fe, None), ("edge_amax", fe, f32(rng.uniform(.5, 4))),
                        ("rand", randn((50,), 3), f32(rng.uniform(1, 5))), ("amax0", xs, 0.0), ("amax_tiny", xs, 1e-30)):
        W.attempt("e4m3_%s" % tag, "scaled_e4m3", {"amax": am}, {"x": xx},
                  lambda: {"y": tq.scaled_e4m3(T(xx), None if am is None else torch.tensor(am), 4, 3)}, "fp8 cast emulated, see not_made")
    xr4 = randn((3, 4, 5))
    ax = np.abs(xr4).max(axis=(0, 2), keepdims=True)
    W.attempt("e4m3_axis1", "scaled_e4m3", {"axis": [1]}, {"x": xr4, "amax": ax}, lambda: {"y": tq.scaled_e4m3(T(xr4), T(ax), 4, 3)})
    W.attempt("e4m3_err_e5m2", "scaled_e4m3", {"E": 5, "M": 2}, {"x": xr4}, lambda: {"y": tq.scaled_e4m3(T(xr4), None, 5, 2)})
    # the manual
    torch.manual_seed(12345)
    x = torch.rand(10)
    W.attempt("doc_rand10", "tensor_quant", {"num_bits": 8, "unsigned": False, "narrow_range": True, "axis": None, "torch_seed": 12345, "amax": float(x.abs().max())},
              {"x": x, "amax": x.abs().max()}, lambda: run_quant(x.numpy(), x.abs().max().numpy(), 8, False, True), "user guide example: torch.manual_seed(12345); torch.rand(10)")
    torch.manual_seed(12345)
    x = torch.rand(10, 9, 8, 7)
    d = TensorQuantizer(QuantDescriptor(num_bits=4, fake_quant=False, axis=(0), unsigned=True))
    W.case("doc_rand_10_9_8_7", "TensorQuantizer", {"num_bits": 4, "unsigned": True, "axis": [0], "fake_quant": False, "torch_seed": 12345}, {"x": x},
           {"q": d(x).to(torch.uint8), "scale": d.scale}, "user guide example: real mode, dynamic amax; q stored as uint8")


# ------------------------------------------------------------------ b. backward
def backward():
    for k in range(4):
        x = randn(shp(2, 4, 8), 1.5)
        g = randn(x.shape)
        a = np.float32([np.abs(x).max() * .5, np.abs(x).max(), .7, 0.0][k])
        x.flat[0], x.flat[1] = a, -a
        for op, fn in (("tensor_quant", lambda xx: tq.tensor_quant(xx, torch.tensor(a), 8, False, True)[0]), ("fake_tensor_quant", lambda xx: tq.fake_tensor_quant(xx, torch.tensor(a), 8, False, False)),
                       ("legacy_fake_tensor_quant", lambda xx: tq.legacy_fake_tensor_quant(xx, torch.tensor(a), 4, False, True)),
                       ("scaled_e4m3", lambda xx: tq.scaled_e4m3(xx, torch.tensor(a), 4, 3))):
            def go():
                xx = T(x.copy()).requires_grad_(True)
                fn(xx).backward(T(g))
                return {"dx": xx.grad}
            W.attempt("bwd_%s_%d" % (op, k), op + ".backward", {"amax": f32(a)}, {"x": x, "g": g}, go, "clipped STE, inclusive |x| <= amax")
    x = randn((3, 4, 5))
    g = randn(x.shape)
    a = (np.abs(x).max(axis=(0, 2), keepdims=True) * .6).astype(np.float32)

    def go():
        xx = T(x.copy()).requires_grad_(True)
        tq.fake_tensor_quant(xx, T(a), 8, False, False).backward(T(g))
        return {"dx": xx.grad}
    W.attempt("bwd_fake_axis1", "fake_tensor_quant.backward", {"axis": [1]}, {"x": x, "g": g, "amax": a}, go)
    for i, (lo, hi) in enumerate(((-1., 1.5), (0., 1.), (f32(x.flat[3]), 2.0), (.5, -.5))):
        def go():
            xx = T(x.copy()).requires_grad_(True)
            tq.fake_affine_tensor_quant(xx, torch.tensor(lo), torch.tensor(hi), 8).backward(T(g))
            return {"dx": xx.grad}
        W.attempt("bwd_affine_%d" % i, "fake_affine_tensor_quant.backward", {"min": lo, "max": hi, "num_bits": 8}, {"x": x, "g": g}, go, "mask min <= x <= max")

        def goc():
            xx = T(x.copy()).requires_grad_(True)
            l, h = torch.tensor(lo, requires_grad=True), torch.tensor(hi, requires_grad=True)
            y = QF.clip(xx, l, h)
            y.backward(T(g))
            return {"y": y, "dx": xx.grad, "dmin": l.grad, "dmax": h.grad}
        W.attempt("clip_%d" % i, "clip", {"min": lo, "max": hi}, {"x": x, "g": g}, goc, "PACT gradients; dmin/dmax are float32 sums",
                  {"dmin": {"rtol": 1e-6, "atol": 1e-6}, "dmax": {"rtol": 1e-6, "atol": 1e-6}, "reason": "sum order of the reduction", "y": "bits", "dx": "bits"})
    xv = np.float32([-2, -1, -.5, .5, 1, 2])

    def gov():
        xx = T(xv.copy()).requires_grad_(True)
        l, h = torch.tensor(-1., requires_grad=True), torch.tensor(1., requires_grad=True)
        y = QF.clip(xx, l, h)
        y.sum().backward()
        return {"y": y, "dx": xx.grad, "dmin": l.grad, "dmax": h.grad}
    W.attempt("clip_invariant", "clip", {"min": -1., "max": 1.}, {"x": xv, "g": np.ones(6, np.float32)}, gov)

    def gob():
        xx = T(x.copy()).requires_grad_(True)
        y = QF.clip(xx, T(-a), T(a))
        y.backward(T(g))
        return {"y": y, "dx": xx.grad}
    if W.attempt("clip_vector_fixed_bounds_backward", "clip", {}, {"x": x, "g": g, "min": -a, "max": a}, gob) is not None:
        W.odd("clip.backward raises for non-scalar bounds even when they are not learnable (the size check ignores requires_grad): a Clip with "
              "per-channel fixed bounds works forward only (clip_vector_fixed_bounds_backward).")
    W.attempt("clip_vector_fixed_bounds_forward", "clip", {}, {"x": x, "min": -a, "max": a}, lambda: {"y": QF.clip(T(x), T(-a), T(a))})
    # learned amax
    for k, (nb, am) in enumerate(((8, .8), (4, 1.3), (2, .5))):
        q = TensorQuantizer(QuantDescriptor(num_bits=nb, learn_amax=True, amax=am))
        xx = T(x.copy()).requires_grad_(True)
        y = q(xx)
        y.backward(T(g))
        W.case("learn_amax_b%d" % nb, "TensorQuantizer", {"num_bits": nb, "learn_amax": True, "amax": f32(am), "narrow_range": False}, {"x": x, "g": g},
               {"y": y, "dx": xx.grad, "dmin": q.clip.clip_value_min.grad, "dmax": q.clip.clip_value_max.grad},
               "clip bounds are the learnable parameters", {"dmin": {"rtol": 1e-6, "atol": 1e-6}, "dmax": {"rtol": 1e-6, "atol": 1e-6}, "reason": "sum order", "y": "bits", "dx": "bits"})
        q = TensorQuantizer(QuantDescriptor(num_bits=nb, learn_amax=True, amax=am))
        with torch.no_grad():
            q.clip.clip_value_min.fill_(-am * .5)
        y = q(T(x))
        W.case("learn_amax_asym_b%d" % nb, "TensorQuantizer", {"num_bits": nb, "learn_amax": True, "clip_min": f32(-am * .5), "clip_max": f32(am), "narrow_range": False},
               {"x": x}, {"y": y}, "bounds drifted apart: amax = max(-min, max)")


# ------------------------------------------------------------------ c. calibrators
def calibrators():
    n = int(rng.integers(900, 1400))
    kinds = C.data_kinds(rng, n)
    # max
    sh = shp(4, 3, 6)
    bs = [randn(sh, s) for s in (1.0, 1.7, .6)]
    for ax in (None, 0, 1, (0, 1), -1, -3, (0, -1)):
        c = calib.MaxCalibrator(8, ax, False, track_amax=True)
        outs = {}
        for i, b in enumerate(bs):
            c.collect(T(b))
            outs["amax_after_%d" % (i + 1)] = c.compute_amax().clone()
        W.case("max_axis_%s" % str(ax).replace(" ", ""), "MaxCalibrator", {"axis": ax if not isinstance(ax, tuple) else list(ax)},
               {"b%d" % i: b for i, b in enumerate(bs)}, outs, "running maximum after each batch; axis = kept axes")
    for k, v in kinds.items():
        c = calib.MaxCalibrator(8, None, False)
        for b in v:
            c.collect(T(b.copy()))
        W.case("max_data_" + k, "MaxCalibrator", {"axis": None}, {"b%d" % i: b for i, b in enumerate(v)}, {"amax": c.compute_amax()})
    c = calib.MaxCalibrator(8, 0, False)

    def mm():
        c.collect(torch.rand(3, 4))
        c.collect(torch.rand(4, 4))
    W.attempt("max_err_shape_change", "MaxCalibrator", {"axis": 0, "batch_shapes": [[3, 4], [4, 4]]}, {}, mm)
    xn = np.float32([1, -2, np.nan, 3])
    for tag, v in (("nan", xn), ("inf", np.float32([1, -np.inf, 2])), ("nan_negative_last", np.float32([np.nan, 1, -5]))):
        c = calib.MaxCalibrator(8, None, False)
        c.collect(T(v))
        W.case("max_%s" % tag, "MaxCalibrator", {"axis": None}, {"b0": v}, {"amax": c.compute_amax()})
    # histograms
    nb_choice = [64, 128, 256] if not A.extra else [96, 160, 320]
    W.odd("HistogramCalibrator with axis set raises NotImplementedError at construction; there is no per-channel histogram calibrator.")

    def hist_case(tag, batches, bins, torch_hist, skip, methods, grow=None, bits=8, uns=False, note="", copy=True):
        hc = calib.HistogramCalibrator(bits, None, uns, num_bins=bins, grow_method=grow, skip_zeros=skip, torch_hist=torch_hist)
        P = {"num_bins": bins, "torch_hist": torch_hist, "skip_zeros": skip, "num_bits": bits, "unsigned": uns, "grow_method": grow}
        ins = {"b%d" % i: b for i, b in enumerate(batches)}

        def col():
            for b in batches:
                hc.collect(T(b.copy()))
            return {"hist": np.asarray(hc._calib_hist) if not torch_hist else hc._calib_hist.clone(),
                    "edges": np.asarray(hc._calib_bin_edges) if not torch_hist else hc._calib_bin_edges.clone()}
        err = W.attempt("hist_%s" % tag, "HistogramCalibrator.collect", P, ins, col, note)
        if err is not None:
            W.odd("histogram collect on %s: %s: %s" % (tag, type(err).__name__, str(err).splitlines()[0][:120]))
            return
        h0 = hc._calib_hist
        for m in methods:
            name, kw = m[0], m[1]
            hc._calib_hist = h0.copy() if isinstance(h0, np.ndarray) else h0.clone()
            key = "hist_%s.%s%s" % (tag, name, "".join("_%s%s" % (k, v) for k, v in kw.items()))
            P2 = dict(P)
            P2.update({k: (float(v) if k == "percentile" else v) for k, v in kw.items()})
            P2.update({"method": name, "collected": "hist_" + tag})
            e = W.attempt(key, "HistogramCalibrator.compute_amax", P2, ins, lambda: {"amax": hc.compute_amax(name, **kw)})
            if e is not None:
                W.odd("compute_amax %s on hist_%s (%d bins): %s: %s" % (name, tag, len(h0), type(e).__name__, (str(e).splitlines() or [""])[0][:120]))

    pct = [("percentile", {"percentile": p}) for p in (99.0, 99.9, 99.99, 99.999)]
    full = pct + [("percentile", {"percentile": p}) for p in (100, 0, 50)]
    small = [("entropy", {"start_bin": 64, "stride": 1}), ("mse", {"start_bin": 64, "stride": 1}), ("mse", {"start_bin": 16, "stride": 3})]
    for i, (k, v) in enumerate(kinds.items()):
        bins = nb_choice[i % 3] * 2
        big = k.startswith("outlier_later")
        hist_case("torch_" + k, v, bins, True, False, full + ([("mse", {"start_bin": 16}), ("entropy", {"start_bin": 16, "stride": 2})] if not big else [("mse", {"start_bin": 16})]))
        hist_case("np_" + k, v, bins, False, False, pct + ([("mse", {"start_bin": 16})] if not big else []))
    # 2048 bins, the default
    hist_case("default_normal", kinds["normal"], 2048, True, False, full + [("mse", {}), ("entropy", {"stride": 16})], note="default 2048 bins; entropy with stride 16 for cost")
    hist_case("default_normal_one_batch", kinds["normal"][:1], 2048, True, False, pct + [("mse", {}), ("entropy", {"stride": 8})])
    big = [np.abs(randn((20000,))).astype(np.float32)[:6000] for _ in range(2)]
    hist_case("default_abs_6000", big, 2048, True, False, pct + [("mse", {}), ("mse", {"start_bin": 64, "stride": 4}), ("entropy", {"stride": 4})])
    for bits, uns in ((4, False), (8, True), (4, True), (6, False)):
        hist_case("b%d_%s" % (bits, "u" if uns else "s"), [np.abs(b) for b in kinds["normal"]], 256, True, False, pct + [("entropy", {"start_bin": 128}), ("entropy", {"start_bin": 32, "stride": 2}), ("mse", {"start_bin": 32})], bits=bits, uns=uns)
    z = kinds["relu"]
    for th in (True, False):
        hist_case("skipzeros_%s" % ("torch" if th else "np"), z, 128, th, True, pct + [("mse", {"start_bin": 16})], note="exact zeros dropped before binning")
        for g in ("stretch", "append"):
            hist_case("grow_%s_%s" % (g, "torch" if th else "np"), kinds["normal"], 128, th, False, [("percentile", {"percentile": 99.9})], grow=g, note="grow_method is accepted, warned about and ignored")
    hist_case("zero_then_data", [np.zeros(50, np.float32), kinds["normal"][0]], 128, True, False, [], note="all-zero first batch, then data")
    hist_case("zero_then_data_np", [np.zeros(50, np.float32), kinds["normal"][0]], 128, False, False, pct)
    hist_case("skip_all_zero", [np.zeros(50, np.float32)], 128, True, True, [])
    hist_case("skip_all_zero_np", [np.zeros(50, np.float32)], 128, False, True, [])
    hist_case("nan", [np.float32([.5, np.nan, 1, 2, 3])], 16, True, False, pct)
    hist_case("inf", [np.float32([.5, np.inf, 1, 2, 3])], 16, True, False, pct)
    hist_case("min_gt_zero_np", [np.float32(rng.uniform(1, 2, 200)), np.float32(rng.uniform(.1, 2, 200))], 32, False, False, pct, note="numpy path: the first batch's range starts at its minimum, smaller later values are dropped")
    hist_case("min_gt_zero_torch", [np.float32(rng.uniform(1, 2, 200)), np.float32(rng.uniform(.1, 2, 200))], 32, True, False, pct)
    hist_case("integers", [np.arange(100, dtype=np.float32), np.arange(0, 50, .5, dtype=np.float32)], 1024, True, False, pct + [("percentile", {"percentile": 90}), ("percentile", {"percentile": 80})], note="arange(100) then arange(0,50,.5)")
    hist_case("exact_growth", [np.float32(np.linspace(0, 1, 65)), np.float32(np.linspace(0, 2, 129)), np.float32(np.linspace(0, 3.03125, 98))], 64, True, False, pct, note="growth to a maximum that is a whole number of bins: edge count against bin count")
    hist_case("doc255_torch", [np.float32([0, 255, 255, 255, 255, 255]), np.float32([0, 255, 255, 255, 255, 256])], 2048, True, False, [("mse", {}), ("percentile", {"percentile": 99.9})])
    # G1, G2, G3: fixed histograms
    k = np.arange(2048)
    g1 = np.floor(100000 * np.exp(-(k / 300.0) ** 2)).astype(np.int64)
    g2 = np.floor(1e6 * np.exp(-k / 40.0)).astype(np.int64)
    g2[2047] = 1
    edges = (np.arange(2049) * 0.01)
    for tag, h in (("G1", g1), ("G2", g2)):
        for p in (50., 90., 99., 99.9, 99.99, 99.999, 100.):
            W.case("%s.percentile_%s" % (tag, p), "compute_amax_percentile", {"percentile": p}, {"hist": h, "edges": edges}, {"amax": H._compute_amax_percentile(h.copy(), edges, p)}, "edges are float64 k*0.01")
        for bits, uns in ((8, False), (8, True), (4, False)):
            W.case("%s.mse_b%d%s" % (tag, bits, "u" if uns else ""), "compute_amax_mse", {"num_bits": bits, "unsigned": uns, "start_bin": 128, "stride": 1}, {"hist": h, "edges": edges}, {"amax": H._compute_amax_mse(h.copy(), edges, bits, uns)})
    ENT = [("G1", g1, 8, False), ("G2", g2, 8, False), ("G1", g1, 4, False), ("G1", g1, 8, True)]
    for tag, h, bits, uns in ENT:
        stride = 5 if A.extra else 1
        W.case("%s.entropy_b%d%s" % (tag, bits, "u" if uns else ""), "compute_amax_entropy", {"num_bits": bits, "unsigned": uns, "start_bin": 128, "stride": stride}, {"hist": h, "edges": edges},
               {"amax": H._compute_amax_entropy(h.copy(), edges, bits, uns, stride, 128)})
    torch.manual_seed(12345)
    d = torch.rand(10000)
    hc = calib.HistogramCalibrator(8, None, False)
    hc.collect(d[:5000].clone())
    hc.collect(d[5000:] * 1.5)
    g3 = [d[:5000], d[5000:] * 1.5]
    W.case("G3.collect", "HistogramCalibrator.collect", {"num_bins": 2048, "torch_hist": True, "skip_zeros": False, "num_bits": 8, "unsigned": False, "torch_seed": 12345},
           {"b0": g3[0], "b1": g3[1]}, {"hist": hc._calib_hist, "edges": hc._calib_bin_edges})
    ms = [("percentile", {"percentile": p}) for p in (50., 90., 99., 99.9, 99.99)] + [("mse", {})] + ([("entropy", {})] if not A.extra else [])
    for name, kw in ms:
        W.case("G3.%s%s" % (name, kw.get("percentile", "")), "HistogramCalibrator.compute_amax", dict(kw, method=name, collected="G3.collect", num_bins=2048, num_bits=8, unsigned=False, torch_hist=True, skip_zeros=False),
               {"b0": g3[0], "b1": g3[1]}, {"amax": hc.compute_amax(name, **kw)})
    # order dependence of the numpy path: entropy writes bins[0] = bins[1] into the stored histogram
    xb = np.concatenate([np.zeros(60, np.float32), np.abs(randn((140,)))]).astype(np.float32)
    hc = calib.HistogramCalibrator(8, None, False, num_bins=64, torch_hist=False)
    hc.collect(T(xb.copy()))
    before = hc._calib_hist.copy()
    p0 = hc.compute_amax("percentile", percentile=50.)
    hc.compute_amax("entropy", start_bin=16)
    p1 = hc.compute_amax("percentile", percentile=50.)
    W.case("hist_np_entropy_edits_bin0", "HistogramCalibrator.compute_amax", {"num_bins": 64, "torch_hist": False, "num_bits": 8, "unsigned": False, "skip_zeros": False, "method": "percentile", "percentile": 50.},
           {"b0": xb}, {"hist_before": before, "hist_after_entropy": hc._calib_hist, "amax_before": p0, "amax_after_entropy": p1}, "numpy path only; the torch path works on an int64 copy")
    W.odd("numpy histogram path: computing entropy overwrites bin 0 of the STORED histogram with bin 1, so a percentile or mse computed afterwards differs (hist_np_entropy_edits_bin0); the torch path works on a copy.")
    # errors and empties
    hc = calib.HistogramCalibrator(8, None, False)
    W.attempt("hist_err_percentile_200", "HistogramCalibrator.compute_amax", {"method": "percentile", "percentile": 200.}, {}, lambda: {"a": hc.compute_amax("percentile", percentile=200)})
    W.attempt("hist_err_method", "HistogramCalibrator.compute_amax", {"method": "kl"}, {}, lambda: {"a": hc.compute_amax("kl")})
    W.attempt("hist_err_axis", "HistogramCalibrator", {"axis": 0}, {}, lambda: calib.HistogramCalibrator(8, 0, False))
    # calibrate_weights
    for cls, kw, name in ((qnn.QuantLinear, dict(in_features=24, out_features=5), "linear"), (qnn.QuantConv2d, dict(in_channels=3, out_channels=4, kernel_size=3), "conv2d"),
                          (qnn.QuantConvTranspose2d, dict(in_channels=3, out_channels=4, kernel_size=3), "convT2d")):
        for per in (True, False):
            for m, kk in (("percentile", {"percentile": 99.0}), ("percentile", {"percentile": 99.99}), ("mse", {}), ("max", {})):
                mod = cls(**kw)
                with torch.no_grad():
                    mod.weight.copy_(T(randn(tuple(mod.weight.shape), .3)))
                wt = mod.weight.detach().clone()

                def go():
                    calib.calibrate_weights(mod, method=m, perchannel=per, num_bins=256, **kk)
                    return {"amax": mod.weight_quantizer.amax}
                W.attempt("calibw_%s_%s%s_%s" % (name, m, kk.get("percentile", ""), "pc" if per else "pt"), "calibrate_weights", dict(kk, method=m, perchannel=per, num_bins=256, module=name), {"w": wt}, go)
    mod = qnn.QuantLinear(6, 3)
    with torch.no_grad():
        mod.weight.copy_(T(randn((3, 6))))
        mod.weight[1] = 0
    wz = mod.weight.detach().clone()
    for m in ("percentile", "mse"):
        def go():
            calib.calibrate_weights(mod, method=m)
            return {"amax": mod.weight_quantizer.amax}
        e = W.attempt("calibw_zero_channel_%s" % m, "calibrate_weights", {"method": m, "perchannel": True, "num_bins": 2048, "percentile": 99.99}, {"w": wz}, go)
        if e is not None:
            W.odd("calibrate_weights(%s) with an all-zero channel: %s: %s" % (m, type(e).__name__, str(e)[:100]))


# ------------------------------------------------------------------ d. modules
def modules():
    def line(q):
        return q.extra_repr()

    x = randn(shp(3, 3, 6))
    for tag, kw in (("default", {}), ("b4", dict(num_bits=4)), ("unsigned", dict(unsigned=True)), ("axis0", dict(axis=0)), ("axis01", dict(axis=(0, 1))), ("narrow", dict(narrow_range=True)),
                    ("real", dict(fake_quant=False)), ("hist", dict(calib_method="histogram")), ("scale_amax", dict(scale_amax=.75)), ("amax", dict(amax=2.64)), ("fp8", dict(num_bits=(4, 3))),
                    ("b16", dict(num_bits=16, axis=1)), ("axis_neg1", dict(axis=-1))):
        q = TensorQuantizer(QuantDescriptor(**kw))
        xx = np.abs(x) if kw.get("unsigned") else x
        P = {k: (list(v) if isinstance(v, tuple) else v) for k, v in kw.items()}
        outs = {"dynamic": q(T(xx))}
        P["repr_before"] = line(q)
        q.disable_quant()
        q.enable_calib()
        q(T(xx))
        q(T((xx * 1.25).astype(np.float32)))
        q.disable_calib()
        q.enable_quant()
        try:
            if kw.get("calib_method") == "histogram":
                q.load_calib_amax("percentile", percentile=99.0)
            else:
                q.load_calib_amax()
        except Exception as e:
            W.odd("TensorQuantizer(%s).load_calib_amax: %s: %s" % (tag, type(e).__name__, str(e)[:100]))
        P["repr_after"] = line(q)
        outs["amax"] = q.amax
        try:
            outs["calibrated"] = q(T(xx))
            if not kw.get("fake_quant", True):
                outs["scale"] = q.scale
            if not isinstance(kw.get("num_bits", 8), tuple):
                outs["step_size"] = q.step_size
        except Exception as e:
            W.odd("TensorQuantizer(%s) after calibration: %s: %s" % (tag, type(e).__name__, str(e)[:100]))
        q.disable()
        P["repr_disabled"] = line(q)
        W.case("tensorquantizer_" + tag, "TensorQuantizer", P, {"b0": xx, "b1": (xx * 1.25).astype(np.float32)}, outs, "dynamic = output before calibration on b0; calibrated = output on b0 after max (histogram: percentile 99) calibration over b0, b1")
    q = TensorQuantizer(QuantDescriptor(axis=1, amax=127.0))
    q.pre_quant_scale = [1., 2., 3., 4.]
    xx = np.float32([[0, .4, 1.1, 2.0]])
    o = {"y": TensorQuantizer(QuantDescriptor(amax=127.0))(T(xx)), "y_scaled": q(T(xx))}
    r = q.extra_repr()
    q.disable()
    o["y_disabled"] = q(T(xx))
    W.case("pre_quant_scale", "TensorQuantizer", {"amax": 127.0, "pre_quant_scale": [1., 2., 3., 4.], "repr": r}, {"x": xx}, o, "pre_quant_scale is applied even when disabled")
    q = TensorQuantizer(QuantDescriptor())
    q.load_calib_amax(strict=False)
    W.case("uncalibrated_not_strict", "TensorQuantizer", {"repr": q.extra_repr()}, {"x": x}, {"y": q(T(x)), "amax": q.amax}, "amax becomes NaN and poisons the output")
    W.attempt("uncalibrated_strict", "TensorQuantizer", {}, {}, lambda: TensorQuantizer(QuantDescriptor()).load_calib_amax())
    for tag, kw in (("learn_axis", dict(learn_amax=True, axis=0)), ("bits_53", dict(num_bits=(5, 2))), ("neg_bits", dict(num_bits=-1)), ("int_amax", dict(amax=1)), ("unknown", dict(foo=1)), ("name", dict(name=3))):
        W.attempt("descriptor_err_" + tag, "QuantDescriptor", {k: (list(v) if isinstance(v, tuple) else v) for k, v in kw.items()}, {}, lambda: QuantDescriptor(**kw))
    W.attempt("amax_setter_shape_change", "TensorQuantizer", {}, {}, lambda: setattr(TensorQuantizer(QuantDescriptor(amax=[1., 2.])), "amax", 3.0))

    def fill(m):
        with torch.no_grad():
            for p in m.parameters():
                p.copy_(T(randn(tuple(p.shape), .4)))
        return m

    def mod_case(tag, m, x, P, compare=LIN):
        m = fill(m)
        m.eval()
        ins = {"x": x}
        for n, p in m.named_parameters():
            ins[n] = p.detach().clone()
        outs = {"y": m(T(x))}
        if hasattr(m, "_input_quantizer"):
            outs["xq"] = m._input_quantizer(T(x))
        if hasattr(m, "_weight_quantizer") and hasattr(m, "weight"):
            outs["wq"] = m._weight_quantizer(m.weight)
        P = dict(P, repr=" | ".join("%s: %s" % (n, c.extra_repr()) for n, c in m.named_modules() if isinstance(c, TensorQuantizer)))
        if compare == LIN:
            compare = {"y": LIN, "xq": "bits", "wq": "bits"}
        W.case("mod_" + tag, type(m).__name__, P, ins, outs, "dynamic amax on input and weight (no calibration)", compare)

    b, ci, co = int(rng.integers(1, 4)), int(rng.integers(2, 4)), int(rng.integers(3, 6))
    s1, s2, s3 = shp(1, 7, 11), shp(2, 5, 8), shp(3, 4, 6)
    for nd, sp in ((1, s1), (2, s2), (3, s3)):
        cls, tcls = getattr(qnn, "QuantConv%dd" % nd), getattr(qnn, "QuantConvTranspose%dd" % nd)
        for tag, kw in (("plain", {}), ("stride_pad", dict(stride=2, padding=1)), ("nobias_dil", dict(bias=False, dilation=2, padding=1))):
            mod_case("conv%dd_%s" % (nd, tag), cls(ci, co, 3 if sp[0] > 4 else 2, **kw), randn((b, ci) + sp), dict(kw, kernel=3 if sp[0] > 4 else 2, weight_axis=0))
        for tag, kw in (("plain", {}), ("stride_pad", dict(stride=2, padding=1, output_padding=1)), ("nobias", dict(bias=False))):
            mod_case("convT%dd_%s" % (nd, tag), tcls(ci, co, 3, **kw), randn((b, ci) + sp), dict(kw, kernel=3, weight_axis=1))
    mod_case("conv2d_groups", qnn.QuantConv2d(4, 8, 3, groups=2, padding=1), randn((2, 4) + s2), dict(groups=2, padding=1, kernel=3, weight_axis=0))
    mod_case("conv2d_depthwise", qnn.QuantConv2d(4, 4, 3, groups=4, padding=1), randn((2, 4) + s2), dict(groups=4, padding=1, kernel=3, weight_axis=0))
    mod_case("convT2d_groups", qnn.QuantConvTranspose2d(4, 6, 3, groups=2), randn((2, 4) + s2), dict(groups=2, kernel=3, weight_axis=1))
    mod_case("conv2d_circular", qnn.QuantConv2d(ci, co, 3, padding=1, padding_mode="circular"), randn((b, ci) + s2), dict(padding=1, padding_mode="circular", kernel=3, weight_axis=0))
    mod_case("conv2d_circular_pad2", qnn.QuantConv2d(ci, co, 3, padding=2, padding_mode="circular"), randn((b, ci) + s2), dict(padding=2, padding_mode="circular", kernel=3, weight_axis=0))
    W.odd("QuantConv2d circular padding pads (p+1)/2 and p/2 per side, that is p in total, where torch's Conv2d pads p on EACH side: the output is smaller than nn.Conv2d's (mod_conv2d_circular*).")
    for pm in ("reflect", "replicate"):
        mod_case("conv2d_" + pm, qnn.QuantConv2d(ci, co, 3, padding=1, padding_mode=pm), randn((b, ci) + s2), dict(padding=1, padding_mode=pm, kernel=3, weight_axis=0))
    W.odd("QuantConv2d with padding_mode reflect or replicate silently pads with zeros.")
    W.attempt("mod_conv2d_same", "QuantConv2d", {"padding": "same"}, {}, lambda: {"y": qnn.QuantConv2d(2, 3, 3, padding="same")(torch.rand(1, 2, 5, 5))})
    W.attempt("mod_convT_circular", "QuantConvTranspose2d", {"padding_mode": "circular"}, {}, lambda: {"y": qnn.QuantConvTranspose2d(2, 3, 3, padding_mode="circular")(torch.rand(1, 2, 5, 5))})
    d4 = QuantDescriptor(num_bits=4)
    d4w = QuantDescriptor(num_bits=4, axis=0)
    mod_case("linear", qnn.QuantLinear(17, 6), randn((5, 17)), {"weight_axis": 0})
    mod_case("linear_b4", qnn.QuantLinear(17, 6, bias=False, quant_desc_input=d4, quant_desc_weight=d4w), randn((2, 3, 17)), {"num_bits": 4, "weight_axis": 0})
    mod_case("linear_narrow", qnn.QuantLinear(9, 4, quant_desc_weight=QuantDescriptor(narrow_range=True, axis=0)), randn((3, 9)), {"weight_axis": 0, "narrow_range_weight": True})
    mod_case("linear_real_err", qnn.QuantLinear(9, 4), randn((3, 9)), {"weight_axis": 0})
    W.attempt("linear_real", "QuantLinear", {"fake_quant": False}, {}, lambda: qnn.QuantLinear(3, 2, quant_desc_input=QuantDescriptor(fake_quant=False)))
    P16 = QuantDescriptor(num_bits=16)
    mod_case("linear_b16", qnn.QuantLinear(17, 6, quant_desc_input=P16, quant_desc_weight=P16), randn((5, 17)), {"num_bits": 16, "weight_axis": None})
    BI = {"y": "bits", "xq": "bits"}
    for nd, sp in ((1, s1), (2, s2), (3, s3)):
        x = randn((b, ci) + sp)
        mod_case("maxpool%dd" % nd, getattr(qnn, "QuantMaxPool%dd" % nd)(2, stride=1), x, dict(kernel=2, stride=1), BI)
        mod_case("maxpool%dd_pad" % nd, getattr(qnn, "QuantMaxPool%dd" % nd)(3, stride=2, padding=1), x, dict(kernel=3, stride=2, padding=1), BI)
        mod_case("avgpool%dd" % nd, getattr(qnn, "QuantAvgPool%dd" % nd)(2), x, dict(kernel=2, stride=2))
        mod_case("avgpool%dd_pad" % nd, getattr(qnn, "QuantAvgPool%dd" % nd)(3, stride=2, padding=1), x, dict(kernel=3, stride=2, padding=1, count_include_pad=True))
        mod_case("adaptiveavgpool%dd" % nd, getattr(qnn, "QuantAdaptiveAvgPool%dd" % nd)(3), x, dict(output_size=3))
        IN = {"y": {"rtol": 2e-5, "atol": 2e-5, "reason": "mean and variance reductions"}, "xq": "bits"}
        mod_case("instancenorm%dd" % nd, getattr(qnn, "QuantInstanceNorm%dd" % nd)(ci), randn((max(b, 1), ci) + sp), dict(eps=1e-5, affine=False), IN)
        mod_case("instancenorm%dd_affine" % nd, getattr(qnn, "QuantInstanceNorm%dd" % nd)(ci, affine=True), randn((max(b, 1), ci) + sp), dict(eps=1e-5, affine=True), IN)
    mod_case("maxpool2d_axis01", qnn.QuantMaxPool2d(2, quant_desc_input=QuantDescriptor(axis=(0, 1))), randn((2, 3) + s2), dict(kernel=2, stride=2, axis=[0, 1]), BI)
    # LSTM
    for tag, kw, T_, wb, xb in (("1layer", {}, 4, 8, 8), ("2layer", dict(num_layers=2), 3, 8, 8), ("bi", dict(bidirectional=True), 3, 8, 8), ("batch_first", dict(batch_first=True), 3, 8, 8),
                                ("nobias", dict(bias=False), 2, 8, 8), ("b4w", {}, 3, 4, 8), ("b7", {}, 3, 7, 7), ("2layer_bi", dict(num_layers=2, bidirectional=True), 2, 8, 8)):
        I, Hd, B = int(rng.integers(3, 6)), int(rng.integers(3, 6)), int(rng.integers(1, 4))

        def mk():
            return fill(qnn.QuantLSTM(I, Hd, quant_desc_input=QuantDescriptor(num_bits=xb), quant_desc_weight=QuantDescriptor(num_bits=wb, axis=0), **kw))
        try:
            m = mk()
        except Exception as e:
            W.odd("QuantLSTM(%s): %s: %s" % (tag, type(e).__name__, str(e)[:120]))
            continue
        xs = randn((B, T_, I) if kw.get("batch_first") else (T_, B, I))
        L = kw.get("num_layers", 1) * (2 if kw.get("bidirectional") else 1)
        h0, c0 = randn((L, B, Hd), .5), randn((L, B, Hd), .5)
        ins = {"x": xs, "h0": h0, "c0": c0}
        ins.update({n: p for n, p in m.named_parameters()})

        def go():
            with torch.no_grad():
                y, (h, c) = m(T(xs), (T(h0), T(c0)))
            return {"y": y, "h": h, "c": c}
        W.attempt("lstm_" + tag, "QuantLSTM", dict(kw, input_size=I, hidden_size=Hd, weight_bits=wb, input_bits=xb), ins, go, "dynamic amax: input quantizer on cat(x,h) of each step, weight quantizer on cat(W_ih,W_hh,1) axis 0", ACT)
    for tag, kw in (("plain", {}), ("nobias", dict(bias=False))):
        m = fill(qnn.QuantLSTMCell(4, 5, **kw))
        xs, h0, c0 = randn((3, 4)), randn((3, 5), .5), randn((3, 5), .5)
        ins = {"x": xs, "h0": h0, "c0": c0}
        ins.update({n: p for n, p in m.named_parameters()})

        def go():
            with torch.no_grad():
                h, c = m(T(xs), (T(h0), T(c0)))
            return {"h": h, "c": c}
        W.attempt("lstmcell_" + tag, "QuantLSTMCell", dict(kw, input_size=4, hidden_size=5), ins, go, "", ACT)
    # Clip
    for tag, lo, hi in (("learn", -.7, .9), ("learn0", 0., 1.)):
        c = qnn.Clip(lo, hi, learn_min=True, learn_max=True)
        x = randn((4, 5))
        W.case("clip_module_" + tag, "Clip", {"min": lo, "max": hi, "learn": True}, {"x": x}, {"y": c(T(x))})
    W.attempt("clip_module_fixed_float", "Clip", {"min": -.5, "max": .5, "learn": False}, {}, lambda: {"y": qnn.Clip(-.5, .5)(torch.rand(3))}, "fixed bounds given as plain floats")
    W.odd("Clip with fixed float bounds (learn_min = learn_max = False) crashes: torch.min(tensor, float) is not an overload; bounds must be tensors (clip_module_fixed_float).")
    # reduce_amax
    x = randn(shp(3, 3, 6))
    for ax, kd in ((None, True), (0, True), ((0, 1), True), ((0, 2), False), ((0, 1, 2), True), (-1, True)):
        W.attempt("reduce_amax_%s_%s" % (str(ax).replace(" ", ""), kd), "reduce_amax", {"axis": list(ax) if isinstance(ax, tuple) else ax, "keepdims": kd}, {"x": x},
                  lambda: {"y": qutils.reduce_amax(T(x), axis=ax, keepdims=kd)}, "axis = axes reduced")


buf = io.StringIO()
with contextlib.redirect_stderr(buf):
    functional()
    backward()
    modules()
    calibrators()
W.close()

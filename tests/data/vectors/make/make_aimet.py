#!/usr/bin/env python3
"""Runs AIMET 2.42 (aimet_torch, aimet_onnx and its C++ core) and records golden vectors.

  python make_aimet.py --seed N --out DIR [--extra]

Needs aimet-torch 2.42, aimet-onnx 2.42, torch (CPU), onnx, onnxruntime.
"""
import argparse
import copy
import json
import logging
import math
import os
import shutil
import tempfile
import warnings

warnings.filterwarnings("ignore")
import numpy as np
import onnx
import onnxruntime
import torch
from torch import nn
from onnx import helper, numpy_helper, TensorProto

import aimet_torch
import aimet_onnx
import aimet_torch.quantization as Q
import aimet_torch.nn as ann
from aimet_torch.quantization import encoding_analyzer as EA
from aimet_torch.quantization.float import quantizer as FQ
from aimet_onnx.common import libpymo
from aimet_onnx import lpbq_utils

import seed_vec_common as C

logging.disable(logging.CRITICAL)
ap = argparse.ArgumentParser()
ap.add_argument("--seed", type=int, required=True)
ap.add_argument("--out", required=True)
ap.add_argument("--extra", action="store_true", help="add further seed-drawn edge values")
A = ap.parse_args()

torch.set_num_threads(1)
rng = np.random.default_rng(A.seed)
torch.manual_seed(A.seed)
T = torch.from_numpy
M = libpymo.QuantizationMode
SUM = {"rtol": 2e-6, "atol": 2e-6, "reason": "float32 reduction order"}
VER = aimet_torch.__version__

W = C.Writer(A.out, "AIMET (aimet_torch and aimet_onnx wheels, CPU)", VER,
             "make_aimet.py --seed %d%s --out <this folder>" % (A.seed, " --extra" if A.extra else ""),
             "outputs are compared by bits; a NaN matches any NaN; a case may override this with its own float_compare. Made with torch %s, "
             "onnxruntime %s, numpy %s, one thread. C++ encodings are float64 [min,max,delta,offset] rows." %
             (torch.__version__.split("+")[0], onnxruntime.__version__, np.__version__))


def shp(rank, lo=3, hi=8):
    return tuple(int(v) for v in rng.integers(lo, hi, rank))


def randn(shape, s=1.0):
    return (rng.standard_normal(shape) * s).astype(np.float32)


def f32(v):
    return float(np.float32(v))


def plain(t):
    return t.detach().as_subclass(torch.Tensor)


BITS = (2, 3, 4, 5, 8, 12, 16) if not A.extra else (2, 3, 4, 6, 7, 8, 10, 14, 16)


# ------------------------------------------------------------------ a. affine, torch
def torch_qdq(x, s, o, qmin, qmax, block=None, zps=0.0):
    """q, dq of q, qdq through the fast path (torch.fake_quantize, multiplies by 1/scale) and through the exact path (divides)."""
    xt, st, ot = T(x), T(np.asarray(s)), T(np.asarray(o))
    out = {}
    kw = {"block_size": block} if block else {}
    if zps:
        out["qdq_exact"] = Q.affine.quantize_dequantize(xt, st, ot, qmin, qmax, zero_point_shift=zps, **kw)
        return out
    q = Q.affine.quantize(xt, st, ot, qmin, qmax, **kw)
    out["q"] = q
    out["dq"] = Q.affine.dequantize(q, st, ot, **kw)
    if not block:
        out["qdq_fast"] = Q.affine.quantize_dequantize(xt, st, ot, qmin, qmax)
    sr = st.clone().requires_grad_(True)
    out["qdq_exact"] = Q.affine.quantize_dequantize(xt, sr, ot, qmin, qmax, **kw)
    return {k: plain(v) for k, v in out.items()}


def affine_torch():
    note = "q = quantize, dq = dequantize(q), qdq_fast = quantize_dequantize without grad (torch.fake_quantize path), qdq_exact = with scale.requires_grad (division path)"
    x4 = randn(shp(4, 3, 7), 1.2)
    for b in BITS:
        for signed in (False, True):
            qmin, qmax = (-(2 ** (b - 1)), 2 ** (b - 1) - 1) if signed else (0, 2 ** b - 1)
            s = np.float32(rng.uniform(2.0, 5.0) / (2 ** b))
            o = np.float32(0 if signed else -int(rng.integers(0, 2 ** b)))
            W.attempt("aff_t_b%d_%s" % (b, "s" if signed else "u"), "torch.affine", {"bits": b, "signed": signed, "qmin": qmin, "qmax": qmax, "scale": float(s), "offset": float(o)},
                      {"x": x4, "scale": s, "offset": o}, lambda: torch_qdq(x4, s, o, qmin, qmax), note)
            for tag, s in (("pow2", np.float32(2.0 ** -int(rng.integers(2, 6)))), ("inexact", np.float32(rng.uniform(.01, .3)))):
                e = C.edge_values(s, rng if A.extra else None)
                o = np.float32(0 if signed else -int(rng.integers(0, 2 ** b)))
                W.attempt("aff_edge_%s_b%d_%s" % (tag, b, "s" if signed else "u"), "torch.affine", {"bits": b, "signed": signed, "qmin": qmin, "qmax": qmax, "scale": float(s), "offset": float(o)},
                          {"x": e, "scale": s, "offset": o}, lambda: torch_qdq(e, s, o, qmin, qmax), note + "; ties, neighbours, +-0, subnormals, inf, NaN")
    for b in (2, 4, 8, 16):
        for tag, (qmin, qmax) in (("strict", (-(2 ** (b - 1)) + 1, 2 ** (b - 1) - 1)), ("usym", (0, 2 ** b - 1))):
            s = np.float32(rng.uniform(1.0, 3.0) / (2 ** (b - 1)))
            W.attempt("aff_%s_b%d" % (tag, b), "torch.affine", {"bits": b, "qmin": qmin, "qmax": qmax, "scale": float(s), "offset": 0.0},
                      {"x": x4, "scale": s, "offset": np.float32(0)}, lambda: torch_qdq(x4, s, np.float32(0), qmin, qmax), note)
        for ax in (0, 1):
            sh = [1] * 4
            sh[ax] = x4.shape[ax]
            for signed in (False, True):
                qmin, qmax = (-(2 ** (b - 1)), 2 ** (b - 1) - 1) if signed else (0, 2 ** b - 1)
                s = (rng.uniform(1.0, 4.0, sh) / (2 ** b)).astype(np.float32)
                o = np.zeros(sh, np.float32) if signed else -rng.integers(0, 2 ** b, sh).astype(np.float32)
                W.attempt("aff_axis%d_b%d_%s" % (ax, b, "s" if signed else "u"), "torch.affine", {"bits": b, "signed": signed, "qmin": qmin, "qmax": qmax, "axis": ax},
                          {"x": x4, "scale": s, "offset": o}, lambda: torch_qdq(x4, s, o, qmin, qmax), note)
        co, nb, bs = int(rng.integers(2, 5)), int(rng.integers(2, 4)), int(rng.integers(2, 6))
        xb = randn((co, nb * bs))
        for signed in (False, True):
            qmin, qmax = (-(2 ** (b - 1)), 2 ** (b - 1) - 1) if signed else (0, 2 ** b - 1)
            s = (rng.uniform(1.0, 4.0, (co, nb)) / (2 ** b)).astype(np.float32)
            o = np.zeros((co, nb), np.float32) if signed else -rng.integers(0, 2 ** b, (co, nb)).astype(np.float32)
            W.attempt("aff_block_b%d_%s" % (b, "s" if signed else "u"), "torch.affine", {"bits": b, "signed": signed, "qmin": qmin, "qmax": qmax, "block_size": [1, bs]},
                      {"x": xb, "scale": s, "offset": o}, lambda: torch_qdq(xb, s, o, qmin, qmax, (1, bs)), note)
    xc = randn((4, 6, 3, 2))
    s = rng.uniform(.01, .1, (4, 2, 1, 1)).astype(np.float32)
    W.attempt("aff_block_conv", "torch.affine", {"bits": 4, "signed": True, "qmin": -8, "qmax": 7, "block_size": [1, 3, -1, -1]}, {"x": xc, "scale": s, "offset": np.zeros((4, 2, 1, 1), np.float32)},
              lambda: torch_qdq(xc, s, np.zeros((4, 2, 1, 1), np.float32), -8, 7, (1, 3, -1, -1)), note)
    for tag, s in (("pow2", np.float32(.25)), ("inexact", np.float32(rng.uniform(.05, .4)))):
        e = C.edge_values(s, rng if A.extra else None)
        W.attempt("aff_zps_int2_%s" % tag, "torch.affine", {"bits": 2, "signed": True, "qmin": -2, "qmax": 1, "scale": float(s), "offset": 0.0, "zero_point_shift": .5},
                  {"x": e, "scale": s, "offset": np.float32(0)}, lambda: torch_qdq(e, s, np.float32(0), -2, 1, None, .5), "half-step shifted int2 grid -1.5,-.5,.5,1.5 times scale")
    # low precision tensors
    for dt in (torch.float16, torch.bfloat16, torch.float64):
        for b in (4, 8, 16):
            s = np.float32(rng.uniform(2, 5) / 2 ** b)
            o = np.float32(-(2 ** (b - 1)))

            def go():
                xt = T(x4).to(dt)
                y = Q.affine.quantize_dequantize(xt, torch.tensor(s), torch.tensor(o), 0, 2 ** b - 1)
                sr = torch.tensor(s, requires_grad=True)
                return {"qdq_fast": plain(y), "qdq_exact": plain(Q.affine.quantize_dequantize(xt, sr, torch.tensor(o), 0, 2 ** b - 1))}
            W.attempt("aff_%s_b%d" % (str(dt).replace("torch.", ""), b), "torch.affine", {"bits": b, "signed": False, "qmin": 0, "qmax": 2 ** b - 1, "scale": float(s), "offset": float(o), "input_dtype": str(dt).replace("torch.", "")},
                      {"x": T(x4).to(dt), "scale": s, "offset": o}, go)
            W.attempt("aff_quantize_%s_b%d" % (str(dt).replace("torch.", ""), b), "torch.affine.quantize", {"bits": b, "signed": False, "qmin": 0, "qmax": 2 ** b - 1, "scale": float(s), "offset": float(o), "input_dtype": str(dt).replace("torch.", "")},
                      {"x": T(x4).to(dt)}, lambda: {"q": plain(Q.affine.quantize(T(x4).to(dt), torch.tensor(s), torch.tensor(o), 0, 2 ** b - 1))})
    W.odd("aimet_torch has two quantize_dequantize paths with different results: without gradients on scale/offset it calls torch.fake_quantize, which multiplies by 1/scale and adds an "
          "int32 zero point; with gradients (or blockwise, or zero_point_shift) it divides by scale. A value near a tie then differs by one step when the scale is not a power of two; exact ties with power-of-two scales agree (both round half-even before the offset); NaN becomes qmin on the fast path and stays NaN on the exact one; inf saturates on both (aff_edge_*).")
    # quantizer objects
    for b in (2, 4, 8, 16):
        for sym in (False, True):
            for lo, hi in ((-1.0, 2.0), (-2.3, .7), (0.0, 1.5), (-1.5, 0.0), (.5, 1.5), (-1.5, -.5), (-1e-9, 1e-9), (0.0, 0.0), (2.0, -1.0)):
                if lo > 0 or hi < 0 or lo >= hi:
                    if b not in (4, 8):
                        continue
                q = Q.affine.QuantizeDequantize((), b, sym)
                q.set_range(torch.tensor(lo), torch.tensor(hi))
                W.attempt("qtzr_b%d_%s_%g_%g" % (b, "sym" if sym else "asym", lo, hi), "torch.QuantizeDequantize", {"bits": b, "symmetric": sym, "min": lo, "max": hi, "qmin": q.qmin, "qmax": q.qmax},
                          {"x": x4}, lambda: {"scale": q.get_scale(), "offset": q.get_offset(), "min": q.get_min(), "max": q.get_max(), "y": plain(q(T(x4))),
                                              "y_nograd": plain(Q.affine.quantize_dequantize(T(x4), q.get_scale().detach(), q.get_offset().detach(), q.qmin, q.qmax))},
                          "min/max parametrisation; y runs the exact path (min, max need gradients), y_nograd the fast path")
    for tag, (qmin, qmax, sym) in (("strict", (-127, 127, True)), ("usym", (0, 255, True)), ("odd", (-1, 14, False)), ("strict4", (-7, 7, True)), ("signed_asym", (-128, 127, False))):
        q = Q.affine.QuantizeDequantize((), qmin, qmax, sym)
        q.set_range(torch.tensor(-1.1), torch.tensor(1.7))
        W.attempt("qtzr_grid_%s" % tag, "torch.QuantizeDequantize", {"symmetric": sym, "min": f32(-1.1), "max": f32(1.7), "qmin": qmin, "qmax": qmax},
                  {"x": x4}, lambda: {"scale": q.get_scale(), "offset": q.get_offset(), "min": q.get_min(), "max": q.get_max(), "y": plain(q(T(x4)))})


# ------------------------------------------------------------------ a. affine, C++
def enc(row, bw):
    e = libpymo.TfEncoding()
    e.min, e.max, e.delta, e.offset, e.bw = float(row[0]), float(row[1]), float(row[2]), float(row[3]), bw
    return e


def rows(es):
    return np.array([[e.min, e.max, e.delta, e.offset] for e in es], np.float64)


def cpp_q(shape, bw, mode, strict=False, uns=False, pct=None):
    q = libpymo.BlockTensorQuantizer(shape, bw, mode)
    q.setStrictSymmetric(strict)
    q.setUnsignedSymmetric(uns)
    if pct is not None:
        q.setPercentileValue(pct)
    return q


VAR = (("asym", False, False, False), ("sym", True, False, False), ("strict", True, True, False), ("usym", True, False, True))


def affine_cpp():
    x4 = randn(shp(4, 3, 6), 1.2)
    for b in BITS:
        for tag, sym, strict, uns in VAR:
            data = np.abs(x4) if tag == "usym" else x4

            def go(shape):
                q = cpp_q(shape, b, M.QUANTIZATION_TF, strict, uns)
                q.updateStats(data)
                es = q.computeEncodings(sym)
                q.setEncodings(es)
                return {"enc": rows(es), "y": q.quantizeDequantize(data), "y_wide": q.quantizeDequantize((x4 * 3).astype(np.float32))}
            P = {"bits": b, "symmetric": sym, "strict": strict, "unsigned_symmetric": uns, "mode": "TF"}
            W.attempt("cpp_b%d_%s" % (b, tag), "cpp.BlockTensorQuantizer", P, {"x": data, "x_wide": (x4 * 3).astype(np.float32)}, lambda: go(()), "min-max encoding of x, then quantize-dequantize x and x_wide; enc rows = min,max,delta,offset (float64)")
            if b in (2, 4, 8, 16):
                for ax in (0, 1):
                    sh = tuple(x4.shape[i] if i == ax else 1 for i in range(4))
                    W.attempt("cpp_axis%d_b%d_%s" % (ax, b, tag), "cpp.BlockTensorQuantizer", dict(P, axis=ax, shape=list(sh)), {"x": data, "x_wide": (x4 * 3).astype(np.float32)}, lambda: go(sh))
    co, nb, bs = int(rng.integers(2, 5)), int(rng.integers(2, 4)), int(rng.integers(3, 7))
    xb = randn((co, nb * bs))
    for b in (4, 8):
        for tag, sym, strict, uns in VAR[:3]:
            def gob():
                q = cpp_q((co, nb), b, M.QUANTIZATION_TF, strict, uns)
                q.updateStats(xb)
                es = q.computeEncodings(sym)
                q.setEncodings(es)
                return {"enc": rows(es), "y": q.quantizeDequantize(xb)}
            W.attempt("cpp_block_b%d_%s" % (b, tag), "cpp.BlockTensorQuantizer", {"bits": b, "symmetric": sym, "strict": strict, "unsigned_symmetric": uns, "mode": "TF", "shape": [co, nb]}, {"x": xb}, gob, "blockwise: encodings in C order of the (co, nb) grid")
    # explicit encodings: ties
    for b in BITS:
        for tag, d in (("pow2", 2.0 ** -int(rng.integers(2, 6))), ("inexact", float(rng.uniform(.01, .3)))):
            for o in (-(2 ** (b - 1)), -(2 ** (b - 1)) + 1, 0, -int(rng.integers(0, 2 ** b)), -(2 ** b - 1)):
                e = C.edge_values(np.float32(d), rng if A.extra else None)
                row = (d * o, d * (o + 2 ** b - 1), d, o)
                name = "cpp_edge_%s_b%d_o%d" % (tag, b, -o)
                if name in W._names:
                    continue

                def goe():
                    q = cpp_q((), b, M.QUANTIZATION_TF)
                    q.setEncodings([enc(row, b)])
                    return {"y": q.quantizeDequantize(e)}
                W.attempt(name, "cpp.quantizeDequantize", {"bits": b, "enc": [float(v) for v in row]}, {"x": e}, goe, "enc = min,max,delta,offset given by the caller; ties, neighbours, +-0, subnormals, inf, NaN")
    W.odd("C++ core 2.42: NaN in becomes the MIN bound (1.35 gave the max bound); inf saturates; -0 becomes +0.")
    for tag, row, b in (("delta0", (-.46, .72, 0, 0), 8), ("offset_mismatch", (-64, 63.5, .5, -100), 8), ("delta_mismatch", (-64, 63.5, .25, -128), 8), ("minmax_inside", (-10, 10, .5, -128), 8), ("gate_one_sided", (.5, 1., .5 / 255, 255), 8), ("offset_fraction", (-1.25, 2.0, .0127451, -98.4), 8)):
        e = C.edge_values(.5)

        def gom():
            q = cpp_q((), b, M.QUANTIZATION_TF)
            q.setEncodings([enc(row, b)])
            return {"y": q.quantizeDequantize(e), "enc_read_back": rows(q.getEncodings())}
        W.attempt("cpp_mismatch_" + tag, "cpp.quantizeDequantize", {"bits": b, "enc": [float(v) for v in row]}, {"x": e}, gom, "encodings whose four fields disagree: shows which of them the kernel uses")
    W.odd("C++ core 2.42 uses the stored min,max (clamp) AND the stored delta,offset (grid) without re-deriving them (1.35 re-derived delta,offset from min,max): "
          "delta 0 gives NaN, disagreeing fields are used as given (cpp_mismatch_*).")
    q = cpp_q((), 2, M.QUANTIZATION_TF)
    for tag, d in (("pow2", .25), ("inexact", float(rng.uniform(.05, .4)))):
        e = C.edge_values(np.float32(d))

        def goz():
            q = cpp_q((), 2, M.QUANTIZATION_TF)
            q.setZeroPointShift(.5)
            q.updateStats(np.float32([-1.5 * d, 1.5 * d, .3 * d]))
            es = q.computeEncodings(True)
            q.setEncodings(es)
            return {"enc": rows(es), "y": q.quantizeDequantize(e)}
        W.attempt("cpp_zps_int2_" + tag, "cpp.BlockTensorQuantizer", {"bits": 2, "symmetric": True, "strict": False, "unsigned_symmetric": False, "zero_point_shift": .5, "mode": "TF", "delta": d}, {"stats": np.float32([-1.5 * d, 1.5 * d, .3 * d]), "x": e}, goz)
    # the ONNX custom op in onnxruntime: a Neg node with only its input quantizer on
    from aimet_onnx.quantsim import QuantizationSimModel
    for b, sym in ((8, False), (4, True), (16, False), (8, True)):
        e = C.edge_values(.25, rng if A.extra else None)
        g = helper.make_graph([helper.make_node("Neg", ["x"], ["y"], name="neg")], "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [len(e)])], [helper.make_tensor_value_info("y", TensorProto.FLOAT, [len(e)])])
        sim = QuantizationSimModel(helper.make_model(g, opset_imports=[helper.make_opsetid("", 17)], ir_version=9))
        qx, qy = sim.qc_quantize_op_dict["x"], sim.qc_quantize_op_dict["y"]
        qy.enabled = False
        qx.set_bitwidth(b)
        qx.use_symmetric_encodings = sym
        o = -(2 ** (b - 1)) if sym else -int(rng.integers(1, 2 ** b - 1))
        row = (.25 * o, .25 * (o + 2 ** b - 1), .25, o)
        qx.load_encodings([enc(row, b)])

        def goo():
            y = -sim.session.run(None, {"x": e})[0]
            ref = cpp_q((), b, M.QUANTIZATION_TF)
            ref.setEncodings([enc(row, b)])
            r = ref.quantizeDequantize(e)
            same = np.array_equal(y.view(np.int32) & 0x7fffffff, r.view(np.int32) & 0x7fffffff)
            if not same:
                W.odd("onnxruntime custom op and libpymo quantizeDequantize differ on edge values (ort_b%d)" % b)
            return {"y": y + np.float32(0)}
        W.attempt("ort_b%d_%s" % (b, "sym" if sym else "asym"), "onnxruntime.QcQuantizeOp", {"bits": b, "symmetric": sym, "enc": [float(v) for v in row]}, {"x": e}, goo, "custom op inside onnxruntime; a zero of either sign is stored as +0")


# ------------------------------------------------------------------ b. encodings
def encodings():
    n = int(rng.integers(1200, 1800))
    kinds = C.data_kinds(rng, n)
    N = 4096
    u = ((2654435761 * np.arange(N, dtype=np.uint64)) % (2 ** 32)).astype(np.float64) / 2 ** 32
    gx = ((u - .3) * 4 * np.where(np.arange(N) % 97 == 0, 5, 1)).astype(np.float32)
    if A.extra:
        kinds["two_values"] = [np.float32(rng.choice([-1.0, 2.0], n)) for _ in range(3)]
        kinds["huge"] = [randn((n,), 1e30), randn((n,), 1e30), randn((n,), 1e31)]
    kinds["hash_4096"] = [gx, 2 * gx, gx]
    CFG = [(b, s) for b in (2, 4, 8, 16) for s in ("asym", "sym", "strict")]
    steps = {"asym": lambda b: 2 ** b - 1, "sym": lambda b: 2 ** b - 1, "strict": lambda b: 2 ** b - 2}
    AN = [("minmax", lambda: EA.MinMaxEncodingAnalyzer(())), ("sqnr", lambda: EA.SqnrEncodingAnalyzer(())), ("tf_enhanced", lambda: EA.TfEnhancedEncodingAnalyzer(()))]
    for p in (50, 90.0, 99.0, 99.9, 99.99, 100):
        AN.append(("percentile_%s" % p, lambda p=p: EA.PercentileEncodingAnalyzer((), percentile=p)))
    for k, batches in kinds.items():
        ins = {"b%d" % i: b for i, b in enumerate(batches)}
        for an, mk in AN:
            if an.startswith("percentile_5") and k not in ("normal", "relu"):
                continue

            def go():
                out = {}
                a = mk()
                for i, b in enumerate(batches):
                    a.update_stats(T(b.copy()))
                    if i == 1 and k != "hash_4096":
                        continue
                    r = []
                    for bits, s in CFG:
                        mn, mx = a.compute_encodings(steps[s](bits), s != "asym")
                        r.append([float(mn), float(mx)])
                    out["minmax_after_%d" % (i + 1)] = np.array(r, np.float32)
                if an in ("sqnr",) and k in ("normal", "laplace", "relu", "outlier_first", "outlier_later", "hash_4096") or an == "tf_enhanced" and k in ("normal", "outlier_later"):
                    st = a.observer.get_stats()[0]
                    out["hist"], out["edges"] = st.histogram, st.bin_edges
                return out
            e = W.attempt("enc_t_%s_%s" % (k, an), "torch.encoding_analyzer", {"analyzer": an, "configs": [[b, s] for b, s in CFG], "num_steps": [steps[s](b) for b, s in CFG]}, ins, go,
                          "rows of minmax_after_i: one per config (bits, scheme), columns min,max; after 1 and after 3 batches; strict uses 2^b-2 steps symmetric")
            if e is not None:
                W.odd("%s on %s: %s: %s" % (an, k, type(e).__name__, str(e).splitlines()[0][:120]))
        # C++
        for mode, mn, pct in ((M.QUANTIZATION_TF, "tf", None), (M.QUANTIZATION_TF_ENHANCED, "tf_enhanced", None), (M.QUANTIZATION_PERCENTILE, "percentile_100", 100.0), (M.QUANTIZATION_PERCENTILE, "percentile_99.9", 99.9),
                              (M.QUANTIZATION_PERCENTILE, "percentile_99.0", 99.0), (M.QUANTIZATION_PERCENTILE, "percentile_90.0", 90.0)):
            def goc():
                out = {}
                for nbat in (1, 2, 3) if k == "hash_4096" else (1, 3):
                    r = []
                    for bits in (4, 8, 16):
                        for tag, sym, strict, uns in VAR:
                            q = cpp_q((), bits, mode, strict, uns, pct)
                            for b in batches[:nbat]:
                                q.updateStats(b)
                            r.append(rows(q.computeEncodings(sym))[0])
                            if tag == "asym" and bits == 8 and mn == "tf_enhanced" and nbat == 3:
                                out["hist"] = np.array(q.getStatsHistogram()[0], np.float64) if k in ("normal", "relu", "outlier_later", "hash_4096", "all_negative") else np.zeros((0, 2))
                    out["enc_after_%d" % nbat] = np.array(r)
                if "hist" in out and out["hist"].size == 0:
                    del out["hist"]
                return out
            W.attempt("enc_cpp_%s_%s" % (k, mn), "cpp.computeEncodings", {"mode": mn, "configs": [[b, t[0]] for b in (4, 8, 16) for t in VAR]}, ins, goc,
                      "rows: one per config (bits, variant), columns min,max,delta,offset (float64), after 1 and 3 batches; hist = rows (left edge, pdf) after 3 batches")
    # per channel
    x = randn((5, int(rng.integers(20, 40))))
    x *= np.float32([[1], [.1], [3], [0], [1e-5]])
    x[2] = np.abs(x[2])
    bs = [x, (x * 1.4).astype(np.float32)]
    for an, mk in (("minmax", lambda: EA.MinMaxEncodingAnalyzer((5, 1))), ("sqnr", lambda: EA.SqnrEncodingAnalyzer((5, 1))), ("percentile_99.0", lambda: EA.PercentileEncodingAnalyzer((5, 1), percentile=99.0)), ("tf_enhanced", lambda: EA.TfEnhancedEncodingAnalyzer((5, 1)))):
        def gp():
            a = mk()
            o = {}
            for i, b in enumerate(bs):
                a.update_stats(T(b))
                for bits in (4, 8):
                    for sym in (False, True):
                        mn_, mx_ = a.compute_encodings(2 ** bits - 1, sym)
                        o["min_b%d_%s_%d" % (bits, "sym" if sym else "asym", i + 1)] = mn_
                        o["max_b%d_%s_%d" % (bits, "sym" if sym else "asym", i + 1)] = mx_
            return o
        W.attempt("enc_t_channels_%s" % an, "torch.encoding_analyzer", {"analyzer": an, "shape": [5, 1]}, {"b0": bs[0], "b1": bs[1]}, gp, "per channel; channel 3 is all zero, channel 4 tiny")
    for mode, mn in ((M.QUANTIZATION_TF, "tf"), (M.QUANTIZATION_TF_ENHANCED, "tf_enhanced"), (M.QUANTIZATION_PERCENTILE, "percentile_100")):
        def gpc():
            o = {}
            for bits in (4, 8):
                for tag, sym, strict, uns in VAR:
                    q = cpp_q((5, 1), bits, mode, strict, uns)
                    for b in bs:
                        q.updateStats(b)
                    o["enc_b%d_%s" % (bits, tag)] = rows(q.computeEncodings(sym))
            return o
        W.attempt("enc_cpp_channels_%s" % mn, "cpp.computeEncodings", {"mode": mn, "shape": [5, 1]}, {"b0": bs[0], "b1": bs[1]}, gpc)
    for an, mk in (("minmax", lambda: EA.MinMaxEncodingAnalyzer((5, 2), block_size=(1, -1))), ("sqnr", lambda: EA.SqnrEncodingAnalyzer((5, 2), block_size=(1, -1)))):
        xb = np.ascontiguousarray(x[:, :20])

        def gb():
            a = mk()
            a.update_stats(T(xb))
            mn_, mx_ = a.compute_encodings(15, True)
            return {"min": mn_, "max": mx_}
        W.attempt("enc_t_blocks_%s" % an, "torch.encoding_analyzer", {"analyzer": an, "shape": [5, 2], "block_size": [1, 10], "num_steps": 15, "symmetric": True}, {"b0": xb}, gb)
    # axis trap of the histogram merge
    ar = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    a = EA._HistogramObserver((1, 1, 4), num_bins=4)
    for _ in range(2):
        a.merge_stats(a.collect_stats(T(ar)), T(ar))
    W.case("hist_merge_last_axis_bug", "torch.HistogramObserver", {"shape": [1, 1, 4], "num_bins": 4}, {"b0": ar, "b1": ar}, {"hist": torch.stack([s.histogram for s in a.get_stats()])}, "second batch is re-read as (n_hist,-1): wrong unless the channel axis leads; do not copy, or copy only in a compat mode")
    W.odd("v2 histogram merge re-reads the second batch as (n_hist,-1): still wrong in 2.42 when the channel axis does not lead (hist_merge_last_axis_bug).")
    for tag, v in (("nan", np.float32([1, np.nan, -2])), ("inf", np.float32([1, np.inf, -2])), ("only_inf", np.float32([np.inf, -np.inf])), ("only_nan", np.float32([np.nan, np.nan]))):
        for an, mk in AN[:3]:
            def gn():
                a = mk()
                a.update_stats(T(v))
                mn_, mx_ = a.compute_encodings(255, False)
                return {"min": mn_, "max": mx_}
            W.attempt("enc_t_%s_%s" % (tag, an), "torch.encoding_analyzer", {"analyzer": an, "num_steps": 255, "symmetric": False}, {"b0": v}, gn)
        for mode, mn in ((M.QUANTIZATION_TF, "tf"), (M.QUANTIZATION_TF_ENHANCED, "tf_enhanced"), (M.QUANTIZATION_PERCENTILE, "percentile_100")):
            def gnc():
                q = cpp_q((), 8, mode)
                q.updateStats(v)
                return {"enc": rows(q.computeEncodings(False))}
            W.attempt("enc_cpp_%s_%s" % (tag, mn), "cpp.computeEncodings", {"mode": mn, "bits": 8, "symmetric": False}, {"b0": v}, gnc)
    W.odd("C++ core 2.42 differs from 1.35: histogram of 3*512 bins of width (max-min)/512 aligned to multiples of the width, floor indexing; min-max has no 0.01 minimum range but a minimum scale of 1.19e-7; "
          "signed symmetric delta is max(max/floor(N/2), -min/ceil(N/2)); inf statistics become +-0.99*FLT_MAX; NaN statistics are skipped by min-max; strict with unsigned symmetric is no longer refused.")
    W.odd("torch min-max analyzer turns one NaN into a NaN encoding, the histogram analyzers ignore NaN and inf; only-NaN or only-inf data raise from torch.histc (enc_t_nan_*, enc_t_only_*).")
    W.odd("float formats with finite=True outside the built-in list (e3m2fn, e2m3fn) and unsigned_zero without finite have no known maximum and raise; the IEEE-style e3m2/e2m3 (finite=False) work, with max 14 and 3.75, not the MX values 28 and 7.5.")
    W.odd("0.6.1 export of a blockwise or LPBQ weight writes one flat list with an entry per block (channel major) and no block size: the shape is lost without a warning (encodings/torch_lpbq_0.6.1, torch_block_0.6.1).")
    W.odd("aimet_onnx export refuses encoding version 2.1.0 although aimet_torch accepts it.")
    W.missing("C++ MSE and entropy (KL) analyzers: the 2.42 wheel's binding has only QUANTIZATION_TF, TF_ENHANCED, PERCENTILE and RANGE_LEARNING.")
    W.missing("C++ per-tensor API of 1.35 (TensorQuantizationSim, packed tensors, shiftToSigned, stochastic rounding): not in the 2.42 bindings (BlockTensorQuantizer only).")


# ------------------------------------------------------------------ c. float
def floats():
    fe = np.concatenate([C.edge_values(2.0 ** -9, rng if A.extra else None), C.edge_values(1.0), np.float32(
        [0.001, 1.06, 1.0625, 3.14159, 17, 19, 200, 300, 448, 464, 480, 240, 57344, 61440, 65504, 65519, 65520, 7.5, 28, 6, 5, 2.5, 3.5, .25, .75, 1.25, 1.75, 2.0 ** -24, 2.0 ** -25, 6e-8, 6.1e-5, 2.0 ** -14, 2.0 ** -16, 2.0 ** -17])]).astype(np.float32)
    fe = fe[np.sort(np.unique(fe.view(np.int32), return_index=True)[1])]
    x = randn(shp(2, 4, 9), 2.0)
    FM = (("fp16", (5, 10, False, False)), ("bf16", (8, 7, False, False)), ("e4m3fn", (4, 3, True, False)), ("e4m3fnuz", (4, 3, True, True)), ("e5m2", (5, 2, False, False)), ("e5m2fnuz", (5, 2, True, True)),
          ("e2m1fn", (2, 1, True, False)), ("e4m3_ieee", (4, 3, False, False)), ("e3m2_ieee", (3, 2, False, False)), ("e2m3_ieee", (2, 3, False, False)), ("e3m4_ieee", (3, 4, False, False)), ("e5m3_ieee", (5, 3, False, False)),
          ("e3m2_fn", (3, 2, True, False)), ("e2m3_fn", (2, 3, True, False)), ("e4m3_uz", (4, 3, False, True)))
    for tag, (e, m, fin, uz) in FM:
        P = {"exponent_bits": e, "mantissa_bits": m, "finite": fin, "unsigned_zero": uz}

        def go():
            q = FQ.FloatQuantizeDequantize(e, m, fin, uz)
            return {"y": plain(q(T(fe))), "max": np.float64(q._finfo.max)}
        W.attempt("float_%s" % tag, "torch.FloatQuantizeDequantize", dict(P, calibrated=False), {"x": fe}, go, "no calibration: scale 1")

        def goc():
            q = FQ.FloatQuantizeDequantize(e, m, fin, uz, encoding_analyzer=EA.MinMaxEncodingAnalyzer(()))
            with q.compute_encodings():
                q(T(x))
            return {"y": plain(q(T(x))), "y_edge": plain(q(T(fe))), "maxval": q.maxval, "scale": q.get_scale()}
        W.attempt("float_%s_calib" % tag, "torch.FloatQuantizeDequantize", dict(P, calibrated=True), {"x": x, "x_edge": fe}, goc, "min-max calibrated on x: maxval = absmax, scale = maxval/max",
                  {"scale": {"ulp": 1, "reason": "scale = 2**(log2(maxval)-log2(max)): libm exp2/log2"}, "y": {"rtol": 3e-7, "atol": 0, "reason": "follows scale; a tie may move"}, "y_edge": {"rtol": 3e-7, "atol": 0}, "maxval": "bits"})
        xa = x
        sh = (x.shape[0], 1)

        def gop():
            q = FQ.FloatQuantizeDequantize(e, m, fin, uz, shape=sh, encoding_analyzer=EA.MinMaxEncodingAnalyzer(sh))
            with q.compute_encodings():
                q(T(xa))
            return {"y": plain(q(T(xa))), "maxval": q.maxval, "scale": q.get_scale()}
        W.attempt("float_%s_axis0" % tag, "torch.FloatQuantizeDequantize", dict(P, calibrated=True, shape=list(sh)), {"x": xa}, gop, "per channel",
                  {"scale": {"ulp": 1}, "y": {"rtol": 3e-7, "atol": 0, "reason": "follows scale"}, "maxval": "bits"})
    W.odd("2.42 float scale is 2**(log2(maxval) - log2(max)) in float32, not maxval/max: it can differ from the quotient in the last bit(s), so the absmax element need not round-trip exactly.")
    xb = randn((3, 32))
    for nm, mk in (("mxfp4", lambda: FQ._MXFP4QuantizeDequantize((3, 2), (1, 16))), ("e2m1_block", lambda: FQ.FloatQuantizeDequantize(2, 1, True, False, shape=(3, 2), block_size=(1, 16))), ("e4m3_block", lambda: FQ.FloatQuantizeDequantize(4, 3, True, False, shape=(3, 2), block_size=(1, 16)))):
        def gob():
            q = mk()
            with q.compute_encodings():
                q(T(xb))
            return {"y": plain(q(T(xb))), "maxval": q.maxval, "scale": q.get_scale()}
        W.attempt("float_%s" % nm, "torch.FloatQuantizeDequantize", {"format": nm, "block": 16}, {"x": xb}, gob, "blocks of 16 on the last axis", {"scale": {"ulp": 1}, "y": {"rtol": 3e-7, "atol": 0, "reason": "follows scale"}, "maxval": "bits"})
    for tag, (e, m, fin, uz) in FM:
        def gocpp():
            q = libpymo.BlockTensorQuantizer.createFloat((), e, m, fin, uz, M.QUANTIZATION_TF)
            q.updateStats(x)
            es = q.computeEncodings(True)
            q.setEncodings(es)
            return {"enc": rows(es), "y": q.quantizeDequantize(x), "y_edge": q.quantizeDequantize(fe)}
        W.attempt("float_cpp_%s" % tag, "cpp.createFloat", {"exponent_bits": e, "mantissa_bits": m, "finite": fin, "unsigned_zero": uz}, {"x": x, "x_edge": fe}, gocpp, "C++ core float quantizer, min-max calibrated on x")


# ------------------------------------------------------------------ d. gradients
def gradients():
    GC = {"ds": SUM, "do": SUM, "dmin": SUM, "dmax": SUM, "dx": "bits", "y": "bits", "reason": "parameter gradients are float32 sums"}
    for i in range(3):
        x = randn(shp(2, 4, 9), 1.5)
        g = randn(x.shape)
        for b in (2, 4, 8):
            for signed in (False, True):
                qmin, qmax = (-(2 ** (b - 1)), 2 ** (b - 1) - 1) if signed else (0, 2 ** b - 1)
                for ax in (None, 0, 1):
                    sh = [] if ax is None else [x.shape[k] if k == ax else 1 for k in range(2)]
                    s = (rng.uniform(1, 3, sh) / 2 ** b).astype(np.float32)
                    o = np.asarray((0 if signed else -rng.integers(0, 2 ** b, sh)) * np.ones(sh)).astype(np.float32)

                    def go(op):
                        xx, st, ot = T(x.copy()).requires_grad_(True), T(np.array(s)).requires_grad_(True), T(np.array(o)).requires_grad_(True)
                        if op == "dequantize":
                            y = Q.affine.dequantize(xx, st, ot)
                        else:
                            y = getattr(Q.affine, op)(xx, st, ot, qmin, qmax)
                        y.backward(T(g))
                        return {"y": plain(y), "dx": xx.grad, "ds": st.grad, "do": ot.grad}
                    for op in ("quantize_dequantize",) + (("quantize", "dequantize") if b == 4 else ()):
                        W.attempt("grad_%s_%d_b%d_%s_%s" % (op, i, b, "s" if signed else "u", "t" if ax is None else "axis%d" % ax), "torch.affine.%s.backward" % op, {"bits": b, "qmin": qmin, "qmax": qmax, "axis": ax},
                                  {"x": x, "scale": s, "offset": o, "g": g}, lambda: go(op), "", GC)
        for b in (4, 8):
            for sym in (False, True):
                for sh, tag in (((), "t"), ((x.shape[0], 1), "axis0"), ((1, x.shape[1]), "axis1")):
                    lo = -rng.uniform(.3, 2, sh).astype(np.float32) if sh else np.float32(-rng.uniform(.3, 2))
                    hi = rng.uniform(.3, 2, sh).astype(np.float32) if sh else np.float32(rng.uniform(.3, 2))

                    def gor():
                        q = Q.affine.QuantizeDequantize(sh, b, sym)
                        q.set_range(torch.tensor(lo), torch.tensor(hi))
                        xx = T(x.copy()).requires_grad_(True)
                        y = q(xx)
                        y.backward(T(g))
                        return {"y": plain(y), "dx": xx.grad, "dmin": q.min.grad, "dmax": q.max.grad}
                    W.attempt("range_%d_b%d_%s_%s" % (i, b, "sym" if sym else "asym", tag), "torch.range_learning", {"bits": b, "symmetric": sym, "shape": list(sh)}, {"x": x, "min": lo, "max": hi, "g": g}, gor, "learned min/max", GC)

                    def goso():
                        q = Q.affine.QuantizeDequantize(sh, b, sym)
                        q.set_range(torch.tensor(lo), torch.tensor(hi))
                        q._reparametrize_to_scale_offset()
                        xx = T(x.copy()).requires_grad_(True)
                        y = q(xx)
                        y.backward(T(g))
                        o = {"y": plain(y), "dx": xx.grad, "scale": q.scale, "ds": q.scale.grad}
                        if q.offset is not None:
                            o["offset"], o["do"] = q.offset, q.offset.grad
                        return o
                    W.attempt("affineq_%d_b%d_%s_%s" % (i, b, "sym" if sym else "asym", tag), "torch.scale_offset_learning", {"bits": b, "symmetric": sym, "shape": list(sh)}, {"x": x, "min": lo, "max": hi, "g": g}, goso, "learned scale/offset (ScaleOffset parametrisation)", GC)
    x = np.float32([-3, -.9, -.33, 0, .4, 1.1, 1.7, 5])
    for sym in (False, True):
        def god():
            q = Q.affine.QuantizeDequantize((), 4, sym)
            q.set_range(torch.tensor(-1.), torch.tensor(2.))
            xx = T(x.copy()).requires_grad_(True)
            y = q(xx)
            y.backward(torch.arange(1., 9.))
            return {"y": plain(y), "dx": xx.grad, "dmin": q.min.grad, "dmax": q.max.grad}
        W.attempt("range_doc_%s" % ("sym" if sym else "asym"), "torch.range_learning", {"bits": 4, "symmetric": sym, "shape": [], "min": -1., "max": 2.}, {"x": x, "g": np.arange(1, 9, dtype=np.float32)}, god, "learned range at a point", GC)
    # PGS
    from aimet_torch.experimental import pgs
    x = randn((6, 7))
    g = randn(x.shape)
    try:
        import inspect
        names = [n for n in dir(pgs) if not n.startswith("_")]
        src = inspect.getsource(pgs)
        if hasattr(pgs, "enable_pgs"):
            pass
        for epsv, mult in ((.1, .5), (.3, 0.)):
            old = (pgs.get_pgs_eps, pgs.get_pgs_multiplier, pgs.is_pgs_enabled)
            pgs.get_pgs_eps, pgs.get_pgs_multiplier, pgs.is_pgs_enabled = (lambda: epsv), (lambda: mult), (lambda: True)
            try:
                xx = T(x.copy()).requires_grad_(True)
                y = Q.affine.quantize_dequantize(xx, torch.tensor(.13), torch.tensor(-8.), 0, 15)
                y.backward(T(g))
                W.case("pgs_%g_%g" % (epsv, mult), "torch.pgs", {"eps": epsv, "multiplier": mult, "scale": f32(.13), "offset": -8., "qmin": 0, "qmax": 15}, {"x": x, "g": g}, {"y": plain(y), "dx": xx.grad}, "position-based gradient scaling; eps and multiplier were injected by replacing pgs' getters")
            finally:
                pgs.get_pgs_eps, pgs.get_pgs_multiplier, pgs.is_pgs_enabled = old
    except Exception as e:
        W.missing("PGS: %s" % type(e).__name__)


# ------------------------------------------------------------------ e. graph maths
def graph_passes():
    from aimet_torch.batch_norm_fold import BatchNormFold
    from aimet_torch.cross_layer_equalization import CrossLayerScaling, HighBiasFold
    from aimet_torch.common.cross_layer_equalization import ClsSetInfo

    def bn_fill(bn):
        c = bn.num_features
        with torch.no_grad():
            bn.weight.copy_(T(randn((c,))))
            bn.bias.copy_(T(randn((c,))))
            bn.running_mean.copy_(T(randn((c,))))
            bn.running_var.copy_(T(rng.uniform(.05, 3, c).astype(np.float32)))
        return bn.eval()

    def fill(m):
        with torch.no_grad():
            for p in m.parameters():
                p.copy_(T(randn(tuple(p.shape), .5)))
        return m
    ci, co, k = int(rng.integers(2, 4)), int(rng.integers(3, 6)), int(rng.integers(2, 4))
    FC = {"w": "bits", "b": {"rtol": 2e-6, "atol": 2e-6, "reason": "numpy matmul order in the forward direction; backward is elementwise"}}
    for tag, mk, bn, back in (("conv2d", lambda: nn.Conv2d(ci, co, k), nn.BatchNorm2d(co), True), ("conv2d_nobias", lambda: nn.Conv2d(ci, co, k, bias=False), nn.BatchNorm2d(co), True), ("conv1d", lambda: nn.Conv1d(ci, co, k), nn.BatchNorm1d(co), True),
                              ("conv3d", lambda: nn.Conv3d(ci, co, 2), nn.BatchNorm3d(co), True), ("depthwise", lambda: nn.Conv2d(co, co, k, groups=co), nn.BatchNorm2d(co), True), ("convT", lambda: nn.ConvTranspose2d(ci, co, k), nn.BatchNorm2d(co), True),
                              ("convT_depthwise", lambda: nn.ConvTranspose2d(co, co, k, groups=co), nn.BatchNorm2d(co), True), ("linear", lambda: nn.Linear(ci, co), nn.BatchNorm1d(co), True),
                              ("conv2d_fwd", lambda: nn.Conv2d(ci, co, k), nn.BatchNorm2d(ci), False), ("conv2d_fwd_nobias", lambda: nn.Conv2d(ci, co, k, bias=False), nn.BatchNorm2d(ci), False), ("linear_fwd", lambda: nn.Linear(ci, co), nn.BatchNorm1d(ci), False),
                              ("conv1d_fwd", lambda: nn.Conv1d(ci, co, k), nn.BatchNorm1d(ci), False)):
        m, bn = fill(mk()), bn_fill(bn)
        ins = {"w": m.weight.clone(), "gamma": bn.weight, "beta": bn.bias, "mean": bn.running_mean, "var": bn.running_var}
        if m.bias is not None:
            ins["b"] = m.bias.clone()

        def go():
            BatchNormFold._fold_to_weight(m, bn, fold_backward=back)
            return {"w": m.weight, "b": m.bias}
        W.attempt("bnfold_" + tag, "bn_fold", {"layer": tag, "backward": back, "eps": bn.eps, "groups": getattr(m, "groups", 1)}, ins, go, "missing bias is created as zeros", FC)
    W.odd("2.42 standalone BN conversion: weight is multiplied by sqrt(1+eps) and running_var set to 1 while eps stays (1.35 set eps to 0), because torch 2.10+ refuses eps = 0 (bn_standalone).")
    bn = bn_fill(nn.BatchNorm2d(4))
    ins = {"gamma": bn.weight.clone(), "beta": bn.bias.clone(), "mean": bn.running_mean.clone(), "var": bn.running_var.clone()}

    def gob():
        BatchNormFold.convert_batchnorm_parameters(nn.Sequential(bn), bn)
        return {"gamma": bn.weight, "beta": bn.bias, "mean": bn.running_mean, "var": bn.running_var}
    W.attempt("bn_standalone", "bn_standalone", {"eps": bn.eps}, ins, gob, "BN with no partner becomes affine")
    # CLE
    cls = CrossLayerScaling()
    for tag, l1, l2 in (("conv", nn.Conv2d(ci, co, 3), nn.Conv2d(co, 4, 3)), ("conv_nobias", nn.Conv2d(ci, co, 1, bias=False), nn.Conv2d(co, 2, 1)), ("conv1d", nn.Conv1d(ci, co, 3), nn.Conv1d(co, 4, 2)),
                        ("convT", nn.ConvTranspose2d(ci, co, 2), nn.ConvTranspose2d(co, 3, 2)), ("conv_convT", nn.Conv2d(ci, co, 2), nn.ConvTranspose2d(co, 3, 2)), ("zero_channel", nn.Conv2d(ci, co, 2), nn.Conv2d(co, 3, 2)), ("linear", nn.Linear(ci, co), nn.Linear(co, 3))):
        fill(l1), fill(l2)
        if tag == "zero_channel":
            with torch.no_grad():
                l1.weight[0] = 0
                l2.weight[:, 1] = 0
        ins = {"w1": l1.weight.clone(), "w2": l2.weight.clone()}
        if l1.bias is not None:
            ins["b1"] = l1.bias.clone()

        def goc():
            s = cls.scale_cls_set_with_conv_layers((l1, l2))
            o = {"scale": s, "w1": l1.weight, "w2": l2.weight}
            if l1.bias is not None:
                o["b1"] = l1.bias
            return o
        W.attempt("cle_pair_" + tag, "cle_pair", {"layers": tag}, ins, goc)
    for tag, (l1, l2, l3) in (("dw", (nn.Conv2d(ci, co, 1), nn.Conv2d(co, co, 3, groups=co), nn.Conv2d(co, 4, 1))), ("dw_zero", (nn.Conv2d(ci, co, 1), nn.Conv2d(co, co, 3, groups=co), nn.Conv2d(co, 4, 1)))):
        fill(l1), fill(l2), fill(l3)
        if tag == "dw_zero":
            with torch.no_grad():
                l2.weight[1] = 0
        ins = {"w1": l1.weight.clone(), "b1": l1.bias.clone(), "w2": l2.weight.clone(), "b2": l2.bias.clone(), "w3": l3.weight.clone()}

        def god():
            s12, s23 = cls.scale_cls_set_with_depthwise_layers((l1, l2, l3))
            return {"s12": s12, "s23": s23, "w1": l1.weight, "b1": l1.bias, "w2": l2.weight, "b2": l2.bias, "w3": l3.weight}
        W.attempt("cle_triple_" + tag, "cle_depthwise", {}, ins, god, "", {"reason": "float32 cube root by numpy power", "s12": {"ulp": 2}, "s23": {"ulp": 2}, "w1": {"rtol": 5e-7, "atol": 0}, "w2": {"rtol": 5e-7, "atol": 0}, "w3": {"rtol": 5e-7, "atol": 0}, "b1": {"rtol": 5e-7, "atol": 0}, "b2": {"rtol": 5e-7, "atol": 0}})
    for tag, relu, l1, l2 in (("relu", True, nn.Conv2d(ci, co, 2), nn.Conv2d(co, 3, 2)), ("linear_act", False, nn.Conv2d(ci, co, 2), nn.Conv2d(co, 3, 2)), ("depthwise", True, nn.Conv2d(ci, co, 1), nn.Conv2d(co, co, 3, groups=co)), ("conv1d", True, nn.Conv1d(ci, co, 2), nn.Conv1d(co, 3, 2)), ("nobias", True, nn.Conv2d(ci, co, 2), nn.Conv2d(co, 3, 2, bias=False))):
        fill(l1), fill(l2)
        bn = bn_fill(nn.BatchNorm2d(co))
        with torch.no_grad():
            bn.bias.mul_(4)
            bn.weight.mul_(.4)
        sc = rng.uniform(.5, 2, co).astype(np.float32)
        ins = {"b1": l1.bias.clone(), "w2": l2.weight.clone(), "gamma": bn.weight, "beta": bn.bias, "scale": sc}
        if l2.bias is not None:
            ins["b2"] = l2.bias.clone()

        def goh():
            HighBiasFold.bias_fold([ClsSetInfo(ClsSetInfo.ClsSetLayerPairInfo(l1, l2, sc, relu))], {l1: bn})
            return dict({"b1": l1.bias}, **({"b2": l2.bias} if l2.bias is not None else {}))
        W.attempt("hbf_" + tag, "high_bias_fold", {"relu": relu}, ins, goh, "scale = the pair's cross-layer scale; gamma and beta are divided by it", {"b1": "bits", "b2": SUM})


# ------------------------------------------------------------------ f. exports
def exports():
    ex = os.path.join(A.out, "encodings")
    os.makedirs(ex)
    ci, c1, c2 = int(rng.integers(2, 4)), int(rng.integers(3, 6)), int(rng.integers(3, 6))
    net = nn.Sequential(nn.Conv2d(ci, c1, 3, padding=1), nn.ReLU(), nn.Conv2d(c1, c2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(c2 * 16, 4)).eval()
    with torch.no_grad():
        for p in net.parameters():
            p.copy_(T(randn(tuple(p.shape), .3)))
    x = T(randn((2, ci, 6, 6)))
    ins = {"x": x}
    ins.update({n.replace(".", "_"): p for n, p in net.named_parameters()})
    from aimet_torch.quantsim import QuantizationSimModel as TS
    for tag, kw in (("w8a8", dict(default_param_bw=8, default_output_bw=8)), ("w4a16", dict(default_param_bw=4, default_output_bw=16))):
        for ver in ("0.6.1", "1.0.0", "2.0.0", "2.1.0"):
            def go():
                sim = TS(copy.deepcopy(net), dummy_input=x, quant_scheme="tf", **kw)
                sim.compute_encodings(lambda m: m(x))
                with tempfile.TemporaryDirectory() as d:
                    sim.onnx.export((x,), os.path.join(d, "net.onnx"), encoding_version=ver, input_names=["input"], output_names=["output"], dynamo=False)
                    shutil.copy(os.path.join(d, "net.encodings"), os.path.join(ex, "torch_%s_%s.encodings.json" % (tag, ver)))
                    shutil.copy(os.path.join(d, "net.onnx"), os.path.join(ex, "torch_%s_%s.onnx" % (tag, ver)))
                with torch.no_grad():
                    return {"y": plain(sim.model(x))}
            W.attempt("export_torch_%s_%s" % (tag, ver), "export_encodings", dict(kw, version=ver, file="encodings/torch_%s_%s.encodings.json" % (tag, ver), onnx="encodings/torch_%s_%s.onnx" % (tag, ver)), ins, go, "y = quantsim output of the same net",
                      {"y": {"rtol": 0, "atol": .5, "reason": "conv sum order may move an activation by one step"}})
    from aimet_torch.quantsim.config_utils import set_grouped_blockwise_quantization_for_weights, set_blockwise_quantization_for_weights
    lin = nn.Sequential(nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, 4)).eval()
    with torch.no_grad():
        for p in lin.parameters():
            p.copy_(T(randn(tuple(p.shape), .3)))
    xl = T(randn((3, 8)))
    for tag in ("lpbq", "block"):
        for ver in ("0.6.1", "1.0.0", "2.0.0", "2.1.0"):
            def gol():
                sim = TS(copy.deepcopy(lin), dummy_input=xl, quant_scheme="tf", default_param_bw=4, default_output_bw=16)
                if tag == "lpbq":
                    set_grouped_blockwise_quantization_for_weights(sim, [sim.model[0]], 4, True, 8, 2, -1)
                else:
                    set_blockwise_quantization_for_weights(sim, [sim.model[0]], 4, True, 2)
                sim.compute_encodings(lambda m: m(xl))
                with tempfile.TemporaryDirectory() as d:
                    sim.onnx.export((xl,), os.path.join(d, "net.onnx"), encoding_version=ver, input_names=["input"], output_names=["output"], dynamo=False)
                    shutil.copy(os.path.join(d, "net.encodings"), os.path.join(ex, "torch_%s_%s.encodings.json" % (tag, ver)))
                    shutil.copy(os.path.join(d, "net.onnx"), os.path.join(ex, "torch_%s_%s.onnx" % (tag, ver)))
                with torch.no_grad():
                    return {"y": plain(sim.model(xl)), "wq": plain(sim.model[0].param_quantizers["weight"](sim.model[0].weight))}
            W.attempt("export_torch_%s_%s" % (tag, ver), "export_encodings", {"version": ver, "param_bw": 4, "output_bw": 16, "block_size": 2, "decompressed_bw": 8 if tag == "lpbq" else 0, "file": "encodings/torch_%s_%s.encodings.json" % (tag, ver), "onnx": "encodings/torch_%s_%s.onnx" % (tag, ver)},
                      {"x": xl, "w0": lin[0].weight, "b0": lin[0].bias, "w2": lin[2].weight, "b2": lin[2].bias}, gol, "first linear layer blockwise (block 2 along inputs) or LPBQ, second per default", {"y": {"rtol": 0, "atol": 1e-3, "reason": "matrix product sum order"}, "wq": "bits"})
    W.attempt("export_torch_qdq", "export_onnx_qdq", {"file": "encodings/torch_qdq.onnx"}, ins, lambda: _qdq(TS, net, x, ex), "aimet_torch.onnx.export: QuantizeLinear/DequantizeLinear in the graph")
    from aimet_onnx.quantsim import QuantizationSimModel as OS
    w1, b1, w2 = [p.detach().numpy() for p in (net[0].weight, net[0].bias, net[2].weight)]
    g = helper.make_graph([helper.make_node("Conv", ["x", "w1", "b1"], ["c1"], pads=[1] * 4, name="conv1"), helper.make_node("Relu", ["c1"], ["r1"], name="relu1"), helper.make_node("Conv", ["r1", "w2"], ["c2"], name="conv2"),
                           helper.make_node("Flatten", ["c2"], ["f"], name="flat"), helper.make_node("Gemm", ["f", "w3", "b3"], ["y"], transB=1, name="fc")], "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, ci, 6, 6])],
                          [helper.make_tensor_value_info("y", TensorProto.FLOAT, [2, 4])], [numpy_helper.from_array(w1, "w1"), numpy_helper.from_array(b1, "b1"), numpy_helper.from_array(w2, "w2"), numpy_helper.from_array(net[5].weight.detach().numpy(), "w3"), numpy_helper.from_array(net[5].bias.detach().numpy(), "b3")])
    om = helper.make_model(g, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(om, os.path.join(ex, "onnx_net.onnx"))
    for ver in ("0.6.1", "1.0.0", "2.0.0", "2.1.0"):
        def goo():
            sim = OS(copy.deepcopy(om))
            sim.compute_encodings([{"x": x.numpy()}])
            with tempfile.TemporaryDirectory() as d:
                sim.export(d, "net", encoding_version=ver)
                shutil.copy(os.path.join(d, "net.encodings"), os.path.join(ex, "onnx_%s.encodings.json" % ver))
            return {"y": sim.session.run(None, {"x": x.numpy()})[0]}
        W.attempt("export_onnx_%s" % ver, "export_encodings", {"version": ver, "file": "encodings/onnx_%s.encodings.json" % ver, "onnx": "encodings/onnx_net.onnx"}, ins, goo, "aimet_onnx, default config (per channel, min_max, 8/8)", {"y": {"rtol": 0, "atol": .5, "reason": "conv sum order may move an activation by one step"}})


def _qdq(TS, net, x, ex):
    sim = TS(copy.deepcopy(net), dummy_input=x, quant_scheme="tf")
    sim.compute_encodings(lambda m: m(x))
    with tempfile.TemporaryDirectory() as d:
        f = os.path.join(d, "n.onnx")
        aimet_torch.onnx.export(sim.model, (x,), f, input_names=["input"], output_names=["output"], dynamo=False, opset_version=21)
        shutil.copy(f, os.path.join(ex, "torch_qdq.onnx"))
    with torch.no_grad():
        return {"y": plain(sim.model(x))}


# ------------------------------------------------------------------ g. AdaRound
def adaround():
    from aimet_torch.adaround.adaround_weight import AdaroundWrapper, Adaround, AdaroundParameters
    from aimet_torch.adaround.adaround_loss import AdaroundLoss, AdaroundHyperParameters
    AC = {"alpha0": {"rtol": 2e-6, "atol": 2e-6, "reason": "logf"}, "h": {"rtol": 2e-6, "atol": 2e-6, "reason": "expf"}, "w_soft": {"rtol": 2e-6, "atol": 2e-6}, "round_loss": {"rtol": 1e-5, "atol": 1e-6}, "recon_loss": {"rtol": 1e-5, "atol": 1e-6}, "grad_alpha": {"rtol": 1e-3, "atol": 1e-6, "reason": "pow with a large exponent"}, "w_hard": "bits", "out_soft": {"rtol": 1e-5, "atol": 1e-5}}

    class HP:
        pass
    for tag, mod, b, sh in (("linear_pc", ann.QuantizedLinear(9, 5), 4, (5, 1)), ("linear_pt", ann.QuantizedLinear(9, 5, bias=False), 4, ()), ("conv_pc", ann.QuantizedConv2d(3, 4, 3), 4, (4, 1, 1, 1)), ("linear_b8", ann.QuantizedLinear(7, 3), 8, (3, 1))):
        with torch.no_grad():
            for n_, p in mod.named_parameters():
                p.copy_(T(randn(tuple(p.shape), .4)))
        q = Q.affine.QuantizeDequantize(sh, b, True)
        mod.param_quantizers["weight"] = q
        with q.compute_encodings():
            q(mod.weight)
        if "bias" in mod.param_quantizers:
            mod.param_quantizers["bias"] = None
        w0 = mod.weight.detach().clone()
        x = T(randn((6, 9 if "b8" not in tag else 7)) if "linear" in tag else randn((2, 3, 6, 6)))
        with torch.no_grad():
            bias = mod.bias.clone() if mod.bias is not None else None
            ref = nn.functional.linear(x, w0, bias) if "linear" in tag else nn.functional.conv2d(x, w0, bias)
        wr = AdaroundWrapper(mod)
        al0 = wr.alpha.detach().clone()
        soft0 = wr.apply_adaround(wr.weight).detach()
        with torch.no_grad():
            wr.alpha.add_(T(randn(tuple(al0.shape), .8)))
        al = wr.alpha.detach().clone()
        hp = AdaroundHyperParameters(1000, .01, (20, 2), .2)
        outs = {"scale": q.get_scale(), "offset": q.get_offset(), "alpha0": al0, "w_soft_alpha0": soft0, "alpha": al, "h": torch.clamp(torch.sigmoid(al) * 1.2 - .1, 0, 1)}
        w_soft = wr.apply_adaround(wr.weight)
        outs["w_soft"] = w_soft.detach()
        iters = [0, 199, 200, 201, 400, 600, 800, 999]
        outs["beta"] = np.array([AdaroundLoss._compute_beta(1000, i, (20, 2), .2) for i in iters if i >= 200], np.float64)
        outs["round_loss"] = np.array([float(AdaroundLoss.compute_round_loss(al, hp, i)) for i in iters], np.float64)
        out = nn.functional.linear(x, w_soft, bias) if "linear" in tag else nn.functional.conv2d(x, w_soft, bias)
        outs["out_soft"] = out.detach()
        rl = AdaroundLoss.compute_recon_loss(out, ref)
        tl = rl + AdaroundLoss.compute_round_loss(wr.alpha, hp, 400)
        tl.backward()
        outs["recon_loss"], outs["total_loss_400"], outs["grad_alpha"] = rl.detach(), tl.detach(), wr.alpha.grad
        wr.use_soft_rounding = False
        outs["w_hard"] = wr.apply_adaround(wr.weight).detach()
        ins = {"w": w0, "x": x, "fp_out": ref}
        if bias is not None:
            ins["bias"] = bias
        W.case("adaround_" + tag, "adaround_step", {"bits": b, "symmetric": True, "zeta": 1.1, "gamma": -.1, "num_iterations": 1000, "reg_param": .01, "beta_range": [20., 2.], "warm_start": .2, "round_loss_at_iteration": iters, "beta_at_iteration": [i for i in iters if i >= 200], "loss_iteration": 400}, ins, outs,
               "alpha0 = initial alpha; alpha = perturbed alpha at which h, w_soft, w_hard, losses and grad_alpha (of recon + round loss at iteration 400) are taken", dict(AC, total_loss_400={"rtol": 1e-5, "atol": 1e-6}, w_soft_alpha0={"rtol": 2e-6, "atol": 2e-6}, beta={"rtol": 1e-12, "atol": 0}))
    # a short run: statistics only
    for tag, net, xs in (("linear", nn.Sequential(nn.Linear(16, 8), nn.ReLU()), (64, 16)), ("conv", nn.Sequential(nn.Conv2d(3, 6, 3), nn.ReLU()), (32, 3, 7, 7))):
        net.eval()
        with torch.no_grad():
            for p in net.parameters():
                p.copy_(T(randn(tuple(p.shape), .4)))
        x = T(randn(xs))
        dl = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x), batch_size=16)

        def go():
            with tempfile.TemporaryDirectory() as d:
                torch.manual_seed(A.seed)
                np.random.seed(A.seed % 2 ** 32)
                params = AdaroundParameters(dl, len(dl), default_num_iterations=600, forward_fn=lambda m, i: m(i[0]))
                r = Adaround.apply_adaround(copy.deepcopy(net), x[:2], params, d, "a", default_param_bw=4, default_quant_scheme="tf")
                encs = json.load(open(os.path.join(d, "a.encodings")))
            from aimet_torch.quantsim import QuantizationSimModel as TS
            sim = TS(copy.deepcopy(net), dummy_input=x[:2], quant_scheme="tf", default_param_bw=4)
            sim.compute_encodings(lambda m: m(x))
            qw = [m for m in sim.model.modules() if hasattr(m, "param_quantizers") and "weight" in m.param_quantizers and m.param_quantizers["weight"] is not None][0]
            with torch.no_grad():
                near = plain(qw.param_quantizers["weight"](qw.weight))
                neta, netn = copy.deepcopy(net), copy.deepcopy(net)
                wa = list(r.parameters())[0].detach()
                neta[0].weight.copy_(wa)
                netn[0].weight.copy_(near)
                y = net(x)
                ea, en = float(((neta(x) - y) ** 2).mean()), float(((netn(x) - y) ** 2).mean())
            return {"w_adaround": wa, "w_nearest": near, "err_adaround": np.float64(ea), "err_nearest": np.float64(en), "scale": qw.param_quantizers["weight"].get_scale()}
        W.attempt("adaround_run_" + tag, "adaround_run", {"bits": 4, "iterations": 600, "per_channel": "config default"}, dict({"x": x, "w": list(net.parameters())[0]}, bias=list(net.parameters())[1]), go, "STATISTICAL: check err(own adaround) < err_nearest, not the weights; AdaRound hands back soft-rounded weights",
                  {"w_adaround": "do not compare", "err_adaround": "own result should lie between 0.3x and 1.5x of it", "err_nearest": {"rtol": 1e-4, "atol": 0}, "w_nearest": "bits", "scale": "bits"})


# ------------------------------------------------------------------ h. LPBQ, sequential MSE
def lpbq_seqmse():
    for i, (co, ci, bs, b, D, grp) in enumerate(((2, 8, 2, 4, 8, (1, 4)), (3, 12, 3, 4, 8, (1, -1)), (4, 16, 4, 4, 8, (1, 2)), (4, 16, 4, 2, 4, (2, 2)), (int(rng.integers(2, 5)), 24, 6, 4, 8, (1, -1)), (3, 12, 3, 4, 4, (1, -1)), (3, 12, 3, 4, 8, (1, 1)))):
        w = randn((co, ci)) if i else np.float32([[.1, -.7, .33, .02, .5, -.04, .001, .003], [1.2, .8, -.9, .4, .01, .02, -.03, .05]])

        def go():
            q = Q.affine.GroupedBlockQuantizeDequantize((co, ci // bs), b, True, D, block_size=(1, bs), block_grouping=grp)
            with q.compute_encodings():
                q(T(w))
            e = q.get_encodings()
            o = {"y": plain(q(T(w))), "scale": q.get_scale(), "per_channel_scale": q.get_per_channel_scale(), "min": q.get_min(), "max": q.get_max()}
            try:
                o["per_block_int_scale"] = torch.as_tensor(np.asarray(e.per_block_int_scale.detach() if hasattr(e.per_block_int_scale, "detach") else e.per_block_int_scale)).to(torch.int32)
            except Exception:
                pass
            return o
        W.attempt("lpbq_%d" % i, "torch.GroupedBlockQuantizeDequantize", {"bits": b, "decompressed_bw": D, "block_size": [1, bs], "block_grouping": list(grp)}, {"w": w}, go, "forward runs with gradients on, i.e. the exact (division) path")
        sc = rng.uniform(.001, 1, (co, ci // bs)).astype(np.float64)
        W.attempt("lpbq_onnx_scales_%d" % i, "onnx.grouped_dynamic_quantize", {"grouping": list(grp), "scale_bits": D - b}, {"scale": sc},
                  lambda: (lambda r: {"int_scale": np.asarray(r[0], np.float64), "group_scale": np.asarray(r[1], np.float64), "effective": np.asarray(lpbq_utils._compress_encoding_scales(sc, list(grp), D - b), np.float64)})(lpbq_utils.grouped_dynamic_quantize(sc, list(grp), D - b)))
    from aimet_torch.seq_mse import SequentialMse, SeqMseParams
    for tag, mod, sh, bs, b in (("linear_pc", ann.QuantizedLinear(12, 5), (5, 1), None, 4), ("linear_pt", ann.QuantizedLinear(12, 5), (1, 1), None, 4), ("linear_block", ann.QuantizedLinear(12, 4), (4, 3), (1, 4), 4), ("conv_pc", ann.QuantizedConv2d(3, 4, 3), (4, 1, 1, 1), None, 4), ("linear_b2", ann.QuantizedLinear(12, 5), (5, 1), None, 2), ("linear_asym", ann.QuantizedLinear(12, 5), (5, 1), None, 4)):
        with torch.no_grad():
            for p in mod.parameters():
                p.copy_(T(randn(tuple(p.shape), .5)))
        sym = tag != "linear_asym"
        q = Q.affine.QuantizeDequantize(sh, b, sym, block_size=bs)
        mod.param_quantizers["weight"] = q
        with q.compute_encodings():
            q(mod.weight)
        mn0, mx0 = q.get_min().detach().clone(), q.get_max().detach().clone()
        xs = [T(randn((7, 12)) if "linear" in tag else randn((2, 3, 6, 6))) for _ in range(2)]
        xq = [t + T(randn(tuple(t.shape), .02)) for t in xs]
        for loss in ("mse", "l1", "sqnr"):
            def gos():
                m2 = copy.deepcopy(mod)
                p = SeqMseParams(num_batches=2, num_candidates=20, loss_fn=loss)
                losses = []
                for k in range(20):
                    cmin, cmax = SequentialMse._get_candidate(k, 20, mn0, mx0)
                    SequentialMse.compute_param_encodings(m2.param_quantizers["weight"], cmin, cmax)
                    wq = SequentialMse._get_quantized_weight(m2)
                    with torch.no_grad():
                        losses.append(sum(SequentialMse._compute_loss(m2, a, c, m2.weight, wq, p) for a, c in zip(xs, xq)))
                m3 = copy.deepcopy(mod)
                SequentialMse.optimize_module(m3, xs, xq, p)
                qq = m3.param_quantizers["weight"]
                L = plain(torch.stack(losses))
                return {"loss": L, "best": L.min(0)[1], "scale": qq.get_scale(), "offset": qq.get_offset(), "min": qq.get_min(), "max": qq.get_max()}
            W.attempt("seqmse_%s_%s" % (tag, loss), "torch.seq_mse", {"bits": b, "symmetric": sym, "shape": list(sh), "block_size": list(bs) if bs else None, "num_candidates": 20, "loss": loss},
                      dict({"w": mod.weight.detach(), "bias": mod.bias.detach(), "min0": mn0, "max0": mx0}, x0=xs[0], x1=xs[1], xq0=xq[0], xq1=xq[1]), gos,
                      "loss[k] = candidate k+1 of 20 (channels after that); best = chosen index; then the frozen encoding", {"loss": {"rtol": 1e-4, "atol": 1e-5, "reason": "matrix product sum order"}, "best": "bits (a loss tie within rtol may pick the neighbour)", "scale": "bits", "offset": "bits", "min": "bits", "max": "bits"})


for fn in (affine_torch, affine_cpp, encodings, floats, gradients, graph_passes, exports, adaround, lpbq_seqmse):
    fn()
    print(fn.__name__, len(W.m["cases"]))
W.close()

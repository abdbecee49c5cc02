"""Writer for golden vectors: little-endian C-order .npy files plus one manifest.json per folder.

Used by make_aimet.py and make_pytorch_quantization.py.
"""
import hashlib
import json
import math
import os
import shutil

import numpy as np

_OK = {"float32": "<f4", "float64": "<f8", "int32": "<i4", "int64": "<i8", "uint8": "|u1"}


def to_np(a):
    """torch tensor or array -> one of the five allowed dtypes (fp16/bf16 are stored exactly as float32)."""
    if hasattr(a, "detach"):
        import torch
        a = a.detach().as_subclass(torch.Tensor).cpu()
        if a.dtype in (torch.float16, torch.bfloat16):
            a = a.float()
        if a.dtype == torch.bool:
            a = a.to(torch.uint8)
        a = a.numpy()
    a = np.asarray(a)
    if a.dtype == np.float16:
        a = a.astype(np.float32)
    if a.dtype == np.bool_:
        a = a.astype(np.uint8)
    if a.dtype == np.int8 or a.dtype == np.int16 or a.dtype == np.uint16:
        a = a.astype(np.int32)
    if a.dtype.name not in _OK:
        raise TypeError("dtype not allowed: %s" % a.dtype)
    return np.ascontiguousarray(a).reshape(a.shape).astype(_OK[a.dtype.name])


def hexf(v):
    v = float(v)
    if math.isnan(v):
        return "nan"
    if math.isinf(v):
        return "inf" if v > 0 else "-inf"
    return v.hex()


def _num(v):
    """JSON has no inf/nan: those become null, the _hex twin carries the value."""
    v = float(v)
    return v if math.isfinite(v) else None


def clean_params(p):
    """Adds a <key>_hex twin to every float (and list of floats)."""
    out = {}
    for k, v in p.items():
        if isinstance(v, (bool, str, int)) or v is None:
            out[k] = v
        elif isinstance(v, (float, np.floating)):
            out[k] = _num(v)
            out[k + "_hex"] = hexf(v)
        elif isinstance(v, np.integer):
            out[k] = int(v)
        elif isinstance(v, np.bool_):
            out[k] = bool(v)
        elif isinstance(v, dict):
            out[k] = clean_params(v)
        elif isinstance(v, (list, tuple)):
            v = list(v)
            if v and all(isinstance(i, (float, np.floating)) for i in v):
                out[k] = [_num(i) for i in v]
                out[k + "_hex"] = [hexf(i) for i in v]
            else:
                out[k] = [clean_params({"_": i})["_"] if not isinstance(i, (list, tuple, dict)) else
                          (list(i) if isinstance(i, (list, tuple)) else clean_params(i)) for i in v]
        else:
            raise TypeError("param %s: %r" % (k, type(v)))
    return out


class Writer:
    def __init__(self, out, tool, version, made_by, compare_note):
        self.out = out
        if os.path.isdir(out):
            shutil.rmtree(out)
        os.makedirs(out)
        self.m = {"tool": tool, "version": version, "made_by": made_by,
                  "float_compare": "bits", "float_compare_note": compare_note,
                  "cases": [], "oddities": [], "not_made": []}
        self._by_hash = {}
        self._names = set()

    def arr(self, stem, a):
        a = to_np(a)
        h = hashlib.sha256(str((a.dtype.str, a.shape)).encode() + a.tobytes()).hexdigest()
        if h in self._by_hash:
            return self._by_hash[h]
        fn = stem + ".npy"
        np.save(os.path.join(self.out, fn), a, allow_pickle=False)
        self._by_hash[h] = fn
        return fn

    def case(self, name, op, params=None, inputs=None, outputs=None, note="", compare=None, raises=None):
        assert name not in self._names, name
        self._names.add(name)
        c = {"name": name, "op": op, "params": clean_params(params or {}),
             "inputs": {k: self.arr(name + "." + k, v) for k, v in (inputs or {}).items()},
             "outputs": {k: self.arr(name + "." + k, v) for k, v in (outputs or {}).items()},
             "note": note}
        if compare is not None:
            c["float_compare"] = compare
        if raises is not None:
            c["raises"] = {"type": type(raises).__name__, "message": str(raises).splitlines()[0][:160] if str(raises) else ""}
        self.m["cases"].append(c)

    def attempt(self, name, op, params, inputs, fn, note="", compare=None):
        """fn() -> outputs dict; an exception is recorded as the case's expected error."""
        try:
            out = fn()
        except Exception as e:  # recorded, that is the point
            self.case(name, op, params, inputs, {}, note, compare, raises=e)
            return e
        self.case(name, op, params, inputs, out, note, compare)
        return None

    def odd(self, text):
        if text not in self.m["oddities"]:
            self.m["oddities"].append(text)

    def missing(self, text):
        self.m["not_made"].append(text)

    def close(self):
        ops = {}
        for c in self.m["cases"]:
            ops[c["op"]] = ops.get(c["op"], 0) + 1
        self.m["cases_per_op"] = dict(sorted(ops.items()))
        with open(os.path.join(self.out, "manifest.json"), "w") as f:
            json.dump(self.m, f, indent=1, sort_keys=False, allow_nan=False)
        size = sum(os.path.getsize(os.path.join(d, x)) for d, _, fs in os.walk(self.out) for x in fs)
        print("cases", len(self.m["cases"]), "bytes", size)
        for k, v in self.m["cases_per_op"].items():
            print("  %-40s %d" % (k, v))


def edge_values(step, extra_rng=None):
    """Ties on .5 steps, out of range, signed zeros, subnormals, huge, inf, NaN, for a float32 step."""
    s = np.float32(step)
    k = np.arange(-9, 10, dtype=np.float32)
    ties = (k + np.float32(0.5)) * s
    near = np.concatenate([np.nextafter(ties, np.float32(np.inf)), np.nextafter(ties, np.float32(-np.inf))])
    v = [ties, near, k * s,
         np.float32([0.0, -0.0, 1e-45, -1e-45, 1e-40, -1e-40, 1.1754944e-38, -1.1754944e-38,
                     1e-7, -1e-7, 1e6, -1e6, 3.4028235e38, -3.4028235e38, np.inf, -np.inf, np.nan])]
    if extra_rng is not None:
        big = extra_rng.integers(10, 40000, 24).astype(np.float32)
        t = (big + np.float32(0.5)) * s
        v += [t, -t, np.nextafter(t, np.float32(np.inf)), np.nextafter(-t, np.float32(0)),
              np.float32([6.0e-39, -3.0e-42, 2.0 ** -126 * 0.5, -(2.0 ** -149) * 3, 65504.0, -65520.0, 2.0 ** 31, -(2.0 ** 31),
                          2.0 ** 24 + 2, -(2.0 ** 63)])]
    return np.concatenate(v).astype(np.float32)


def data_kinds(rng, n):
    """Calibration data; each value is a list of three batches."""
    def nrm(k, s=1.0, m=0.0):
        return (rng.standard_normal(k) * s + m).astype(np.float32)
    d = {}
    d["normal"] = [nrm(n), nrm(n, 1.3), nrm(n, 0.7)]
    d["laplace"] = [rng.laplace(0, 1, n).astype(np.float32), rng.laplace(0, 1.5, n).astype(np.float32),
                    rng.laplace(0, .5, n).astype(np.float32)]
    d["relu"] = [np.maximum(nrm(n), 0), np.maximum(nrm(n, 1.5), 0), np.maximum(nrm(n, .8), 0)]
    d["all_positive"] = [np.abs(nrm(n)) + np.float32(0.5), np.abs(nrm(n)) + np.float32(0.25), np.abs(nrm(n)) + np.float32(1)]
    d["all_negative"] = [-np.abs(nrm(n)) - np.float32(0.5), -np.abs(nrm(n)) - np.float32(2), -np.abs(nrm(n)) - np.float32(.1)]
    d["single_value"] = [np.full(n, 2.5, np.float32), np.full(n, 2.5, np.float32), np.full(n, 2.5, np.float32)]
    d["all_zero"] = [np.zeros(n, np.float32)] * 3
    d["tiny"] = [nrm(n, 1e-6), nrm(n, 1e-6), nrm(n, 2e-6)]
    o = nrm(n)
    o[int(rng.integers(0, n))] = np.float32(40.0)
    d["outlier_first"] = [o, nrm(n), nrm(n)]
    o2 = nrm(n)
    o2[int(rng.integers(0, n))] = np.float32(-25.0)
    d["outlier_later"] = [nrm(n), o2, nrm(n)]
    return d

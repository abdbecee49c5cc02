"""Times pytorch-quantization's searches over a filled histogram of 2048 bins beside this library's preset.

  cmake -S . -B build/benchmarks -DCMAKE_BUILD_TYPE=Release -DXQUANT_BUILD_BENCHMARKS=ON -DXQUANT_BUILD_TESTS=OFF
  cmake --build build/benchmarks --target benchmark_pytorch_quantization
  PYTHONPATH=<TensorRT>/tools/pytorch-quantization \
      python benchmarks/peers/time_pytorch_quantization.py build/benchmarks/bin/benchmark_pytorch_quantization

The package is tools/pytorch-quantization of NVIDIA's TensorRT repository, with two stub modules where its extension was
not built: pytorch_quantization/version.py (__version__) and cuda_ext.py (functions fake_tensor_quant,
fake_tensor_quant_with_axis and fake_e4m3fy that may raise). Needs torch, scipy, absl-py. One thread. Prints milliseconds
of each and their ratio; ends with status 1 where the two differ in a bit of amax, or where the preset is less than
200 (entropy) or 100 (mse) times as fast.
"""
import subprocess
import sys
import time

import torch
from absl import logging

logging.set_verbosity(logging.FATAL)
from pytorch_quantization import calib  # noqa: E402

torch.set_num_threads(1)
torch.Tensor.cuda = lambda self, *a, **k: self  # its mse asks for a GPU
program = sys.argv[1]
least_ratio = {"entropy": 200, "mse": 100}


def draws(kind, generator):
    x = torch.randn(200000, generator=generator)
    if kind == "normal":
        return x
    if kind == "relu":
        return x.clamp(min=0)
    return torch.where(torch.rand(200000, generator=generator) < 1e-4, x * 4, x.abs().sqrt())  # a long tail


failed = False
print("histogram  bits      method   package ms   preset ms   ratio")
for kind in ("normal", "relu", "outliers"):
    generator = torch.Generator().manual_seed(1)
    for bits, unsigned in ((8, False), (8, True)):
        h = calib.HistogramCalibrator(bits, None, unsigned)
        h.collect(draws(kind, generator))
        counts = h._calib_hist.to(torch.int64).numpy()
        edges = h._calib_bin_edges.numpy()
        text = " ".join([str(bits), str(int(unsigned)), str(len(counts)), *map(str, counts), *(float(e).hex() for e in edges)])
        answers = subprocess.run([program], input=text, capture_output=True, text=True, check=True).stdout
        ours = {line.split()[0]: line.split()[1:] for line in answers.splitlines()}
        for method in ("entropy", "mse"):
            took = []
            for _ in range(3):
                begin = time.perf_counter()
                amax = float(h.compute_amax(method))
                took.append(1e3 * (time.perf_counter() - begin))
            same = float.fromhex(ours[method][0]) == amax
            ratio = min(took) / float(ours[method][1])
            failed = failed or not same or ratio < least_ratio[method]
            print(f"{kind:<9}  {bits}{' unsigned' if unsigned else '         '} {method:<8} {min(took):9.1f} {float(ours[method][1]):11.3f} "
                  f"{ratio:8.0f}{'' if same else '  DIFFERS: ' + amax.hex() + ' ' + ours[method][0]}")
sys.exit(failed)

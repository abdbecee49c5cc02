// Times the preset's searches over a histogram, for benchmarks/peers/time_pytorch_quantization.py, which times the
// package beside it: reads num_bits, unsigned, the number of bins, the counts and the edges (hex floats) from the
// standard input, writes a line "METHOD AMAX MILLISECONDS" each for entropy and mse, the least of 21 runs.
#include <xquant/presets/pytorch_quantization_calibration.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

namespace {

template <class Compute>
void report(const char* method, const Compute& compute) {
  float amax = 0;
  double least = 1e9;
  for (int round = 0; round < 21; ++round) {
    const auto begin = std::chrono::steady_clock::now();
    amax = compute();
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - begin;
    least = std::min(least, took.count());
  }
  std::printf("%s %a %.4f\n", method, static_cast<double>(amax), least);
}

}  // namespace

int main() {
  namespace peer = xquant::presets::pytorch_quantization;
  peer::search_settings settings;
  std::size_t bins = 0;
  std::cin >> settings.num_bits >> settings.is_unsigned >> bins;
  std::vector<std::int64_t> counts(bins);
  std::vector<double> edges(bins + 1);
  for (std::int64_t& c : counts) std::cin >> c;
  std::string word;
  for (double& e : edges) {
    std::cin >> word;
    e = std::strtod(word.c_str(), nullptr);
  }
  if (!std::cin) {
    std::fprintf(stderr, "expected num_bits, unsigned, the number of bins, counts and edges\n");
    return 2;
  }
  report("entropy", [&] { return peer::compute_amax_entropy(counts, edges, settings); });
  report("mse", [&] { return peer::compute_amax_mse(counts, edges, settings); });
  return 0;
}

// The samples of a batch: which axis of each input counts them, batches made of some of them, and which of them is at
// fault when a run fails.
#pragma once

#include <xquant/error.hpp>
#include <xquant/model/error.hpp>
#include <xquant/model/fault.hpp>
#include <xquant/model/graph.hpp>
#include <xquant/model/tensor.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace xquant::inline XQUANT_ABI::model {

/// The batch a network fixes: the first extent its first input declares, or none when that is free or the input has
/// fewer than two dimensions.
inline std::optional<std::size_t> declared_batch(const graph& g) {
  if (g.inputs().empty()) return std::nullopt;
  const value_info& first = g.value(g.inputs().front());
  if (!first.has_shape || first.dimensions.size() < 2 || first.dimensions[0].extent <= 0) return std::nullopt;
  return static_cast<std::size_t>(first.dimensions[0].extent);
}

/// Inputs of a network seen as N samples. Samples are counted along axis 0 of the first input; along the axis of the
/// same symbol in the others, or axis 0 where that is free, or as extent declares what the first input declares. Other
/// inputs have no samples and belong to every run. The tensors are shared, and copied only where a batch differs.
class sample_set {
 public:
  sample_set(const graph& g, std::vector<tensor> inputs) : inputs_(std::move(inputs)), fixed_(declared_batch(g)) {
    axes_.assign(inputs_.size(), std::nullopt);
    if (inputs_.empty() || inputs_.size() != g.inputs().size() || inputs_[0].shape().rank == 0) {
      fixed_.reset();
      return;
    }
    count_ = inputs_[0].shape()[0];
    const value_info& first = g.value(g.inputs()[0]);
    const bool declared = first.has_shape && !first.dimensions.empty();
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      const value_info& v = g.value(g.inputs()[i]);
      const shape& s = inputs_[i].shape();
      if (i == 0) {
        axes_[i] = 0;
      } else if (!v.has_shape || !declared) {
        if (s.rank > 0 && s[0] == count_) axes_[i] = 0;
      } else {
        for (std::size_t d = 0; d < std::min(s.rank, v.dimensions.size()) && !axes_[i]; ++d) {
          const dimension& here = v.dimensions[d];
          const dimension& there = first.dimensions[0];
          const bool by_symbol = there.extent < 0 && !there.symbol.empty() && here.symbol == there.symbol;
          const bool by_place = d == 0 && here.extent == there.extent && here.symbol.empty() && there.symbol.empty();
          if ((by_symbol || by_place) && s[d] == count_) axes_[i] = d;
        }
      }
    }
  }

  [[nodiscard]] std::size_t count() const noexcept { return count_; }
  /// Samples of one run: what the network fixes, or all.
  [[nodiscard]] std::size_t batch() const noexcept { return fixed_.value_or(count_); }
  /// Whether every run takes batch() samples, no fewer.
  [[nodiscard]] bool is_fixed() const noexcept { return fixed_.has_value(); }

  /// A batch of these samples, in this order; a sample may come several times.
  [[nodiscard]] std::vector<tensor> pick(const std::vector<std::size_t>& samples) const {
    bool all = samples.size() == count_;
    for (std::size_t i = 0; i < samples.size() && all; ++i) all = samples[i] == i;
    std::vector<tensor> result = inputs_;
    if (all) return result;
    for (std::size_t i = 0; i < result.size(); ++i)
      if (axes_[i]) result[i] = picked(inputs_[i], *axes_[i], samples);
    return result;
  }

  /// `n` samples from `first` on, again and again until a run is full.
  [[nodiscard]] std::vector<std::size_t> filled(std::size_t first, std::size_t n, std::size_t offset = 0) const {
    std::vector<std::size_t> samples(fixed_.value_or(n));
    for (std::size_t i = 0; i < samples.size(); ++i) samples[i] = first + (offset + i) % n;
    return samples;
  }

 private:
  static tensor picked(const tensor& from, std::size_t axis, const std::vector<std::size_t>& samples) {
    shape s = from.shape();
    std::size_t outer = 1;
    for (std::size_t d = 0; d < axis; ++d) outer *= s[d];
    const std::size_t row = s.size() == 0 ? 0 : from.byte_size() / outer;  // all samples of one outer position
    const std::size_t one = s[axis] == 0 ? 0 : row / s[axis];
    s[axis] = samples.size();
    tensor to(from.type(), s);
    std::byte* out = to.mutable_bytes();
    for (std::size_t o = 0; o < outer && one != 0; ++o)
      for (const std::size_t sample : samples) {
        std::memcpy(out, from.bytes() + o * row + sample * one, one);
        out += one;
      }
    return to;
  }

  std::vector<tensor> inputs_;
  std::vector<std::optional<std::size_t>> axes_;
  std::optional<std::size_t> fixed_;
  std::size_t count_ = 1;
};

/// run(all.pick(samples), is_alone). Where that fails for what is in the data (codes not_finite and
/// value_out_of_range), each of the samples is run alone (a fixed batch is filled with it; is_alone is true), and the
/// first that fails is named: sample_error. Other errors, and one that no sample has alone, pass as they are.
template <class Run>
auto naming_sample(const sample_set& all, const std::vector<std::size_t>& samples, const Run& run) {
  try {
    return run(all.pick(samples), false);
  } catch (const model_error& e) {
    if (e.code() != errc::not_finite && e.code() != errc::value_out_of_range) throw;
    std::vector<std::size_t> each = samples;
    std::sort(each.begin(), each.end());
    each.erase(std::unique(each.begin(), each.end()), each.end());
    for (const std::size_t sample : each) {
      try {
        (void)run(all.pick(all.filled(sample, 1)), true);
      } catch (const model_error& alone) {
        throw sample_error(alone.code(), sample, unprefixed(alone.what()));
      }
    }
    throw;
  }
}

}  // namespace xquant::model

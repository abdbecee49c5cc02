// AIMET's torch histogram of a slot, bit for bit (aimet_torch 2.42, `_HistogramObserver`): counts held as floats, a
// range that grows with later batches, old bins that are divided between two new ones. The order of the batches
// matters.
#pragma once

#include <xquant/core/adapt.hpp>
#include <xquant/core/bits.hpp>
#include <xquant/core/lane.hpp>
#include <xquant/core/scalar_lane.hpp>
#include <xquant/core/validation.hpp>
#include <xquant/error.hpp>
#include <xquant/exception.hpp>
#include <xquant/presets/array_granularity.hpp>
#include <xquant/presets/torch_extremes.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace xquant::inline XQUANT_ABI::presets::aimet_torch {

/// One slot's histogram. `counts` are whole numbers as float32, so they stop at 2^24; bin i is from edges[i] to edges[i
/// + 1]; minimum and maximum are those of the finite data, as far as the range was let grow.
struct histogram {
  std::vector<float> counts;
  std::vector<float> edges;
  float minimum = 0;
  float maximum = 0;
  friend bool operator==(const histogram&, const histogram&) = default;
};

namespace detail {

/// The elements of a tensor slot by slot, each slot's in row-major order.
template <class Granularity>
status elements_by_slot(const tensor_view<const float>& x, const Granularity& granularity,
                        std::vector<std::vector<float>>& slots, std::vector<float>& all, const char* name = "x") {
  parameter_map map;
  xquant::detail::call<xquant::detail::streams_only<float, float, float>> call;
  if (const status s = call.input_0(x, name).mapped(granularity, map); !s.ok()) return s;
  if (x.shape.size() == 0) return fault(errc::no_samples, name, 0, "at least one element");
  slots.assign(map.count, {});
  all.clear();
  all.reserve(x.shape.size());
  std::size_t index[max_rank] = {};
  for (std::size_t n = 0; n < x.shape.size(); ++n) {
    std::ptrdiff_t slot = 0;
    std::ptrdiff_t place = 0;
    for (std::size_t d = 0; d < x.shape.rank; ++d) {
      slot += static_cast<std::ptrdiff_t>(index[d] / map.block[d]) * map.stride[d];
      place += static_cast<std::ptrdiff_t>(index[d]) * x.stride[d];
    }
    const float value = x.data[place];
    slots[static_cast<std::size_t>(slot)].push_back(value);
    all.push_back(value);
    for (std::size_t d = x.shape.rank; d-- > 0;) {
      if (++index[d] < x.shape[d]) break;
      index[d] = 0;
    }
  }
  return {};
}

/// `torch.histc`: n bins of [low, high], both ends in; outside of it and NaN are passed over.
inline std::vector<float> counted(const float* x, std::size_t size, std::size_t bins, float low, float high) {
  std::vector<std::int64_t> counts(bins, 0);
  for (std::size_t i = 0; i < size; ++i) {
    if (!(x[i] >= low && x[i] <= high)) continue;
    const float place = multiply(x[i] - low, static_cast<float>(bins)) / (high - low);
    // Products beyond the largest float have a place beyond every bin.
    std::size_t bin = place < static_cast<float>(bins) ? static_cast<std::size_t>(place) : bins;
    if (bin == bins) --bin;
    ++counts[bin];
  }
  std::vector<float> reals(bins);
  for (std::size_t i = 0; i < bins; ++i)
    reals[i] = counts[i] > (1 << 24) ? static_cast<float>(1 << 24) : static_cast<float>(counts[i]);
  return reals;
}

/// Adds to the first and the last bin what lies beyond [low, high], infinities too.
inline void add_what_lies_beyond(const float* x, std::size_t size, float low, float high, std::vector<float>& counts) {
  std::int64_t below = 0;
  std::int64_t above = 0;
  for (std::size_t i = 0; i < size; ++i) {
    below += x[i] < low ? 1 : 0;
    above += x[i] > high ? 1 : 0;
  }
  counts.front() += static_cast<float>(below);
  counts.back() += static_cast<float>(above);
}

inline std::vector<float> edges_of(float low, float high, std::size_t bins) {
  if (low == high) {
    low -= 0.5f;
    high += 0.5f;
  }
  const float step = (high - low) / static_cast<float>(bins);
  std::vector<float> edges(bins + 1);
  for (std::size_t i = 0; i <= bins; ++i) edges[i] = add(multiply(static_cast<float>(i), step), low);
  return edges;
}

/// One batch's own histogram.
inline status try_collect(const std::vector<float>& x, std::size_t bins, std::size_t slot, histogram& out) {
  const float infinity = std::numeric_limits<float>::infinity();
  std::vector<float> finite(x);
  const auto keep_finite = [&](float otherwise) {
    for (std::size_t i = 0; i < x.size(); ++i) finite[i] = is_finite(x[i]) ? x[i] : otherwise;
  };
  keep_finite(infinity);
  out.minimum = torch_extremes::extreme_of_all<false>(finite.data(), finite.size());
  keep_finite(-infinity);
  out.maximum = torch_extremes::extreme_of_all<true>(finite.data(), finite.size());
  if (!is_finite(out.minimum)) return fault(errc::not_finite, "x", x.front(), "a finite number in every slot", slot);
  out.edges = edges_of(out.minimum, out.maximum, bins);
  const float low = out.edges.front();
  const float high = out.edges.back();
  if (!is_finite(low) || !is_finite(high) || !is_finite(high - low))
    return fault(errc::value_out_of_range, "x", out.maximum, "a range whose width is a finite float", slot);
  if (low == high) return fault(errc::value_out_of_range, "x", out.maximum, "a single value below 2^24, or two", slot);
  out.counts = counted(x.data(), x.size(), bins, low, high);
  add_what_lies_beyond(x.data(), x.size(), low, high, out.counts);
  return {};
}

/// The counts of `old` on the grid of [low, high]: of each bin what lies before the end of the new bin that its start
/// is in, rounded to a whole number, and the rest one new bin further.
inline std::vector<float> regridded(const histogram& old, float low, float high) {
  const std::size_t bins = old.counts.size();
  const float width = (high - low) / static_cast<float>(bins);
  const float old_width = old.edges[1] - old.edges[0];
  const auto bin_of = [&](float start) -> std::size_t {
    const float place = (start - low) / width;
    if (!(place < static_cast<float>(bins))) return bins - 1;
    return place < 1 ? 0 : static_cast<std::size_t>(place);
  };
  std::vector<float> counts(bins, 0.0f);
  std::vector<float> rest(bins);
  for (std::size_t i = 0; i < bins; ++i) {
    const std::size_t to = bin_of(old.edges[i]);
    const float end = add(low, multiply(width, static_cast<float>(to + 1)));
    const float part = round_even(multiply((end - old.edges[i]) / old_width, old.counts[i]));
    const float moved = part < old.counts[i] ? part : old.counts[i];
    counts[to] += moved;
    rest[i] = old.counts[i] - moved;
  }
  for (std::size_t i = 0; i < bins; ++i)
    if (rest[i] > 0) counts[bin_of(old.edges[i] + width)] += rest[i];
  return counts;
}

}  // namespace detail

/// The histograms of every slot, batch by batch. `slots` is the peer's `shape`, in_blocks its block_size
/// (by_shape_of_scales). Of the first batch:
///   [a, b] = its least and largest finite number, [a - 0.5, b + 0.5] where they are one; step = (b - a) / bins, edges
///   a + i step, in float32; counts by floor((x - a) bins / (b - a)), infinities in the end bins, NaN nowhere.
/// Every later one widens the range to hold it, by at most growth_limit / 2 of the first range to each side (what lies
/// beyond is counted in the end bins); the counts so far are divided anew. From the second batch on the peer takes the
/// elements of slot i to be the i-th of equally long pieces of the tensor, wrong unless the slots lie one after
/// another; this does the same. Source: aimet_torch 2.42.0, encoding_analyzer.py. Run: the same.
class histogram_observer {
 public:
  histogram_observer() = default;
  /// A growth_limit of 0 stands for none.
  explicit histogram_observer(const shape& slots, std::size_t bins = 2048, float growth_limit = 0,
                              bool in_blocks = false)
      : granularity_{slots, in_blocks}, bins_(bins), growth_limit_(growth_limit) {}

  /// Refuses no bins or more than 2^24, a growth limit other than 0 and below 1 or not a number; shapes that do not
  /// fit, no elements, another number of slots than before; a slot without a finite number, with one number whose
  /// neighbours +- 0.5 are the same float, or with a range wider than the largest float. Nothing has changed then.
  template <TensorLike In>
  [[nodiscard]] status try_observe(const In& x) {
    if (bins_ == 0 || bins_ > (std::size_t(1) << 24))
      return fault(errc::value_out_of_range, "bins", static_cast<double>(bins_), "1 to 2^24");
    if (growth_limit_ != 0 && !(growth_limit_ >= 1))
      return fault(errc::value_out_of_range, "growth_limit", growth_limit_, "1 at least, or 0 for none");
    auto&& input = evaluated(x);
    const tensor_view<const float> view = as_view(input);
    std::vector<std::vector<float>> slots;
    std::vector<float> all;
    if (const status s = detail::elements_by_slot(view, granularity_, slots, all); !s.ok()) return s;
    std::vector<histogram> collected(slots.size());
    for (std::size_t i = 0; i < slots.size(); ++i)
      if (const status s = detail::try_collect(slots[i], bins_, i, collected[i]); !s.ok()) return s;
    if (histograms_.empty()) {
      set_limits(collected);
      histograms_ = static_cast<std::vector<histogram>&&>(collected);
      return {};
    }
    for (std::size_t i = 0; i < collected.size(); ++i)
      if (const auto [low, high] = range_with(i, collected[i]); !is_finite(high - low))
        return fault(errc::value_out_of_range, "x", high, "a range whose width is a finite float", i);
    const std::size_t size = all.size() / collected.size();
    for (std::size_t i = 0; i < collected.size(); ++i) merge(i, collected[i], all.data() + i * size, size);
    return {};
  }

  [[nodiscard]] const std::vector<histogram>& histograms() const noexcept { return histograms_; }
  [[nodiscard]] const by_shape_of_scales& granularity() const noexcept { return granularity_; }

  friend bool operator==(const histogram_observer&, const histogram_observer&) = default;

 private:
  struct ends {
    float low = 0;
    float high = 0;
    friend bool operator==(const ends&, const ends&) = default;
  };

  void set_limits(const std::vector<histogram>& first) {
    limits_.clear();
    for (const histogram& h : first) {
      const float low = h.edges.front();
      const float high = h.edges.back();
      const float reach =
          growth_limit_ == 0 ? std::numeric_limits<float>::infinity() : multiply(high - low, growth_limit_) / 2;
      limits_.push_back({low - reach, high + reach});
    }
  }

  [[nodiscard]] ends range_with(std::size_t slot, const histogram& seen) const {
    const histogram& h = histograms_[slot];
    const auto [lowest, highest] = limits_[slot];
    float low = seen.minimum < lowest ? lowest : seen.minimum;
    low = h.edges.front() < low ? h.edges.front() : low;
    float high = seen.maximum < h.edges.back() ? h.edges.back() : seen.maximum;
    high = highest < high ? highest : high;
    return {low, high};
  }

  void merge(std::size_t slot, const histogram& seen, const float* x, std::size_t size) {
    histogram& h = histograms_[slot];
    const auto [low, high] = range_with(slot, seen);
    const std::vector<float> before =
        low == h.minimum && high == h.maximum ? h.counts : detail::regridded(h, low, high);
    std::vector<float> counts = detail::counted(x, size, bins_, low, high);
    for (std::size_t i = 0; i < bins_; ++i) counts[i] += before[i];
    detail::add_what_lies_beyond(x, size, low, high, counts);
    h = {static_cast<std::vector<float>&&>(counts), detail::edges_of(low, high, bins_), low, high};
  }

  by_shape_of_scales granularity_{};
  std::size_t bins_ = 2048;
  float growth_limit_ = 0;
  std::vector<histogram> histograms_;
  std::vector<ends> limits_;
};

}  // namespace xquant::presets::aimet_torch

// One tensor of a network as a report shows it: its encoding, the distribution of its elements, and what rounding does
// to them, as a whole and by channel.
#pragma once

#include <xquant/calibration/extremes.hpp>
#include <xquant/calibration/histogram.hpp>
#include <xquant/core/shape.hpp>
#include <xquant/encoding.hpp>
#include <xquant/error.hpp>
#include <xquant/exception.hpp>
#include <xquant/parameters.hpp>
#include <xquant/report/grid.hpp>
#include <xquant/report/signal_to_noise.hpp>
#include <xquant/runtime.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace xquant::inline XQUANT_ABI::report {

/// What was seen of one channel.
struct channel_statistics {
  float minimum = 0;  ///< of the finite elements; both 0 when there are none
  float maximum = 0;
  bool any = false;
  signal_to_noise noise;
};

/// A range that a rule would choose, by the rule's name.
struct named_range {
  std::string name;
  double lower = 0;
  double upper = 0;
};

/// Observes pairs of tensors: the elements before and after quantization.
class quantized_tensor {
 public:
  /// A tensor with an encoding; one without parameters when it stays float. `channels` is the axis whose slices
  /// are looked at one by one, or -1; a quantizer with a scale for each slice of an axis decides that itself. Throws
  /// xquant::error for a format that report::choices does not name.
  quantized_tensor(std::string name, xquant::encoding encoding, std::ptrdiff_t channels = -1)
      : name_(std::move(name)), encoding_(std::move(encoding)), axis_(channels) {
    if (!is_quantized()) return;
    const quantizer_description& q = encoding_.quantizer;
    if (q.granularity.is<per_axis<>>()) axis_ = q.granularity.as<per_axis<>>().axis;
    for (std::size_t slot = 0; slot < encoding_.parameters.count(); ++slot)
      ends_.push_back(
          ends_of(grid_values(q, encoding_.parameters.scale()[slot], encoding_.parameters.zero_point()[slot])));
  }

  /// Takes in dense elements of that shape, before and after. Throws xquant::error (shape_mismatch) when there are not
  /// as many, (axis_out_of_range) without the channels' axis, (parameter_count) for another number of channels than
  /// before or than there are scales; nothing has changed then.
  void observe(std::span<const float> original, std::span<const float> quantized, const shape& s) {
    throw_if(s.valid());
    if (original.size() != s.size() || quantized.size() != s.size())
      throw_if(fault(errc::shape_mismatch, "quantized", static_cast<double>(quantized.size()),
                     "as many elements as the shape has, before and after"));
    const auto rank = static_cast<std::ptrdiff_t>(s.rank);
    const bool by_channel = axis_ != -1 || encoding_.quantizer.granularity.is<per_axis<>>();
    const std::ptrdiff_t axis = axis_ < 0 ? axis_ + rank : axis_;
    if (by_channel && (axis < 0 || axis >= rank))
      throw_if(fault(errc::axis_out_of_range, "channels", static_cast<double>(axis_), "an axis of the tensor"));
    const std::size_t count = by_channel ? s[static_cast<std::size_t>(axis)] : 1;
    if ((!channels_.empty() && channels_.size() != count) ||
        (is_quantized() && ends_.size() != 1 && ends_.size() != count))
      throw_if(fault(errc::parameter_count, "channels", static_cast<double>(count), "as many channels as scales"));
    std::size_t inner = 1;
    for (std::size_t d = static_cast<std::size_t>(by_channel ? axis + 1 : rank); d < s.rank; ++d) inner *= s[d];

    shape_ = s;
    channels_.resize(count);
    std::vector<float> finite;
    finite.reserve(original.size());
    double low = std::numeric_limits<double>::infinity();
    double high = -low;
    for (std::size_t i = 0; i < original.size(); ++i) {
      const std::size_t c = by_channel ? i / inner % count : 0;
      add(channels_[c], ends_.empty() ? nullptr : &ends_[ends_.size() == 1 ? 0 : c], original[i], quantized[i]);
      if (!std::isfinite(original[i])) continue;
      finite.push_back(original[i]);
      low = std::min(low, static_cast<double>(original[i]));
      high = std::max(high, static_cast<double>(original[i]));
    }
    if (finite.empty()) return;
    histogram_.reach(extremes(low, high));
    histogram_.count(finite.data(), finite.size());
  }

  /// What range rules answer for this tensor, to be drawn beneath its distribution. Throws xquant::error
  /// (range_not_finite, range_inverted) for ends that are not finite or in the wrong order; nothing has changed then.
  void compare(std::vector<named_range> ranges) {
    for (std::size_t i = 0; i < ranges.size(); ++i) {
      const named_range& r = ranges[i];
      if (!std::isfinite(r.lower) || !std::isfinite(r.upper))
        throw_if(fault(errc::range_not_finite, "ranges", std::isfinite(r.lower) ? r.upper : r.lower, "finite ends", i));
      if (r.lower > r.upper) throw_if(fault(errc::range_inverted, "ranges", r.lower, "lower at most upper", i));
    }
    ranges_ = std::move(ranges);
  }

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  /// Those given to compare().
  [[nodiscard]] const std::vector<named_range>& ranges() const noexcept { return ranges_; }
  [[nodiscard]] const xquant::encoding& encoding() const noexcept { return encoding_; }
  [[nodiscard]] bool is_quantized() const noexcept { return encoding_.ready(); }
  /// Of the tensor observed last.
  [[nodiscard]] const xquant::shape& shape() const noexcept { return shape_; }
  /// The finite elements seen.
  [[nodiscard]] const xquant::histogram& values() const noexcept { return histogram_; }
  /// By channel; one when the tensor is not looked at by channel, none before the first observation.
  [[nodiscard]] const std::vector<channel_statistics>& channels() const noexcept { return channels_; }
  /// The ends of the grid of every parameter slot.
  [[nodiscard]] const std::vector<grid_ends>& ends() const noexcept { return ends_; }

  [[nodiscard]] signal_to_noise noise() const noexcept {
    signal_to_noise all;
    for (const channel_statistics& c : channels_) all.merge(c.noise);
    return all;
  }
  /// Elements beyond the ends of the grid by more than half a step, and their part of the noise.
  [[nodiscard]] std::uint64_t clipped() const noexcept { return clipped_; }
  [[nodiscard]] double clipping_noise() const noexcept { return clipping_noise_; }
  /// The slot with the widest range.
  [[nodiscard]] std::size_t widest() const noexcept {
    std::size_t best = 0;
    for (std::size_t i = 1; i < ends_.size(); ++i)
      if (ends_[i].upper - ends_[i].lower > ends_[best].upper - ends_[best].lower) best = i;
    return best;
  }

 private:
  void add(channel_statistics& c, const grid_ends* ends, float original, float quantized) noexcept {
    c.noise.add(original, quantized);
    if (!std::isfinite(original)) return;
    c.minimum = c.any ? std::min(c.minimum, original) : original;
    c.maximum = c.any ? std::max(c.maximum, original) : original;
    c.any = true;
    if (ends == nullptr) return;
    const auto x = static_cast<double>(original);
    // A hair more than half a step: the ends are products in double, the operations' are in float.
    const bool beyond = x > ends->upper + 0.5001 * ends->upper_step || x < ends->lower - 0.5001 * ends->lower_step;
    if (!beyond) return;
    ++clipped_;
    const double error = static_cast<double>(quantized) - x;
    if (std::isfinite(error)) clipping_noise_ += error * error;
  }

  std::string name_;
  xquant::encoding encoding_;
  std::ptrdiff_t axis_ = -1;
  std::vector<grid_ends> ends_;
  xquant::shape shape_;
  xquant::histogram histogram_;
  std::vector<named_range> ranges_;
  std::vector<channel_statistics> channels_;
  std::uint64_t clipped_ = 0;
  double clipping_noise_ = 0;
};

}  // namespace xquant::report

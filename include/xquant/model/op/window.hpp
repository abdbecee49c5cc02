// The geometry that convolutions and pools share: kernel, strides, dilations, every form of padding. One and two
// spatial dimensions are treated as three, so that there is one loop nest.
#pragma once

#include <xquant/model/op/op.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace xquant::inline XQUANT_ABI::model {

/// Extents and steps of a sliding window over three spatial dimensions (depth, height, width).
struct window {
  using triple = std::ptrdiff_t[3];
  triple input{1, 1, 1};
  triple output{1, 1, 1};
  triple size{1, 1, 1};
  triple stride{1, 1, 1};
  triple dilation{1, 1, 1};
  triple pad_begin{0, 0, 0};
  triple pad_end{0, 0, 0};

  [[nodiscard]] std::ptrdiff_t inputs() const noexcept { return input[0] * input[1] * input[2]; }
  [[nodiscard]] std::ptrdiff_t outputs() const noexcept { return output[0] * output[1] * output[2]; }
  [[nodiscard]] std::ptrdiff_t taps() const noexcept { return size[0] * size[1] * size[2]; }
  [[nodiscard]] std::ptrdiff_t reach(std::size_t d) const noexcept { return dilation[d] * (size[d] - 1) + 1; }
  /// One tap, no padding, no stride: the input plane is the output plane.
  [[nodiscard]] bool pointwise() const noexcept {
    bool plain = true;
    for (std::size_t d = 0; d < 3; ++d)
      plain = plain && size[d] == 1 && stride[d] == 1 && pad_begin[d] == 0 && pad_end[d] == 0;
    return plain;
  }
};

/// Outputs o in [first, last) for which o * stride + offset lies in [0, extent).
struct valid_range {
  std::ptrdiff_t first;
  std::ptrdiff_t last;
};
inline valid_range valid_outputs(std::ptrdiff_t offset, std::ptrdiff_t stride, std::ptrdiff_t extent,
                                 std::ptrdiff_t outputs) noexcept {
  std::ptrdiff_t first = offset >= 0 ? 0 : (-offset + stride - 1) / stride;
  std::ptrdiff_t last = extent - offset <= 0 ? 0 : (extent - offset + stride - 1) / stride;
  if (last > outputs) last = outputs;
  if (first > last) first = last;
  return {first, last};
}

/// Reads kernel_shape, strides, dilations, pads and auto_pad and works out where the windows lie.
class window_reader {
 public:
  /// `spatial` dimensions follow the first two of input 0.
  window_reader(node_context& context, std::size_t spatial) : context_(context), spatial_(spatial) {
    for (std::size_t d = 0; d < spatial_; ++d) result_.input[slot(d)] = extent(context.input_shape(0)[d + 2]);
    read("strides", result_.stride);
    read("dilations", result_.dilation);
    auto_pad_ = context.text("auto_pad", "NOTSET");
    if (auto_pad_.empty()) auto_pad_ = "NOTSET";
    if (auto_pad_ != "NOTSET" && auto_pad_ != "SAME_UPPER" && auto_pad_ != "SAME_LOWER" && auto_pad_ != "VALID")
      context.bad_attribute("auto_pad", "'" + auto_pad_ + "'", "NOTSET, SAME_UPPER, SAME_LOWER or VALID");
    if (const auto* pads = context.integers("pads")) {
      if (pads->size() != 2 * spatial_) wrong_count("pads", pads->size(), 2 * spatial_);
      for (std::size_t d = 0; d < spatial_; ++d) {
        result_.pad_begin[slot(d)] = bounded("pads", (*pads)[d], 0);
        result_.pad_end[slot(d)] = bounded("pads", (*pads)[d + spatial_], 0);
      }
      for (const std::int64_t pad : *pads)
        if (pad != 0 && auto_pad_ != "NOTSET")
          context.bad_attribute("pads", std::to_string(pad), "no padding beside auto_pad = " + auto_pad_);
    }
  }

  /// The kernel's extents: `weight` (or null) has them from dimension 2 on, and kernel_shape must agree.
  void kernel_from(const shape* weight) {
    const auto* listed = context_.integers("kernel_shape");
    if (!listed && !weight) context_.malformed("attribute 'kernel_shape' is missing");
    if (listed && listed->size() != spatial_) wrong_count("kernel_shape", listed->size(), spatial_);
    for (std::size_t d = 0; d < spatial_; ++d) {
      if (listed) result_.size[slot(d)] = bounded("kernel_shape", (*listed)[d], 1);
      if (!weight) continue;
      const std::ptrdiff_t stored = extent((*weight)[d + 2]);
      if (listed && stored != result_.size[slot(d)])
        context_.bad_attribute("kernel_shape", std::to_string(result_.size[slot(d)]),
                               "the weight's extent " + std::to_string(stored));
      if (stored == 0) context_.malformed("weight has shape " + to_text(*weight) + "; expected no empty dimension");
      result_.size[slot(d)] = stored;
    }
  }

  /// Windows of a convolution or pool. `ceil_mode` rounds the number of windows up, but none may begin in the padding
  /// after the input.
  window forward(bool ceil_mode) {
    for (std::size_t d = 0; d < spatial_; ++d) {
      const std::size_t i = slot(d);
      const std::ptrdiff_t in = result_.input[i];
      const std::ptrdiff_t step = result_.stride[i];
      const std::ptrdiff_t reach = result_.reach(i);
      if (auto_pad_ == "SAME_UPPER" || auto_pad_ == "SAME_LOWER") {
        const std::ptrdiff_t out = (in + step - 1) / step;
        const std::ptrdiff_t needed = (out - 1) * step + reach - in;
        share_padding(i, needed > 0 ? needed : 0, auto_pad_ == "SAME_UPPER");
        result_.output[i] = out;
        continue;
      }
      const std::ptrdiff_t room = in + result_.pad_begin[i] + result_.pad_end[i] - reach;
      if (room < 0)
        context_.malformed("kernel reaches over " + std::to_string(reach) + " elements of spatial dimension " +
                           std::to_string(d) + ", which has " + std::to_string(room + reach) + " with its padding");
      std::ptrdiff_t out = room / step + 1;
      if (ceil_mode && room % step != 0 && out * step < in + result_.pad_begin[i]) ++out;
      result_.output[i] = out;
    }
    return result_;
  }

  /// Windows of a transposed convolution, as those of the convolution it reverses: `input` is what the node computes,
  /// `output` what it is given.
  window transposed() {
    const auto* extra = context_.integers("output_padding");
    const auto* wanted = context_.integers("output_shape");
    if (extra && extra->size() != spatial_) wrong_count("output_padding", extra->size(), spatial_);
    if (wanted && wanted->size() != spatial_) wrong_count("output_shape", wanted->size(), spatial_);
    for (std::size_t d = 0; d < spatial_; ++d) {
      const std::size_t i = slot(d);
      const std::ptrdiff_t in = result_.input[i];
      const std::ptrdiff_t step = result_.stride[i];
      const std::ptrdiff_t more = extra ? bounded("output_padding", (*extra)[d], 0) : 0;
      if (more != 0 && more >= step && more >= result_.dilation[i])
        context_.bad_attribute("output_padding", std::to_string(more), "less than the stride or the dilation");
      const std::ptrdiff_t full = step * (in - 1) + more + result_.reach(i);
      std::ptrdiff_t out = full - result_.pad_begin[i] - result_.pad_end[i];
      const bool same = auto_pad_ == "SAME_UPPER" || auto_pad_ == "SAME_LOWER";
      if (wanted || same) {
        out = wanted ? bounded("output_shape", (*wanted)[d], 1) : in * step;
        share_padding(i, full > out ? full - out : 0, auto_pad_ == "SAME_UPPER");
      }
      if (out < 1)
        context_.malformed("spatial dimension " + std::to_string(d) + " would have " + std::to_string(out) +
                           " elements; expected at least 1");
      result_.output[i] = in;
      result_.input[i] = out;
    }
    return result_;
  }

  /// The output's shape: batch and channels, then the spatial extents of `spatial`.
  [[nodiscard]] shape output_shape(std::size_t channels, const window::triple& extents) const {
    shape s;
    s.rank = spatial_ + 2;
    s[0] = context_.input_shape(0)[0];
    s[1] = channels;
    for (std::size_t d = 0; d < spatial_; ++d) s[d + 2] = static_cast<std::size_t>(extents[slot(d)]);
    return s;
  }

 private:
  // Far beyond any network, and far from where products of two overflow.
  static constexpr std::int64_t limit = std::int64_t{1} << 30;

  [[nodiscard]] std::size_t slot(std::size_t d) const noexcept { return 3 - spatial_ + d; }

  [[noreturn]] void wrong_count(const char* name, std::size_t count, std::size_t expected) const {
    context_.bad_attribute(name, "a list of " + std::to_string(count), std::to_string(expected) + " integers");
  }
  [[nodiscard]] std::ptrdiff_t extent(std::size_t value) const {
    if (value > static_cast<std::size_t>(limit))
      context_.malformed("extent " + std::to_string(value) + "; expected at most 2^30");
    return static_cast<std::ptrdiff_t>(value);
  }
  [[nodiscard]] std::ptrdiff_t bounded(const char* name, std::int64_t value, std::int64_t least) const {
    if (value < least || value > limit)
      context_.bad_attribute(name, std::to_string(value), "integers from " + std::to_string(least) + " to 2^30");
    return static_cast<std::ptrdiff_t>(value);
  }
  void read(const char* name, window::triple& into) {
    const auto* listed = context_.integers(name);
    if (!listed) return;
    if (listed->size() != spatial_) wrong_count(name, listed->size(), spatial_);
    for (std::size_t d = 0; d < spatial_; ++d) into[slot(d)] = bounded(name, (*listed)[d], 1);
  }
  void share_padding(std::size_t i, std::ptrdiff_t total, bool upper) {
    const std::ptrdiff_t less = total / 2;
    result_.pad_begin[i] = upper ? less : total - less;
    result_.pad_end[i] = total - result_.pad_begin[i];
  }

  node_context& context_;
  std::size_t spatial_;
  std::string auto_pad_;
  window result_;
};

}  // namespace xquant::model

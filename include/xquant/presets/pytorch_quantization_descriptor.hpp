// NVIDIA pytorch-quantization's QuantDescriptor: what a TensorQuantizer is made of, with the predefined ones.
#pragma once

#include <xquant/error.hpp>
#include <xquant/exception.hpp>
#include <xquant/presets/pytorch_quantization_max.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace xquant::inline XQUANT_ABI::presets::pytorch_quantization {

/// QuantDescriptor with its defaults. A regular value. Source: pytorch_quantization/tensor_quant.py.
struct quant_descriptor {
  int num_bits = 8;
  /// num_bits = (4, 3), the small float e4m3, where it is not (0, 0).
  std::pair<int, int> float_bits{0, 0};
  std::optional<std::string> name;
  bool fake_quant = true;
  std::optional<axis_list> axis;          ///< axes that keep an amax of their own; none: per tensor
  std::optional<amax_array<float>> amax;  ///< fixed from the start
  bool learn_amax = false;                ///< the ends of a clip are learned; amax follows them
  std::optional<double> scale_amax;       ///< a factor of amax each time it is used
  std::string calib_method = "max";       ///< "max" or "histogram"
  bool is_unsigned = false;
  bool narrow_range = false;

  [[nodiscard]] bool is_float() const noexcept { return float_bits != std::pair<int, int>{0, 0}; }

  /// Refuses, as the peer does: widths below 0, floats other than (4, 3), learned amax with axes; and, which the peer
  /// takes, widths above 24, a calibration method that it would take for none, and an array that is not its shape's.
  [[nodiscard]] status valid() const {
    if (is_float() && float_bits != std::pair<int, int>{4, 3})
      return fault(errc::unsupported, "num_bits", float_bits.first, "a number of bits, or (4, 3)");
    if (num_bits < 0 || num_bits > 24) return fault(errc::bits_out_of_range, "num_bits", num_bits, "0 to 24 bits");
    if (learn_amax && axis)
      return fault(errc::unsupported, "axis", axis->empty() ? 0 : static_cast<double>(axis->front()),
                   "none: learn_amax is per tensor");
    if (amax && (amax->value.empty() || amax->value.size() != amax->shape.size()))
      return fault(errc::parameter_count, "amax", static_cast<double>(amax->value.size()),
                   "one number for each element of its shape");
    if (calib_method != "max" && calib_method != "histogram")
      return fault(errc::unsupported, "calib_method", static_cast<double>(calib_method.size()), "max or histogram");
    if (calib_method == "histogram" && axis)
      return fault(errc::unsupported, "axis", axis->empty() ? 0 : static_cast<double>(axis->front()),
                   "none: histograms are per tensor");
    return {};
  }
  friend bool operator==(const quant_descriptor&, const quant_descriptor&) = default;
};

/// A value of a descriptor as text files have it: nothing, a truth, an integer, a real, a text, integers, reals.
using descriptor_value = std::variant<std::monostate, bool, std::int64_t, double, std::string,
                                      std::vector<std::int64_t>, std::vector<double>>;

/// Sets what the peer calls `key` (num_bits, name, fake_quant, axis, amax, learn_amax, scale_amax, calib_method,
/// unsigned, narrow_range). Refuses an unknown key, and a value of another kind than the peer takes: amax is a real or
/// reals and no integer, name a text, num_bits an integer or two.
[[nodiscard]] inline status try_set(quant_descriptor& d, std::string_view key, const descriptor_value& value) {
  const auto* const truth = std::get_if<bool>(&value);
  const auto* const integer = std::get_if<std::int64_t>(&value);
  const auto* const real = std::get_if<double>(&value);
  const auto* const text = std::get_if<std::string>(&value);
  const auto* const integers = std::get_if<std::vector<std::int64_t>>(&value);
  const auto* const reals = std::get_if<std::vector<double>>(&value);
  const bool nothing = std::holds_alternative<std::monostate>(value);
  const auto refused = [&](const char* argument, const char* expected) {
    return fault(errc::unsupported, argument,
                 integer != nullptr ? static_cast<double>(*integer)
                 : real != nullptr  ? *real
                                    : 0,
                 expected);
  };
  const auto set_flag = [&](bool& flag, const char* argument) {
    if (truth == nullptr) return refused(argument, "true or false");
    flag = *truth;
    return status{};
  };
  if (key == "fake_quant") return set_flag(d.fake_quant, "fake_quant");
  if (key == "learn_amax") return set_flag(d.learn_amax, "learn_amax");
  if (key == "unsigned") return set_flag(d.is_unsigned, "unsigned");
  if (key == "narrow_range") return set_flag(d.narrow_range, "narrow_range");
  if (key == "num_bits") {
    if (integers != nullptr && integers->size() == 2 && (*integers)[0] == 4 && (*integers)[1] == 3) {
      d.float_bits = {4, 3};
      return {};
    }
    if (integer == nullptr) return refused("num_bits", "a number of bits, or (4, 3)");
    if (*integer < 0 || *integer > 24)
      return fault(errc::bits_out_of_range, "num_bits", static_cast<double>(*integer), "0 to 24 bits");
    d.num_bits = static_cast<int>(*integer);
    d.float_bits = {0, 0};
    return {};
  }
  if (key == "name") {
    if (text == nullptr && !nothing) return refused("name", "a text, or nothing");
    d.name = text != nullptr ? std::optional<std::string>(*text) : std::nullopt;
    return {};
  }
  if (key == "axis") {
    if (integer == nullptr && integers == nullptr && !nothing) return refused("axis", "an axis, axes, or nothing");
    if (nothing)
      d.axis.reset();
    else if (integer != nullptr)
      d.axis = axis_list{static_cast<std::ptrdiff_t>(*integer)};
    else
      d.axis = axis_list(integers->begin(), integers->end());
    return {};
  }
  if (key == "amax") {
    if (real == nullptr && reals == nullptr && !nothing) return refused("amax", "a real number, reals, or nothing");
    if (nothing)
      d.amax.reset();
    else if (real != nullptr)
      d.amax = amax_array<float>{{static_cast<float>(*real)}, {}};
    else
      d.amax = amax_array<float>{std::vector<float>(reals->begin(), reals->end()), shape(reals->size())};
    return {};
  }
  if (key == "scale_amax") {
    if (real == nullptr && integer == nullptr && !nothing) return refused("scale_amax", "a number, or nothing");
    if (nothing)
      d.scale_amax.reset();
    else
      d.scale_amax = real != nullptr ? *real : static_cast<double>(*integer);
    return {};
  }
  if (key == "calib_method") {
    if (text == nullptr || (*text != "max" && *text != "histogram")) return refused("calib_method", "max or histogram");
    d.calib_method = *text;
    return {};
  }
  return fault(errc::unsupported, "key", static_cast<double>(key.size()), "a key of QuantDescriptor");
}

namespace detail {
inline quant_descriptor along(std::ptrdiff_t axis) {
  quant_descriptor d;
  d.axis = axis_list{axis};
  return d;
}
}  // namespace detail

/// The predefined descriptors of 2.2.1: 8 bits; activations per tensor, weights per output channel (of transposed
/// convolutions axis 1, which 2.1.2 to 2.2.0 had as 0).
inline quant_descriptor quant_desc_8bit_per_tensor() { return {}; }
inline quant_descriptor quant_desc_unsigned_8bit_per_tensor() {
  quant_descriptor d;
  d.is_unsigned = true;
  return d;
}
inline quant_descriptor quant_desc_8bit_conv1d_weight_per_channel() { return detail::along(0); }
inline quant_descriptor quant_desc_8bit_conv2d_weight_per_channel() { return detail::along(0); }
inline quant_descriptor quant_desc_8bit_conv3d_weight_per_channel() { return detail::along(0); }
inline quant_descriptor quant_desc_8bit_linear_weight_per_row() { return detail::along(0); }
inline quant_descriptor quant_desc_8bit_convtranspose1d_weight_per_channel() { return detail::along(1); }
inline quant_descriptor quant_desc_8bit_convtranspose2d_weight_per_channel() { return detail::along(1); }
inline quant_descriptor quant_desc_8bit_convtranspose3d_weight_per_channel() { return detail::along(1); }

}  // namespace xquant::presets::pytorch_quantization

// What the parameters that an estimator learns are to the scale and the zero point of a slot, both ways.
#pragma once

#include <xquant/core/meta.hpp>
#include <xquant/core/scalar_lane.hpp>
#include <xquant/error.hpp>

#include <cmath>
#include <cstddef>

namespace xquant::inline XQUANT_ABI {

/// A parameter slot of an encoding as learned parameters see it: the smallest and largest code in use of an integer
/// format, else the smallest and largest value of the format's codes; the scale; the zero point (an integer), or the
/// real offset of a scheme that has one.
struct learned_slot {
  double lower = 0;
  double upper = 0;
  double scale = 1;
  double zero_point = 0;
  double offset = 0;
  bool has_zero_point = false;  ///< an integer that is added after the rounding
  bool has_offset = false;      ///< a real, in units of the data
  bool is_integer = true;

  /// What the end codes stand for.
  [[nodiscard]] double low() const noexcept { return (lower - zero_point) * scale + offset; }
  [[nodiscard]] double high() const noexcept { return (upper - zero_point) * scale + offset; }

  /// The scale and the zero point of the range whose ends the end codes stand for (learned_range).
  void set_ends(double minimum, double maximum) noexcept {
    scale = (maximum - minimum) / (upper - lower);
    if (has_zero_point) set_zero_point(lower - minimum / scale);
  }
  /// Rounded to the nearest code, halves to even.
  void set_zero_point(double z) noexcept {
    const double held = z > upper ? upper : z >= lower ? z : lower;  // NaN: lower
    zero_point = round_even<double>(held);
  }
};

// clang-format off
/// A form F of learned parameters:
///   static constexpr std::size_t count                                      how many: 0, 1 or 2
///   static constexpr bool snaps                                             whether write(read(s)) may be another scale
///   static constexpr const char* needs(const learned_slot& s)               what a slot lacks for it, or nullptr
///   static void read(const learned_slot& s, double* values)                 the parameters that give this slot
///   static void write(const double* values, learned_slot& s)                the slot that they give
///   static void through_ends(double dlow, double dhigh, const learned_slot& s, double* gradients)
///                                                                           their gradients, given those of the ends
// clang-format on
template <class F>
concept LearnedForm = requires(const learned_slot& s, learned_slot& out, const double* in, double* values) {
  F::count + std::size_t{};
  requires is_same<decltype(F::snaps), const bool>;
  F::needs(s);
  F::read(s, values);
  F::write(in, out);
  F::through_ends(0.0, 0.0, s, values);
};

namespace detail {
constexpr const char* needs_zero_point(const learned_slot& s) noexcept {
  return s.has_zero_point ? nullptr : "a scheme with zero points, which this estimator learns";
}
}  // namespace detail

/// Nothing is learned.
struct learned_nothing {
  static constexpr std::size_t count = 0;
  static constexpr bool snaps = false;
  static constexpr const char* needs(const learned_slot&) noexcept { return nullptr; }
  static void read(const learned_slot&, double*) noexcept {}
  static void write(const double*, learned_slot&) noexcept {}
  static void through_ends(double, double, const learned_slot&, double*) noexcept {}
};

/// The scale; zero points stay.
struct learned_scale {
  static constexpr std::size_t count = 1;
  static constexpr bool snaps = false;
  static constexpr const char* needs(const learned_slot&) noexcept { return nullptr; }
  static void read(const learned_slot& s, double* values) noexcept { values[0] = s.scale; }
  static void write(const double* values, learned_slot& s) noexcept { s.scale = values[0]; }
  static void through_ends(double dlow, double dhigh, const learned_slot& s, double* gradients) noexcept {
    gradients[0] = dlow * (s.lower - s.zero_point) + dhigh * (s.upper - s.zero_point);
  }
};

/// The scale, and the zero point as a real that is rounded to the nearest code.
struct learned_scale_and_zero_point : learned_scale {
  static constexpr std::size_t count = 2;
  static constexpr const char* needs(const learned_slot& s) noexcept { return detail::needs_zero_point(s); }
  static void read(const learned_slot& s, double* values) noexcept {
    learned_scale::read(s, values);
    values[1] = s.zero_point;
  }
  static void write(const double* values, learned_slot& s) noexcept {
    learned_scale::write(values, s);
    s.set_zero_point(values[1]);
  }
  static void through_ends(double dlow, double dhigh, const learned_slot& s, double* gradients) noexcept {
    learned_scale::through_ends(dlow, dhigh, s, gradients);
    gradients[1] = -s.scale * (dlow + dhigh);
  }
};

/// The scale and AIMET's offset, the negative of a zero point.
struct learned_scale_and_offset : learned_scale {
  static constexpr std::size_t count = 2;
  static constexpr const char* needs(const learned_slot& s) noexcept { return detail::needs_zero_point(s); }
  static void read(const learned_slot& s, double* values) noexcept {
    learned_scale::read(s, values);
    values[1] = 0 - s.zero_point;
  }
  static void write(const double* values, learned_slot& s) noexcept {
    learned_scale::write(values, s);
    s.set_zero_point(-values[1]);
  }
  static void through_ends(double dlow, double dhigh, const learned_slot& s, double* gradients) noexcept {
    learned_scale::through_ends(dlow, dhigh, s, gradients);
    gradients[1] = s.scale * (dlow + dhigh);
  }
};

/// The scale, and the offset in units of the data that LSQ+ calls beta.
struct learned_scale_and_beta : learned_scale {
  static constexpr std::size_t count = 2;
  static constexpr const char* needs(const learned_slot& s) noexcept {
    return s.has_offset ? nullptr : "a scheme with offsets that are reals (offset_affine), which this estimator learns";
  }
  static void read(const learned_slot& s, double* values) noexcept {
    learned_scale::read(s, values);
    values[1] = s.offset;
  }
  static void write(const double* values, learned_slot& s) noexcept {
    learned_scale::write(values, s);
    s.offset = values[1];
  }
  static void through_ends(double dlow, double dhigh, const learned_slot& s, double* gradients) noexcept {
    learned_scale::through_ends(dlow, dhigh, s, gradients);
    gradients[1] = dlow + dhigh;
  }
};

/// What the end codes stand for, min and max: scale = (max - min) / (upper - lower), and where there is a zero point
/// round(lower - min / scale).
struct learned_ends {
  static constexpr std::size_t count = 2;
  static constexpr bool snaps = false;
  static constexpr const char* needs(const learned_slot&) noexcept { return nullptr; }
  static void read(const learned_slot& s, double* values) noexcept {
    values[0] = s.low();
    values[1] = s.high();
  }
  static void write(const double* values, learned_slot& s) noexcept { s.set_ends(values[0], values[1]); }
  static void through_ends(double dlow, double dhigh, const learned_slot&, double* gradients) noexcept {
    gradients[0] = dlow;
    gradients[1] = dhigh;
  }
};

/// What the largest code stands for: PACT's alpha, and the amax of symmetric quantizers.
struct learned_high_end {
  static constexpr std::size_t count = 1;
  static constexpr bool snaps = false;
  static constexpr const char* needs(const learned_slot&) noexcept { return nullptr; }
  static void read(const learned_slot& s, double* values) noexcept { values[0] = (s.upper - s.zero_point) * s.scale; }
  static void write(const double* values, learned_slot& s) noexcept { s.scale = values[0] / (s.upper - s.zero_point); }
  static void through_ends(double, double dhigh, const learned_slot&, double* gradients) noexcept {
    gradients[0] = dhigh;
  }
};
struct learned_amax_of_both_ends : learned_high_end {
  static void through_ends(double dlow, double dhigh, const learned_slot&, double* gradients) noexcept {
    gradients[0] = dhigh - dlow;
  }
};

/// TQT's log2 of the threshold t: scale = 2^ceil(log2 t) / 2^ceil(log2(upper + 1)). The scale is a power of two.
struct learned_log2_threshold {
  static constexpr std::size_t count = 1;
  static constexpr bool snaps = true;
  static constexpr const char* needs(const learned_slot& s) noexcept {
    return s.is_integer ? nullptr : "a format of integers, as this estimator's scale needs";
  }
  static void read(const learned_slot& s, double* values) noexcept { values[0] = std::log2(s.scale) + bits(s); }
  static void write(const double* values, learned_slot& s) noexcept {
    s.scale = std::exp2(std::ceil(values[0]) - bits(s));
  }
  static void through_ends(double dlow, double dhigh, const learned_slot& s, double* gradients) noexcept {
    constexpr double ln2 = 0.693147180559945309417;
    learned_scale::through_ends(dlow, dhigh, s, gradients);
    gradients[0] *= s.scale * ln2;
  }

 private:
  static double bits(const learned_slot& s) noexcept { return std::ceil(std::log2(s.upper + 1)); }
};

}  // namespace xquant

// Statuses in words, without allocation, <string>, <cstdio> or the locale.
#pragma once

#include <xquant/error.hpp>

namespace xquant::inline XQUANT_ABI {

/// A sentence fragment for each code, without the value.
constexpr const char* describe(errc code) noexcept {
  switch (code) {
    case errc::ok: return "no error";
    case errc::null_pointer: return "null pointer";
    case errc::rank_out_of_range: return "too many dimensions";
    case errc::shape_mismatch: return "shapes differ";
    case errc::size_overflow: return "size overflows";
    case errc::axis_out_of_range: return "axis out of range";
    case errc::parameter_count: return "wrong number of parameters";
    case errc::scale_not_finite: return "scale is not finite";
    case errc::scale_not_positive: return "scale is not positive";
    case errc::scale_out_of_range: return "scale has no finite reciprocal";
    case errc::zero_point_not_zero: return "zero point where none exists";
    case errc::zero_point_range: return "zero point outside the codes";
    case errc::bits_out_of_range: return "bit width out of range";
    case errc::range_not_finite: return "range is not finite";
    case errc::range_inverted: return "range is inverted";
    case errc::overlap: return "output overlaps another stream";
    case errc::repeated_element: return "output visits an element twice";
    case errc::no_samples: return "no samples";
    case errc::not_finite: return "data is not finite";
    case errc::value_out_of_range: return "value out of range";
    case errc::not_mergeable: return "states cannot be merged";
    case errc::not_compiled: return "combination not compiled into this program";
    case errc::unsupported: return "unsupported";
    case errc::malformed: return "malformed input";
    case errc::input_output: return "input or output failed";
    case errc::device: return "device error";
  }
  return "unknown error";
}

namespace detail {

// A bounded writer: messages are made without <string>, <cstdio> or the locale.
class message_writer {
 public:
  constexpr message_writer(char* text, std::size_t capacity) noexcept : text_(text), last_(capacity - 1) {}

  constexpr message_writer& put(const char* part) noexcept {
    while (*part != '\0' && length_ < last_) text_[length_++] = *part++;
    text_[length_] = '\0';
    return *this;
  }

  constexpr message_writer& put(std::uint64_t number) noexcept {
    char digits[21] = {};
    int first = 20;
    do {
      digits[--first] = static_cast<char>('0' + number % 10);
      number /= 10;
    } while (number != 0);
    return put(digits + first);
  }

  // Nine significant digits: enough to tell any two float32 values apart.
  constexpr message_writer& put(double number) noexcept {
    if (number != number) return put("NaN");
    if (number < 0) {
      put("-");
      number = -number;
    }
    if (number > 1.7976931348623157e308) return put("infinity");
    if (number < 1e9 && number == static_cast<double>(static_cast<std::uint64_t>(number)))
      return put(static_cast<std::uint64_t>(number));
    int exponent = 0;
    while (number >= 10) {
      number /= 10;
      ++exponent;
    }
    while (number < 1) {
      number *= 10;
      --exponent;
    }
    auto digits = static_cast<std::uint64_t>(number * 1e8 + 0.5);
    if (digits >= 1000000000) {
      digits /= 10;
      ++exponent;
    }
    put(digits / 100000000).put(".");
    char fraction[9] = {};
    for (int i = 7; i >= 0; --i, digits /= 10) fraction[i] = static_cast<char>('0' + digits % 10);
    int kept = 8;
    while (kept > 1 && fraction[kept - 1] == '0') fraction[--kept] = '\0';
    put(fraction);
    if (exponent != 0) {
      put(exponent < 0 ? "e-" : "e");
      put(static_cast<std::uint64_t>(exponent < 0 ? -exponent : exponent));
    }
    return *this;
  }

 private:
  char* text_;
  std::size_t last_;
  std::size_t length_ = 0;
};

}  // namespace detail

/// Writes one of
///   xquant: ARGUMENT[INDEX] = VALUE: DESCRIPTION; expected EXPECTED: WANTED
///   xquant: ARGUMENT: dimension INDEX = VALUE: DESCRIPTION; expected WANTED, EXPECTED
///   xquant: ARGUMENT: stride of dimension INDEX = VALUE: DESCRIPTION; expected EXPECTED
///   xquant: ARGUMENT: rank = VALUE: DESCRIPTION; expected WANTED, EXPECTED
/// into `text` (without WANTED where no number was), cut to `capacity` bytes including the terminating zero. `capacity`
/// must not be 0.
constexpr void format_message(const status& s, char* text, std::size_t capacity) noexcept {
  detail::message_writer out(text, capacity);
  out.put("xquant: ");
  if (s.code == errc::ok) {
    out.put(describe(s.code));
    return;
  }
  const bool is_element = s.place == fault_place::element;
  const bool has_number = s.wanted != status::no_number;
  if (*s.argument != '\0') {
    out.put(s.argument);
    if (s.place == fault_place::stride) out.put(": stride of dimension ").put(static_cast<std::uint64_t>(s.index));
    if (s.place == fault_place::dimension) out.put(": dimension ").put(static_cast<std::uint64_t>(s.index));
    if (s.place == fault_place::rank) out.put(": rank");
    if (is_element && s.index != 0) out.put("[").put(static_cast<std::uint64_t>(s.index)).put("]");
    out.put(" = ").put(s.value).put(": ");
  }
  out.put(describe(s.code));
  if (*s.expected == '\0') return;
  out.put("; expected ");
  if (!is_element && has_number) out.put(static_cast<std::uint64_t>(s.wanted)).put(", ");
  out.put(s.expected);
  if (s.code == errc::not_compiled) out.put(" among the runtime_choices of this program");
  if (is_element && has_number) out.put(": ").put(static_cast<std::uint64_t>(s.wanted));
}

}  // namespace xquant

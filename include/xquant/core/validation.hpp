// Checks every entry point shares: shapes, memory, overlap, parameters. Each answers with a status that names the
// value.
#pragma once

#include <xquant/core/bits.hpp>
#include <xquant/core/coded_scales.hpp>
#include <xquant/core/packed_view.hpp>
#include <xquant/core/parameter_map.hpp>
#include <xquant/core/parameters_view.hpp>
#include <xquant/core/view.hpp>

namespace xquant::inline XQUANT_ABI::detail {

struct byte_interval {
  std::uintptr_t first;
  std::uintptr_t last;  // one past the end
};

/// Where in its string the first element begins.
template <class T>
constexpr std::ptrdiff_t first_bit_of(const tensor_view<T>& v) noexcept {
  if constexpr (is_packed<remove_const<T>>)
    return v.first_bit;
  else
    return 0;
}

template <class T>
byte_interval extent_in_memory(const tensor_view<T>& v) noexcept {
  std::ptrdiff_t low = 0;
  std::ptrdiff_t high = 0;
  for (std::size_t d = 0; d < v.shape.rank; ++d) {
    const std::ptrdiff_t reach = v.stride[d] * static_cast<std::ptrdiff_t>(v.shape.extent[d] - 1);
    (reach < 0 ? low : high) += reach;
  }
  const auto address = reinterpret_cast<std::uintptr_t>(v.data);
  if constexpr (is_packed<remove_const<T>>) {
    low += v.first_bit;
    high += v.first_bit + stride_unit<T> + 7;
    return {address + static_cast<std::uintptr_t>(low >> 3), address + static_cast<std::uintptr_t>(high >> 3)};
  }
  constexpr auto size = static_cast<std::ptrdiff_t>(sizeof(T));
  return {address + static_cast<std::uintptr_t>(low * size), address + static_cast<std::uintptr_t>((high + 1) * size)};
}

/// A readable stream: a valid shape, and unless it is empty, memory and strides that stay within what memory can be.
template <class T>
constexpr status validate_input(const tensor_view<T>& v, const char* argument) noexcept {
  if (const status s = v.shape.valid(argument); !s.ok()) return s;
  if (v.shape.size() == 0) return {};
  if (v.data == nullptr) return fault(errc::null_pointer, argument, 0, "memory for every element");
  std::size_t left = static_cast<std::size_t>(PTRDIFF_MAX) / 16;
  if constexpr (is_packed<remove_const<T>>) {
    const auto bit = static_cast<std::size_t>(v.first_bit);
    const std::size_t magnitude = v.first_bit < 0 ? 0 - bit : bit;
    if (magnitude > left)
      return fault(errc::size_overflow, argument, static_cast<double>(v.first_bit),
                   "a first bit within PTRDIFF_MAX / 16 of the address");
    left -= magnitude;
  }
  for (std::size_t d = 0; d < v.shape.rank; ++d) {
    if (v.shape.extent[d] == 1) continue;
    const auto stride = static_cast<std::size_t>(v.stride[d]);
    const std::size_t magnitude = v.stride[d] < 0 ? 0 - stride : stride;
    if (magnitude > left / (v.shape.extent[d] - 1))
      return stride_fault(errc::size_overflow, argument, d, v.stride[d],
                          is_packed<remove_const<T>> ? "strides that reach at most PTRDIFF_MAX / 16 bits"
                                                     : "strides that reach at most PTRDIFF_MAX / 16 elements");
    left -= magnitude * (v.shape.extent[d] - 1);
  }
  return {};
}

/// A writable stream of the shape of its input, visiting no element twice.
template <class T>
constexpr status validate_output(const tensor_view<T>& v, const shape& expected, const char* argument) noexcept {
  if (const status s = validate_same_shape(v.shape, expected, argument); !s.ok()) return s;
  if (const status s = validate_input(v, argument); !s.ok()) return s;
  if (v.shape.size() == 0 || v.dense()) return {};
  // Every stride must step over all that smaller strides reach; otherwise two indices may share an element.
  bool used[max_rank] = {};
  std::ptrdiff_t reach = stride_unit<T>;
  for (std::size_t turn = 0; turn < expected.rank; ++turn) {
    std::size_t smallest = expected.rank;
    const auto magnitude = [&](std::size_t d) { return v.stride[d] < 0 ? -v.stride[d] : v.stride[d]; };
    for (std::size_t d = 0; d < expected.rank; ++d)
      if (!used[d] && expected.extent[d] > 1 && (smallest == expected.rank || magnitude(d) < magnitude(smallest)))
        smallest = d;
    if (smallest == expected.rank) break;
    used[smallest] = true;
    if (magnitude(smallest) < reach)
      return stride_fault(errc::repeated_element, argument, smallest, v.stride[smallest],
                          "strides that give each element its own place");
    reach += magnitude(smallest) * static_cast<std::ptrdiff_t>(expected.extent[smallest] - 1);
  }
  return {};
}

/// Input and output are apart, or are the same elements in the same places ("in place").
template <class In, class Out>
status validate_apart(const tensor_view<In>& in, const tensor_view<Out>& out, const char* argument) noexcept {
  if (in.shape.size() == 0) return {};
  const byte_interval a = extent_in_memory(in);
  const byte_interval b = extent_in_memory(out);
  if (a.last <= b.first || b.last <= a.first) return {};
  bool same = sizeof(In) == sizeof(Out) && a.first == b.first;
  for (std::size_t d = 0; d < in.shape.rank; ++d)
    same = same && (in.shape.extent[d] <= 1 || in.stride[d] == out.stride[d]);
  if (same) return {};
  return fault(errc::overlap, argument, static_cast<double>(b.first) - static_cast<double>(a.first),
               "an output apart from the input, or exactly in its place");
}

/// What parameters must obey: their number, usable scales, zero points among the codes or absent.
struct parameter_rules {
  std::size_t count;
  bool has_zero_point;
  bool needs_reciprocal;
  std::int64_t lower;
  std::int64_t upper;
  zero_point_rule zero_point;
  bool has_signed_scale;
};

/// One scale per slot, and memory for them; not what is in it.
template <class View>
constexpr status validate_parameter_count(const View& p, std::size_t count) noexcept {
  if (p.count != count)
    return fault(errc::parameter_count, "parameters", static_cast<double>(p.count),
                 "one scale for each slot that shape and granularity give", 0, count);
  if (p.count != 0 && p.scale == nullptr)
    return fault(errc::null_pointer, "parameters.scale", 0, "memory for every scale");
  return {};
}

// Whether every scale and integer zero point obeys the rules; which one does not is for validate_parameters to find.
// Without branches: compilers turn these loops into vectors.
template <class Real>
bool obey(const parameters_view<Real>& p, const parameter_rules& rules) noexcept {
  constexpr Real largest = real_traits<Real>::max;
  const std::size_t count = p.count;
  std::uint32_t faults = 0;
  if (rules.has_signed_scale) {
    for (std::size_t i = 0; i < count; ++i) {
      const Real s = p.scale[i] < 0 ? -p.scale[i] : p.scale[i];
      const bool is_above = s > 0;
      const bool is_finite = s <= largest;
      faults |= (is_above & is_finite) ? 0u : 1u;
    }
  } else {
    for (std::size_t i = 0; i < count; ++i) {
      const bool is_above = p.scale[i] > 0;
      const bool is_finite = p.scale[i] <= largest;
      faults |= (is_above & is_finite) ? 0u : 1u;
    }
  }
  if (rules.needs_reciprocal && faults == 0)
    for (std::size_t i = 0; i < count; ++i) {
      const Real reciprocal = Real(1) / p.scale[i];
      const bool is_above = reciprocal >= -largest;
      const bool is_below = reciprocal <= largest;
      faults |= (is_above & is_below) ? 0u : 1u;
    }
  if (p.zero_point == nullptr) return faults == 0;
  if (is_real(rules.zero_point)) return false;
  std::int32_t lower = 0;
  std::int32_t upper = 0;
  if (rules.has_zero_point) {
    if (rules.lower > INT32_MAX || rules.upper < INT32_MIN) return false;
    lower = static_cast<std::int32_t>(rules.lower < INT32_MIN ? INT32_MIN : rules.lower);
    upper = static_cast<std::int32_t>(rules.upper > INT32_MAX ? INT32_MAX : rules.upper);
  }
  for (std::size_t i = 0; i < count; ++i) {
    const bool is_above = p.zero_point[i] >= lower;
    const bool is_below = p.zero_point[i] <= upper;
    faults |= (is_above & is_below) ? 0u : 1u;
  }
  return faults == 0;
}

template <class View>
constexpr status validate_parameters(const View& p, const parameter_rules& rules) noexcept {
  using Real = typename real_of_parameters<View>::type;
  if (const status s = validate_parameter_count(p, rules.count); !s.ok()) return s;
  if constexpr (!is_coded<View>)
    if (!__builtin_is_constant_evaluated() && p.real_zero_point == nullptr && obey(p, rules)) return {};
  for (std::size_t i = 0; i < p.count; ++i) {
    const Real s = scale_at(p, i);
    if (!is_finite(s))
      return fault(errc::scale_not_finite, "scale", static_cast<double>(s), "a finite number above 0", i);
    if (rules.has_signed_scale ? s == 0 : !(s > 0))
      return fault(errc::scale_not_positive, "scale", static_cast<double>(s),
                   rules.has_signed_scale ? "a finite number other than 0" : "a finite number above 0", i);
    if (rules.needs_reciprocal && !is_finite(Real(1) / s))
      return fault(errc::scale_out_of_range, "scale", static_cast<double>(s), "a scale whose reciprocal is finite", i);
  }
  if (p.real_zero_point != nullptr) {
    if (!is_real(rules.zero_point))
      return fault(errc::zero_point_not_zero, "real_zero_point", static_cast<double>(p.count),
                   "none, as the zero points of this scheme are integers");
    for (std::size_t i = 0; i < p.count; ++i)
      if (!is_finite(p.real_zero_point[i]))
        return fault(errc::zero_point_range, "real_zero_point", static_cast<double>(p.real_zero_point[i]),
                     "a finite number", i);
  }
  if (p.zero_point == nullptr) return {};
  for (std::size_t i = 0; i < p.count; ++i) {
    const std::int32_t z = p.zero_point[i];
    if ((!rules.has_zero_point || is_real(rules.zero_point)) && z != 0)
      return fault(errc::zero_point_not_zero, "zero_point", z, "0, as this scheme and format have no zero point", i);
    if (rules.has_zero_point && (z < rules.lower || z > rules.upper))
      return fault(errc::zero_point_range, "zero_point", z, "one of the quantizer's codes", i);
  }
  return {};
}

}  // namespace xquant::detail

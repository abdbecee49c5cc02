// How the library answers bad input: a `status` that names what was wrong (message.hpp words it, exception.hpp throws
// it). docs/arithmetic.md, rule 12: an entry point that refuses has written nothing.
#pragma once

#include <xquant/config.hpp>

#include <cstddef>
#include <cstdint>

namespace xquant::inline XQUANT_ABI {

/// What was wrong. Which of several faults of one call is reported is not specified.
enum class errc : std::uint8_t {
  ok = 0,
  null_pointer,         ///< a stream of a non-empty tensor has no memory
  rank_out_of_range,    ///< more dimensions than max_rank
  shape_mismatch,       ///< two tensors of one call differ in rank or extent
  size_overflow,        ///< a product of extents does not fit in memory
  axis_out_of_range,    ///< the axis is not in [-rank, rank)
  parameter_count,      ///< number of scales or zero points is not what shape and granularity ask for
  scale_not_finite,     ///< a scale is NaN or infinite
  scale_not_positive,   ///< a scale is zero or negative
  scale_out_of_range,   ///< a scale whose reciprocal is not finite, under an arithmetic that multiplies by it
  zero_point_not_zero,  ///< a zero point for a format or scheme that has none
  zero_point_range,     ///< a zero point outside the range of codes
  bits_out_of_range,    ///< a bit width the format does not have
  range_not_finite,     ///< a range whose end is NaN or infinite
  range_inverted,       ///< a range whose minimum is above its maximum
  overlap,              ///< an output shares memory with another stream in a way that is not "in place"
  repeated_element,     ///< an output visits one element twice (a stride of zero)
  no_samples,           ///< a result was asked of statistics that have seen nothing
  not_finite,           ///< data with NaN or infinity where neither can be used
  value_out_of_range,   ///< an argument outside its documented interval
  not_mergeable,        ///< two states with different settings
  not_compiled,         ///< a run-time choice that this program did not instantiate
  unsupported,          ///< understood, but not something the library does
  malformed,            ///< a file or message that breaks its own format
  input_output,         ///< the operating system refused to read or write
  device,               ///< an accelerator refused the work; the value is its own error code
};

/// What `status::index` counts and `status::value` is.
enum class fault_place : std::uint8_t {
  element,    ///< an element of the argument
  dimension,  ///< a dimension of it; the value is its extent
  stride,     ///< a dimension of it; the value is its stride
  rank,       ///< none; the value is the number of dimensions
};

/// The answer of every `validate`: a code, and for a fault the argument, where in it, the value met and what was
/// expected. Plain data: nothing is allocated, the strings are literals.
struct status {
  static constexpr std::size_t no_number = static_cast<std::size_t>(-1);

  errc code = errc::ok;
  fault_place place = fault_place::element;
  const char* argument = "";       ///< name of the argument at fault
  std::size_t index = 0;           ///< element or dimension of the argument, where it has several
  double value = 0;                ///< the value met
  const char* expected = "";       ///< what would have been accepted
  std::size_t wanted = no_number;  ///< the number that would have been, where there is one

  [[nodiscard]] constexpr bool ok() const noexcept { return code == errc::ok; }
};

/// A fault of argument `argument`, element `index`, which was `value` where `expected` was needed: the number `wanted`,
/// where one number alone is right.
constexpr status fault(errc code, const char* argument, double value, const char* expected, std::size_t index = 0,
                       std::size_t wanted = status::no_number) noexcept {
  return status{code, fault_place::element, argument, index, value, expected, wanted};
}

/// The same of dimension `index`.
constexpr status dimension_fault(errc code, const char* argument, std::size_t index, double value, const char* expected,
                                 std::size_t wanted = status::no_number) noexcept {
  return status{code, fault_place::dimension, argument, index, value, expected, wanted};
}

/// The same of its stride.
constexpr status stride_fault(errc code, const char* argument, std::size_t index, std::ptrdiff_t value,
                              const char* expected) noexcept {
  return status{code, fault_place::stride, argument, index, static_cast<double>(value), expected, status::no_number};
}

/// A tensor of `rank` dimensions, where `wanted` were needed.
constexpr status rank_fault(const char* argument, std::size_t rank, const char* expected, std::size_t wanted) noexcept {
  return status{errc::shape_mismatch, fault_place::rank, argument, 0, static_cast<double>(rank), expected, wanted};
}

}  // namespace xquant

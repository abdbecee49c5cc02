// One vector kernel against the scalar engine: every tail length, parameters that stand still or run along, ordinary
// and extreme scales, guards around every output. Knows no types, so that it is compiled once.
#pragma once

#include <xquant/core/parameters_view.hpp>
#include <xquant/core/view.hpp>

namespace engines_test {

/// One call of one operation of one quantizer.
struct call {
  bool vector;  // which engine
  std::int32_t lower;
  std::int32_t upper;
  std::ptrdiff_t axis;
  std::uint64_t seed;
  const void* input;
  void* output;
  xquant::shape shape;
  const std::ptrdiff_t* input_stride;
  const std::ptrdiff_t* output_stride;
  xquant::parameters_view<float> parameters;
};

/// One operation of one quantizer, made for both engines.
struct subject {
  const char* name;
  xquant::status (*run)(const call&);
  std::size_t input_bytes;   // 4: reals, else codes
  std::size_t output_bytes;  // 4: reals, else codes
  bool is_integer;
  bool has_zero_point;
  std::int32_t storage_lower;
  std::int32_t storage_upper;
  bool has_real_zero_point = false;  // its zero points are reals, in units of codes (or of the data, all the same)
  bool has_signed_scale = false;     // its scales may be negative
  bool run_any_scale = true;         // takes scales whose reciprocal is infinite
};

/// Every tail length 0 .. 129 over several shapes, axes, parameter sets and code ranges.
void check_tails(const subject& s);
/// Strided, transposed, reversed and repeated inputs; strided outputs; in place.
void check_strides(const subject& s);
/// One scale outside the interval of the short quotient among many that are not.
void check_odd_scales(const subject& s);

}  // namespace engines_test

// The library's formats as the tests see them: functions, so that a test is compiled once. formats.cpp has the list.
#pragma once

#include <formats/oracle.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace formats_test {

/// The functions of a format over one lane type, under a rounding chosen by value.
template <class L>
struct functions {
  std::int32_t (*encode)(L v, rule how);
  L (*decode)(std::int32_t code);
  L (*snap)(L v, rule how);
  bool (*inside)(L v, rule how);
};

/// A format of the library beside what this test says of it, by hand.
struct subject {
  std::string name;
  layout definition;
  specials special;
  // OFP8, OCP MX, IEEE 754 and ml_dtypes' finfo.
  double largest;
  double smallest_normal;
  double smallest;
  unsigned finite_codes;
  // What the library says.
  functions<float> in_float;
  functions<double> in_double;
  double lower_bound;
  double upper_bound;
  std::int32_t upper_code;
  std::size_t code_bytes;
  bool keeps_nan;
  bool has_negative_zero;
  bool short_quotient;
  double quotient_limit;  // 2^quotient_bits
};

const std::vector<subject>& subjects();

}  // namespace formats_test

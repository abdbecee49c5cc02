// The real numbers that the codes of a quantizer stand for.
#pragma once

#include <xquant/core/view.hpp>
#include <xquant/exception.hpp>
#include <xquant/formats/float8.hpp>
#include <xquant/formats/integer.hpp>
#include <xquant/parameters.hpp>
#include <xquant/report/text.hpp>
#include <xquant/runtime.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace xquant::inline XQUANT_ABI::report {

/// The formats a report knows.
using choices = file_choices;

/// The ends of a grid, and how far apart its numbers are there.
struct grid_ends {
  double lower = 0;
  double upper = 0;
  double lower_step = 0;
  double upper_step = 0;
  std::size_t numbers = 0;  ///< different finite ones
};

namespace detail {

// Only the format and the scheme decide what codes mean.
inline quantizer_description plain(quantizer_description q) {
  q.rounding = id_of<nearest_even>;
  q.arithmetic = id_of<divide_by_scale>;
  q.granularity = per_tensor{};
  return q;
}

}  // namespace detail

/// All numbers of the grid with that scale and zero point, ascending, each once: scale (code - zero point), or what a
/// floating-point code decodes to times the scale. Throws xquant::error for a format that `choices` does not name.
inline std::vector<double> grid_values(const quantizer_description& q, float scale, std::int32_t zero_point) {
  std::vector<double> values;
  throw_if(with_quantizer<choices>(detail::plain(q), [&](const auto& typed) {
    using code_type = typename remove_cvref<decltype(typed)>::code_type;
    const auto step = static_cast<double>(scale);
    if constexpr (remove_cvref<decltype(typed.format)>::is_integer) {
      for (std::int64_t code = typed.lower_code(); code <= typed.upper_code(); ++code)
        values.push_back(step * static_cast<double>(code - zero_point));
    } else {
      std::vector<code_type> codes;
      for (std::uint32_t c = 0; c < 1u << (8 * sizeof(code_type)); ++c) codes.push_back(static_cast<code_type>(c));
      std::vector<float> decoded(codes.size());
      const shape s(codes.size());
      if (const status bad = try_dequantize(typed, parameters(1.0f), tensor_view<const code_type>(codes.data(), s),
                                            tensor_view<float>(decoded.data(), s));
          !bad.ok())
        return bad;
      for (const float v : decoded)
        if (std::isfinite(v)) values.push_back(step * static_cast<double>(v) + 0.0);
      std::sort(values.begin(), values.end());
      values.erase(std::unique(values.begin(), values.end()), values.end());
    }
    return status{};
  }));
  return values;
}

inline grid_ends ends_of(const std::vector<double>& values) {
  if (values.empty()) return {};
  const std::size_t n = values.size();
  if (n == 1) return {values[0], values[0], 0, 0, 1};
  return {values.front(), values.back(), values[1] - values[0], values[n - 1] - values[n - 2], n};
}

/// "int8", "uint4", "float8e4m3fn".
inline std::string format_name(const quantizer_description& q) {
  if (q.format == signed_integer) return joined("int", std::to_string(q.bits));
  if (q.format == unsigned_integer) return joined("uint", std::to_string(q.bits));
  return q.format.name;
}

/// "symmetric", "symmetric, narrow", "affine".
inline std::string scheme_name(const quantizer_description& q) {
  if (q.scheme == id_of<symmetric<code_range::narrow>>) return "symmetric, narrow";
  return q.scheme.name;
}

}  // namespace xquant::report

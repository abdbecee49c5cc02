// convert and cast of quantizers and formats by value.
#pragma once

#include <xquant/calls/default_engine.hpp>
#include <xquant/core/adapt.hpp>
#include <xquant/exception.hpp>
#include <xquant/ops/cast.hpp>
#include <xquant/ops/convert.hpp>
#include <xquant/runtime/dispatch.hpp>

namespace xquant::inline XQUANT_ABI {

namespace detail {

// One side of a conversion, as far as its quantizer goes.
template <class Quantizer, class Codes>
struct codes_read_call {
  static constexpr named_stream streams[1] = {{input_0, "codes", stream_kind::codes}};
};
template <class Quantizer, class Codes>
struct codes_written_call {
  static constexpr named_stream streams[1] = {{output_0, "converted", stream_kind::codes}};
};
// Of casts: by way of float.
template <class Quantizer, class Codes>
struct codes_cast_call : codes_read_call<Quantizer, Codes> {
  static constexpr call_obstacle obstacle =
      is_wide_format<typename Quantizer::format_type>
          ? call_obstacle{"format", "codes of at most 16 bits; dequantize wider ones to double first"}
          : call_obstacle{};
};

// Calls f(from, to) with both quantizers typed.
template <template <class...> class Source, class From, class To, class F, class In, class Out>
status with_both_quantizers(const From& from, const To& to, const F& f, const In& in, const Out& out) {
  return with_typed_quantizer<Source>(
      from,
      [&](const auto& source) {
        return with_typed_quantizer<codes_written_call>(
            to, [&](const auto& target) { return f(source, target); }, out);
      },
      in);
}

}  // namespace detail

/// convert(from, p, codes, to, target_p, converted) where both quantizers are descriptions, or choices with one; each
/// pair of formats is compiled. convert and its errors as in ops/convert.hpp.
template <DescribedQuantizer From, class FromParameters, TensorLike In, DescribedQuantizer To, class ToParameters,
          TensorInMemory Out>
[[nodiscard]] status validate_convert(const From& from, const FromParameters& p, const In& codes, const To& to,
                                      const ToParameters& target_p, Out&& converted) {
  return detail::with_both_quantizers<detail::codes_read_call>(
      from, to,
      [&](const auto& source, const auto& target) {
        return validate_convert(source, p, codes, target, target_p, converted);
      },
      codes, converted);
}
template <DescribedQuantizer From, class FromParameters, TensorLike In, DescribedQuantizer To, class ToParameters,
          TensorInMemory Out, class Engine = default_engine>
[[nodiscard]] status try_convert(const From& from, const FromParameters& p, const In& codes, const To& to,
                                 const ToParameters& target_p, Out&& converted, const Engine& engine = {}) {
  return detail::with_both_quantizers<detail::codes_read_call>(
      from, to,
      [&](const auto& source, const auto& target) {
        return try_convert(source, p, codes, target, target_p, converted, engine);
      },
      codes, converted);
}

/// cast(from, to, in, out) where both formats are those of descriptions; the rounding is that of `to`. As ops/cast.hpp.
template <DescribedQuantizer From, DescribedQuantizer To, TensorLike In, TensorInMemory Out>
[[nodiscard]] status validate_cast(const From& from, const To& to, const In& in, Out&& out) {
  return detail::with_both_quantizers<detail::codes_cast_call>(
      from, to,
      [&](const auto& source, const auto& target) { return validate_cast(source.format, target.format, in, out); }, in,
      out);
}
template <DescribedQuantizer From, DescribedQuantizer To, TensorLike In, TensorInMemory Out,
          class Engine = default_engine>
[[nodiscard]] status try_cast(const From& from, const To& to, const In& in, Out&& out, const Engine& engine = {}) {
  return detail::with_both_quantizers<detail::codes_cast_call>(
      from, to,
      [&](const auto& source, const auto& target) {
        return try_cast(source.format, target.format, in, out, engine, target.rounding);
      },
      in, out);
}
#if XQUANT_HAS_EXCEPTIONS
template <DescribedQuantizer From, DescribedQuantizer To, TensorLike In, TensorInMemory Out,
          class Engine = default_engine>
void cast(const From& from, const To& to, const In& in, Out&& out, const Engine& engine = {}) {
  throw_if(try_cast(from, to, in, out, engine));
}
#endif

}  // namespace xquant

// What a tensor_quantizer computes with: one table of functions for a set of formats, policies and estimators, so that
// the set is compiled once, in one source, and the object is no template.
#pragma once

#include <xquant/calibration/any_calibrator.hpp>
#include <xquant/calibration/calibrator.hpp>
#include <xquant/calibration/named_calibrator.hpp>
#include <xquant/calibration/runtime.hpp>
#include <xquant/calls/default_engine.hpp>
#include <xquant/core/meta.hpp>
#include <xquant/core/qualifiers.hpp>
#include <xquant/core/range.hpp>
#include <xquant/core/view.hpp>
#include <xquant/encoding.hpp>
#include <xquant/gradients/clip.hpp>
#include <xquant/gradients/fake_quantize_backward.hpp>
#include <xquant/nn/learned_parameters.hpp>
#include <xquant/nn/standard_estimators.hpp>
#include <xquant/parameters.hpp>
#include <xquant/runtime.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace xquant::inline XQUANT_ABI {

/// What codes are stored as.
enum class code_storage : std::uint8_t { signed_8, unsigned_8, signed_16, unsigned_16, signed_32, unsigned_32 };

/// Codes whose storage is known at run time: strides count codes.
template <class Byte>
struct any_codes {
  code_storage storage{};
  tensor_view<Byte> bytes{};
};

namespace detail {

template <class Code>
inline constexpr int code_storage_of = -1;
template <>
inline constexpr int code_storage_of<std::int8_t> = 0;
template <>
inline constexpr int code_storage_of<std::uint8_t> = 1;
template <>
inline constexpr int code_storage_of<std::int16_t> = 2;
template <>
inline constexpr int code_storage_of<std::uint16_t> = 3;
template <>
inline constexpr int code_storage_of<std::int32_t> = 4;
template <>
inline constexpr int code_storage_of<std::uint32_t> = 5;

/// Codes as they are given, and back.
template <class Byte, class Code>
any_codes<Byte> any_codes_of(const tensor_view<Code>& codes) noexcept {
  static_assert(code_storage_of<remove_const<Code>> >= 0,
                "xquant::tensor_quantizer: codes are stored as integers of 8, 16 or 32 bits");
  return {static_cast<code_storage>(code_storage_of<remove_const<Code>>),
          tensor_view<Byte>(reinterpret_cast<Byte*>(codes.data), codes.shape, codes.stride)};
}
template <class F>
status with_typed_codes(const any_codes<unsigned char>& codes, const F& f) {
  const auto typed = [&]<class Code>(type_of<Code>) {
    return f(tensor_view<Code>(reinterpret_cast<Code*>(codes.bytes.data), codes.bytes.shape, codes.bytes.stride));
  };
  switch (codes.storage) {
    case code_storage::signed_8: return typed(type_of<std::int8_t>{});
    case code_storage::unsigned_8: return typed(type_of<std::uint8_t>{});
    case code_storage::signed_16: return typed(type_of<std::int16_t>{});
    case code_storage::unsigned_16: return typed(type_of<std::uint16_t>{});
    case code_storage::signed_32: return typed(type_of<std::int32_t>{});
    case code_storage::unsigned_32: return typed(type_of<std::uint32_t>{});
  }
  return {};
}

/// An estimator of a described quantizer: whether its scheme has zero points is a value there.
template <class E>
struct described_estimator : E {
  bool has_zero_point = false;

  XQUANT_HOST_DEVICE double finish(std::size_t k, const double* sums, slot_summary s) const {
    s.has_zero_point = s.has_zero_point && has_zero_point;
    if constexpr (E::learned != 0)
      return E::finish(k, sums, s);
    else
      return 0;
  }
  friend constexpr bool operator==(const described_estimator&, const described_estimator&) = default;
};

}  // namespace detail

/// How many numbers of an estimator a descriptor can set.
inline constexpr std::size_t max_estimator_settings = 2;

/// An estimator as a table of functions.
struct estimator_kernels {
  estimator_id id{};
  std::size_t learned = 0;
  const char* const* learned_names = nullptr;  ///< what errors call their gradients
  std::size_t settings = 0;
  void (*standard_settings)(double* settings) = nullptr;
  /// Refuses settings and quantizers that the estimator does not take.
  status (*valid)(const quantizer_description& d, const double* settings, const learned_slot& slot) = nullptr;
  status (*backward)(const quantizer_description& d, const double* settings, const learned_slot& slot,
                     const parameters_view<float>& p, const tensor_view<const float>& x,
                     const tensor_view<const float>& g, const tensor_view<float>& dx,
                     std::vector<float>* gradients) = nullptr;
  bool snaps = false;  ///< whether a slot that is read and written again may have another scale
  void (*read)(const learned_slot& slot, double* values) = nullptr;
  void (*write)(const double* values, learned_slot& slot) = nullptr;
  void (*through_ends)(double dlow, double dhigh, const learned_slot& slot, double* gradients) = nullptr;
};

/// The operations of a set of quantizers. Tensors are of float.
struct quantizer_kernels {
  std::span<const estimator_kernels> estimators = {};
  /// Those with names of their own, beside the range rules (named_calibrator.hpp).
  std::span<const known_calibrator> calibrators = standard_calibrators;
  /// Refuses descriptions that the set has no quantizer of; `out` is a slot at scale 1.
  status (*describe)(const quantizer_description& d, learned_slot& out) = nullptr;
  status (*fake_quantize)(const quantizer_description& d, const parameters_view<float>& p,
                          const tensor_view<const float>& x, const tensor_view<float>& y) = nullptr;
  status (*quantize)(const quantizer_description& d, const parameters_view<float>& p, const tensor_view<const float>& x,
                     const any_codes<unsigned char>& codes) = nullptr;
  status (*dequantize)(const quantizer_description& d, const parameters_view<float>& p,
                       const any_codes<unsigned char>& codes, const tensor_view<float>& x) = nullptr;
  status (*ranges)(const quantizer_description& d, const any_calibrator& c, std::vector<range<float>>& out) = nullptr;
  status (*parameters_for)(const quantizer_description& d, const std::vector<range<float>>& ranges,
                           parameters& out) = nullptr;
  /// Refuses what encoding::valid refuses; what the end codes of each slot stand for.
  status (*ends)(const encoding& e, std::vector<range<float>>& out) = nullptr;
  status (*clip)(const granularity_description& granularity, const std::vector<float>& low,
                 const std::vector<float>& high, const tensor_view<const float>& x,
                 const tensor_view<float>& y) = nullptr;
  status (*clip_backward)(const granularity_description& granularity, const std::vector<float>& low,
                          const std::vector<float>& high, const tensor_view<const float>& x,
                          const tensor_view<const float>& g, const tensor_view<float>& dx, std::vector<float>& dlow,
                          std::vector<float>& dhigh) = nullptr;
};

namespace detail {

template <class Choices, class Engine, class Line>
struct estimator_kernels_of;
template <class Choices, class Engine, class E, class Form, auto... Settings>
struct estimator_kernels_of<Choices, Engine, estimator_line<E, Form, Settings...>> {
  static_assert(sizeof...(Settings) <= max_estimator_settings);
  using estimator = described_estimator<E>;

  template <class T>
  static void set(T& member, double value) {
    member = static_cast<T>(value);
  }
  static estimator make(const double* settings, const learned_slot& slot) {
    estimator e{};
    e.has_zero_point = slot.has_zero_point;
    std::size_t i = 0;
    static_cast<void>(i);
    static_cast<void>(settings);
    (set(e.*Settings, settings[i++]), ...);
    return e;
  }
  static void standard_settings(double* settings) {
    const E e{};
    std::size_t i = 0;
    static_cast<void>(e);
    static_cast<void>(i);
    static_cast<void>(settings);
    ((settings[i++] = static_cast<double>(e.*Settings)), ...);
  }
  // What enumerations and numbers can be.
  template <class T>
  static status valid_setting(const T& standard, double value) {
    if constexpr (__is_enum(T)) {
      if (value != 0 && value != 1)
        return fault(errc::value_out_of_range, "estimator_settings", value, "0 or 1, the number of an enumerator");
    } else {
      static_cast<void>(standard);
      if (!(value >= 0) || !(value - value == 0))
        return fault(errc::value_out_of_range, "estimator_settings", value, "a finite number of 0 or more");
    }
    return {};
  }
  static status valid(const quantizer_description& d, const double* settings, const learned_slot& slot) {
    if (const char* const lacks = Form::needs(slot); lacks != nullptr)
      return fault(errc::unsupported, "scheme", d.scheme.number, lacks);
    status bad;
    const E standard{};
    std::size_t i = 0;
    static_cast<void>(standard);
    static_cast<void>(i);
    const auto check = [&](const auto& member) {
      const status s = valid_setting(member, settings[i++]);
      if (bad.ok()) bad = s;
    };
    static_cast<void>(check);
    (check(standard.*Settings), ...);
    if (!bad.ok()) return bad;
    // Whether it is one of those that can be compiled for this quantizer.
    return with_quantizer<Choices>(d, [&](const auto& q) {
      constexpr call_obstacle obstacle = estimator_obstacle<estimator, kernel_of<float, remove_cvref<decltype(q)>>>;
      if constexpr (obstacle.argument != nullptr)
        return refused(obstacle, d);
      else
        return status{};
    });
  }
  static status backward(const quantizer_description& d, const double* settings, const learned_slot& slot,
                         const parameters_view<float>& p, const tensor_view<const float>& x,
                         const tensor_view<const float>& g, const tensor_view<float>& dx,
                         std::vector<float>* gradients) {
    const estimator e = make(settings, slot);
    const Choices q(d);
    std::vector<float> found[2];
    status answer;
    const auto sums = [&](std::size_t k) {
      found[k].resize(p.count);
      return tensor_view<float>(found[k].data(), shape(p.count));
    };
    if constexpr (E::learned == 0)
      answer = try_fake_quantize_backward(e, q, p, x, g, dx, Engine{});
    else if constexpr (E::learned == 1)
      answer = try_fake_quantize_backward(e, q, p, x, g, dx, sums(0), Engine{});
    else
      answer = try_fake_quantize_backward(e, q, p, x, g, dx, sums(0), sums(1), Engine{});
    if (answer.ok())
      for (std::size_t k = 0; k < E::learned; ++k) gradients[k].swap(found[k]);
    return answer;
  }
  static constexpr const char* const* names() noexcept {
    if constexpr (E::learned != 0)
      return E::learned_names;
    else
      return nullptr;
  }
  static constexpr estimator_kernels table() noexcept {
    return {id_of<E>,  E::learned,  names(),     sizeof...(Settings), &standard_settings, &valid,
            &backward, Form::snaps, &Form::read, &Form::write,        &Form::through_ends};
  }
};

template <class Choices, class Engine, class Estimators>
struct estimator_tables;
template <class Choices, class Engine, class... Lines>
struct estimator_tables<Choices, Engine, type_list<Lines...>> {
  static constexpr estimator_kernels tables[] = {estimator_kernels_of<Choices, Engine, Lines>::table()...};
};

template <class Choices, class Engine>
struct quantizer_functions {
  static status describe(const quantizer_description& d, learned_slot& out) {
    return with_quantizer<Choices>(d, [&](const auto& q) {
      using quantizer_type = remove_cvref<decltype(q)>;
      using scheme_type = typename quantizer_type::scheme_type;
      if (const status bad = q.format.valid(); !bad.ok()) return bad;
      learned_slot slot;
      const code_bounds codes = q.format.bounds();
      slot.is_integer = codes.is_integer;
      slot.lower = codes.is_integer ? static_cast<double>(q.lower_code()) : codes.lower;
      slot.upper = codes.is_integer ? static_cast<double>(q.upper_code()) : codes.upper;
      constexpr zero_point_rule rule = zero_point_rule_of<scheme_type>;
      slot.has_offset = rule == zero_point_rule::real_offset;
      slot.has_zero_point = scheme_type::has_zero_point && !is_real(rule) && !is_symmetric(d.scheme);
      if constexpr (requires { q.scheme.origin_code(0, 0); })
        slot.zero_point =
            q.scheme.origin_code(static_cast<std::int32_t>(q.lower_code()), static_cast<std::int32_t>(q.upper_code()));
      out = slot;
      return status{};
    });
  }
  static status fake_quantize(const quantizer_description& d, const parameters_view<float>& p,
                              const tensor_view<const float>& x, const tensor_view<float>& y) {
    return try_fake_quantize(Choices(d), p, x, y, Engine{});
  }
  static status quantize(const quantizer_description& d, const parameters_view<float>& p,
                         const tensor_view<const float>& x, const any_codes<unsigned char>& codes) {
    return with_typed_codes(codes, [&](const auto& typed) { return try_quantize(Choices(d), p, x, typed, Engine{}); });
  }
  static status dequantize(const quantizer_description& d, const parameters_view<float>& p,
                           const any_codes<unsigned char>& codes, const tensor_view<float>& x) {
    return with_typed_codes(codes,
                            [&](const auto& typed) { return try_dequantize(Choices(d), p, typed, x, Engine{}); });
  }
  static status ranges(const quantizer_description& d, const any_calibrator& c, std::vector<range<float>>& out) {
    return with_code_grid<Choices>(d, [&](const code_grid& codes) { return c.try_ranges(codes, out); });
  }
  static status parameters_for(const quantizer_description& d, const std::vector<range<float>>& ranges,
                               parameters& out) {
    return with_quantizer<Choices>(d, [&](const auto& q) { return try_make_parameters(q, ranges, out); });
  }
  static status ends(const encoding& e, std::vector<range<float>>& out) { return e.template try_ranges<Choices>(out); }
  static status clip(const granularity_description& granularity, const std::vector<float>& low,
                     const std::vector<float>& high, const tensor_view<const float>& x, const tensor_view<float>& y) {
    return try_clip(granularity, slots_of(low), slots_of(high), x, y, Engine{});
  }
  static status clip_backward(const granularity_description& granularity, const std::vector<float>& low,
                              const std::vector<float>& high, const tensor_view<const float>& x,
                              const tensor_view<const float>& g, const tensor_view<float>& dx, std::vector<float>& dlow,
                              std::vector<float>& dhigh) {
    std::vector<float> sums[2] = {std::vector<float>(low.size()), std::vector<float>(low.size())};
    const status answer = try_clip_backward(granularity, slots_of(low), slots_of(high), x, g, dx,
                                            tensor_view<float>(sums[0].data(), shape(low.size())),
                                            tensor_view<float>(sums[1].data(), shape(low.size())), Engine{});
    if (answer.ok()) {
      dlow.swap(sums[0]);
      dhigh.swap(sums[1]);
    }
    return answer;
  }

 private:
  static tensor_view<const float> slots_of(const std::vector<float>& v) noexcept { return {v.data(), shape(v.size())}; }
};

}  // namespace detail

/// The table of the formats and policies of `Choices` (runtime/choices.hpp) and the estimators of a list of
/// estimator_lines, on an engine. Naming it compiles a kernel of each operation for each format, rounding and
/// arithmetic, and one more for each estimator: a program with a larger set than the default has one source that
/// defines `const quantizer_kernels& my_kernels() { return quantizer_kernels_of<...>; }`, and passes that.
template <class Choices = runtime_choices<>, class Estimators = common_estimators, class Engine = default_engine>
inline constexpr quantizer_kernels quantizer_kernels_of = {
    detail::estimator_tables<Choices, Engine, Estimators>::tables,
    standard_calibrators,
    &detail::quantizer_functions<Choices, Engine>::describe,
    &detail::quantizer_functions<Choices, Engine>::fake_quantize,
    &detail::quantizer_functions<Choices, Engine>::quantize,
    &detail::quantizer_functions<Choices, Engine>::dequantize,
    &detail::quantizer_functions<Choices, Engine>::ranges,
    &detail::quantizer_functions<Choices, Engine>::parameters_for,
    &detail::quantizer_functions<Choices, Engine>::ends,
    &detail::quantizer_functions<Choices, Engine>::clip,
    &detail::quantizer_functions<Choices, Engine>::clip_backward,
};

}  // namespace xquant

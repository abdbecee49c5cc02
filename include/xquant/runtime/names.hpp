// Names of what a description can say, and what a program that did not compile it is told.
#pragma once

#include <xquant/runtime/description.hpp>

namespace xquant::inline XQUANT_ABI {

namespace detail {

template <std::size_t N>
struct literal {
  char text[N] = {};
  constexpr literal(const char (&from)[N]) noexcept {  // NOLINT: it is one
    for (std::size_t i = 0; i < N; ++i) text[i] = from[i];
  }
};

// The name alone, and "NAME among the runtime_choices of this program": the texts of a status are literals.
template <literal Name>
struct choice_text {
  static constexpr literal name = Name;
  static constexpr char tail[] = " among the runtime_choices of this program";
  struct sentence {
    char text[sizeof(Name.text) - 1 + sizeof(tail)] = {};
  };
  static constexpr sentence wanted = [] {
    sentence s;
    std::size_t n = 0;
    for (const char c : Name.text)
      if (c != '\0') s.text[n++] = c;
    for (const char c : tail) s.text[n++] = c;
    return s;
  }();
};

template <class Id>
struct id_text {
  Id id;
  const char* name;
  const char* wanted;
};
template <literal Name, class Id>
constexpr id_text<Id> text_of(Id id) noexcept {
  return {id, choice_text<Name>::name.text, choice_text<Name>::wanted.text};
}

template <class Id, std::size_t N>
constexpr id_text<Id> find_text(const id_text<Id> (&all)[N], Id id, id_text<Id> otherwise) noexcept {
  for (const id_text<Id>& t : all)
    if (t.id == id) return t;
  return otherwise;
}

constexpr id_text<format_id> describe_choice(format_id id) noexcept {
  constexpr id_text<format_id> all[] = {text_of<"signed_integer">(format_id::signed_integer),
                                        text_of<"unsigned_integer">(format_id::unsigned_integer),
                                        text_of<"float8e4m3fn">(format_id::float8e4m3fn),
                                        text_of<"binary">(format_id::binary),
                                        text_of<"ternary">(format_id::ternary),
                                        text_of<"float8e5m2">(format_id::float8e5m2),
                                        text_of<"float8e4m3fnuz">(format_id::float8e4m3fnuz),
                                        text_of<"float8e5m2fnuz">(format_id::float8e5m2fnuz),
                                        text_of<"float8e4m3b11fnuz">(format_id::float8e4m3b11fnuz),
                                        text_of<"float8e4m3">(format_id::float8e4m3),
                                        text_of<"float8e3m4">(format_id::float8e3m4),
                                        text_of<"float8ue4m3">(format_id::float8ue4m3),
                                        text_of<"float6e2m3">(format_id::float6e2m3),
                                        text_of<"float6e3m2">(format_id::float6e3m2),
                                        text_of<"float4e2m1">(format_id::float4e2m1),
                                        text_of<"float4e3m0">(format_id::float4e3m0),
                                        text_of<"float4e1m2">(format_id::float4e1m2),
                                        text_of<"float4e0m3">(format_id::float4e0m3),
                                        text_of<"float16e5m10">(format_id::float16e5m10),
                                        text_of<"float16e8m7">(format_id::float16e8m7),
                                        text_of<"float8e8m0">(format_id::float8e8m0),
                                        text_of<"float8e8m0_logarithm">(format_id::float8e8m0_logarithm),
                                        text_of<"minifloat">(format_id::minifloat),
                                        text_of<"float9e5m3">(format_id::float9e5m3)};
  return find_text(all, id, text_of<"a format of the user's own">(id));
}

constexpr id_text<scheme_id> describe_choice(scheme_id id) noexcept {
  constexpr id_text<scheme_id> all[] = {
      text_of<"symmetric">(scheme_id::symmetric),
      text_of<"symmetric_narrow">(scheme_id::symmetric_narrow),
      text_of<"affine">(scheme_id::affine),
      text_of<"affine_as_given">(scheme_id::affine_as_given),
      text_of<"nudged_affine">(scheme_id::nudged_affine),
      text_of<"nudged_affine_away">(scheme_id::nudged_affine_away),
      text_of<"symmetric_to_half_range">(scheme_id::symmetric_to_half_range),
      text_of<"symmetric_to_half_range_at_middle">(scheme_id::symmetric_to_half_range_at_middle),
      text_of<"symmetric_to_upper_code">(scheme_id::symmetric_to_upper_code),
      text_of<"symmetric_to_upper_code_at_middle">(scheme_id::symmetric_to_upper_code_at_middle),
      text_of<"symmetric_to_signed_extreme">(scheme_id::symmetric_to_signed_extreme),
      text_of<"real_zero_point_affine">(scheme_id::real_zero_point_affine),
      text_of<"offset_affine">(scheme_id::offset_affine),
      text_of<"offset_affine_lowest">(scheme_id::offset_affine_lowest)};
  return find_text(all, id, text_of<"a scheme of the user's own">(id));
}

constexpr id_text<rounding_id> describe_choice(rounding_id id) noexcept {
  constexpr id_text<rounding_id> all[] = {text_of<"nearest_even">(rounding_id::nearest_even),
                                          text_of<"nearest_away">(rounding_id::nearest_away),
                                          text_of<"stochastic">(rounding_id::stochastic),
                                          text_of<"nearest_up">(rounding_id::nearest_up),
                                          text_of<"nearest_down">(rounding_id::nearest_down),
                                          text_of<"nearest_to_zero">(rounding_id::nearest_to_zero),
                                          text_of<"nearest_odd">(rounding_id::nearest_odd),
                                          text_of<"nearest_dpu">(rounding_id::nearest_dpu),
                                          text_of<"to_odd">(rounding_id::to_odd),
                                          text_of<"toward_zero">(rounding_id::toward_zero),
                                          text_of<"toward_positive">(rounding_id::toward_positive),
                                          text_of<"toward_negative">(rounding_id::toward_negative),
                                          text_of<"additive_noise">(rounding_id::additive_noise)};
  return find_text(all, id, text_of<"a rounding of the user's own">(id));
}

constexpr id_text<arithmetic_id> describe_choice(arithmetic_id id) noexcept {
  constexpr id_text<arithmetic_id> all[] = {text_of<"divide_by_scale">(arithmetic_id::divide_by_scale),
                                            text_of<"multiply_by_reciprocal">(arithmetic_id::multiply_by_reciprocal)};
  return find_text(all, id, text_of<"an arithmetic of the user's own">(id));
}

}  // namespace detail

/// The name of an id as the enumeration has it; "a format of the user's own" and the like for the rest.
template <class Id>
requires requires(Id id) { detail::describe_choice(id); }
constexpr const char* name_of(Id id) noexcept { return detail::describe_choice(id).name; }

}  // namespace xquant

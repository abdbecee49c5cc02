// ml_dtypes 0.6.0: decodes, encodes and casts of every code of its types, NaN bits included.
#include <xquant/presets/ml_dtypes.hpp>

#include "../engines.hpp"
#include "../peers.hpp"

#include <xquant/core/meta.hpp>
#include <xquant/ops/quantize.hpp>

#include <bit>
#include <string>
#include <utility>
#include <vector>

namespace conformance {

namespace {

namespace ml_dtypes = xquant::presets::ml_dtypes;

template <class FormatType>
struct named {
  using format = FormatType;
  const char* name;
};

// use(named<F>) for each float type of 8 bits and fewer.
template <class Use>
void for_each_float(const Use& use) {
  use(named<ml_dtypes::float8_e3m4>{"float8_e3m4"});
  use(named<ml_dtypes::float8_e4m3>{"float8_e4m3"});
  use(named<ml_dtypes::float8_e4m3b11fnuz>{"float8_e4m3b11fnuz"});
  use(named<ml_dtypes::float8_e4m3fn>{"float8_e4m3fn"});
  use(named<ml_dtypes::float8_e4m3fnuz>{"float8_e4m3fnuz"});
  use(named<ml_dtypes::float8_e5m2>{"float8_e5m2"});
  use(named<ml_dtypes::float8_e5m2fnuz>{"float8_e5m2fnuz"});
  use(named<ml_dtypes::float8_e8m0fnu>{"float8_e8m0fnu"});
  use(named<ml_dtypes::float6_e2m3fn>{"float6_e2m3fn"});
  use(named<ml_dtypes::float6_e3m2fn>{"float6_e3m2fn"});
  use(named<ml_dtypes::float4_e2m1fn>{"float4_e2m1fn"});
}

// A rule whose output is f(element) of an input, element by element.
template <class F>
rule each(const std::string& op, const char* key, const std::string& type, const char* input, const char* output, F f) {
  return {op, [=](const recorded_case& c) { return c.text(key) == type; },
          [=](const recorded_case& c, answers& out) {
            const value x = value_of(c.input(input));
            std::vector<decltype(f(x, std::size_t{}))> y;
            for (std::size_t i = 0; i < x.size(); ++i) y.push_back(f(x, i));
            out.give(output, "ml_dtypes", "host", value_of(y, x.shape));
          }};
}

template <class FormatType>
rule decode(const std::string& type) {
  return {"decode", [=](const recorded_case& c) { return c.text("from") == type; },
          [](const recorded_case& c, answers& out) {
            const value codes = value_of(c.input("code"));
            std::vector<std::uint32_t> bits;
            std::vector<double> reals;
            for (const std::int64_t code : codes.integer) {
              const auto narrow = static_cast<typename FormatType::code_type>(code);
              bits.push_back(std::bit_cast<std::uint32_t>(xquant::value_of<FormatType, float>(narrow)));
              reals.push_back(xquant::value_of<FormatType>(narrow));
            }
            out.give("y_bits", "ml_dtypes", "host", value_of(bits, codes.shape));
            if (c.has_output("y64")) out.give("y64", "ml_dtypes", "host", value_of(reals, codes.shape));
          }};
}

template <class FormatType>
rule encode_float32(const std::string& type) {
  return {"encode float32", [=](const recorded_case& c) { return c.text("to") == type; },
          [](const recorded_case& c, answers& out) {
            const value bits = value_of(c.input("x_bits"));
            std::vector<float> x;
            for (const std::int64_t b : bits.integer) x.push_back(std::bit_cast<float>(static_cast<std::uint32_t>(b)));
            on_each_engine<float>([&](const auto& engine, const char* name) {
              std::vector<typename FormatType::code_type> codes(x.size());
              xquant::quantize(xquant::quantizer<FormatType>{}, xquant::scale_and_zero_point<float>{},
                               xquant::tensor_view<const float>(x.data(), bits.shape),
                               xquant::tensor_view(codes.data(), bits.shape), engine);
              out.give("code", "ml_dtypes", name, value_of(codes, bits.shape));
            });
          }};
}

template <class Half>
float half_at(const value& x, std::size_t i) {
  return Half::from_bits(static_cast<std::uint16_t>(x.integer[i]));
}

template <class FormatType>
void append_float(const std::string& type, std::vector<rule>& rules) {
  rules.push_back(decode<FormatType>(type));
  rules.push_back(encode_float32<FormatType>(type));
  rules.push_back(each("encode float16", "to", type, "x_code", "code", [](const value& x, std::size_t i) {
    return ml_dtypes::astype<FormatType>(half_at<xquant::float16>(x, i));
  }));
  rules.push_back(each("encode bfloat16", "to", type, "x_code", "code", [](const value& x, std::size_t i) {
    return ml_dtypes::astype<FormatType>(half_at<xquant::bfloat16>(x, i));
  }));
  rules.push_back(each("encode float64", "to", type, "x", "code",
                       [](const value& x, std::size_t i) { return ml_dtypes::astype<FormatType>(x.real[i]); }));
}

// A cast is an encode of a decode, both exact or rounded once; `cast<From, To>` for each of 110 pairs would be long to
// compile.
template <class From>
std::vector<double> decoded(const value& codes) {
  std::vector<double> reals;
  for (const std::int64_t code : codes.integer)
    reals.push_back(xquant::value_of<From>(static_cast<typename From::code_type>(code)));
  return reals;
}

template <class To>
value encoded(const std::vector<double>& reals, const xquant::shape& s) {
  std::vector<typename To::code_type> codes;
  for (const double x : reals) codes.push_back(xquant::cast<To>(x));
  return value_of(codes, s);
}

rule cast(const std::string& from, const std::string& to, std::vector<double> (*decode_codes)(const value&),
          value (*encode_reals)(const std::vector<double>&, const xquant::shape&)) {
  return {"cast", [=](const recorded_case& c) { return c.text("from") == from && c.text("to") == to; },
          [=](const recorded_case& c, answers& out) {
            const value codes = value_of(c.input("code"));
            out.give("code_out", "ml_dtypes", "host", encode_reals(decode_codes(codes), codes.shape));
          }};
}

template <class Integer>
void append_integer(const std::string& type, std::vector<rule>& rules) {
  const auto of_integer = [](const value& x, std::size_t i) {
    return Integer::astype(static_cast<std::int32_t>(x.integer[i]));
  };
  rules.push_back(each("decode", "from", type, "code", "y", of_integer));
  rules.push_back(each("encode int32", "to", type, "x", "y", of_integer));
  rules.push_back(each("encode float32", "to", type, "x", "y",
                       [](const value& x, std::size_t i) { return Integer::astype(static_cast<float>(x.real[i])); }));
}

}  // namespace

peer_rules ml_dtypes_rules() {
  std::vector<rule> rules;
  for_each_float([&]<class From>(named<From> from) {
    append_float<From>(from.name, rules);
    for_each_float([&]<class To>(named<To> to) {
      if constexpr (!xquant::is_same<From, To>) rules.push_back(cast(from.name, to.name, decoded<From>, encoded<To>));
    });
  });
  rules.push_back(encode_float32<ml_dtypes::bfloat16_codes>("bfloat16"));
  rules.push_back(each("encode float32", "to", "float16", "x_bits", "code", [](const value& x, std::size_t i) {
    return ml_dtypes::float32_to_float16(static_cast<std::uint32_t>(x.integer[i]));
  }));
  rules.push_back(each("decode", "from", "float16", "code", "y_bits", [](const value& x, std::size_t i) {
    return ml_dtypes::float16_to_float32(static_cast<std::uint16_t>(x.integer[i]));
  }));
  rules.push_back(each("decode", "from", "bfloat16", "code", "y_bits", [](const value& x, std::size_t i) {
    return ml_dtypes::bfloat16_to_float32(static_cast<std::uint16_t>(x.integer[i]));
  }));
  append_integer<ml_dtypes::int1>("int1", rules);
  append_integer<ml_dtypes::uint1>("uint1", rules);
  append_integer<ml_dtypes::int2>("int2", rules);
  append_integer<ml_dtypes::uint2>("uint2", rules);
  append_integer<ml_dtypes::int4>("int4", rules);
  append_integer<ml_dtypes::uint4>("uint4", rules);
  return {"ml_dtypes", std::move(rules), {}};
}

}  // namespace conformance

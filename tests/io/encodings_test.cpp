// AIMET's encodings as a value: schemas, conventions, exact scales.
#include <xquant/io/encodings.hpp>

#include <doctest/doctest.h>

#include <bit>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace {

using namespace xquant::io;
using xquant::format_id;
using xquant::quantizer_description;
using xquant::scheme_id;

encodings parsed(const std::string& text) { return parse_encodings(bytes_of(text)); }

quantizer_description described(format_id format, int bits, scheme_id scheme, bool per_axis = false) {
  quantizer_description q;
  q.format = format;
  q.bits = bits;
  q.scheme = scheme;
  q.per_axis = per_axis;
  return q;
}

TEST_CASE("the three schemas, as AIMET's documentation has them") {
  const encodings old = parsed(R"({"version":"0.6.1",
    "activation_encodings":{"act_7":[{"bitwidth":8,"dtype":"int","is_symmetric":"False","max":3.18,"min":-1.92,
                                      "offset":-96,"scale":0.02}],
                            "h":[{"bitwidth":16,"dtype":"float"}]},
    "param_encodings":{"fc.w":[{"bitwidth":4,"dtype":"int","is_symmetric":"True","max":0.7,"min":-0.8,"offset":-8,
                                "scale":0.1},
                               {"bitwidth":4,"dtype":"int","is_symmetric":"True","max":1.4,"min":-1.6,"offset":-8,
                                "scale":0.2}]},
    "excluded_layers":[],"quantizer_args":{"activation_bitwidth":8}})");
  const encodings middle = parsed(R"({"version":"1.0.0","excluded_layers":[],
    "activation_encodings":[
      {"name":"act_7","enc_type":"PER_TENSOR","dtype":"INT","bw":8,"is_sym":false,"scale":[0.02],"offset":[-96]},
      {"name":"h","enc_type":"PER_TENSOR","dtype":"FLOAT","bw":16}],
    "param_encodings":[
      {"name":"fc.w","enc_type":"PER_CHANNEL","dtype":"INT","bw":4,"is_sym":true,"scale":[0.1,0.2],"offset":[-8,-8]}]})");
  encodings same = old;
  same.schema = encodings_schema::v1_0_0;
  CHECK(same == middle);

  const encodings newest = parsed(R"({"version":"2.0.0","encodings":[
    {"name":"act_7","y_scale":0.02,"y_zero_point":96,"output_dtype":"uint8"},
    {"name":"fc.w","y_scale":[0.1,0.2],"axis":0,"output_dtype":"int4"},
    {"name":"fc.b","y_scale":[4e-5],"axis":0,"output_dtype":"int32"},
    {"name":"e","y_scale":0.5,"output_dtype":"float8e4m3fn"}]})");
  for (const char* name : {"act_7", "fc.w"}) {
    const encoding* a = middle.find(name);
    const encoding* b = newest.find(name);
    REQUIRE(b != nullptr);
    CHECK(a->scale == b->scale);
    CHECK(a->offset == b->offset);
    CHECK(a->bits == b->bits);
    CHECK(a->symmetric == b->symmetric);
    CHECK(b->role == encoding_role::unknown);
  }
  CHECK(newest.find("fc.w")->axis == 0);
  CHECK(newest.find("fc.b")->bits == 32);
  CHECK(newest.find("e")->type == encoding_type::float8e4m3fn);
  CHECK(newest.find("nothing") == nullptr);
}

TEST_CASE("a file without a version is told by its form") {
  CHECK(parsed(R"({"activation_encodings":{},"param_encodings":{}})").schema == encodings_schema::v0_6_1);
  CHECK(parsed(R"({"activation_encodings":[],"param_encodings":[]})").schema == encodings_schema::v1_0_0);
  CHECK(parsed(R"({"encodings":[]})").schema == encodings_schema::v2_0_0);
  CHECK(parsed(R"({"version":"2.1.0","encodings":[]})").schema == encodings_schema::v2_0_0);
}

// real = scale * (q + offset) for AIMET, q counted from 0; real = scale * (code - zero_point) for us.
void check_conventions(const quantizer_description& q, std::int32_t zero_point, std::int64_t offset) {
  CAPTURE(q.bits);
  CAPTURE(static_cast<int>(q.format));
  CAPTURE(static_cast<int>(q.scheme));
  const encoding e = encoding_of("x", encoding_role::activation, q, xquant::parameters(0.25f, zero_point));
  CHECK(e.scale == std::vector<double>{0.25});
  CHECK(e.offset == std::vector<std::int64_t>{offset});
  for (const encodings_schema schema : {encodings_schema::v0_6_1, encodings_schema::v1_0_0, encodings_schema::v2_0_0}) {
    encodings all;
    all.schema = schema;
    all.entries.push_back(e);
    const bool has_data_type = q.bits == 2 || q.bits == 4 || q.bits == 8 || q.bits == 16;
    if (schema == encodings_schema::v2_0_0 && !has_data_type) {
      CHECK_THROWS_AS(format_encodings(all), io_error);
      continue;
    }
    const encodings read = parsed(format_encodings(all));
    REQUIRE(read.entries.size() == 1);
    const quantizer_and_parameters back = quantizer_of(read.entries[0], q);
    CHECK(back.quantizer.bits == q.bits);
    CHECK(back.quantizer.format == q.format);
    CHECK(back.parameters == xquant::parameters(0.25f, zero_point));
    // 2.0.0 has no word for codes that leave out the lowest, nor for unsigned ones that are symmetric.
    if (schema != encodings_schema::v2_0_0) CHECK(back.quantizer.scheme == q.scheme);
  }
}

TEST_CASE("offsets on the unsigned grid and zero points among the codes say the same") {
  check_conventions(described(format_id::unsigned_integer, 8, scheme_id::affine), 96, -96);
  check_conventions(described(format_id::unsigned_integer, 8, scheme_id::affine), 0, 0);
  check_conventions(described(format_id::unsigned_integer, 8, scheme_id::affine), 255, -255);
  check_conventions(described(format_id::unsigned_integer, 16, scheme_id::affine), 31971, -31971);
  check_conventions(described(format_id::unsigned_integer, 5, scheme_id::affine), 7, -7);
  check_conventions(described(format_id::unsigned_integer, 8, scheme_id::symmetric), 0, 0);
  check_conventions(described(format_id::signed_integer, 8, scheme_id::symmetric), 0, -128);
  check_conventions(described(format_id::signed_integer, 4, scheme_id::symmetric), 0, -8);
  check_conventions(described(format_id::signed_integer, 8, scheme_id::symmetric_narrow), 0, -127);
  check_conventions(described(format_id::signed_integer, 8, scheme_id::affine), 3, -131);
  check_conventions(described(format_id::signed_integer, 8, scheme_id::affine), -128, 0);
  check_conventions(described(format_id::signed_integer, 8, scheme_id::affine), 127, -255);
}

TEST_CASE("an affine entry without signedness becomes unsigned codes: the same real values") {
  const encodings all = parsed(R"({"version":"1.0.0","activation_encodings":[
    {"name":"x","enc_type":"PER_TENSOR","dtype":"INT","bw":8,"is_sym":false,"scale":[0.5],"offset":[-131]}]})");
  const quantizer_and_parameters q = quantizer_of(all.entries[0]);
  CHECK(q.quantizer.format == format_id::unsigned_integer);
  CHECK(q.parameters.zero_point()[0] == 131);  // code 131 of 0 .. 255 is code 3 of -128 .. 127
}

TEST_CASE("what the file does not say comes from the quantizer that is there") {
  quantizer_description like;
  like.arithmetic = xquant::arithmetic_id::multiply_by_reciprocal;
  like.axis = 1;
  const encodings all = parsed(R"({"version":"1.0.0","param_encodings":[
    {"name":"w","enc_type":"PER_CHANNEL","dtype":"INT","bw":8,"is_sym":true,"scale":[0.5],"offset":[-128]}]})");
  const quantizer_description q = quantizer_of(all.entries[0], like).quantizer;
  CHECK(q.arithmetic == like.arithmetic);
  CHECK(q.per_axis);
  CHECK(q.axis == 1);
}

TEST_CASE("float8e4m3fn goes through schema 2.0.0") {
  const quantizer_description q = described(format_id::float8e4m3fn, 8, scheme_id::symmetric);
  encodings all;
  all.schema = encodings_schema::v2_0_0;
  all.entries.push_back(encoding_of("x", encoding_role::activation, q, xquant::parameters(0.01f)));
  const encodings read = parsed(format_encodings(all));
  const quantizer_and_parameters back = quantizer_of(read.entries.at(0));
  CHECK(back.quantizer.format == format_id::float8e4m3fn);
  CHECK(back.parameters == xquant::parameters(0.01f));
  all.schema = encodings_schema::v1_0_0;
  CHECK_THROWS_WITH_AS(format_encodings(all), doctest::Contains("float8e4m3fn"), io_error);
}

TEST_CASE("scales come back with the same bits, in every schema, per tensor and per channel") {
  std::mt19937 engine(5);
  std::vector<float> scales = {1.17549435e-38f, 1.40129846e-45f, 3.40282347e38f, 0.1f, 1.0f, 0.333333343f};
  while (scales.size() < 500) {
    const float s = std::bit_cast<float>(static_cast<std::uint32_t>(engine()) & 0x7FFFFFFFu);
    if (s > 0 && s - s == 0) scales.push_back(s);
  }
  for (const encodings_schema schema : {encodings_schema::v0_6_1, encodings_schema::v1_0_0, encodings_schema::v2_0_0}) {
    encodings all;
    all.schema = schema;
    quantizer_description q = described(format_id::signed_integer, 8, scheme_id::symmetric, true);
    q.axis = -1;
    all.entries.push_back(encoding_of("w", encoding_role::parameter, q, xquant::parameters(scales), 4));
    CHECK(all.entries[0].axis == 3);
    q.per_axis = false;
    for (std::size_t i = 0; i < 50; ++i)
      all.entries.push_back(
          encoding_of("t" + std::to_string(i), encoding_role::activation, q, xquant::parameters(scales[i])));
    const encodings read = parsed(format_encodings(all));
    REQUIRE(read.entries.size() == all.entries.size());
    for (const encoding& e : all.entries) {
      const encoding* back = read.find(e.name);
      REQUIRE(back != nullptr);
      const std::vector<float> expected = quantizer_of(e, q).parameters.scale();
      CHECK(quantizer_of(*back, q).parameters.scale() == expected);
      CHECK(back->scale == e.scale);
    }
    CHECK(quantizer_of(*read.find("w"), q).parameters.scale() == scales);
  }
}

TEST_CASE("schema 0.6.1 says the range, too, and booleans as strings") {
  encodings all;
  all.schema = encodings_schema::v0_6_1;
  all.entries.push_back(encoding_of("x", encoding_role::activation,
                                    described(format_id::unsigned_integer, 8, scheme_id::affine),
                                    xquant::parameters(0.5f, 96)));
  all.entries.push_back(encoding_of("w", encoding_role::parameter,
                                    described(format_id::signed_integer, 8, scheme_id::symmetric_narrow),
                                    xquant::parameters(0.5f)));
  const auto json = nlohmann::json::parse(format_encodings(all));
  const auto& x = json.at("activation_encodings").at("x").at(0);
  CHECK(x.at("min") == -48.0);
  CHECK(x.at("max") == 79.5);
  CHECK(x.at("is_symmetric") == "False");
  const auto& w = json.at("param_encodings").at("w").at(0);
  CHECK(w.at("min") == -63.5);
  CHECK(w.at("max") == 63.5);
  CHECK(w.at("is_symmetric") == "True");
  CHECK(json.at("version") == "0.6.1");
  CHECK(json.contains("excluded_layers"));
  CHECK(json.contains("quantizer_args"));
}

}  // namespace

TEST_CASE("what an encoding cannot say is refused") {
  const auto refused = [](const quantizer_description& q) {
    try {
      (void)encoding_of("x", encoding_role::parameter, q, xquant::parameters(0.5f));
    } catch (const io_error& e) {
      return e.code() == xquant::errc::unsupported && std::string(e.what()).find("'x'") != std::string::npos;
    }
    return false;
  };
  CHECK(refused({.granularity = xquant::granularity_id::group}));
  CHECK(refused({.by_expert = true}));
  CHECK(refused({.lower = -5, .upper = 5}));
  CHECK(refused({.scheme = scheme_id::real_zero_point_affine}));
  CHECK(refused({.scheme = scheme_id::symmetric_to_signed_extreme}));
  CHECK(refused({.scheme = scheme_id::affine, .zero_point_before_rounding = true}));
  CHECK(refused({.format = format_id::float8e5m2}));
  CHECK(!encoding_of("x", encoding_role::parameter, {.scheme = scheme_id::nudged_affine}, xquant::parameters(0.5f, 3))
             .symmetric);
}

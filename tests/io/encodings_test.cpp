// AIMET's encodings as a value: schemas, conventions, exact scales.
#include <xquant/io/encodings.hpp>

#include <doctest/doctest.h>

#include <bit>
#include <cstdint>
#include <random>
#include <string>
#include <utility>
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
  if (per_axis) q.granularity = xquant::per_axis<>{};
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
    const encoding_entry* a = middle.find(name);
    const encoding_entry* b = newest.find(name);
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
  CAPTURE(q.format.name);
  CAPTURE(q.scheme.name);
  const encoding_entry e = entry_of("x", encoding_role::activation, {q, xquant::parameters(0.25f, zero_point)});
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
    const entry_encoding back = encoding_of(read.entries[0], q);
    CHECK(back.encoding.quantizer.bits == q.bits);
    CHECK(back.encoding.quantizer.format == q.format);
    CHECK(back.encoding.parameters == xquant::parameters(0.25f, zero_point));
    // 2.0.0 has no word for codes that leave out the lowest, nor for unsigned ones that are symmetric.
    if (schema != encodings_schema::v2_0_0) CHECK(back.encoding.quantizer.scheme == q.scheme);
  }
}

TEST_CASE("offsets on the unsigned grid and zero points among the codes say the same") {
  check_conventions(described(xquant::unsigned_integer, 8, xquant::id_of<xquant::affine>), 96, -96);
  check_conventions(described(xquant::unsigned_integer, 8, xquant::id_of<xquant::affine>), 0, 0);
  check_conventions(described(xquant::unsigned_integer, 8, xquant::id_of<xquant::affine>), 255, -255);
  check_conventions(described(xquant::unsigned_integer, 16, xquant::id_of<xquant::affine>), 31971, -31971);
  check_conventions(described(xquant::unsigned_integer, 5, xquant::id_of<xquant::affine>), 7, -7);
  check_conventions(described(xquant::unsigned_integer, 8, xquant::id_of<xquant::symmetric<>>), 0, 0);
  check_conventions(described(xquant::signed_integer, 8, xquant::id_of<xquant::symmetric<>>), 0, -128);
  check_conventions(described(xquant::signed_integer, 4, xquant::id_of<xquant::symmetric<>>), 0, -8);
  check_conventions(described(xquant::signed_integer, 8, xquant::id_of<xquant::symmetric<xquant::code_range::narrow>>),
                    0, -127);
  check_conventions(described(xquant::signed_integer, 8, xquant::id_of<xquant::affine>), 3, -131);
  check_conventions(described(xquant::signed_integer, 8, xquant::id_of<xquant::affine>), -128, 0);
  check_conventions(described(xquant::signed_integer, 8, xquant::id_of<xquant::affine>), 127, -255);
}

TEST_CASE("an affine entry without signedness becomes unsigned codes: the same real values") {
  const encodings all = parsed(R"({"version":"1.0.0","activation_encodings":[
    {"name":"x","enc_type":"PER_TENSOR","dtype":"INT","bw":8,"is_sym":false,"scale":[0.5],"offset":[-131]}]})");
  const entry_encoding q = encoding_of(all.entries[0]);
  CHECK(q.encoding.quantizer.format == xquant::unsigned_integer);
  CHECK(q.encoding.parameters.zero_point()[0] == 131);  // code 131 of 0 .. 255 is code 3 of -128 .. 127
}

TEST_CASE("what the file does not say comes from the quantizer that is there") {
  quantizer_description like;
  like.arithmetic = xquant::id_of<xquant::multiply_by_reciprocal>;
  like.granularity = xquant::per_axis<>{1};
  const encodings all = parsed(R"({"version":"1.0.0","param_encodings":[
    {"name":"w","enc_type":"PER_CHANNEL","dtype":"INT","bw":8,"is_sym":true,"scale":[0.5],"offset":[-128]}]})");
  const quantizer_description q = encoding_of(all.entries[0], like).encoding.quantizer;
  CHECK(q.arithmetic == like.arithmetic);
  CHECK(q.granularity == xquant::per_axis<>{1});
}

TEST_CASE("float8e4m3fn goes through schema 2.0.0") {
  const quantizer_description q = described(xquant::id_of<xquant::e4m3fn>, 8, xquant::id_of<xquant::symmetric<>>);
  encodings all;
  all.schema = encodings_schema::v2_0_0;
  all.entries.push_back(entry_of("x", encoding_role::activation, {q, xquant::parameters(0.01f)}));
  const encodings read = parsed(format_encodings(all));
  const entry_encoding back = encoding_of(read.entries.at(0));
  CHECK(back.encoding.quantizer.format == xquant::id_of<xquant::e4m3fn>);
  CHECK(back.encoding.parameters == xquant::parameters(0.01f));
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
    quantizer_description q = described(xquant::signed_integer, 8, xquant::id_of<xquant::symmetric<>>, true);
    q.granularity = xquant::per_axis<>{-1};
    all.entries.push_back(entry_of("w", encoding_role::parameter, {q, xquant::parameters(scales)}, 4));
    CHECK(all.entries[0].axis == 3);
    q.granularity = xquant::per_tensor{};
    for (std::size_t i = 0; i < 50; ++i)
      all.entries.push_back(
          entry_of("t" + std::to_string(i), encoding_role::activation, {q, xquant::parameters(scales[i])}));
    const encodings read = parsed(format_encodings(all));
    REQUIRE(read.entries.size() == all.entries.size());
    for (const encoding_entry& e : all.entries) {
      const encoding_entry* back = read.find(e.name);
      REQUIRE(back != nullptr);
      const std::vector<float> expected = encoding_of(e, q).encoding.parameters.scale();
      CHECK(encoding_of(*back, q).encoding.parameters.scale() == expected);
      CHECK(back->scale == e.scale);
    }
    CHECK(encoding_of(*read.find("w"), q).encoding.parameters.scale() == scales);
  }
}

TEST_CASE("schema 0.6.1 says the range, too, and booleans as strings") {
  encodings all;
  all.schema = encodings_schema::v0_6_1;
  all.entries.push_back(
      entry_of("x", encoding_role::activation,
               {described(xquant::unsigned_integer, 8, xquant::id_of<xquant::affine>), xquant::parameters(0.5f, 96)}));
  all.entries.push_back(
      entry_of("w", encoding_role::parameter,
               {described(xquant::signed_integer, 8, xquant::id_of<xquant::symmetric<xquant::code_range::narrow>>),
                xquant::parameters(0.5f)}));
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

// ---- minimum and maximum beside scale and offset

std::string number(double v) { return nlohmann::json(v).dump(); }

struct four_numbers {
  double scale = 1;
  int offset = 0;
  double minimum = 0;
  double maximum = 0;
};

// The same tensor in each schema, as a parameter or (2.0.0) without a role. 2.0.0 has the zero point of int8.
std::string written(const char* version, int bits, bool symmetric, const std::vector<four_numbers>& slots) {
  const std::string width = std::to_string(bits);
  std::string text;
  if (version == std::string("0.6.1")) {
    for (const four_numbers& n : slots)
      text += (text.empty() ? "" : ",") + (R"({"bitwidth":)" + width) + R"(,"dtype":"int","is_symmetric":")" +
              (symmetric ? "True" : "False") + R"(","max":)" + number(n.maximum) + R"(,"min":)" + number(n.minimum) +
              R"(,"offset":)" + std::to_string(n.offset) + R"(,"scale":)" + number(n.scale) + "}";
    return R"({"version":"0.6.1","activation_encodings":{},"param_encodings":{"w":[)" + text + "]}}";
  }
  std::string scales, offsets, zeros, minima, maxima;
  for (const four_numbers& n : slots) {
    const char* comma = scales.empty() ? "" : ",";
    scales += comma + number(n.scale);
    offsets += comma + std::to_string(n.offset);
    zeros += comma + std::to_string(-(1 << (bits - 1)) - n.offset);
    minima += comma + number(n.minimum);
    maxima += comma + number(n.maximum);
  }
  const std::string ends = R"(,"min":[)" + minima + R"(],"max":[)" + maxima + "]";
  if (version == std::string("1.0.0"))
    return R"({"version":"1.0.0","param_encodings":[{"name":"w","enc_type":"PER_CHANNEL","dtype":"INT","bw":)" + width +
           R"(,"is_sym":)" + (symmetric ? "true" : "false") + R"(,"scale":[)" + scales + R"(],"offset":[)" + offsets +
           "]" + ends + "}]}";
  return R"({"version":"2.0.0","encodings":[{"name":"w","output_dtype":"int)" + width + R"(","axis":0,"y_scale":[)" +
         scales + R"(],"y_zero_point":[)" + zeros + "]" + ends + "}]}";
}

// The real numbers at the ends of slot i's grid.
std::pair<double, double> ends_of(const entry_encoding& q, std::size_t i) {
  xquant::code_bounds codes;
  REQUIRE(xquant::try_code_bounds<xquant::runtime_choices<
              xquant::type_list<xquant::stored_integer<std::int8_t>, xquant::stored_integer<std::uint8_t>,
                                xquant::stored_integer<std::int16_t>, xquant::stored_integer<std::uint16_t>>>>(
              q.encoding.quantizer, codes)
              .ok());
  if (!q.channel_codes.empty()) codes = q.channel_codes.at(i);
  const double scale = static_cast<double>(q.encoding.parameters.scale()[i]);
  const double zero = q.encoding.parameters.zero_point()[i];
  return {scale * (codes.lower - zero), scale * (codes.upper - zero)};
}

constexpr const char* versions[] = {"0.6.1", "1.0.0", "2.0.0"};

TEST_CASE("a range that was rounded to its offset keeps its 256 codes (AIMET's issue 2468)") {
  // 255 steps from -126.88 to 128.12 times the scale.
  const four_numbers reported{0.02931206, -127, -3.7191641, 3.7554114};
  const double scale = static_cast<double>(static_cast<float>(reported.scale));
  for (const char* version : versions) {
    CAPTURE(version);
    const encodings all = parsed(written(version, 8, true, {reported}));
    const entry_encoding q = encoding_of(all.entries.at(0));
    const auto [lowest, highest] = ends_of(q, 0);
    CHECK(lowest == scale * -127);
    CHECK(highest == scale * 128);
    CHECK(q.encoding.parameters.zero_point()[0] == (q.encoding.quantizer.format == xquant::signed_integer ? -1 : 127));
    CHECK(q.encoding.quantizer.scheme == xquant::id_of<xquant::affine>);
  }
  // Written again in every schema it is the same grid.
  const encodings once = parsed(written("0.6.1", 8, true, {reported}));
  for (const encodings_schema schema : {encodings_schema::v0_6_1, encodings_schema::v1_0_0, encodings_schema::v2_0_0}) {
    encodings again = once;
    again.schema = schema;
    again.entries.at(0).axis = 0;
    const entry_encoding q = encoding_of(parsed(format_encodings(again)).entries.at(0));
    CHECK(ends_of(q, 0) == std::pair{scale * -127, scale * 128});
  }
}

TEST_CASE("minimum and maximum say how many codes there are, at any width, whole or rounded to the offset") {
  std::mt19937 engine(11);
  for (const int bits : {2, 3, 4, 8, 11, 16})
    for (int round = 0; round < 60; ++round) {
      const int full = (1 << bits) - 1;
      const int last = round < 20   ? full
                       : round < 30 ? full - 1
                                    : 1 + static_cast<int>(engine() % static_cast<unsigned>(full));
      if (last < 1) continue;
      const int offset = -static_cast<int>(engine() % static_cast<unsigned>(last + 1));
      const double scale = static_cast<double>(static_cast<float>(0.001 + 0.01 * static_cast<double>(engine() % 1000)));
      // The range may lie up to half a step beside the grid.
      const double beside = round % 3 == 0 ? 0 : (static_cast<double>(engine() % 1000) / 1000 - 0.5) * scale;
      const double minimum = static_cast<double>(static_cast<float>(scale * offset + beside));
      const double maximum = static_cast<double>(static_cast<float>(scale * (offset + last) + beside));
      if (minimum == 0 && maximum == 0) continue;
      CAPTURE(bits);
      CAPTURE(last);
      CAPTURE(offset);
      CAPTURE(minimum);
      CAPTURE(maximum);
      for (const char* version : {"0.6.1", "1.0.0"}) {
        const entry_encoding q =
            encoding_of(parsed(written(version, bits, false, {{scale, offset, minimum, maximum}})).entries.at(0));
        CHECK(ends_of(q, 0) == std::pair{scale * offset, scale * (offset + last)});
      }
    }
}

TEST_CASE("symmetric entries of other codes: their own, with zero point 0") {
  for (const char* version : {"0.6.1", "1.0.0"}) {
    const auto symmetric = [&](int bits, int offset, int last) {
      return encoding_of(
          parsed(written(version, bits, true, {{0.5, offset, 0.5 * offset, 0.5 * (offset + last)}})).entries.at(0));
    };
    CHECK(symmetric(8, -127, 254).encoding.quantizer.scheme ==
          xquant::id_of<xquant::symmetric<xquant::code_range::narrow>>);
    CHECK(symmetric(8, -128, 255).encoding.quantizer.scheme == xquant::id_of<xquant::symmetric<>>);
    CHECK(symmetric(8, 0, 255).encoding.quantizer.format == xquant::unsigned_integer);
    const entry_encoding own = symmetric(8, -100, 200);
    CHECK(own.encoding.quantizer.lower == -100);
    CHECK(own.encoding.quantizer.upper == 100);
    CHECK(own.encoding.quantizer.scheme == xquant::id_of<xquant::symmetric<>>);
    CHECK(own.encoding.parameters.zero_point()[0] == 0);
    CHECK_THROWS_WITH_AS(symmetric(8, -96, 255), doctest::Contains("expected -128 or -127, or 0"), io_error);
    CHECK_THROWS_WITH_AS(symmetric(8, -96, 200), doctest::Contains("expected -100"), io_error);
  }
}

TEST_CASE("numbers that contradict each other are refused, with all four and what was expected") {
  const auto refusal = [](const char* version, const four_numbers& n) {
    try {
      (void)parsed(written(version, 8, false, {{0.5, -128, -64, 63.5}, n}));
    } catch (const io_error& e) {
      return std::string(e.code() == xquant::errc::malformed ? e.what() : "another code");
    }
    return std::string();
  };
  for (const char* version : versions) {
    CAPTURE(version);
    const auto has = [&](const four_numbers& n, const std::vector<std::string>& parts) {
      const std::string text = refusal(version, n);
      CAPTURE(text);
      for (const std::string& part : parts) CHECK(text.find(part) != std::string::npos);
      CHECK(text.find("'w'") != std::string::npos);
    };
    CHECK(refusal(version, {0.5, -128, -64, 63.5}).empty());
    has({0.5, -128, -64, 80},
        {"channel 1", "min -64", "max 80", "scale 0.5", "offset -128", "is 288.0 times", "1 to 255"});
    has({0.5, -128, -64, 63.75}, {"is 255.5 times", "expected a whole number"});
    has({0.25, -128, -64, 63.5}, {"is 510.0 times"});
    has({0.5, -96, -64, 63.5}, {"min is -128.0 times the scale", "expected the offset"});
    has({0.5, -127, -64, 63.5}, {"min is -128.0 times the scale", "offset -127"});
    has({0.5, -128, 63.5, -64}, {"is -255.0 times"});
    has({0.5, -128, -64, -64}, {"is 0.0 times"});
  }
  const auto single = [](const std::string& fields) {
    return R"({"version":"1.0.0","activation_encodings":[{"name":"x","enc_type":"PER_TENSOR","dtype":"INT","bw":8,)"
           R"("is_sym":false,"scale":[0.5],"offset":[-128])" +
           fields + "}]}";
  };
  CHECK_THROWS_WITH_AS(parsed(single(R"(,"min":[-64])")), doctest::Contains("has 'min' alone"), io_error);
  CHECK_THROWS_WITH_AS(parsed(single(R"(,"min":[-64,1],"max":[3,4])")), doctest::Contains("one for each scale"),
                       io_error);
  CHECK_THROWS_WITH_AS(parsed(single(R"(,"min":"a","max":3)")), doctest::Contains("expected a number"), io_error);
  CHECK(parsed(single(R"(,"min":-64,"max":63.5)")).entries.at(0).last_code.empty());
  CHECK(parsed(single(R"(,"min":0,"max":0)")).entries.at(0).last_code.empty());  // AIMET's word for "not given"
}

TEST_CASE("offsets -127 and -128 over the channels of one tensor") {
  // A symmetric range of 255 steps, -127.5 to 127.5: its offset is rounded one way or the other.
  for (const char* version : versions) {
    CAPTURE(version);
    const encodings all =
        parsed(written(version, 8, true, {{0.5, -128, -63.75, 63.75}, {0.25, -127, -31.875, 31.875}}));
    const entry_encoding q = encoding_of(all.entries.at(0));
    CHECK(ends_of(q, 0) == std::pair{0.5 * -128, 0.5 * 127});
    CHECK(ends_of(q, 1) == std::pair{0.25 * -127, 0.25 * 128});
    CHECK(q.channel_codes.empty());
    CHECK(q.encoding.parameters.zero_point()[0] == q.encoding.parameters.zero_point()[1] + 1);
  }
  // The same from offsets alone.
  const encodings bare = parsed(R"({"version":"1.0.0","param_encodings":[{"name":"w","enc_type":"PER_CHANNEL",
    "dtype":"INT","bw":8,"is_sym":true,"scale":[0.5,0.25],"offset":[-128,-127]}]})");
  const entry_encoding both = encoding_of(bare.entries.at(0));
  CHECK(ends_of(both, 0) == std::pair{0.5 * -128, 0.5 * 127});
  CHECK(ends_of(both, 1) == std::pair{0.25 * -127, 0.25 * 128});
  // Strict and full channels side by side: each ends where it says, on the codes of int8.
  const encodings mixed = parsed(written("0.6.1", 8, true, {{0.5, -128, -64, 63.5}, {0.25, -127, -31.75, 31.75}}));
  const entry_encoding q = encoding_of(mixed.entries.at(0));
  CHECK(q.encoding.quantizer.scheme == xquant::id_of<xquant::symmetric<>>);
  CHECK(q.channel_codes.size() == 2);
  CHECK(ends_of(q, 0) == std::pair{-64.0, 63.5});
  CHECK(ends_of(q, 1) == std::pair{-31.75, 31.75});
  encodings old = mixed;
  CHECK(parsed(format_encodings(old)).entries == mixed.entries);
  old.schema = encodings_schema::v1_0_0;
  CHECK_THROWS_WITH_AS(format_encodings(old), doctest::Contains("expected 0.6.1"), io_error);
}

TEST_CASE("codes of one's own go through schema 0.6.1, which says where they end") {
  for (const quantizer_description& q :
       {quantizer_description{.lower = -100, .upper = 100}, quantizer_description{.bits = 6, .lower = -20, .upper = 25},
        quantizer_description{
            .format = xquant::unsigned_integer, .upper = 200, .scheme = xquant::id_of<xquant::affine>}}) {
    encodings all;
    all.schema = encodings_schema::v0_6_1;
    all.entries.push_back(entry_of("x", encoding_role::activation, {q, xquant::parameters(0.5f, 0)}));
    const entry_encoding back = encoding_of(parsed(format_encodings(all)).entries.at(0), q);
    CHECK(ends_of(back, 0) == std::pair{0.5 * static_cast<double>(q.lower), 0.5 * static_cast<double>(q.upper)});
    all.schema = encodings_schema::v1_0_0;
    CHECK_THROWS_WITH_AS(format_encodings(all), doctest::Contains("'x'"), io_error);
    all.schema = encodings_schema::v2_0_0;
    CHECK_THROWS_WITH_AS(format_encodings(all), doctest::Contains("'x'"), io_error);
  }
}

}  // namespace

TEST_CASE("what an encoding cannot say is refused") {
  const auto refused = [](const quantizer_description& q) {
    try {
      (void)entry_of("x", encoding_role::parameter, {q, xquant::parameters(0.5f)});
    } catch (const io_error& e) {
      return e.code() == xquant::errc::unsupported && std::string(e.what()).find("'x'") != std::string::npos;
    }
    return false;
  };
  CHECK(refused({.granularity = xquant::per_group<>{}}));
  CHECK(refused({.granularity = xquant::per_expert<>{}}));
  CHECK(refused({.format = xquant::unsigned_integer, .lower = 3, .upper = 9}));  // 0 is no code
  CHECK(refused({.bits = 20}));
  CHECK(refused({.scheme = xquant::id_of<xquant::real_zero_point_affine<>>}));
  CHECK(refused({.scheme = xquant::id_of<xquant::symmetric_to_signed_extreme<>>}));
  CHECK(refused({.scheme = xquant::id_of<xquant::affine>, .zero_point_before_rounding = true}));
  CHECK(refused({.format = xquant::id_of<xquant::e5m2>}));
  CHECK(!entry_of("x", encoding_role::parameter,
                  {{.scheme = xquant::id_of<xquant::nudged_affine<>>}, xquant::parameters(0.5f, 3)})
             .symmetric);
}

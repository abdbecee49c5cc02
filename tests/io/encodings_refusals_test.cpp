// Encodings files that nobody vouches for: each fault is answered, by file, entry, value and what was expected.
#include <xquant/io/encodings.hpp>

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <vector>

namespace {

using namespace xquant::io;
using xquant::errc;

struct answer {
  errc code = errc::ok;
  std::string text;
};

answer refusal(const std::string& text) {
  try {
    parse_encodings(bytes_of(text), "file.json");
  } catch (const io_error& e) {
    return {e.code(), e.what()};
  }
  return {};
}

void refused(const std::string& text, errc code, const std::vector<std::string>& parts) {
  const answer a = refusal(text);
  CAPTURE(text.substr(0, 200));
  CAPTURE(a.text);
  CHECK(a.code == code);
  CHECK(a.text.find("file.json") != std::string::npos);
  CHECK(a.text.size() < 400);
  for (const std::string& part : parts) CHECK(a.text.find(part) != std::string::npos);
}

// An activation of schema 1.0.0, 0.6.1 or 2.0.0, with fields replaced.
std::string middle(const std::string& fields) {
  return R"({"version":"1.0.0","activation_encodings":[{"name":"x",)" + fields + "}]}";
}
std::string old(const std::string& fields) {
  return R"({"version":"0.6.1","activation_encodings":{"x":[{)" + fields + "}]}}";
}
std::string newest(const std::string& fields) {
  return R"({"version":"2.0.0","encodings":[{"name":"x",)" + fields + "}]}";
}

const std::string head = R"("enc_type":"PER_TENSOR","dtype":"INT","bw":8,"is_sym":false,)";

TEST_CASE("what is not JSON, or cut short") {
  for (const char* text : {"", "{", "[1, 2", "nul", "{\"version\":\"1.0.0\"", "\x80", "{\"a\":1}}", "{\"a\":NaN}",
                           "{\"a\":Infinity}", "\xEF\xBB"})
    refused(text, errc::malformed, {"not JSON, or cut short"});
  for (const char* text : {"3", "[]", "\"x\"", "null"}) refused(text, errc::malformed, {"expected an object"});
}

TEST_CASE("deep nesting, of lists and objects, is refused early") {
  refused(std::string(1000000, '['), errc::malformed, {"nested more than 32 deep"});
  std::string objects;
  for (int i = 0; i < 100000; ++i) objects += "{\"a\":";
  refused(objects, errc::malformed, {"nested more than 32 deep"});
}

TEST_CASE("keys and tensors given twice") {
  refused(R"({"version":"1.0.0","version":"2.0.0"})", errc::malformed, {"'version' is given twice"});
  refused(middle(head + R"("scale":[1],"scale":[2],"offset":[0])"), errc::malformed, {"'scale' is given twice"});
  const std::string entry = R"({"name":"x",)" + head + R"("scale":[1],"offset":[0]})";
  refused(R"({"version":"1.0.0","activation_encodings":[)" + entry + "," + entry + "]}", errc::malformed,
          {"'x'", "given twice"});
  refused(R"({"version":"1.0.0","activation_encodings":[)" + entry + R"(],"param_encodings":[)" + entry + "]}",
          errc::malformed, {"param_encodings 'x'", "given twice"});
  refused(R"({"activation_encodings":{"x":[{"bitwidth":16,"dtype":"float"}],"x":[]},"param_encodings":{}})",
          errc::malformed, {"'x' is given twice"});
}

TEST_CASE("scales that are none") {
  for (const char* scale : {"0", "-0.5", "null", "\"1\"", "1e-60", "1e39", "true", "[1]", "{}"}) {
    refused(middle(head + R"("scale":[)" + scale + R"(],"offset":[0])"), errc::malformed,
            {"activation_encodings 'x'", "scale", "expected a positive number"});
    refused(old(R"("bitwidth":8,"dtype":"int","is_symmetric":"False","offset":0,"scale":)" + std::string(scale)),
            errc::malformed, {"activation_encodings 'x' [0]", "expected a positive number"});
  }
  for (const char* scale : {"0", "-0.5", "null", "\"1\"", "1e-60", "1e39", "[0]", "[null]"})
    refused(newest(R"("output_dtype":"int8","axis":0,"y_scale":)" + std::string(scale)), errc::malformed,
            {"encodings 'x'", "y_scale", "expected a positive number"});
  refused(middle(head + R"("scale":[1e999],"offset":[0])"), errc::malformed, {"not JSON"});  // no double is that large
}

TEST_CASE("offsets and zero points that are none") {
  for (const char* offset : {"1", "-256", "0.5", "null", "\"0\"", "1e300", "-1e300", "18446744073709551616"})
    refused(middle(head + R"("scale":[1],"offset":[)" + offset + "]"), errc::malformed,
            {"'x'", "offset", "expected an integer from -255 to 0"});
  for (const char* zero : {"-1", "256", "0.5", "null", "[0]"})
    refused(newest(R"("output_dtype":"uint8","y_scale":1,"y_zero_point":)" + std::string(zero)), errc::malformed,
            {"'x'", "y_zero_point"});
  refused(newest(R"("output_dtype":"int8","y_scale":1,"y_zero_point":128)"), errc::malformed, {"from -128 to 127"});
  refused(newest(R"("output_dtype":"int8","axis":0,"y_scale":[1,2],"y_zero_point":[0])"), errc::malformed,
          {"expected a list of 2"});
  refused(newest(R"("output_dtype":"float8e4m3fn","y_scale":1,"y_zero_point":1)"), errc::malformed, {"from 0 to 0"});
}

TEST_CASE("bit widths, flags, types and lists that are none") {
  for (const char* bits : {"0", "-8", "1e9", "8.5", "\"8\"", "null", "99999999999999999999"})
    refused(middle(R"("enc_type":"PER_TENSOR","dtype":"INT","is_sym":false,"scale":[1],"offset":[0],"bw":)" +
                   std::string(bits)),
            errc::malformed, {"bw", "expected 2 to 32 bits"});
  for (const char* bits : {"1", "33", "64"})
    refused(middle(R"("enc_type":"PER_TENSOR","dtype":"INT","is_sym":false,"scale":[1],"offset":[0],"bw":)" +
                   std::string(bits)),
            errc::malformed, {"expected 2 to 32"});
  refused(middle(R"("enc_type":"PER_TENSOR","dtype":"INT","bw":8,"is_sym":1,"scale":[1],"offset":[0])"),
          errc::malformed, {"is_sym 1", "expected true or false"});
  refused(old(R"("bitwidth":8,"dtype":"int","is_symmetric":"maybe","offset":0,"scale":1)"), errc::malformed,
          {"is_symmetric \"maybe\""});
  refused(middle(R"("enc_type":"PER_TENSOR","dtype":"TEXT","bw":8)"), errc::malformed, {"dtype 'TEXT'"});
  refused(middle(R"("enc_type":"PER_ROW","dtype":"INT","bw":8)"), errc::malformed, {"enc_type 'PER_ROW'"});
  refused(middle(head + R"("scale":[1,2],"offset":[0,0])"), errc::malformed, {"2 scales; expected one"});
  refused(middle(head + R"("scale":[1],"offset":[])"), errc::malformed, {"expected a list of 1"});
  refused(middle(head + R"("scale":1,"offset":[0])"), errc::malformed, {"scale 1"});
  refused(middle(head + R"("offset":[0])"), errc::malformed, {"no 'scale'"});
  refused(middle(R"("dtype":"INT","bw":8)"), errc::malformed, {"no 'enc_type'"});
  refused(middle(R"("enc_type":"PER_TENSOR","dtype":"FLOAT","bw":8)"), errc::unsupported, {"8 bits"});
  refused(newest(R"("output_dtype":"int7","y_scale":1)"), errc::unsupported, {"output_dtype 'int7'"});
  refused(newest(R"("output_dtype":"","y_scale":1)"), errc::unsupported, {"output_dtype ''"});
  refused(newest(R"("output_dtype":"int8","y_scale":[1])"), errc::malformed, {"no 'axis'"});
  refused(newest(R"("output_dtype":"int8","y_scale":[1],"axis":-1)"), errc::malformed, {"axis -1"});
  refused(newest(R"("output_dtype":"int8","y_scale":[],"axis":0)"), errc::malformed, {"empty list"});
  refused(R"({"version":"2.0.0"})", errc::malformed, {"no 'encodings'"});
  refused(R"({"version":"1.0.0","activation_encodings":{}})", errc::malformed, {"activation_encodings is an object"});
  refused(R"({"version":"0.6.1","param_encodings":[]})", errc::malformed, {"param_encodings is a list of 0"});
  refused(R"({"version":"0.6.1","param_encodings":{"w":[]}})", errc::malformed, {"'w'"});
  refused(R"({"version":"0.6.1","param_encodings":{"w":[1]}})", errc::malformed, {"'w' [0]"});
  refused(R"({"version":"1.0.0","param_encodings":[1]})", errc::malformed, {"param_encodings [0]"});
  refused(R"({"version":"1.0.0","param_encodings":[{"name":1}]})", errc::malformed, {"name 1"});
  for (const char* version : {"\"3.0.0\"", "1", "null", "[]"})
    refused("{\"version\":" + std::string(version) + "}", errc::unsupported, {"version"});
}

TEST_CASE("channels of one tensor that differ in kind") {
  refused(R"({"version":"0.6.1","param_encodings":{"w":[
      {"bitwidth":8,"dtype":"int","is_symmetric":"True","offset":-128,"scale":1},
      {"bitwidth":4,"dtype":"int","is_symmetric":"True","offset":-8,"scale":1}]}})",
          errc::unsupported, {"'w' [1]", "differs"});
}

TEST_CASE("block, LPBQ and VECTOR encodings are refused by name") {
  for (const char* kind : {"PER_BLOCK", "LPBQ", "VECTOR"})
    refused(middle(R"("dtype":"INT","bw":4,"is_sym":true,"enc_type":")" + std::string(kind) + "\""), errc::unsupported,
            {"'x'", kind, "not supported"});
  refused(newest(R"("output_dtype":"int4","y_scale":[[1,2]],"axis":0)"), errc::unsupported, {"'x'", "block"});
  refused(newest(R"("output_dtype":"int4","y_scale":[[1,2]],"axis":0,"block_size":2)"), errc::unsupported,
          {"'block_size'"});
  refused(newest(R"("output_dtype":"int4","per_block_int_scale":[[16,5]],"axis":1)"), errc::unsupported, {"LPBQ"});
  refused(newest(R"("output_dtype":"int4","y_scale":{"x":[[16,5]],"x_scale":[0.004],"axis":0})"), errc::unsupported,
          {"LPBQ"});
}

TEST_CASE("entries that no quantizer here has") {
  const auto fails = [](const std::string& text, const std::string& part) {
    const encodings all = parse_encodings(bytes_of(text));
    CHECK_THROWS_WITH_AS(encoding_of(all.entries.at(0)), doctest::Contains(part.c_str()), io_error);
  };
  fails(newest(R"("output_dtype":"int32","y_scale":1)"), "'x': 32 bits; expected 2 to 16");
  fails(middle(R"("enc_type":"PER_TENSOR","dtype":"FLOAT","bw":16)"), "float tensor");
  fails(middle(R"("enc_type":"PER_TENSOR","dtype":"INT","bw":8,"is_sym":true,"scale":[1],"offset":[-100])"),
        "offset -100 of a symmetric encoding");
}

TEST_CASE("mutations of a sound file end in an answer or a value") {
  const std::string sound =
      R"({"version":"1.0.0","activation_encodings":[{"name":"x",)" + head +
      R"("scale":[0.02],"offset":[-96]}],"param_encodings":[{"name":"w","enc_type":"PER_CHANNEL",)" +
      R"("dtype":"INT","bw":4,"is_sym":true,"scale":[0.1,0.2],"offset":[-8,-8]}]})";
  REQUIRE(refusal(sound).code == errc::ok);
  std::mt19937 engine(11);
  const std::string bytes = "{}[]\",:0123456789eE+-.xtrufalsn\\ \x80";
  for (int i = 0; i < 20000; ++i) {
    std::string text = sound;
    for (std::size_t edits = engine() % 3 + 1; edits-- > 0;) {
      const std::size_t at = engine() % text.size();
      switch (engine() % 3) {
        case 0: text[at] = bytes[engine() % bytes.size()]; break;
        case 1: text.erase(at, engine() % 8); break;
        default: text.insert(at, text.substr(engine() % text.size(), engine() % 20));
      }
      if (text.empty()) text = "x";
    }
    const answer a = refusal(text);  // anything but an io_error ends the test
    if (a.code != errc::ok) CHECK(a.text.size() < 500);
  }
}

}  // namespace

// The conformance program itself, on vectors written here for a peer that is made up.
#include "program.hpp"

#include "compare.hpp"

#include <xquant/error.hpp>
#include <xquant/exception.hpp>
#include <xquant/io/npy.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>

using namespace conformance;

namespace {

const std::string scratch = XQUANT_CONFORMANCE_SCRATCH;

void write(const std::string& path, const std::string& text) { std::ofstream(path, std::ios::binary) << text; }

template <class T>
void write_array(const std::string& path, const std::vector<T>& x) {
  xquant::io::write_npy(path, xquant::model::tensor::of(xquant::shape{x.size()}, x));
}

// A folder of vectors of the peer `echo`: op `same` repeats its input x as y.
std::string folder_of(const std::string& name, const std::string& cases, const std::string& compare = R"("bits")") {
  const std::string folder = scratch + "/" + name;
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  write_array(folder + "/x.npy", std::vector<float>{1.5f, -0.0f, std::nanf("")});
  write_array(folder + "/off.npy", std::vector<float>{1.5f, 0.0f, std::nanf("")});
  write_array(folder + "/codes.npy", std::vector<std::int32_t>{1, -2, 3});
  write(folder + "/manifest.json", R"({"tool": "echo", "made_by": "make_echo.py", "float_compare": )" + compare +
                                       R"(, "cases": [)" + cases + "]}");
  return folder;
}

std::string same_case(const std::string& name, const std::string& y, const std::string& params = "{}",
                      const std::string& more = "") {
  return R"({"name": ")" + name + R"(", "op": "same", "params": )" + params +
         R"(, "inputs": {"x": "x.npy"}, "outputs": {"y": ")" + y + R"("}, "note": "")" + more + "}";
}

registry echo(std::vector<refusal> refusals = {}) {
  rule same{"same", [](const recorded_case& c) { return c.has_input("x") && !c.has("unclaimed"); },
            [](const recorded_case& c, answers& out) {
              if (c.has("refuse"))
                throw xquant::error(xquant::fault(xquant::errc::value_out_of_range, "x", 7, "something else"));
              out.give("y", "echo", "scalar", value_of(c.input("x")));
              value other = value_of(c.input("x"));
              if (c.has("other_engine")) other.real[0] += 1e-7;
              out.give("y", "echo", "simd", other);
            }};
  return {{"echo", {same}, std::move(refusals)}};
}

struct outcome {
  int code;
  std::string out;
  std::string err;
  [[nodiscard]] bool says(const std::string& text) const { return out.find(text) != std::string::npos; }
};

outcome run(std::vector<std::string> arguments, const registry& peers, const std::string& page = "") {
  std::filesystem::create_directories(scratch);
  write(scratch + "/page.md", page);
  write(scratch + "/known_subjects.json", R"({"echo": {"numbers": ["same"], "blocks": ["other"]}})");
  std::ostringstream out;
  std::ostringstream err;
  const int code = run_program(arguments, peers, {scratch + "/known_subjects.json", scratch + "/page.md"}, out, err);
  return {code, out.str(), err.str()};
}

value real(std::vector<double> x, element type = element::float32) {
  const std::size_t n = x.size();
  return {type, xquant::shape{n}, std::move(x), {}};
}

}  // namespace

TEST_CASE("conformance: what passes, what fails, what is not covered") {
  const std::string folder =
      folder_of("plain", same_case("good", "x.npy") + "," + same_case("sign_of_zero", "off.npy") + "," +
                             R"({"name": "later", "op": "other", "params": {}, "inputs": {}, "outputs": {}})");
  const outcome r = run({folder}, echo());
  CHECK(r.code == 1);
  CHECK(r.says("FAILED echo sign_of_zero: y (echo, scalar): index 1: expected 0x0p+0, got -0x0p+0\n"));
  CHECK(r.out.ends_with("\n1 passed, 1 failed, 0 refused, 1 not covered\n"));
  CHECK(run({"--match", "^good$", folder}, echo()).out == "1 passed, 0 failed, 0 refused, 0 not covered\n");
  CHECK(run({"--match=^good$", folder}, echo()).code == 0);
  CHECK(run({"--subject", "blocks", folder}, echo()).out == "0 passed, 0 failed, 0 refused, 1 not covered\n");
  CHECK(run({"--subject", "numbers", folder}, echo()).says("1 passed, 1 failed, 0 refused, 0 not covered"));
  CHECK(run({folder}, registry{}).out == "0 passed, 0 failed, 0 refused, 3 not covered\n");
}

TEST_CASE("conformance: a rule that answers nothing, engines that differ, types and shapes") {
  const std::string tolerance = R"(, "float_compare": {"rtol": 1e-3, "atol": 0})";
  const std::string folder = folder_of(
      "wrong",
      same_case("engines", "x.npy", R"({"other_engine": 1})", tolerance) + "," + same_case("integers", "codes.npy") +
          "," +
          R"({"name": "two", "op": "same", "params": {}, "inputs": {"x": "x.npy"}, "outputs": {"y": "x.npy", "z": "x.npy"}})" +
          "," + same_case("gone", "gone.npy"));
  const outcome r = run({folder}, echo());
  CHECK(r.says("engines: y (echo, simd): differs from engine scalar: index 0: expected 0x1.8p+0, got 0x1.80"));
  CHECK(r.says("integers: y (echo, scalar): expected integers, got float32"));
  CHECK(r.says("two: z: not answered"));
  CHECK(r.says("gone: cannot be run: "));
  CHECK(r.says("0 passed, 4 failed"));
}

TEST_CASE("conformance: results recorded as parameters are compared, and a case needs an answer") {
  const auto result = [](const char* name, const char* params) {
    return std::string(R"({"name": ")") + name + R"(", "op": "result", "params": )" + params +
           R"(, "inputs": {"x": "x.npy"}, "outputs": {}})";
  };
  const std::string folder =
      folder_of("results", result("good", R"({"r": 0.1, "r_hex": "0x1.999999999999ap-4", "list": [1, 2]})") + "," +
                               result("off", R"({"r": 0.1, "r_hex": "0x1.999999999999bp-4", "list": [1, 2]})") + "," +
                               result("longer", R"({"r": 0.1, "list": [1, 2, 3]})") + "," +
                               result("none", R"({"list": [1, 2]})") + "," + result("silent", R"({"say": "nothing"})"));
  const rule with_results{"result", [](const recorded_case&) { return true; },
                          [](const recorded_case& c, answers& out) {
                            if (c.text("say") == "nothing") return;
                            out.give_parameter("r", "echo", {0.1});
                            out.give_parameter("list", "echo", {1, 2});
                          }};
  const outcome r = run({folder}, {{"echo", {with_results}, {}}});
  CHECK(r.says("off: r (echo, host): index 0: expected 0x1.999999999999bp-4, got 0x1.999999999999ap-4"));
  CHECK(r.says("longer: list (echo, host): expected shape"));
  CHECK(r.says("none: r (echo, host): the case has no such parameter"));
  CHECK(r.says("silent: nothing answered"));
  CHECK(r.says("1 passed, 4 failed"));
}

TEST_CASE("conformance: errors of ours pass where the peer raises, and only there") {
  const auto raising = [](const char* name, const char* params, const char* end) {
    return std::string(R"({"name": ")") + name + R"(", "op": "same", "params": )" + params +
           R"(, "inputs": {"x": "x.npy"}, )" + end + "}";
  };
  const char* const raises = R"("outputs": {}, "raises": {"type": "ValueError", "message": "no"})";
  const outcome r =
      run({folder_of("raising", raising("both", R"({"refuse": 1})", raises) + "," + raising("peer_only", "{}", raises) +
                                    "," + raising("ours_only", R"({"refuse": 1})", R"("outputs": {"y": "x.npy"})"))},
          echo());
  CHECK(r.says("peer_only: the peer raises, the library does not"));
  CHECK(r.says("ours_only: refused by the library: xquant: x = 7: value out of range; expected something else"));
  CHECK(r.says("1 passed, 2 failed"));
}

TEST_CASE("conformance: refused cases and the page agree") {
  const std::string folder = folder_of("refused", same_case("good", "x.npy") + "," + same_case("undefined", "off.npy"));
  const registry peers = echo({{"undefined", "rests on a conversion C leaves undefined"}});
  const std::string entry = "- `echo` `undefined`: rests on a conversion C leaves undefined\n";
  CHECK(run({folder}, peers, entry).out == "1 passed, 0 failed, 1 refused, 0 not covered\n");
  CHECK(
      run({folder}, peers, "# Nothing\n").says("undefined: refused (rests on a conversion C leaves undefined), but "));
  CHECK(run({folder}, peers, "- `echo` `undefined`: another reason\n").code == 1);
  CHECK(run({folder}, peers, entry + "- `echo` `good`: no reason\n")
            .says("good: " + scratch + "/page.md lists it as refused, but it is not"));
  CHECK(run({"--match", "good", folder}, peers, entry).code == 0);
  CHECK(run({folder}, peers, entry + "- `another` `good`: of another peer\n").code == 0);
}

TEST_CASE("conformance: two rules must not claim one case") {
  registry peers = echo();
  peers[0].rules.push_back(peers[0].rules[0]);
  CHECK(run({folder_of("twice", same_case("good", "x.npy"))}, peers).says("good: claimed by two rules"));
}

TEST_CASE("conformance: how floats are compared") {
  const double one_up = std::nextafter(1.0f, 2.0f);
  const double two_up = std::nextafter(static_cast<float>(one_up), 2.0f);
  const double infinity = std::numeric_limits<double>::infinity();
  const double nan = std::nan("");
  const json bits = "bits";
  CHECK(!difference(real({1, nan, -infinity}), real({1, -nan, -infinity}), bits));
  CHECK(difference(real({1, 1}), real({1, one_up}), bits) == "index 1: expected 0x1p+0, got 0x1.000002p+0");
  CHECK(difference(real({0}), real({nan}), json{{"rtol", 1.0}, {"atol", 1.0}}));
  CHECK(!difference(real({1}), real({one_up}), json{{"ulp", 1}}));
  CHECK(difference(real({1}), real({two_up}), json{{"ulp", 1}}));
  CHECK(difference(real({1}, element::float64), real({one_up}, element::float64), json{{"ulp", 1000}}));
  CHECK(!difference(real({0x1p-149}), real({-0x1p-149}), json{{"ulp", 2}}));
  CHECK(difference(real({-1e300}, element::float64), real({1e300}, element::float64), json{{"ulp", 5}}));
  CHECK(difference(real({3.4028234663852886e38}), real({infinity}), json{{"ulp", 5}}));
  CHECK(!difference(real({100}), real({100.9}), json{{"rtol", 0.01}, {"atol", 0.0}}));
  CHECK(difference(real({100}), real({101.1}), json{{"rtol", 0.01}, {"atol", 0.0}}));
  CHECK(!difference(real({0}), real({0.5}), json{{"atol", 0.5}}));
  CHECK(difference(real({1, 2}), real({1}), bits) == "expected shape [2], got [1]");
  CHECK(difference(real({1}), real({1}, element::float64), bits) == "expected float32, got float64");
  const value codes{element::integer, xquant::shape{std::size_t(2)}, {}, {-128, 127}};
  const value other{element::integer, xquant::shape{std::size_t(2)}, {}, {-128, -127}};
  CHECK(difference(codes, other, json{{"rtol", 9.0}}) == "index 1: expected 0x1.fcp+6 (127), got -0x1.fcp+6 (-127)");
  CHECK_THROWS(difference(codes, codes, "roughly"));
}

TEST_CASE("conformance: comparison by manifest, case and output") {
  const auto of = [](const char* description) {
    return recorded_case("echo", "", json::parse(description), json{{"ulp", 3}});
  };
  const recorded_case by_default = of(R"({"name": "a", "op": "b"})");
  CHECK(by_default.compare("y") == json{{"ulp", 3}});
  const recorded_case by_case =
      of(R"({"name": "a", "op": "b", "float_compare": {"rtol": 1, "atol": 2, "reason": "r"}})");
  CHECK(by_case.compare("y").at("rtol") == 1);
  const recorded_case by_output = of(R"({"name": "a", "op": "b", "float_compare": {"y": "bits", "*": {"ulp": 9}}})");
  CHECK(by_output.compare("y") == json("bits"));
  CHECK(by_output.compare("z") == json{{"ulp", 9}});
  const recorded_case exact = of(
      R"({"name": "a", "op": "b", "params": {"p": 0.1, "p_hex": "0x1.99999ap-4", "q": null, "q_hex": "inf", "n": null}})");
  CHECK(exact.real("p", 0) == 0x1.99999ap-4);
  CHECK(std::isinf(exact.real("q", 0)));
  CHECK(exact.integer("n", 7) == 7);
}

TEST_CASE("conformance: arguments and files that cannot be used") {
  const std::string folder = folder_of("used", same_case("good", "x.npy"));
  CHECK(run({}, echo()).code == 2);
  CHECK(run({"--subject"}, echo()).err.find("--subject needs a value") != std::string::npos);
  CHECK(run({"--color", "red", folder}, echo()).err.find("unknown option --color") != std::string::npos);
  CHECK(run({"--match", "(", folder}, echo()).code == 2);
  CHECK(run({"--subject", "colors", folder}, echo()).err.find("no peer has a subject 'colors'") != std::string::npos);
  CHECK(run({scratch + "/nowhere"}, echo()).err.find("no manifest.json") != std::string::npos);
  // As `vectors/*` names them, among the folders.
  const outcome r = run({scratch + "/page.md", folder}, echo());
  CHECK(r.code == 0);
  CHECK(r.err.find("is a file, passed over") != std::string::npos);
  write(folder + "/manifest.json", "{");
  CHECK(run({folder}, echo()).code == 2);
}

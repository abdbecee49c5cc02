// The codes of an engine for every float, against the oracle; at every boundary under every rule; and of all other
// engines. `exhaustive_formats_ENGINE all FILE [K N]` appends a line a finished piece to FILE and leaves out those it
// finds there (of every N pieces the K-th, to share the work among processes); `stratified` runs a part of the first,
// in seconds, and is all that is compiled without XQUANT_TEST_EVERY_RULE. docs/exhaustive.md.
#include <core/oracle.hpp>
#include <formats/chosen.hpp>
#include <formats/subjects.hpp>
#include XQUANT_TEST_ENGINE_HEADER
#include <xquant/engines/scalar.hpp>
#include <xquant/formats/binary.hpp>
#include <xquant/formats/e8m0.hpp>
#include <xquant/formats/float16.hpp>
#include <xquant/formats/float4.hpp>
#include <xquant/formats/float6.hpp>
#include <xquant/formats/float8.hpp>
#include <xquant/formats/ternary.hpp>
#include <xquant/formats/wide_exponent.hpp>
#include <xquant/formats/wide_integer.hpp>
#include <xquant/ops/quantize.hpp>
#include <xquant/rounding/stochastic.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <set>
#include <string>

namespace {

using namespace formats_test;  // NOLINT: every line names several

constexpr std::size_t block = std::size_t{1} << 16;
constexpr bool is_scalar = xquant::is_same<XQUANT_TEST_ENGINE, xquant::scalar_engine>;

// ---- what must come out --------------------------------------------------------------------------------------------

/// Codes by the layout of a small float and a search in double.
class float_oracle {
 public:
  explicit float_oracle(const subject& s) : subject_(s), grid_(s.definition) {}

  [[nodiscard]] std::int64_t code(double v, rule how) const { return code_of(grid_, subject_.special, v, how); }

  [[nodiscard]] std::vector<double> boundaries() const {
    std::vector<double> all;
    for (unsigned k = 0; k < grid_.count(); ++k) {
      all.push_back(grid_.magnitude(k));
      all.push_back(grid_.magnitude(k) + (grid_.magnitude(k + 1) - grid_.magnitude(k)) / 2);
    }
    all.push_back(grid_.magnitude(grid_.count()));
    return all;
  }

 private:
  subject subject_;
  grid grid_;
};

/// clamp(round(v), lower, upper) in double; NaN to lower.
class integer_oracle {
 public:
  integer_oracle(std::int64_t lower, std::int64_t upper) : lower_(lower), upper_(upper) {}

  [[nodiscard]] std::int64_t code(double v, rule how) const {
    if (std::isnan(v)) return lower_;
    if (v >= 0x1p40) return upper_;
    if (v <= -0x1p40) return lower_;
    const double below = std::floor(v);
    const double fraction = v - below;
    const auto low = static_cast<std::int64_t>(below);
    bool up = fraction > 0.5;
    const bool tie = fraction == 0.5;
    const bool odd = low % 2 != 0;
    switch (how) {
      case rule::nearest_even: up = up || (tie && odd); break;
      case rule::nearest_away: up = up || (tie && v > 0); break;
      case rule::nearest_up: up = up || tie; break;
      case rule::nearest_down: break;
      case rule::nearest_to_zero: up = up || (tie && v < 0); break;
      case rule::nearest_odd: up = up || (tie && !odd); break;
      case rule::toward_zero: up = v < 0 && fraction > 0; break;
      case rule::toward_positive: up = fraction > 0; break;
      case rule::toward_negative: up = false; break;
      case rule::to_odd: up = fraction > 0 && !odd; break;
    }
    const std::int64_t code = low + (up ? 1 : 0);
    return code < lower_ ? lower_ : code > upper_ ? upper_ : code;
  }
  [[nodiscard]] std::vector<double> boundaries() const {
    std::vector<double> all;
    const std::int64_t last = upper_ > 70000 ? 70000 : std::max(upper_, -lower_) + 2;
    for (std::int64_t k = 0; k <= last; ++k) {
      all.push_back(static_cast<double>(k));
      all.push_back(static_cast<double>(k) + 0.5);
    }
    for (const double end : {static_cast<double>(upper_), -static_cast<double>(lower_)}) all.push_back(end);
    return all;
  }

 private:
  std::int64_t lower_;
  std::int64_t upper_;
};

/// Powers of two by frexp; NaN for negative numbers and infinities, the largest power on overflow, code 0 for zero.
class power_oracle {
 public:
  [[nodiscard]] static std::int64_t code(double v, rule how) {
    if (std::isnan(v) || std::isinf(v) || v < 0) return 255;
    if (v <= 0x1p-127) return 0;
    int exponent = 0;
    const double m = 2 * std::frexp(v, &exponent);  // v = m 2^(exponent - 1)
    bool up = false;
    switch (how) {
      case rule::toward_zero:
      case rule::toward_negative: break;
      case rule::toward_positive: up = m > 1; break;
      case rule::to_odd: break;  // between the digits 1 and 2
      case rule::nearest_down:
      case rule::nearest_to_zero:
      case rule::nearest_odd: up = m > 1.5; break;
      default: up = m >= 1.5; break;
    }
    const std::int64_t code = exponent - 1 + 127 + (up ? 1 : 0);
    return code > 254 ? 254 : code;
  }
  [[nodiscard]] static std::vector<double> boundaries() {
    std::vector<double> all;
    for (int e = -149; e < 128; ++e)
      for (const double m : {1.0, 1.5}) all.push_back(std::ldexp(m, e));
    return all;
  }
};

/// The codes of floats in the order of their bits, of one sign, all finite or none: rounding to nearest never turns
/// back, so where the first and the last code are one, all between are.
template <class Oracle, class Code>
void fill_by_halves(const Oracle& oracle_of_format, const float* x, Code* codes, std::size_t n) {
  const auto code = [&](std::size_t i) {
    return static_cast<Code>(oracle_of_format.code(static_cast<double>(x[i]), rule::nearest_even));
  };
  if (n == 0) return;
  codes[0] = code(0);
  if (n == 1) return;
  codes[n - 1] = code(n - 1);
  if (codes[0] == codes[n - 1]) {
    std::fill(codes + 1, codes + n - 1, codes[0]);
    return;
  }
  fill_by_halves(oracle_of_format, x, codes, n / 2);
  fill_by_halves(oracle_of_format, x + n / 2, codes + n / 2, n - n / 2);
}

/// The same, whatever the floats at the end are.
template <class Oracle, class Code>
void nearest_even(const Oracle& oracle_of_format, const float* x, Code* codes, std::size_t n) {
  const auto finite =
      static_cast<std::size_t>(std::partition_point(x, x + n, [](float v) { return std::isfinite(v); }) - x);
  const auto infinite =
      static_cast<std::size_t>(std::partition_point(x + finite, x + n, [](float v) { return !std::isnan(v); }) - x);
  fill_by_halves(oracle_of_format, x, codes, finite);
  fill_by_halves(oracle_of_format, x + finite, codes + finite, infinite - finite);
  fill_by_halves(oracle_of_format, x + infinite, codes + infinite, n - infinite);
}

// ---- running -------------------------------------------------------------------------------------------------------

class hash {
 public:
  void add(const void* data, std::size_t bytes) {
    const auto* p = static_cast<const unsigned char*>(data);
    for (std::size_t i = 0; i < bytes; i += 8) {
      std::uint64_t word = 0;
      std::memcpy(&word, p + i, bytes - i < 8 ? bytes - i : 8);
      value_ = (value_ ^ word) * 0x9E3779B97F4A7C15u;
      value_ ^= value_ >> 32;
    }
  }
  [[nodiscard]] std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_ = 0xcbf29ce484222325u;
};

struct answer {
  std::uint64_t inputs = 0;
  std::uint64_t wrong = 0;
  std::uint64_t codes = 0;  // hash
};

template <class Code>
void count_wrong(answer& a, const std::vector<float>& x, const std::vector<Code>& found,
                 const std::vector<Code>& expected, std::size_t n, const char* what) {
  a.inputs += n;
  if (std::memcmp(found.data(), expected.data(), n * sizeof(Code)) == 0) return;
  for (std::size_t i = 0; i < n; ++i) {
    if (found[i] == expected[i]) continue;
    if (a.wrong++ < 3)
      std::printf("%s: %a gives %lld, not %lld\n", what, static_cast<double>(x[i]), static_cast<long long>(found[i]),
                  static_cast<long long>(expected[i]));
  }
}

template <class Quantizer, class Engine>
void run(const Quantizer& q, const std::vector<float>& x, std::vector<typename Quantizer::code_type>& codes,
         std::size_t n, const Engine& engine) {
  using xquant::shape;
  const xquant::scale_and_zero_point<float> one{1, 0};
  xquant::quantize(q, one, xquant::tensor_view<const float>(x.data(), shape(n)),
                   xquant::tensor_view<typename Quantizer::code_type>(codes.data(), shape(n)), engine);
}

/// Floats by their bits, 2^32 / `stride` of them (a power of two), evenly and not in step; `expect` fills a block of
/// codes.
template <class Quantizer, class Engine, class Expect>
answer sweep(const char* what, const Quantizer& q, const Engine& engine, std::uint64_t stride, const Expect& expect) {
  using code = typename Quantizer::code_type;
  std::vector<float> x(block);
  std::vector<code> found(block);
  std::vector<code> expected(block);
  answer a;
  hash h;
  const std::uint64_t total = (std::uint64_t{1} << 32) / stride;
  for (std::uint64_t done = 0; done < total; done += block) {
    const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(block, total - done));
    for (std::size_t i = 0; i < n; ++i) {
      const std::uint64_t place = (done + i) * stride + (((done + i) * 0x9E3779B97F4A7C15u >> 20) & (stride - 1));
      x[i] = oracle::float_of(static_cast<std::uint32_t>(place));
    }
    run(q, x, found, n, engine);
    expect(x, expected, n);
    count_wrong(a, x, found, expected, n, what);
    h.add(found.data(), n * sizeof(code));
  }
  a.codes = h.value();
  return a;
}

/// Every boundary with two floats on each side, of both signs, under one rule.
template <class Quantizer, class Engine, class Oracle>
answer at_boundaries(const char* what, const Quantizer& q, const Engine& engine, const Oracle& oracle_of_format,
                     rule how) {
  using code = typename Quantizer::code_type;
  std::vector<float> x;
  for (const double place : oracle_of_format.boundaries())
    for (const float sign : {1.0f, -1.0f}) {
      if (place > static_cast<double>(std::numeric_limits<float>::max())) continue;
      float v = sign * static_cast<float>(place);
      for (int k = 0; k < 2; ++k) v = std::nextafter(v, -std::numeric_limits<float>::infinity());
      for (int k = 0; k < 5; ++k, v = std::nextafter(v, std::numeric_limits<float>::infinity())) x.push_back(v);
    }
  for (const float v : {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::max(),
                        std::numeric_limits<float>::denorm_min(), std::numeric_limits<float>::quiet_NaN(), 0.0f}) {
    x.push_back(v);
    x.push_back(-v);
  }
  std::vector<code> found(x.size());
  std::vector<code> expected(x.size());
  run(q, x, found, x.size(), engine);
  for (std::size_t i = 0; i < x.size(); ++i)
    expected[i] = static_cast<code>(oracle_of_format.code(static_cast<double>(x[i]), how));
  answer a;
  count_wrong(a, x, found, expected, x.size(), what);
  hash h;
  h.add(found.data(), found.size() * sizeof(code));
  a.codes = h.value();
  return a;
}

struct piece {
  std::string name;
  std::function<answer()> run;
};

struct plan_of_pieces {
  std::vector<piece> pieces;
  bool all;

  /// `of_family`: the one that stands for its family in the full sweep of engines other than the scalar one.
  template <class F, class Oracle>
  void add(const std::string& name, const F& format, const Oracle& oracle_of_format, bool of_family) {
    using xquant::quantizer;
    const XQUANT_TEST_ENGINE engine = make_engine();
    const std::uint64_t stride = !all ? std::uint64_t{1} << 12 : is_scalar || of_family ? 1 : 64;
    const std::string start = std::string(XQUANT_TEST_ENGINE_NAME) + " " + name + " ";
    pieces.push_back({start + "nearest_even every " + std::to_string(stride), [=] {
                        const quantizer<F, xquant::nearest_even> q(format);
                        return sweep(name.c_str(), q, engine, stride,
                                     [&](const std::vector<float>& x, auto& codes, std::size_t n) {
                                       nearest_even(oracle_of_format, x.data(), codes.data(), n);
                                     });
                      }});
#if defined(XQUANT_TEST_EVERY_RULE)
    for (int k = 0; k < rules; ++k) {
      const auto how = static_cast<rule>(k);
      pieces.push_back({start + "boundaries " + std::to_string(k), [=] {
                          if (is_nearest(how)) {
                            const quantizer<F, chosen_nearest> q(format, {}, {}, {{how}}, {});
                            return at_boundaries(name.c_str(), q, engine, oracle_of_format, how);
                          }
                          const quantizer<F, chosen> q(format, {}, {}, {how}, {});
                          return at_boundaries(name.c_str(), q, engine, oracle_of_format, how);
                        }});
    }
    if (is_scalar) return;
    // Against the scalar engine: the other rules, and the random one.
    const std::uint64_t rest = all ? 64 : std::uint64_t{1} << 16;
    const auto against_scalar = [=](const auto& q) {
      return sweep(name.c_str(), q, engine, rest, [&](const std::vector<float>& x, auto& codes, std::size_t n) {
        run(q, x, codes, n, xquant::scalar_engine{});
      });
    };
    for (int k = 1; k < rules; ++k) {
      const auto how = static_cast<rule>(k);
      pieces.push_back({start + "rule " + std::to_string(k) + " every " + std::to_string(rest), [=] {
                          if (is_nearest(how))
                            return against_scalar(quantizer<F, chosen_nearest>(format, {}, {}, {{how}}, {}));
                          return against_scalar(quantizer<F, chosen>(format, {}, {}, {how}, {}));
                        }});
    }
    pieces.push_back({start + "stochastic every " + std::to_string(rest), [=] {
                        return against_scalar(quantizer<F, xquant::stochastic>(format, {}, {}, {7, 0}, {}));
                      }});
#endif
  }

  template <class F>
  void add_float(const char* name, bool of_family) {
    for (const subject& s : subjects())
      if (s.name == name) return add(name, F{}, float_oracle(s), of_family);
    std::printf("%s is not among the formats under test\n", name);
    std::exit(2);
  }
  template <class F>
  void add_integer(const std::string& name, const F& format, bool of_family = false) {
    add(name, format, integer_oracle(format.lower_code(), format.upper_code()), of_family);
  }

  static XQUANT_TEST_ENGINE make_engine() {
#if defined(XQUANT_TEST_ENGINE_MAKE)
    return XQUANT_TEST_ENGINE_MAKE;
#else
    return {};
#endif
  }
};

void fill(plan_of_pieces& plan) {
  using namespace xquant;  // NOLINT: every line names several
  plan.add_float<e4m3fn>("e4m3fn", true);
  plan.add_float<e5m2>("e5m2", false);
  plan.add_float<e4m3fnuz>("e4m3fnuz", false);
  plan.add_float<e5m2fnuz>("e5m2fnuz", false);
  plan.add_float<e4m3b11fnuz>("e4m3b11fnuz", false);
  plan.add_float<e4m3>("e4m3", false);
  plan.add_float<e3m4>("e3m4", false);
  plan.add_float<ue4m3>("ue4m3", false);
  plan.add_float<e2m3>("e2m3", false);
  plan.add_float<e3m2>("e3m2", false);
  plan.add_float<e2m1>("e2m1", false);
  plan.add_float<e3m0>("e3m0", false);
  plan.add_float<e1m2>("e1m2", false);
  plan.add_float<e0m3>("e0m3", false);
  plan.add_float<binary16>("binary16", true);
  plan.add_float<bfloat16_format>("bfloat16_format", false);
  plan.add_float<e5m3>("e5m3", false);
  plan.add_float<wide_exponent<4, 3>>("wide_exponent<4, 3>", false);
  plan.add_float<wide_exponent<5, 3>>("wide_exponent<5, 3>", false);
  plan.add("e8m0", e8m0{}, power_oracle{}, true);
  for (int bits = 1; bits <= 8; ++bits) {
    plan.add_integer("int" + std::to_string(bits), integer_of_bits<std::int8_t>(bits), bits == 8);
    plan.add_integer("uint" + std::to_string(bits), integer_of_bits<std::uint8_t>(bits));
  }
  for (int bits = 9; bits <= 16; ++bits) {
    plan.add_integer("int" + std::to_string(bits), integer_of_bits<std::int16_t>(bits), bits == 16);
    plan.add_integer("uint" + std::to_string(bits), integer_of_bits<std::uint16_t>(bits));
  }
  for (int bits = 17; bits <= 32; ++bits) {
    plan.add_integer("int" + std::to_string(bits), integer_of_bits<std::int32_t>(bits), bits == 32);
    plan.add_integer("uint" + std::to_string(bits), integer_of_bits<std::uint32_t>(bits));
  }
}

}  // namespace

int main(int argc, char** argv) {
  const bool all = (argc == 3 || argc == 5) && std::strcmp(argv[1], "all") == 0;
  const std::size_t share = all && argc == 5 ? std::strtoul(argv[3], nullptr, 10) : 0;
  const std::size_t shares = all && argc == 5 ? std::strtoul(argv[4], nullptr, 10) : 1;
  if ((!all && !(argc == 2 && std::strcmp(argv[1], "stratified") == 0)) || share >= shares) {
    std::printf("%s stratified | all FILE [K N]\n", argv[0]);
    return 2;
  }
  std::set<std::string> finished;
  if (all) {
    std::ifstream file(argv[2]);
    for (std::string line; std::getline(file, line);)
      if (const auto end = line.find(" | "); end != std::string::npos) finished.insert(line.substr(0, end));
  }
  plan_of_pieces plan{{}, all};
  fill(plan);
  std::uint64_t wrong = 0;
  std::uint64_t inputs = 0;
  for (std::size_t i = share; i < plan.pieces.size(); i += shares) {
    const piece& p = plan.pieces[i];
    if (finished.count(p.name) != 0) continue;
    const auto start = std::chrono::steady_clock::now();
    const answer a = p.run();
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    wrong += a.wrong;
    inputs += a.inputs;
    if (!all && a.wrong == 0) continue;
    char line[256];
    std::snprintf(line, sizeof line, "%s | inputs %llu | wrong %llu | codes %016llx | %.1f s\n", p.name.c_str(),
                  static_cast<unsigned long long>(a.inputs), static_cast<unsigned long long>(a.wrong),
                  static_cast<unsigned long long>(a.codes), seconds);
    std::printf("%s", line);
    std::fflush(stdout);
    if (!all || a.wrong != 0) continue;
    std::ofstream file(argv[2], std::ios::app);
    file << line << std::flush;
  }
  std::printf("%s: %llu inputs, %llu wrong\n", XQUANT_TEST_ENGINE_NAME, static_cast<unsigned long long>(inputs),
              static_cast<unsigned long long>(wrong));
  return wrong == 0 ? 0 : 1;
}

// Observers, states, rules and the quantizer at hand. A state and a rule of the user's own, defined here, run with
// every engine, element type, granularity and layout; what they and the library's own states hold is compared with
// loops over the logical index. What each concept wants is told by archetypes and by what lacks one part.
#include <doctest/doctest.h>

#include <granularity/cases.hpp>

#include <core/oracle.hpp>
#include <cuda/emulate.hpp>
#include <support/scale.hpp>
#include <xquant/calibration/entropy.hpp>
#include <xquant/calibration/joint_state.hpp>
#include <xquant/calibration/min_max.hpp>
#include <xquant/calibration/moments.hpp>
#include <xquant/calibration/observer_bytes.hpp>
#include <xquant/calibration/percentile.hpp>
#include <xquant/calibration/range_of.hpp>
#include <xquant/engines/scalar.hpp>
#include <xquant/engines/simd.hpp>
#include <xquant/engines/threads.hpp>
#include <xquant/engines/vector.hpp>
#include <xquant/formats/float4.hpp>
#include <xquant/formats/float8.hpp>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <mutex>
#include <thread>
#include <type_traits>
#include <vector>

namespace users_own {

/// A state: the sum of squares in steps of 2^-16, an integer, and the number of negative elements.
struct power {
  std::uint64_t steps = 0;
  std::uint64_t samples = 0;
  std::uint64_t negative = 0;

  bool empty() const { return samples == 0; }
  void reach(const xquant::extremes& seen) { largest = std::max(largest, seen.magnitude()); }
  template <class Real>
  void count(const Real* x, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
      steps += static_cast<std::uint64_t>(static_cast<double>(x[i]) * static_cast<double>(x[i]) * 65536);
      negative += x[i] < 0 ? 1 : 0;
    }
    samples += n;
  }
  void merge(const power& other) {
    steps += other.steps;
    samples += other.samples;
    negative += other.negative;
    largest = std::max(largest, other.largest);
  }
  friend bool operator==(const power&, const power&) = default;

  double largest = 0;
};

/// A rule: `factor` root mean squares to both sides, and as many more as the codes have bits; one side where no element
/// is negative and the codes can be moved.
struct root_mean_square {
  double factor = 1;

  xquant::status valid() const {
    if (!(factor > 0)) return xquant::fault(xquant::errc::value_out_of_range, "factor", factor, "a number above 0");
    return {};
  }
  xquant::status try_range(const power& p, const xquant::code_grid& codes, xquant::range<double>& out) const {
    const double mean = static_cast<double>(p.steps) / 65536 / static_cast<double>(p.samples);
    const double most = factor * std::sqrt(mean) * std::log2(static_cast<double>(codes.levels()));
    out = {p.negative == 0 && !codes.is_symmetric() ? 0 : -most, most};
    return {};
  }
  friend bool operator==(const root_mean_square&, const root_mean_square&) = default;
};

}  // namespace users_own

// The concepts: what satisfies them, and what lacks one part.
namespace archetypes {

using namespace xquant;  // NOLINT: every line names several

struct state_archetype {
  bool empty() const { return true; }
  void reach(const extremes&) {}
  void merge(const state_archetype&) {}
  friend bool operator==(const state_archetype&, const state_archetype&) = default;
};
struct counts_floats : state_archetype {
  void count(const float*, std::size_t) {}
  void merge(const counts_floats&) {}
  friend bool operator==(const counts_floats&, const counts_floats&) = default;
};
struct without_empty {
  void reach(const extremes&) {}
  void merge(const without_empty&) {}
  friend bool operator==(const without_empty&, const without_empty&) = default;
};
struct without_reach {
  bool empty() const { return true; }
  void merge(const without_reach&) {}
  friend bool operator==(const without_reach&, const without_reach&) = default;
};
struct without_merge {
  bool empty() const { return true; }
  void reach(const extremes&) {}
  friend bool operator==(const without_merge&, const without_merge&) = default;
};
struct without_equality {
  bool empty() const { return true; }
  void reach(const extremes&) {}
  void merge(const without_equality&) {}
};
struct without_default : state_archetype {
  explicit without_default(int) {}
  void merge(const without_default&) {}
  friend bool operator==(const without_default&, const without_default&) = default;
};
static_assert(ObserverState<state_archetype> && ObserverState<counts_floats> && ObserverState<users_own::power>);
static_assert(ObserverState<extremes> && ObserverState<histogram>);
static_assert(!ObserverState<without_empty> && !ObserverState<without_reach> && !ObserverState<without_merge> &&
              !ObserverState<without_equality> && !ObserverState<without_default>);
static_assert(!ObserverState<full_range> && !ObserverState<int> && !ObserverState<min_max<>>);
static_assert(StateOf<state_archetype, double> && StateOf<counts_floats, float> && StateOf<counts_floats, bfloat16>);
static_assert(!StateOf<counts_floats, double> && StateOf<users_own::power, double> && StateOf<histogram, float16>);

struct rule_archetype {
  status valid() const { return {}; }
  status try_range(const state_archetype&, const code_grid&, range<double>&) const { return {}; }
  friend bool operator==(const rule_archetype&, const rule_archetype&) = default;
};
struct rule_without_codes {
  status valid() const { return {}; }
  status try_range(const state_archetype&, range<double>&) const { return {}; }
  friend bool operator==(const rule_without_codes&, const rule_without_codes&) = default;
};
struct rule_without_valid {
  status try_range(const state_archetype&, const code_grid&, range<double>&) const { return {}; }
  friend bool operator==(const rule_without_valid&, const rule_without_valid&) = default;
};
struct rule_of_floats {
  status valid() const { return {}; }
  status try_range(const state_archetype&, const code_grid&, range<float>&) const { return {}; }
  friend bool operator==(const rule_of_floats&, const rule_of_floats&) = default;
};
struct rule_that_changes {
  status valid() const { return {}; }
  status try_range(const state_archetype&, const code_grid&, range<double>&) { return {}; }
  friend bool operator==(const rule_that_changes&, const rule_that_changes&) = default;
};
static_assert(RangeRule<rule_archetype, state_archetype> && !RuleWithoutCodes<rule_archetype, state_archetype>);
static_assert(RangeRule<rule_without_codes, state_archetype> && RuleWithoutCodes<rule_without_codes, state_archetype>);
static_assert(!RangeRule<rule_without_valid, state_archetype> && !RangeRule<rule_of_floats, state_archetype> &&
              !RangeRule<rule_that_changes, state_archetype> && !RangeRule<int, state_archetype>);
// A rule answers for the states it knows.
static_assert(!RangeRule<rule_archetype, histogram> && !RangeRule<percentile, extremes>);
static_assert(RuleWithoutCodes<full_range, extremes> && RuleWithoutCodes<full_range, histogram>);
static_assert(RangeRule<entropy, histogram> && !RuleWithoutCodes<entropy, histogram> && !RangeRule<entropy, extremes>);

using archetype = calibrator<state_archetype, rule_archetype>;
static_assert(Observer<observer<state_archetype>> && !Calibrator<observer<state_archetype>>);
static_assert(Calibrator<archetype> && Calibrator<min_max<>> && Calibrator<histogram_calibrator<entropy>>);
static_assert(!Observer<state_archetype> && !Observer<int> && !Calibrator<rule_archetype>);

}  // namespace archetypes

namespace {

using namespace granularity_test;  // NOLINT: every line names several
using namespace xquant;            // NOLINT: likewise

// ---- everything with every engine

thread_pool& pool() {
  static thread_pool threads(3);
  return threads;
}

template <class Visit>
void on_each_engine(const Visit& visit) {
  visit(scalar_engine{}, "scalar");
  visit(vector_engine<>{}, "vector");
  visit(vector_engine<4>{}, "vector of 4");
  visit(vector_engine<16>{}, "vector of 16");
  visit(simd_engine<>{}, "simd");
  visit(threads_engine<vector_engine<>>(pool()), "threads");
}

template <class Element>
std::vector<Element> sample(std::size_t n, std::uint64_t seed) {
  oracle::stream random(seed);
  std::vector<Element> x(n);
  for (auto& v : x) v = static_cast<Element>(static_cast<float>(random.unit() * std::exp(3 * random.unit())));
  for (std::size_t i = 0; i < n; i += 7) x[i] = static_cast<Element>(i % 2 == 0 ? 0.0f : -0.0f);
  return x;
}

template <class Element>
double as_double(Element x) {
  return static_cast<double>(static_cast<lane_real<Element>>(x));
}

template <class State>
void show(std::vector<State>& states, std::size_t slot, double x) {
  states[slot].reach(extremes(x, x));
  if constexpr (requires { states[slot].count(&x, 1); }) states[slot].count(&x, 1);
}

// States by the logical index and the definition of a granularity, against observers; dense and strided.
template <class State, class Element>
void check_states(const shape& s, const granularity_case& c, std::uint64_t seed) {
  const std::vector<Element> x = sample<Element>(s.size(), seed);
  std::vector<State> expected(product(c.parameter_shape));
  for_each_index(s, [&](const multi_index& i, std::size_t place) {
    show(expected, row_major(c.parameter_index(i), c.parameter_shape), as_double(x[place]));
  });
  // Every other element of memory twice as large, backwards.
  std::vector<Element> spread(2 * x.size(), static_cast<Element>(1e30f));
  std::ptrdiff_t strides[max_rank] = {};
  std::ptrdiff_t step = -2;
  for (std::size_t d = s.rank; d-- > 0;) {
    strides[d] = step;
    step *= static_cast<std::ptrdiff_t>(s.extent[d]);
  }
  for (std::size_t i = 0; i < x.size(); ++i) spread[2 * (x.size() - 1 - i)] = x[i];
  const tensor_view<const Element> dense(x.data(), s);
  const tensor_view<const Element> strided(spread.data() + 2 * (x.size() - 1), s, strides);
  on_each_engine([&](const auto& engine, const char* name) {
    CAPTURE(name);
    for (const auto& view : {dense, strided}) {
      observer<State, decltype(c.granularity)> o(c.granularity);
      REQUIRE(o.try_observe(view, engine).ok());
      CHECK(o.states() == expected);
    }
  });
}

}  // namespace

TEST_CASE("states hold what loops over the index give: every granularity, engine, layout and element type") {
  std::uint64_t seed = 0;
  for (const shape& s : {shape(37), shape(5, 70), shape(3, 4, 33), shape(2, 3, 5, 7)})
    for (const granularity_case& c : cases_of(s)) {
      CAPTURE(c.name);
      ++seed;
      check_states<extremes, float>(s, c, seed);
      check_states<extremes, double>(s, c, seed);
      check_states<extremes, float16>(s, c, seed);
      check_states<extremes, bfloat16>(s, c, seed);
      check_states<users_own::power, float>(s, c, seed);
      check_states<users_own::power, double>(s, c, seed);
      check_states<users_own::power, float16>(s, c, seed);
    }
}

TEST_CASE("extremes of long rows, which engines reduce: any length, every element type, zeros and infinities") {
  const auto check = [](auto element, std::size_t n) {
    using type = decltype(element);
    std::vector<type> x = sample<type>(n, n);
    std::vector<double> reals;
    for (const type& v : x) reals.push_back(as_double(v));
    const auto [low, high] = std::minmax_element(reals.begin(), reals.end());
    const tensor_view<const type> view(x.data(), shape(n));
    on_each_engine([&](const auto& engine, const char* name) {
      CAPTURE(name);
      min_max<> m;
      REQUIRE(m.try_observe(view, engine).ok());
      CHECK(m.states().at(0) == extremes(*low, *high));
      std::vector<range<lane_real<type>>> found;
      REQUIRE(try_range_of(per_tensor{}, view, found, engine).ok());
      CHECK(static_cast<double>(found.at(0).minimum) == *low);
      CHECK(static_cast<double>(found.at(0).maximum) == *high);
    });
    std::fill(x.begin(), x.end(), static_cast<type>(-0.0f));
    on_each_engine([&](const auto& engine, const char* name) {
      CAPTURE(name);
      min_max<> m;
      REQUIRE(m.try_observe(view, engine).ok());
      CHECK(!std::signbit(m.states().at(0).minimum()));
      CHECK(!std::signbit(m.states().at(0).maximum()));
    });
  };
  for (const std::size_t n : {8191u, 8192u, 8193u, 40001u, 131077u}) {
    CAPTURE(n);
    check(float{}, n);
    check(double{}, n);
    check(float16(0.0f), n);
    check(bfloat16(0.0f), n);
  }
}

TEST_CASE("the first element that is not finite is named, wherever it stands and on every engine") {
  const auto check = [](auto element, const shape& s, std::size_t at, std::size_t also, double bad) {
    using type = decltype(element);
    std::vector<type> x(s.size(), static_cast<type>(1.0f));
    x[also] = static_cast<type>(std::numeric_limits<double>::infinity());
    x[at] = static_cast<type>(bad);
    on_each_engine([&](const auto& engine, const char* name) {
      CAPTURE(name);
      observer<users_own::power, per_axis<0>> o;
      const status refused = o.try_observe(tensor_view<const type>(x.data(), s), engine);
      CHECK(refused.code == errc::not_finite);
      CHECK(refused.index == at);
      CHECK((refused.value == bad || (bad != bad && refused.value != refused.value)));
      CHECK(o == decltype(o)());
      CHECK(o.validate_observe(tensor_view<const type>(x.data(), s), engine).code == errc::not_finite);
    });
  };
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();
  for (const double bad : {nan, -nan, infinity, -infinity})
    for (const shape& s : {shape(3, 5), shape(4, 100), shape(2, 40000)})
      for (const std::size_t at : {std::size_t{0}, s.size() / 2 + 1, s.size() - 1}) {
        CAPTURE(at);
        check(float{}, s, at, at + (s.size() - 1 - at) / 2, bad);
      }
  for (const double bad : {nan, infinity, -infinity}) {
    check(double{}, shape(3, 50), 70, 71, bad);
    check(double{}, shape(2, 40000), 70, 71, bad);
    check(float16(0.0f), shape(3, 50), 70, 71, bad);
    check(float16(0.0f), shape(2, 40000), 70, 71, bad);
    check(bfloat16(0.0f), shape(3, 50), 70, 71, bad);
  }
}

TEST_CASE("range_of passes NaN over and keeps infinities, in short rows and long ones") {
  for (const std::size_t columns : {3u, 70u, 40000u}) {
    CAPTURE(columns);
    std::vector<float> x(2 * columns, 1.0f);
    x[0] = NAN;
    x[1] = -2.0f;
    x[columns] = -INFINITY;
    x[columns + 1] = 5.0f;
    on_each_engine([&](const auto& engine, const char* name) {
      CAPTURE(name);
      std::vector<range<float>> found;
      REQUIRE(try_range_of(per_axis<0>{}, tensor_view<const float>(x.data(), shape(2, columns)), found, engine).ok());
      CHECK(found == std::vector<range<float>>{{-2.0f, 1.0f}, {-INFINITY, 5.0f}});
    });
  }
}

TEST_CASE("a state and a rule of one's own: any split on any engines gives the same, answers by definition") {
  const std::vector<float> x = sample<float>(60000, 5);
  const shape s(6, 100, 100);
  calibrator<users_own::power, users_own::root_mean_square, per_axis<0>> whole(users_own::root_mean_square{1.5});
  whole.observe(tensor_view<const float>(x.data(), s), scalar_engine{});
  // Pieces of every slot, on other engines and in another order.
  std::vector<decltype(whole)> parts(3, decltype(whole)(users_own::root_mean_square{1.5}));
  const std::ptrdiff_t strides[] = {10000, 100, 1};
  const auto piece = [&](std::size_t first, std::size_t rows) {
    return tensor_view<const float>(x.data() + 100 * first, shape(6, rows, 100), strides);
  };
  parts[0].observe(piece(60, 40), simd_engine<>{});
  parts[1].observe(piece(10, 50), threads_engine<vector_engine<>>(pool()));
  parts[2].observe(piece(0, 10), vector_engine<>{});
  parts[1].merge(parts[2]);
  parts[0].merge(parts[1]);
  CHECK(parts[0] == whole);
  CHECK(whole.try_merge(decltype(whole)(users_own::root_mean_square{2})).code == errc::not_mergeable);

  const auto check = [&](const auto& q, double bits) {
    const std::vector<range<float>> answers = whole.ranges(q);
    REQUIRE(answers.size() == 6);
    for (std::size_t slot = 0; slot < 6; ++slot) {
      long double sum = 0;
      for (std::size_t i = 0; i < 10000; ++i) {
        const double v = static_cast<double>(x[slot * 10000 + i]);
        sum += std::floor(v * v * 65536);
      }
      const double most = 1.5 * std::sqrt(static_cast<double>(sum / 65536 / 10000)) * bits;
      CHECK(answers[slot].maximum == static_cast<float>(most));
      CHECK(answers[slot].minimum == static_cast<float>(-most));
    }
    const parameters p = make_parameters(q, whole);
    for (std::size_t slot = 0; slot < 6; ++slot) CHECK(p.scale()[slot] == q.parameters_for(answers[slot]).scale);
  };
  check(quantizer<int8, per_axis<0>>(), 8);
  check(quantizer<int4, per_axis<0>, affine>(), 4);
  check(quantizer<uint16, per_axis<0>, affine>(), 16);
  check(quantizer<int8, per_axis<0>, symmetric<code_range::narrow>>(), std::log2(255.0));
  check(quantizer<e4m3fn, per_axis<0>>(), std::log2(253.0));  // 256 less two NaN and one of the zeros
  check(quantizer<e2m1, per_axis<0>>(), std::log2(15.0));

  std::vector<float> magnitudes = x;
  for (float& v : magnitudes) v = std::fabs(v);
  observer<users_own::power> positive;
  positive.observe(tensor_view<const float>(magnitudes.data(), shape(magnitudes.size())));
  CHECK(ranges_of(positive, users_own::root_mean_square{}, quantizer<int8, affine>())[0].minimum == 0);
  CHECK(ranges_of(positive, users_own::root_mean_square{}, quantizer<int8>())[0].minimum < 0);
}

namespace {

// Threads take batches off a counter, whoever comes first, and merge what they saw when none is left: bytes as of one
// observer that saw all of them in order.
template <class G>
void check_batches_on_threads(const G& granularity) {
  constexpr std::size_t batches = 24;
  constexpr std::size_t size = 3 * 500;
  using seen = observer<joint_state<histogram, moments>, G>;
  const std::vector<float> x = sample<float>(batches * size, 8);
  const auto batch = [&](std::size_t k) { return tensor_view<const float>(x.data() + k * size, shape(3, 500)); };
  seen whole(granularity);
  for (std::size_t k = 0; k < batches; ++k) whole.observe(batch(k), scalar_engine{});
  for (const std::size_t workers : {1U, 2U, 5U}) {
    std::atomic<std::size_t> next{0};
    std::mutex merging;
    seen merged(granularity);
    std::vector<std::thread> threads;
    for (std::size_t t = 0; t < workers; ++t)
      threads.emplace_back([&, t] {
        seen mine(granularity);
        for (std::size_t k = next++; k < batches; k = next++) {
          if (t % 2 == 0)
            mine.observe(batch(k), threads_engine<vector_engine<>>(pool()));
          else
            mine.observe(batch(k), simd_engine<>{});
        }
        const std::lock_guard<std::mutex> lock(merging);
        merged.merge(mine);
      });
    for (std::thread& t : threads) t.join();
    CHECK(to_bytes(merged) == to_bytes(whole));
  }
}

}  // namespace

TEST_CASE("any split of batches over threads gives the same bytes") {
  check_batches_on_threads(per_tensor{});
  check_batches_on_threads(per_axis<0>{});
}

TEST_CASE("what observers and answers refuse") {
  observer<users_own::power> o;
  std::vector<range<float>> out{{7, 8}};
  const quantizer<int8> q;
  CHECK(try_ranges_of(o, users_own::root_mean_square{}, q, out).code == errc::no_samples);
  CHECK(try_ranges_of(o, users_own::root_mean_square{-1}, q, out).code == errc::value_out_of_range);
  const std::vector<float> x{1, -2, 3};
  o.observe(tensor_view<const float>(x.data(), shape(3)));
  CHECK(try_ranges_of(o, users_own::root_mean_square{-1}, q, out).value == -1);
  CHECK(try_ranges_of(o, users_own::root_mean_square{NAN}, q, out).code == errc::value_out_of_range);

  // Slots of a granularity of one's own that no element belongs to.
  struct with_a_gap {
    using policy_category = category::granularity;
    status map(const shape&, parameter_map& m) const {
      m = {};
      m.count = 3;
      m.stride[0] = 2;
      m.block[0] = 2;
      return {};
    }
    bool operator==(const with_a_gap&) const = default;
  };
  min_max<with_a_gap> gap;
  REQUIRE(gap.try_observe(tensor_view<const float>(x.data(), shape(3))).ok());
  const status empty = gap.try_ranges(out);
  CHECK(empty.code == errc::no_samples);
  CHECK(empty.index == 1);

  // Doubles that floats do not hold.
  min_max<> wide;
  const std::vector<double> large{-1e300, 2.0};
  wide.observe(tensor_view<const double>(large.data(), shape(2)));
  const status beyond = wide.try_ranges(out);
  CHECK(beyond.code == errc::range_not_finite);
  CHECK(beyond.value == -1e300);
  CHECK(out == std::vector<range<float>>{{7, 8}});
  std::vector<range<double>> of_doubles;
  REQUIRE(wide.try_ranges(of_doubles).ok());
  CHECK(of_doubles == std::vector<range<double>>{{-1e300, 2.0}});
  const basic_parameters<double> p = make_parameters<double>(q, wide);
  CHECK(p.scale()[0] == 1e300 / 128);
}

TEST_CASE("the histogram takes doubles: floats among them count as floats do, others by the same definition") {
  oracle::stream random(3);
  std::vector<double> x;
  for (std::size_t i = 0; i < 5000; ++i) {
    const double v = random.unit() * std::ldexp(1.0, static_cast<int>(random.below(40)) - 20);
    x.push_back(i % 9 == 0 ? 0.0 : v);
  }
  for (const double scale : {1.0, std::ldexp(1.0, 900), std::ldexp(1.0, -800), std::ldexp(1.0, -135)}) {
    CAPTURE(scale);
    std::vector<double> scaled;
    for (const double v : x) scaled.push_back(v * scale);
    observer<histogram> o;
    o.observe(tensor_view<const double>(scaled.data(), shape(scaled.size())));
    const histogram& h = o.states().at(0);
    double largest = 0;
    for (const double v : scaled) largest = std::max(largest, std::fabs(v));
    const int exponent = std::max(std::ilogb(largest), -139);
    REQUIRE(h.grid().exponent() == exponent);
    const long double w = std::ldexp(1.0L, exponent - 10);
    std::vector<std::uint64_t> counts(2 * histogram::bins);
    std::uint64_t zeros = 0;
    for (const double v : scaled) {
      if (v == 0)
        ++zeros;
      else
        ++counts[static_cast<std::size_t>(std::fabs(static_cast<long double>(v)) / w) + (v < 0 ? histogram::bins : 0)];
    }
    std::size_t wrong = 0;
    for (std::size_t k = 0; k < histogram::bins; ++k)
      wrong += (h.positive(k) != counts[k] ? 1 : 0) + (h.negative(k) != counts[histogram::bins + k] ? 1 : 0);
    CHECK(wrong == 0);
    std::uint64_t in_bins = 0;
    for (const counted_bin& b : h.filled_bins()) {
      std::uint64_t inside = 0;
      for (const double v : scaled)
        inside += (v > 0   ? v >= b.lower && b.lower >= 0 && (v < b.upper || v == h.maximum()) && v <= b.upper
                   : v < 0 ? v <= b.upper && b.upper <= 0 && (v > b.lower || v == h.minimum()) && v >= b.lower
                           : b.upper == 0 && b.lower == 0)
                      ? 1
                      : 0;
      in_bins += inside == b.count ? b.count : 0;
    }
    CHECK(in_bins == h.samples());
    CHECK(h.zeros() == zeros);
    CHECK(h.samples() == x.size());
  }
  // Floats beside doubles far above them, in either order.
  const std::vector<float> floats = sample<float>(1000, 9);
  std::vector<double> same(floats.begin(), floats.end());
  const std::vector<double> far{1e200};
  const auto view = [](const auto& v) {
    return tensor_view<const typename std::remove_reference_t<decltype(v)>::value_type>(v.data(), shape(v.size()));
  };
  observer<histogram> a;
  observer<histogram> b;
  observer<histogram> c;
  a.observe(view(floats));
  c.observe(view(same));
  CHECK(a == c);
  a.observe(view(far));
  b.observe(view(far));
  b.observe(view(floats));
  CHECK(a == b);
}

// Every estimator on every engine: the same bits per tensor, axis, group and block, of integers and small floats, on
// any number of threads; those bits by the formulas in float with rule 10's tree written out, the sums against double,
// and what gradients of one estimator have to do with those of another. One list of estimators; whatever can be chosen
// at run time is.
#include <doctest/doctest.h>

#include <gradients/harness.hpp>
#include <support/scale.hpp>
#include <xquant/adapt/span.hpp>
#include <xquant/engines/scalar.hpp>
#include <xquant/engines/simd.hpp>
#include <xquant/engines/threads.hpp>
#include <xquant/engines/vector.hpp>
#include <xquant/formats/float8.hpp>
#include <xquant/formats/integer.hpp>
#include <xquant/gradients/clip.hpp>
#include <xquant/gradients/clipped_straight_through.hpp>
#include <xquant/gradients/dual_step_size.hpp>
#include <xquant/gradients/element_wise_scaling.hpp>
#include <xquant/gradients/fake_quantize_backward.hpp>
#include <xquant/gradients/learned_amax.hpp>
#include <xquant/gradients/learned_clip.hpp>
#include <xquant/gradients/learned_offset.hpp>
#include <xquant/gradients/learned_range.hpp>
#include <xquant/gradients/learned_step_size.hpp>
#include <xquant/gradients/learned_step_size_plus.hpp>
#include <xquant/gradients/learned_zero_point.hpp>
#include <xquant/gradients/magnitude_aware.hpp>
#include <xquant/gradients/packed_mask.hpp>
#include <xquant/gradients/pact.hpp>
#include <xquant/gradients/position_scaling.hpp>
#include <xquant/gradients/range_clipped_straight_through.hpp>
#include <xquant/gradients/rounding_variables.hpp>
#include <xquant/gradients/straight_through.hpp>
#include <xquant/gradients/trained_threshold.hpp>
#include <xquant/quantizer.hpp>
#include <xquant/schemes/affine.hpp>

#include <cmath>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

namespace {

using namespace xquant;  // NOLINT: every line names several
using gradients_test::any_granularity;

// An element as the formulas see it: q is what v = x / scale became, less the zero point; low and high what the end
// codes stand for.
template <class Real>
struct element {
  Real x, g, v, q, low, high, scale;
  bool inside;
};
template <class Real>
struct answer {
  Real dx;
  Real term[2] = {0, 0};
};
struct slot_sums {
  double sum[2];
  double elements, lower, upper, scale, zero_point;
  bool has_zero_point;
};

enum class engine { scalar, vector, simd, threads };

// Where a call finds its quantizer, its data, and where it writes.
struct call {
  ::engine engine;
  thread_pool* pool;
  std::int32_t lower, upper;
  any_granularity granularity;
  parameters_view<float> parameters;
  tensor_view<const float> x, g;
  tensor_view<float> dx;
  tensor_view<float> learned[2];
};

template <class On>
status on_engine(engine which, thread_pool* pool, const On& on) {
  switch (which) {
    case engine::vector: return on(vector_engine<>{});
    case engine::simd: return on(simd_engine<>{});
    case engine::threads: return on(threads_engine<vector_engine<>>(*pool));
    default: return on(scalar_engine{});
  }
}

template <class E, class Q>
status run(const E& estimator, const Q& q, const call& c) {
  return on_engine(c.engine, c.pool, [&](const auto& e) {
    if constexpr (E::learned == 0)
      return try_fake_quantize_backward(estimator, q, c.parameters, c.x, c.g, c.dx, e);
    else if constexpr (E::learned == 1)
      return try_fake_quantize_backward(estimator, q, c.parameters, c.x, c.g, c.dx, c.learned[0], e);
    else
      return try_fake_quantize_backward(estimator, q, c.parameters, c.x, c.g, c.dx, c.learned[0], c.learned[1], e);
  });
}

using integer_quantizer =
    basic_quantizer<stored_integer<std::int8_t>, any_granularity, affine, nearest_even, divide_by_scale>;
using float_quantizer = basic_quantizer<e4m3fn, any_granularity, symmetric<>, nearest_even, divide_by_scale>;

struct estimator_case {
  const char* name;
  std::size_t learned;
  answer<float> (*in_float)(const element<float>&);
  answer<double> (*in_double)(const element<double>&);
  double (*finish)(std::size_t k, const slot_sums&);
  status (*on_integers)(const call&);
  status (*on_floats)(const call&);
};

// The estimator that `Make` makes, its formula, and what becomes of its sums.
template <class Make, class Formula, class Finish>
estimator_case entry(const char* name, Make, Formula, Finish) {
  using estimator = decltype(Make{}());
  return {name,
          estimator::learned,
          [](const element<float>& e) { return answer<float>(Formula{}(e)); },
          [](const element<double>& e) { return answer<double>(Formula{}(e)); },
          [](std::size_t k, const slot_sums& s) { return static_cast<double>(Finish{}(k, s)); },
          [](const call& c) {
            return run(Make{}(), integer_quantizer({c.lower, c.upper}, c.granularity, {}, {}, {}), c);
          },
          [](const call& c) { return run(Make{}(), float_quantizer({}, c.granularity, {}, {}, {}), c); }};
}

// Formulas in the type of the element: with float each operation is rounded (the test is compiled without fused ones).
template <class R>
R masked(const element<R>& e) {
  return e.inside ? e.g : R(0);
}
template <class R>
R beyond(const element<R>& e) {
  return e.inside ? R(0) : e.g;
}
template <class R>
R step_size(const element<R>& e) {
  return e.g * (e.inside ? e.q - e.v : e.q);
}
template <class R>
R within(const element<R>& e) {
  return e.low < e.x && e.x < e.high ? e.g : R(0);
}
template <class R>
answer<R> step_and_beyond(const element<R>& e) {
  return {masked(e), {step_size(e), beyond(e)}};
}
double gamma_of(const slot_sums& s) { return 1 / std::sqrt(s.elements * s.upper); }
constexpr auto nothing = [](std::size_t, const slot_sums&) { return 0.0; };
constexpr auto sums_alone = [](std::size_t k, const slot_sums& s) { return s.sum[k]; };

std::vector<estimator_case> every_estimator() {
  std::vector<estimator_case> all;
  const auto add = [&](const char* name, auto make, auto formula, auto finish) {
    all.push_back(entry(name, make, formula, finish));
  };
  add(
      "straight_through", [] { return straight_through{}; },
      []<class R>(const element<R>& e) { return answer<R>{e.g}; }, nothing);
  add(
      "clipped_straight_through", [] { return clipped_straight_through{}; },
      []<class R>(const element<R>& e) { return answer<R>{masked(e)}; }, nothing);
  add(
      "range_clipped_straight_through", [] { return range_clipped_straight_through{}; },
      []<class R>(const element<R>& e) { return answer<R>{e.low <= e.x && e.x <= e.high ? e.g : R(0)}; }, nothing);
  add(
      "element_wise_scaling", [] { return element_wise_scaling{0.75}; },
      []<class R>(const element<R>& e) {
        const R error = (e.x - e.q * e.scale) * std::copysign(R(1), e.g);
        return answer<R>{e.inside ? e.g * (R(1) + R(0.75) * error) : R(0)};
      },
      nothing);
  add(
      "magnitude_aware", [] { return magnitude_aware{}; },
      []<class R>(const element<R>& e) {
        if (std::isnan(e.x)) return answer<R>{0};
        return answer<R>{e.low <= e.x && e.x <= e.high ? e.g : e.g * ((e.high < e.x ? e.high : e.low) / e.x)};
      },
      nothing);
  add(
      "position_scaling",
      [] {
        return position_scaling{0.3, 2.5};
      },
      []<class R>(const element<R>& e) {
        const bool near = std::fabs(e.q - e.v) > static_cast<R>(static_cast<float>((1 - 0.3) / 2));
        return answer<R>{e.inside ? near ? e.g * R(2.5) : e.g : R(0)};
      },
      nothing);
  add(
      "learned_step_size", [] { return learned_step_size{}; },
      []<class R>(const element<R>& e) {
        return answer<R>{masked(e), {step_size(e)}};
      },
      [](std::size_t, const slot_sums& s) { return gamma_of(s) * s.sum[0]; });
  add(
      "trained_threshold", [] { return trained_threshold{}; },
      []<class R>(const element<R>& e) {
        return answer<R>{masked(e), {step_size(e)}};
      },
      [](std::size_t, const slot_sums& s) { return s.scale * 0.693147180559945309417 * s.sum[0]; });
  add(
      "learned_step_size_plus", [] { return learned_step_size_plus{}; },
      []<class R>(const element<R>& e) { return step_and_beyond(e); },
      [](std::size_t k, const slot_sums& s) { return gamma_of(s) * s.sum[k]; });
  add(
      "learned_zero_point", [] { return learned_zero_point{}; },
      []<class R>(const element<R>& e) { return step_and_beyond(e); },
      [](std::size_t k, const slot_sums& s) { return gamma_of(s) * (k == 0 ? s.sum[0] : -s.scale * s.sum[1]); });
  add(
      "learned_offset", [] { return learned_offset{}; },
      []<class R>(const element<R>& e) { return step_and_beyond(e); },
      [](std::size_t k, const slot_sums& s) { return k == 0 ? s.sum[0] : s.scale * s.sum[1]; });
  add(
      "learned_range", [] { return learned_range{}; }, []<class R>(const element<R>& e) { return step_and_beyond(e); },
      [](std::size_t k, const slot_sums& s) {
        const double outside = s.has_zero_point ? s.sum[1] : 0.0;
        const double dmax = (s.sum[0] - outside * (s.lower - s.zero_point)) / (s.upper - s.lower);
        return k == 0 ? outside - dmax : dmax;
      });
  add(
      "dual_step_size", [] { return dual_step_size{}; },
      []<class R>(const element<R>& e) {
        return answer<R>{masked(e), {R(0) - masked(e) * (e.inside ? e.v : R(0)), e.g * e.q}};
      },
      sums_alone);
  add(
      "pact", [] { return pact{}; },
      []<class R>(const element<R>& e) {
        return answer<R>{within(e), {e.high <= e.x ? e.g : R(0)}};
      },
      sums_alone);
  add(
      "learned_clip", [] { return learned_clip{}; },
      []<class R>(const element<R>& e) {
        return answer<R>{within(e), {e.x <= e.low ? e.g : R(0), e.high <= e.x ? e.g : R(0)}};
      },
      sums_alone);
  add(
      "learned_amax", [] { return learned_amax{}; },
      []<class R>(const element<R>& e) {
        const R size = std::fabs(e.x);
        return answer<R>{size < e.high ? e.g : R(0), {e.high <= size ? e.g * std::copysign(R(1), e.x) : R(0)}};
      },
      sums_alone);
  return all;
}

struct quantized {
  const char* name;
  bool is_integer;
  std::int32_t lower, upper;
};
constexpr quantized formats[] = {{"int8", true, -128, 127}, {"int4", true, -8, 7}, {"e4m3fn", false, -448, 448}};

// Data, parameters, and where each element lies.
struct problem {
  const quantized& q;
  shape extents;
  any_granularity granularity;
  std::size_t slots = 0;
  std::vector<std::size_t> slot;
  std::vector<float> scale, x, g;
  std::vector<std::int32_t> zero_point;
  std::vector<element<float>> elements;

  problem(const quantized& quantizer, const shape& s, const any_granularity& by, std::uint64_t seed, bool has_specials)
      : q(quantizer), extents(s), granularity(by), slot(by.slots(s, slots)) {
    oracle::stream random(seed);
    for (std::size_t k = 0; k < slots; ++k) {
      scale.push_back(static_cast<float>(std::ldexp(1.0 + std::fabs(random.unit()), static_cast<int>(k % 9) - 6)));
      zero_point.push_back(!q.is_integer ? 0 : static_cast<std::int32_t>(k % 5) - 2);
    }
    const reference::format format{q.is_integer, q.lower, q.upper, oracle::rounding::even, oracle::arithmetic::divide};
    for (std::size_t i = 0; i < s.size(); ++i) {
      const float step = scale[slot[i]];
      const std::int32_t z = zero_point[slot[i]];
      float v = oracle::interesting(random, step, q.is_integer ? 1.2 * (q.upper - q.lower + 2) : 500.0);
      if (std::isnan(v) && (!has_specials || !q.is_integer)) v = 0.25f;  // NaN of a small float makes all sums NaN
      if (!has_specials && !(std::fabs(v) < 1e4f * step)) v = 3 * step;
      x.push_back(v);
      g.push_back(static_cast<float>(random.unit()));
      const reference::position at = reference::locate(format, v, step, z, 0);
      elements.push_back({v, g[i], static_cast<float>(at.v), static_cast<float>(at.q),
                          static_cast<float>(q.lower - z) * step, static_cast<float>(q.upper - z) * step, step,
                          at.inside});
    }
  }
};

struct gradients {
  std::vector<float> dx;
  std::vector<float> learned[2];
};

call call_of(const problem& p, gradients& to) {
  to.dx.assign(p.x.size(), -77.0f);
  for (auto& d : to.learned) d.assign(p.slots, -77.0f);
  const shape s(p.slots);
  return {engine::scalar,
          nullptr,
          p.q.lower,
          p.q.upper,
          p.granularity,
          {p.scale.data(), nullptr, p.q.is_integer ? p.zero_point.data() : nullptr, p.slots},
          {p.x.data(), p.extents},
          {p.g.data(), p.extents},
          {to.dx.data(), p.extents},
          {{to.learned[0].data(), s}, {to.learned[1].data(), s}}};
}
gradients compute(const estimator_case& e, const problem& p, engine on, thread_pool* pool) {
  gradients found;
  call c = call_of(p, found);
  c.engine = on;
  c.pool = pool;
  const status answer = p.q.is_integer ? e.on_integers(c) : e.on_floats(c);
  REQUIRE(answer.ok());
  return found;
}

slot_sums slot_of(const problem& p, std::size_t k, double first, double second) {
  double elements = 0;
  for (const std::size_t s : p.slot) elements += s == k ? 1 : 0;
  return {{first, second},
          elements,
          static_cast<double>(p.q.lower),
          static_cast<double>(p.q.upper),
          static_cast<double>(p.scale[k]),
          static_cast<double>(p.zero_point[k]),
          p.q.is_integer};
}

// The bits that dx and the gradients of parameters must have, and the sums as double has them within what float loses.
void check_by_formula(const estimator_case& e, const problem& p, const gradients& found) {
  const std::size_t n = p.x.size();
  std::vector<float> terms[2] = {std::vector<float>(n), std::vector<float>(n)};
  std::vector<double> exact[2] = {std::vector<double>(p.slots), std::vector<double>(p.slots)};
  std::vector<double> size[2] = {std::vector<double>(p.slots), std::vector<double>(p.slots)};
  for (std::size_t i = 0; i < n; ++i) {
    const element<float>& at = p.elements[i];
    const auto wide = [](float v) { return static_cast<double>(v); };
    const answer<float> a = e.in_float(at);
    const answer<double> b = e.in_double(
        {wide(at.x), wide(at.g), wide(at.v), wide(at.q), wide(at.low), wide(at.high), wide(at.scale), at.inside});
    if (!oracle::same(found.dx[i], a.dx)) {
      INFO("dx[", i, "] of x = ", at.x, ", g = ", at.g);
      REQUIRE(found.dx[i] == a.dx);
      REQUIRE(std::signbit(found.dx[i]) == std::signbit(a.dx));
    }
    for (std::size_t k = 0; k < e.learned; ++k) {
      terms[k][i] = a.term[k];
      exact[k][p.slot[i]] += b.term[k];
      size[k][p.slot[i]] += std::fabs(b.term[k]) + std::fabs(wide(at.g) * (at.inside ? wide(at.v) : 0));
    }
  }
  const auto add = [](auto a, auto b) { return reference::sum(a, b); };
  std::vector<double> sums[2] = {reference::reduce(terms[0], p.slot, p.slots, 0.0, add),
                                 reference::reduce(terms[1], p.slot, p.slots, 0.0, add)};
  for (std::size_t slot = 0; slot < p.slots; ++slot) {
    CAPTURE(slot);
    const slot_sums s = slot_of(p, slot, sums[0][slot], sums[1][slot]);
    for (std::size_t k = 0; k < e.learned; ++k) {
      // 4096 elements pass 128 additions in an accumulator and 5 between them; terms have up to 4 roundings.
      CHECK(std::fabs(sums[k][slot] - exact[k][slot]) <= 140 * 0x1p-24 * size[k][slot]);
      const auto expected = static_cast<float>(e.finish(k, s));
      if (!oracle::same(found.learned[k][slot], expected)) CHECK(found.learned[k][slot] == expected);
    }
  }
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0);
}

// What saves a packed mask and reads it, what is learned of roundings, and clips: all outputs of one engine.
struct masked_passes {
  std::vector<float> y, dx, learned_y, dchoice, clipped, dlow, dhigh, range_masked;
  std::vector<std::uint8_t> mask, learned_mask;
  friend bool operator==(const masked_passes&, const masked_passes&) = default;
};
masked_passes passes_on(engine which, thread_pool* pool, const problem& p) {
  const std::size_t n = p.x.size();
  masked_passes r;
  for (auto* v : {&r.y, &r.dx, &r.learned_y, &r.dchoice, &r.clipped, &r.range_masked}) v->assign(n, -77.0f);
  for (auto* v : {&r.dlow, &r.dhigh}) v->assign(p.slots, -77.0f);
  for (auto* v : {&r.mask, &r.learned_mask}) v->assign((n + 7) / 8, 0xa5);
  std::vector<float> choice(n), low(p.slots), high(p.slots);
  for (std::size_t i = 0; i < n; ++i) choice[i] = static_cast<float>(i % 5) / 4.0f;
  for (std::size_t k = 0; k < p.slots; ++k) {
    low[k] = -20 * p.scale[k];
    high[k] = 30 * p.scale[k];
  }
  const auto in = [&](const std::vector<float>& v) { return tensor_view<const float>(v.data(), p.extents); };
  const auto out = [&](std::vector<float>& v) { return tensor_view<float>(v.data(), p.extents); };
  const parameters_view<float> own{p.scale.data(), nullptr, p.q.is_integer ? p.zero_point.data() : nullptr, p.slots};
  const status found = on_engine(which, pool, [&](const auto& e) -> status {
    const auto masks = [&](const auto& q) -> status {
      if (const status bad = try_fake_quantize_with_mask(q, own, in(p.x), out(r.y), r.mask, e); !bad.ok()) return bad;
      return try_masked_backward(in(p.g), r.mask, out(r.dx), e);
    };
    if (!p.q.is_integer) return masks(float_quantizer({}, p.granularity, {}, {}, {}));
    const integer_quantizer q({p.q.lower, p.q.upper}, p.granularity, {}, {}, {});
    status bad = masks(q);
    if (bad.ok())
      bad = try_learned_fake_quantize_with_mask(sign_round{}, q, own, in(p.x), in(choice), out(r.learned_y),
                                                r.learned_mask, e);
    if (bad.ok()) bad = try_learned_rounding_backward(q, own, in(p.g), r.learned_mask, out(r.dchoice), e);
    if (bad.ok())
      bad = try_clip_backward(p.granularity, low, high, in(p.x), in(p.g), out(r.clipped), r.dlow, r.dhigh, e);
    if (bad.ok()) bad = try_range_masked_backward(p.granularity, low, high, in(p.x), in(p.g), out(r.range_masked), e);
    return bad;
  });
  REQUIRE(found.ok());
  return r;
}

struct place {
  const char* name;
  shape extents;
  any_granularity granularity;
};

std::vector<place> places() {
  const std::size_t long_row = xquant_test::scaled(4500, 300);
  return {{"per tensor", shape(2 * long_row + 1), {}},
          {"per axis 0", shape(3, long_row), {0}},
          {"per last axis", shape(xquant_test::scaled(300, 40), 21), {1}},
          {"per group of 32", shape(9, 330), {any_granularity::none, {1, 32}}},
          {"per block of 8 x 40", shape(30, 130), {any_granularity::none, {8, 40}}},
          {"one row shorter than a vector", shape(1, 5), {0}}};
}
std::vector<std::unique_ptr<thread_pool>> pools_of_each_size() {
  std::vector<std::unique_ptr<thread_pool>> pools;
  for (const std::size_t threads : {1u, 2u, 3u, 7u}) pools.push_back(std::make_unique<thread_pool>(threads));
  return pools;
}

}  // namespace

TEST_CASE("every estimator: the same bits on every engine and any number of threads, by the formula") {
  const std::vector<estimator_case> all = every_estimator();
  REQUIRE(all.size() == 16);
  const auto pools = pools_of_each_size();
  std::uint64_t seed = 1;
  for (const quantized& format : formats)
    for (const place& at : places()) {
      const problem p(format, at.extents, at.granularity, ++seed, true);
      for (const estimator_case& e : all) {
        CAPTURE(std::string(e.name));
        CAPTURE(std::string(format.name));
        CAPTURE(std::string(at.name));
        const gradients found = compute(e, p, engine::scalar, nullptr);
        check_by_formula(e, p, found);
        const auto agrees = [&](engine on, thread_pool* pool) {
          CAPTURE(static_cast<int>(on));
          CAPTURE(pool != nullptr ? pool->concurrency() : 0);
          const gradients other = compute(e, p, on, pool);
          CHECK(same_bits(other.dx, found.dx));
          CHECK(same_bits(other.learned[0], found.learned[0]));
          CHECK(same_bits(other.learned[1], found.learned[1]));
        };
        agrees(engine::vector, nullptr);
        agrees(engine::simd, nullptr);
        for (const auto& pool : pools) agrees(engine::threads, pool.get());
      }
    }
}

TEST_CASE("packed masks, roundings that are learned and clips: the same bits on every engine, any number of threads") {
  const auto pools = pools_of_each_size();
  std::uint64_t seed = 50;
  for (const quantized& format : formats)
    for (const place& at : places()) {
      CAPTURE(std::string(format.name));
      CAPTURE(std::string(at.name));
      const problem p(format, at.extents, at.granularity, ++seed, true);
      const masked_passes expected = passes_on(engine::scalar, nullptr, p);
      for (std::size_t i = 0; i < p.x.size(); ++i) {
        const bool inside = p.elements[i].inside;
        REQUIRE((expected.mask[i / 8] >> i % 8 & 1) == (inside ? 1 : 0));
        REQUIRE(expected.dx[i] == (inside ? p.g[i] : 0.0f));
      }
      CHECK(passes_on(engine::vector, nullptr, p) == expected);
      CHECK(passes_on(engine::simd, nullptr, p) == expected);
      for (const auto& pool : pools) CHECK(passes_on(engine::threads, pool.get(), p) == expected);
    }
}

TEST_CASE("every estimator: sum rules, and x, scale and their multiples") {
  const std::vector<estimator_case> all = every_estimator();
  const auto named = [&](const char* name) -> const estimator_case& {
    for (const estimator_case& e : all)
      if (std::string(e.name) == name) return e;
    FAIL("no estimator ", name);
    return all[0];
  };
  std::uint64_t seed = 100;
  for (const quantized& format : formats) {
    CAPTURE(std::string(format.name));
    problem p(format, shape(4, 700), {0}, ++seed, false);
    for (auto& g : p.g) g = std::round(g * 256) / 256;  // sums of gradients alone are exact
    const auto of = [&](const char* name) { return compute(named(name), p, engine::vector, nullptr); };
    std::vector<double> all_g(p.slots), passed(p.slots), within_ends(p.slots), outside(p.slots), terms(p.slots);
    const gradients clip = of("learned_clip");
    const gradients step = of("learned_step_size");
    for (std::size_t i = 0; i < p.x.size(); ++i) {
      all_g[p.slot[i]] += static_cast<double>(p.g[i]);
      passed[p.slot[i]] += static_cast<double>(step.dx[i]);
      within_ends[p.slot[i]] += static_cast<double>(clip.dx[i]);
      terms[p.slot[i]] += std::fabs(static_cast<double>(p.g[i]) * static_cast<double>(p.elements[i].v)) + 1;
    }
    const gradients range = of("learned_range");
    const gradients zero_point = of("learned_zero_point");
    const gradients offset = of("learned_offset");
    const gradients plus = of("learned_step_size_plus");
    const gradients dual = of("dual_step_size");
    const gradients threshold = of("trained_threshold");
    const gradients pact_ends = of("pact");
    for (std::size_t k = 0; k < p.slots; ++k) {
      CAPTURE(k);
      const auto wide = [&](const gradients& d, std::size_t which) { return static_cast<double>(d.learned[which][k]); };
      const double s = static_cast<double>(p.scale[k]);
      const double gamma = gamma_of(slot_of(p, k, 0, 0));
      const double tolerance = 1e-5 * terms[k];
      // Each g goes through, or to one end.
      CHECK(within_ends[k] + wide(clip, 0) + wide(clip, 1) == all_g[k]);
      CHECK(wide(pact_ends, 0) == wide(clip, 1));
      CHECK(wide(offset, 1) == doctest::Approx(s * (all_g[k] - passed[k])).epsilon(1e-6));
      CHECK(wide(zero_point, 1) == doctest::Approx(-gamma * s * (all_g[k] - passed[k])).epsilon(1e-6));
      CHECK(wide(plus, 1) == doctest::Approx(gamma * (all_g[k] - passed[k])).epsilon(1e-6));
      if (format.is_integer)  // the ends of a range with a zero point move what is clipped, and nothing else together
        CHECK(std::fabs(wide(range, 0) + wide(range, 1) - (all_g[k] - passed[k])) <= tolerance);
      else
        CHECK(range.learned[0][k] == -range.learned[1][k]);
      // One sum, in the units of each.
      CHECK(std::fabs(wide(step, 0) / gamma - wide(offset, 0)) <= tolerance);
      CHECK(plus.learned[0][k] == step.learned[0][k]);
      CHECK(zero_point.learned[0][k] == step.learned[0][k]);
      CHECK(wide(threshold, 0) == doctest::Approx(s * std::log(2.0) * wide(offset, 0)).epsilon(1e-6));
      CHECK(std::fabs(wide(dual, 0) + wide(dual, 1) - wide(offset, 0)) <= tolerance);
    }
    // y is homogeneous in x and its scale: with both doubled dx and dy/ds stay; what is in units of the data doubles.
    problem doubled = p;
    for (auto& v : doubled.x) v *= 2;
    for (auto& v : doubled.scale) v *= 2;
    for (const estimator_case& e : all) {
      CAPTURE(std::string(e.name));
      const std::string name = e.name;
      const gradients once = compute(e, p, engine::vector, nullptr);
      gradients twice = compute(e, doubled, engine::vector, nullptr);
      if (name != "element_wise_scaling") CHECK(same_bits(once.dx, twice.dx));  // delta is in units of 1 / x
      const bool second_is_of_codes = name == "learned_zero_point" || name == "learned_offset";
      for (auto& d : twice.learned[0]) d /= name == "trained_threshold" ? 2.0f : 1.0f;
      for (auto& d : twice.learned[1]) d /= second_is_of_codes ? 2.0f : 1.0f;
      CHECK(same_bits(once.learned[0], twice.learned[0]));
      CHECK(same_bits(once.learned[1], twice.learned[1]));
    }
  }
}

TEST_CASE("dx past the caches, from a line of memory on and not: the bits of the scalar engine") {
  const std::vector<estimator_case> all = every_estimator();
  const std::size_t n = (std::size_t{24} << 20) / 12 + 4096 + 77;  // more than engines/streaming.hpp keeps
  const std::size_t rows = 3;
  std::vector<float> x(n), g(n);
  for (std::size_t i = 0; i < n; ++i) {
    x[i] = static_cast<float>(static_cast<int>(i * 37 % 601) - 300) / 16.0f;
    g[i] = static_cast<float>(static_cast<int>(i * 11 % 251) - 125) / 128.0f;
  }
  const std::vector<float> scale{0.0625f, 0.125f, 0.09375f};
  const std::vector<std::int32_t> zero_point{3, -2, 0};
  thread_pool pool(2);
  for (const char* const name : {"straight_through", "clipped_straight_through", "learned_range"})
    for (const bool by_row : {false, true})
      for (const estimator_case& e : all) {
        if (std::string(e.name) != name) continue;
        CAPTURE(std::string(name));
        CAPTURE(by_row);
        const std::size_t slots = by_row ? rows : 1;
        const shape s = by_row ? shape(rows, n / rows) : shape(n);
        const any_granularity granularity = by_row ? any_granularity{0} : any_granularity{};
        struct results {
          std::vector<float> memory;
          float learned[2][3];
        };
        const auto on = [&](engine which, std::size_t skipped) {
          results r{std::vector<float>(n + 64, -77.0f), {}};
          const std::size_t to_line = (64 - reinterpret_cast<std::uintptr_t>(r.memory.data()) % 64) % 64 / 4;
          const std::size_t first = (to_line + skipped) % 16 + 16;
          call c{which,
                 &pool,
                 -128,
                 127,
                 granularity,
                 {scale.data(), nullptr, zero_point.data(), slots},
                 {x.data(), s},
                 {g.data(), s},
                 {r.memory.data() + first, s},
                 {{r.learned[0], shape(slots)}, {r.learned[1], shape(slots)}}};
          REQUIRE(e.on_integers(c).ok());
          bool is_guarded = true;
          for (std::size_t i = 0; i < r.memory.size(); ++i)
            is_guarded = is_guarded && ((i >= first && i < first + s.size()) || r.memory[i] == -77.0f);
          CHECK(is_guarded);
          r.memory.erase(r.memory.begin(), r.memory.begin() + static_cast<std::ptrdiff_t>(first));
          r.memory.resize(s.size());
          return r;
        };
        const results expected = on(engine::scalar, 0);
        for (const engine which : {engine::vector, engine::simd, engine::threads})
          for (const std::size_t skipped : {0u, 5u}) {
            CAPTURE(static_cast<int>(which));
            CAPTURE(skipped);
            const results found = on(which, skipped);
            CHECK(same_bits(found.memory, expected.memory));
            CHECK(std::memcmp(found.learned, expected.learned, sizeof found.learned) == 0);
          }
      }
}

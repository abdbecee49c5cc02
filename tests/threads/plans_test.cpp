// Every plan, on every engine of the host: the bits of the scalar engine's call, wherever the tensors lie, as often as
// it runs; what a call refuses, its plan refuses; one that was never made does nothing.
#include <doctest/doctest.h>

#include <core/oracle.hpp>
#include <threads/pooled_engine.hpp>
#include <xquant/calibration/range_of.hpp>
#include <xquant/engines/scalar.hpp>
#include <xquant/engines/vector.hpp>
#include <xquant/formats/float8.hpp>
#include <xquant/gradients/clipped_straight_through.hpp>
#include <xquant/gradients/fake_quantize_backward.hpp>
#include <xquant/gradients/learned_step_size.hpp>
#include <xquant/gradients/packed_mask.hpp>
#include <xquant/granularity/per_group.hpp>
#include <xquant/ops/cast.hpp>
#include <xquant/ops/convert.hpp>
#include <xquant/ops/dequantize.hpp>
#include <xquant/ops/fake_quantize.hpp>
#include <xquant/ops/learned_rounding.hpp>
#include <xquant/ops/quantize.hpp>
#include <xquant/ops/requantization/float_multiplier.hpp>
#include <xquant/ops/requantize.hpp>
#include <xquant/parameters.hpp>

#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

namespace {

using namespace xquant;  // NOLINT: every line names several

// A learned scale and an offset: two results of a reduction.
struct scale_and_offset {
  static constexpr std::size_t learned = 2;
  static constexpr bool uses_quotient = true;
  static constexpr const char* learned_names[] = {"dscale", "doffset"};
  template <class Lane, class L>
  XQUANT_INLINE constexpr estimated<L, 2> backward(const Lane& e, L g) const {
    const auto inside = e.inside();
    const L zero = broadcast<L>(0);
    return {select<L>(inside, g, zero), {multiply(g, subtract(e.value(), e.quotient())), select<L>(inside, zero, g)}};
  }
  XQUANT_HOST_DEVICE double finish(std::size_t k, const double* sums, const slot_summary&) const { return sums[k]; }
};

// Elements `skip` elements into a line of memory, so that addresses have any alignment of the element.
template <class T>
class memory_of_tensor {
 public:
  memory_of_tensor(std::size_t n, std::size_t skip) : all_(n + skip + 64), first_(skip) {}
  [[nodiscard]] T* data() { return all_.data() + first_; }
  [[nodiscard]] std::vector<T> values(std::size_t n) const {
    return std::vector<T>(all_.begin() + static_cast<std::ptrdiff_t>(first_),
                          all_.begin() + static_cast<std::ptrdiff_t>(first_ + n));
  }

 private:
  std::vector<T> all_;
  std::size_t first_;
};

template <class T>
bool same(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

template <class Use>
void on_every_engine(const Use& use) {
  use(scalar_engine{}, "scalar");
  use(vector_engine<>{}, "vector");
  use(simd_engine<>{}, "simd");
  use(threads_test::pooled_engine{}, "threads");
}

template <class T>
void fill(T* to, std::size_t n, oracle::stream& random) {
  for (std::size_t i = 0; i < n; ++i) {
    if constexpr (std::is_same_v<T, float>)
      to[i] = static_cast<float>(random.unit() * 8.0);
    else
      to[i] = static_cast<T>(static_cast<std::int64_t>(random.unit() * 120.0));
  }
}

// Two inputs, two outputs and two results, of which a call takes some: for each of three places in memory one plan
// gives what `expected`, a call on the scalar engine, gives. In the place of the first input too, where `in_place`.
template <class In, class In1, class Out, class Out1, class Plan, class Run, class Call>
void check_plan(std::size_t n, std::size_t slots, const Plan& plan, const Run& run, const Call& call, bool in_place) {
  oracle::stream random(n + slots);
  const std::size_t n_1 = std::is_same_v<In1, std::uint8_t> ? (n + 7) / 8 : n;
  const std::size_t m_1 = std::is_same_v<Out1, std::uint8_t> ? (n + 7) / 8 : n;
  const Plan copy = plan;
  for (const std::size_t skip : {0u, 1u, 13u}) {
    memory_of_tensor<In> x(n, skip);
    memory_of_tensor<In1> y(n_1, skip);
    fill(x.data(), n, random);
    fill(y.data(), n_1, random);
    memory_of_tensor<Out> expected(n, 0);
    memory_of_tensor<Out1> expected_1(m_1, 0);
    memory_of_tensor<float> expected_results(2 * slots, 0);
    call(x.data(), y.data(), expected.data(), expected_1.data(), expected_results.data());
    on_every_engine([&](const auto& engine, const char* name) {
      CAPTURE(name);
      for (const Plan* own : {&plan, &copy}) {
        memory_of_tensor<Out> out(n, skip);
        memory_of_tensor<Out1> out_1(m_1, skip);
        memory_of_tensor<float> results(2 * slots, skip);
        run(*own, engine, x.data(), y.data(), out.data(), out_1.data(), results.data());
        CHECK(same(out.values(n), expected.values(n)));
        CHECK(same(out_1.values(m_1), expected_1.values(m_1)));
        CHECK(same(results.values(2 * slots), expected_results.values(2 * slots)));
      }
      if constexpr (sizeof(In) == sizeof(Out)) {
        if (!in_place) return;
        memory_of_tensor<In> both(n, skip);
        std::memcpy(both.data(), x.data(), n * sizeof(In));
        memory_of_tensor<Out1> out_1(m_1, skip);
        memory_of_tensor<float> results(2 * slots, skip);
        run(plan, engine, both.data(), y.data(), reinterpret_cast<Out*>(both.data()), out_1.data(), results.data());
        CHECK(std::memcmp(both.data(), expected.values(n).data(), n * sizeof(In)) == 0);
      }
    });
  }
}

parameters parameters_of(std::size_t slots, float far = 0) {
  std::vector<float> scale(slots);
  std::vector<std::int32_t> zero_point(slots);
  for (std::size_t i = 0; i < slots; ++i) {
    scale[i] = 0.02f + 0.003f * static_cast<float>(i % 7);
    zero_point[i] = static_cast<std::int32_t>(i % 5) - 2;
  }
  if (far != 0) scale[slots / 2] = far;
  return parameters(scale, zero_point);
}

// All plans of one quantizer on one shape. `far`, unless 0, is a scale the short quotient does not take.
template <class Granularity>
void check_all(const Granularity& granularity, const shape& s, float far = 0) {
  const quantizer<int8, Granularity, affine> q({}, granularity);
  const std::size_t n = s.size();
  parameter_map map;
  REQUIRE(granularity.map(s, map).ok());
  const std::size_t slots = map.count;
  CAPTURE(n);
  CAPTURE(slots);
  const parameters p = parameters_of(slots, far);
  std::vector<float> floats(n);
  std::vector<std::int8_t> bytes(n);
  std::vector<std::uint8_t> bits((n + 7) / 8);
  std::vector<float> sums(2 * slots);
  std::vector<std::int32_t> wide(n);
  // What plans are made with; they run elsewhere.
  std::vector<float> more(n);
  std::vector<float> others(n);
  const tensor_view<float> a(floats.data(), s);
  const tensor_view<float> b(more.data(), s);
  const tensor_view<float> c(others.data(), s);
  const tensor_view<std::int8_t> codes(bytes.data(), s);
  const tensor_view<std::uint8_t> mask(bits.data(), shape((n + 7) / 8));
  const tensor_view<float> first(sums.data(), shape(slots));
  const tensor_view<float> second(sums.data() + slots, shape(slots));
  const auto in = [&](const float* x) { return tensor_view<const float>(x, s); };
  const auto to = [&](float* x) { return tensor_view<float>(x, s); };
  const auto codes_of = [&](std::int8_t* x) { return tensor_view<std::int8_t>(x, s); };
  const auto mask_of = [&](std::uint8_t* x) { return tensor_view<std::uint8_t>(x, shape((n + 7) / 8)); };
  const auto row_of = [&](float* x) { return tensor_view<float>(x, shape(slots)); };
  const scalar_engine scalar;

  SUBCASE("quantize") {
    plan<quantize_kernel<decltype(q)>> made;
    REQUIRE(plan_quantize(q, p, a, codes, made).ok());
    check_plan<float, float, std::int8_t, float>(
        n, slots, made,
        [](const auto& own, const auto& e, auto* x, auto*, auto* y, auto*, float*) { own.run(e, x, y); },
        [&](auto* x, auto*, auto* y, auto*, float*) { quantize(q, p, in(x), codes_of(y), scalar); }, false);
  }
  SUBCASE("fake_quantize") {
    plan<fake_quantize_kernel<decltype(q)>> made;
    REQUIRE(plan_fake_quantize(q, p, a, b, made).ok());
    check_plan<float, float, float, float>(
        n, slots, made,
        [](const auto& own, const auto& e, auto* x, auto*, auto* y, auto*, float*) { own.run(e, x, y); },
        [&](auto* x, auto*, auto* y, auto*, float*) { fake_quantize(q, p, in(x), to(y), scalar); }, true);
  }
  SUBCASE("dequantize") {
    plan<dequantize_kernel<decltype(q)>> made;
    REQUIRE(plan_dequantize(q, p, codes, a, made).ok());
    check_plan<std::int8_t, float, float, float>(
        n, slots, made,
        [](const auto& own, const auto& e, auto* x, auto*, auto* y, auto*, float*) { own.run(e, x, y); },
        [&](auto* x, auto*, auto* y, auto*, float*) { dequantize(q, p, codes_of(x), to(y), scalar); }, false);
  }
  SUBCASE("masked, there and back") {
    plan<typename fake_quantize_with_mask_call<decltype(q), float, float, std::uint8_t>::operation> made;
    REQUIRE(plan_fake_quantize_with_mask(q, p, a, b, mask, made).ok());
    check_plan<float, float, float, std::uint8_t>(
        n, slots, made,
        [](const auto& own, const auto& e, auto* x, auto*, auto* y, auto* m, float*) { own.run(e, x, y, m); },
        [&](auto* x, auto*, auto* y, auto* m, float*) {
          fake_quantize_with_mask(q, p, in(x), to(y), mask_of(m), scalar);
        },
        true);
    plan<masked_gradient_operation<float>> back;
    REQUIRE(plan_masked_backward(a, mask, b, back).ok());
    check_plan<float, std::uint8_t, float, float>(
        n, slots, back,
        [](const auto& own, const auto& e, auto* g, auto* m, auto* dx, auto*, float*) { own.run(e, g, m, dx); },
        [&](auto* g, auto* m, auto* dx, auto*, float*) { masked_backward(in(g), mask_of(m), to(dx), scalar); }, true);
  }
  SUBCASE("gradients that learn nothing, one parameter and two") {
    constexpr clipped_straight_through clipped;
    fake_quantize_backward_plan<clipped_straight_through, decltype(q)> none_learned;
    REQUIRE(plan_fake_quantize_backward(clipped, q, p, a, b, c, none_learned).ok());
    check_plan<float, float, float, float>(
        n, slots, none_learned,
        [](const auto& own, const auto& e, auto* x, auto* g, auto* dx, auto*, float*) { own.run(e, x, g, dx); },
        [&](auto* x, auto* g, auto* dx, auto*, float*) {
          fake_quantize_backward(clipped, q, p, in(x), in(g), to(dx), scalar);
        },
        true);
    constexpr learned_step_size lsq;
    fake_quantize_backward_plan<learned_step_size, decltype(q)> one_learned;
    REQUIRE(plan_fake_quantize_backward(lsq, q, p, a, b, c, first, one_learned).ok());
    check_plan<float, float, float, float>(
        n, slots, one_learned,
        [](const auto& own, const auto& e, auto* x, auto* g, auto* dx, auto*, float* r) { own.run(e, x, g, dx, r); },
        [&](auto* x, auto* g, auto* dx, auto*, float* r) {
          fake_quantize_backward(lsq, q, p, in(x), in(g), to(dx), row_of(r), scalar);
        },
        true);
    constexpr scale_and_offset lsq_plus;
    fake_quantize_backward_plan<scale_and_offset, decltype(q)> two_learned;
    REQUIRE(plan_fake_quantize_backward(lsq_plus, q, p, a, b, c, first, second, two_learned).ok());
    check_plan<float, float, float, float>(
        n, slots, two_learned,
        [&](const auto& own, const auto& e, auto* x, auto* g, auto* dx, auto*, float* r) {
          own.run(e, x, g, dx, r, r + slots);
        },
        [&](auto* x, auto* g, auto* dx, auto*, float* r) {
          fake_quantize_backward(lsq_plus, q, p, in(x), in(g), to(dx), row_of(r), row_of(r + slots), scalar);
        },
        true);
  }
  SUBCASE("range_of") {
    range_of_plan<float> made;
    REQUIRE(plan_range_of(granularity, a, first, second, made).ok());
    check_plan<float, float, float, float>(
        n, slots, made,
        [&](const auto& own, const auto& e, auto* x, auto*, auto*, auto*, float* r) { own.run(e, x, r, r + slots); },
        [&](auto* x, auto*, auto*, auto*, float* r) {
          REQUIRE(try_range_of(granularity, in(x), row_of(r), row_of(r + slots), scalar).ok());
        },
        false);
  }
  SUBCASE("cast") {
    plan<cast_kernel<int8, e4m3fn>> made;
    const tensor_view<std::uint8_t> out(reinterpret_cast<std::uint8_t*>(bytes.data()), s);
    REQUIRE(plan_cast(int8{}, e4m3fn{}, codes, out, made).ok());
    check_plan<std::int8_t, float, std::uint8_t, float>(
        n, slots, made,
        [](const auto& own, const auto& e, auto* x, auto*, auto* y, auto*, float*) { own.run(e, x, y); },
        [&](auto* x, auto*, auto* y, auto*, float*) {
          cast(int8{}, e4m3fn{}, codes_of(x), tensor_view<std::uint8_t>(y, s), scalar);
        },
        true);
  }
  SUBCASE("learned rounding") {
    plan<learned_fake_quantize_kernel<sign_round, decltype(q)>> fake;
    REQUIRE(plan_learned_fake_quantize(sign_round{}, q, p, a, b, c, fake).ok());
    check_plan<float, float, float, float>(
        n, slots, fake,
        [](const auto& own, const auto& e, auto* x, auto* v, auto* y, auto*, float*) { own.run(e, x, v, y); },
        [&](auto* x, auto* v, auto* y, auto*, float*) {
          learned_fake_quantize(sign_round{}, q, p, in(x), in(v), to(y), scalar);
        },
        true);
    plan<learned_quantize_kernel<adaround, decltype(q)>> stored;
    REQUIRE(plan_learned_quantize(adaround{}, q, p, a, b, codes, stored).ok());
    check_plan<float, float, std::int8_t, float>(
        n, slots, stored,
        [](const auto& own, const auto& e, auto* x, auto* v, auto* y, auto*, float*) { own.run(e, x, v, y); },
        [&](auto* x, auto* v, auto* y, auto*, float*) {
          learned_quantize(adaround{}, q, p, in(x), in(v), codes_of(y), scalar);
        },
        false);
  }
  SUBCASE("convert") {
    const quantizer<uint8, affine> target;
    const parameters target_p(0.05f, 128);
    convert_plan<decltype(q), decltype(target)> made;
    const tensor_view<std::uint8_t> out(reinterpret_cast<std::uint8_t*>(bytes.data()), s);
    REQUIRE(plan_convert(q, p, codes, target, target_p, out, made).ok());
    check_plan<std::int8_t, float, std::uint8_t, float>(
        n, slots, made,
        [](const auto& own, const auto& e, auto* x, auto*, auto* y, auto*, float*) { own.run(e, x, y); },
        [&](auto* x, auto*, auto* y, auto*, float*) {
          convert(q, p, codes_of(x), target, target_p, tensor_view<std::uint8_t>(y, s), scalar);
        },
        true);
  }
  SUBCASE("requantize") {
    const basic_requantizer<int8, Granularity, float_multiplier> r(int8{}, granularity);
    std::vector<float> multiplier(slots);
    for (std::size_t i = 0; i < slots; ++i) multiplier[i] = 0.3f + 0.01f * static_cast<float>(i % 9);
    const requantization_view<float> m{multiplier.data(), slots, 3};
    const tensor_view<std::int32_t> sums_in(wide.data(), s);
    requantize_plan<decltype(r)> made;
    REQUIRE(plan_requantize(r, m, sums_in, codes, made).ok());
    check_plan<std::int32_t, float, std::int8_t, float>(
        n, slots, made, [](const auto& own, const auto&, auto* x, auto*, auto* y, auto*, float*) { own.run(x, y); },
        [&](auto* x, auto*, auto* y, auto*, float*) { requantize(r, m, tensor_view<std::int32_t>(x, s), codes_of(y)); },
        false);
  }
}

}  // namespace

TEST_CASE("plans of a tensor with one slot") {
  SUBCASE("a row of blocks") { check_all(per_tensor{}, shape(1024)); }
  SUBCASE("a row with a tail, more than a box of convert") { check_all(per_tensor{}, shape(3, 5, 341)); }
  SUBCASE("a scale far from 1") { check_all(per_tensor{}, shape(200), 1e-36f); }
  SUBCASE("one element") { check_all(per_tensor{}, shape(1)); }
}
TEST_CASE("plans of a slot for each row") {
  SUBCASE("rows of blocks") { check_all(per_axis<0>{}, shape(16, 64)); }
  SUBCASE("rows of two blocks, in a matrix") { check_all(per_axis<1>{}, shape(3, 4, 128)); }
  SUBCASE("short rows") { check_all(per_axis<0>{}, shape(9, 37)); }
  SUBCASE("a scale far from 1") { check_all(per_axis<0>{}, shape(16, 64), 1e-36f); }
  SUBCASE("slots that take memory of the heap") { check_all(per_axis<0>{}, shape(70, 64)); }
}
TEST_CASE("plans of a slot for each column") {
  SUBCASE("a block of columns") { check_all(per_axis<-1>{}, shape(16, 64)); }
  SUBCASE("more rows than a tile, columns with a tail") { check_all(per_axis<-1>{}, shape(37, 71)); }
  SUBCASE("a scale far from 1") { check_all(per_axis<-1>{}, shape(18, 130), 1e-36f); }
}
TEST_CASE("plans of groups with a short last one") { check_all(per_group<32>{}, shape(5, 100)); }

TEST_CASE("a plan of strided tensors gives what the call gives") {
  // Every second column of a matrix, turned.
  const shape s(6, 20);
  const std::ptrdiff_t turned[2] = {2, 12};
  const quantizer<int8, per_axis<0>, affine> q;
  const parameters p = parameters_of(6);
  oracle::stream random(3);
  std::vector<float> x(240);
  std::vector<float> g(240);
  fill(x.data(), x.size(), random);
  fill(g.data(), g.size(), random);
  const tensor_view<const float> xs(x.data(), s, turned);
  const tensor_view<const float> gs(g.data(), s, turned);
  std::vector<float> expected(120);
  std::vector<float> expected_sum(6);
  fake_quantize_backward(learned_step_size{}, q, p, xs, gs, tensor_view<float>(expected.data(), s),
                         tensor_view<float>(expected_sum.data(), shape(6)), scalar_engine{});
  fake_quantize_backward_plan<learned_step_size, decltype(q)> made;
  std::vector<float> dx(120);
  std::vector<float> sum(12);
  const std::ptrdiff_t apart[1] = {2};
  REQUIRE(plan_fake_quantize_backward(learned_step_size{}, q, p, xs, gs, tensor_view<float>(dx.data(), s),
                                      tensor_view<float>(sum.data(), shape(6), apart), made)
              .ok());
  on_every_engine([&](const auto& engine, const char* name) {
    CAPTURE(name);
    std::vector<float> other_x = x;
    made.run(engine, other_x.data(), g.data(), dx.data(), sum.data());
    CHECK(same(dx, expected));
    for (std::size_t i = 0; i < 6; ++i) CHECK(sum[2 * i] == expected_sum[i]);
  });
}

TEST_CASE("extremes of NaN, infinities and zeros are the same for a plan on every engine") {
  std::vector<float> x(130, -0.0f);
  x[7] = std::numeric_limits<float>::quiet_NaN();
  x[129] = -std::numeric_limits<float>::infinity();
  float low = 0;
  float high = 0;
  range_of_plan<float> made;
  REQUIRE(plan_range_of(per_tensor{}, tensor_view<float>(x.data(), shape(130)), tensor_view<float>(&low, shape(1)),
                        tensor_view<float>(&high, shape(1)), made)
              .ok());
  on_every_engine([&](const auto& engine, const char* name) {
    CAPTURE(name);
    low = high = 1;
    made.run(engine, x.data(), &low, &high);
    CHECK(low == -std::numeric_limits<float>::infinity());
    CHECK(high == 0.0f);
    CHECK(!std::signbit(high));
  });
}

namespace {

void check_same(const status& plan, const status& call) {
  CHECK(!plan.ok());
  CHECK(plan.code == call.code);
  CHECK(std::string(plan.argument) == call.argument);
}

}  // namespace

TEST_CASE("a plan refuses what its call refuses, and does nothing then") {
  const quantizer<int8, affine> q;
  const parameters p(0.1f, 3);
  const parameters wrong(-1.0f);
  std::vector<float> x(12, 1.0f);
  std::vector<float> y(12, 7.0f);
  std::vector<float> z(12, 7.0f);
  std::vector<std::int8_t> codes(12, 99);
  std::vector<std::uint8_t> mask(2, 99);
  float sum = 7;
  float other = 7;
  const tensor_view<float> xs(x.data(), shape(12));
  const tensor_view<float> ys(y.data(), shape(12));
  const tensor_view<float> shifted(x.data() + 1, shape(11));
  const tensor_view<float> part(y.data(), shape(11));
  const tensor_view<std::int8_t> cs(codes.data(), shape(12));
  const tensor_view<std::uint8_t> ms(mask.data(), shape(2));
  const tensor_view<std::uint8_t> short_mask(mask.data(), shape(1));
  const tensor_view<float> one(&sum, shape(1));
  const tensor_view<float> two(x.data(), shape(2));
  const simd_engine<> engine;

  fake_quantize_backward_plan<learned_step_size, decltype(q)> lsq;
  const auto plan_lsq = [&](const auto& own_p, const auto& dx, const auto& ds) {
    return plan_fake_quantize_backward(learned_step_size{}, q, own_p, xs, xs, dx, ds, lsq);
  };
  const auto try_lsq = [&](const auto& own_p, const auto& dx, const auto& ds) {
    return try_fake_quantize_backward(learned_step_size{}, q, own_p, xs, xs, dx, ds);
  };
  check_same(plan_lsq(wrong, ys, one), try_lsq(wrong, ys, one));
  check_same(plan_lsq(p, part, one), try_lsq(p, part, one));
  check_same(plan_lsq(p, ys, two), try_lsq(p, ys, two));
  check_same(plan_lsq(p, ys, tensor_view<float>(y.data() + 3, shape(1))),
             try_lsq(p, ys, tensor_view<float>(y.data() + 3, shape(1))));
  lsq.run(engine, x.data(), x.data(), y.data(), &sum);

  plan<masked_gradient_operation<float>> masked;
  check_same(plan_masked_backward(xs, short_mask, ys, masked), try_masked_backward(xs, short_mask, ys));
  check_same(plan_masked_backward(shifted, ms, tensor_view<float>(x.data(), shape(11)), masked),
             try_masked_backward(shifted, ms, tensor_view<float>(x.data(), shape(11))));
  masked.run(engine, x.data(), mask.data(), y.data());

  range_of_plan<float> range;
  check_same(plan_range_of(per_tensor{}, xs, one, two, range), try_range_of(per_tensor{}, xs, one, two));
  check_same(plan_range_of(per_axis<2>{}, xs, one, one, range), try_range_of(per_axis<2>{}, xs, one, one));
  range.run(engine, x.data(), &sum, &other);

  plan<cast_kernel<int8, int8>> casting;
  check_same(plan_cast(int8{}, int8{}, cs, tensor_view<std::int8_t>(codes.data() + 1, shape(12)), casting),
             try_cast(int8{}, int8{}, cs, tensor_view<std::int8_t>(codes.data() + 1, shape(12))));
  std::vector<std::int8_t> cast_to(12, 5);
  casting.run(engine, codes.data(), cast_to.data());
  CHECK(cast_to == std::vector<std::int8_t>(12, 5));

  plan<learned_quantize_kernel<sign_round, decltype(q)>> learned;
  check_same(plan_learned_quantize(sign_round{}, q, p, xs, part, cs, learned),
             try_learned_quantize(sign_round{}, q, p, xs, part, cs));
  learned.run(engine, x.data(), x.data(), codes.data());
  plan<learned_fake_quantize_kernel<sign_round, decltype(q)>> learned_fake;
  check_same(plan_learned_fake_quantize(sign_round{}, q, wrong, xs, xs, ys, learned_fake),
             try_learned_fake_quantize(sign_round{}, q, wrong, xs, xs, ys));
  learned_fake.run(engine, x.data(), x.data(), y.data());

  convert_plan<decltype(q), decltype(q)> converting;
  check_same(plan_convert(q, p, cs, q, wrong, cs, converting), try_convert(q, p, cs, q, wrong, cs));
  converting.run(engine, cast_to.data(), codes.data());

  const requantizer<int8, float_multiplier> r;
  const float multiplier = -1;
  std::vector<std::int32_t> sums(12, 4);
  const tensor_view<std::int32_t> ss(sums.data(), shape(12));
  requantize_plan<requantizer<int8, float_multiplier>> requantizing;
  check_same(plan_requantize(r, requantization_view<float>{&multiplier, 1, 0}, ss, cs, requantizing),
             try_requantize(r, requantization_view<float>{&multiplier, 1, 0}, ss, cs));
  check_same(plan_requantize(r, requantization_view<float>{&multiplier, 2, 0}, ss, cs, requantizing),
             try_requantize(r, requantization_view<float>{&multiplier, 2, 0}, ss, cs));
  requantizing.run(sums.data(), codes.data());

  CHECK(y == std::vector<float>(12, 7.0f));
  CHECK(codes == std::vector<std::int8_t>(12, 99));
  CHECK(sum == 7);
  CHECK(other == 7);
}

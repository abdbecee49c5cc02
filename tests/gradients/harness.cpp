// See harness.hpp.
#include <gradients/harness.hpp>

#include <doctest/doctest.h>

#include <support/scale.hpp>
#include <xquant/core/random.hpp>

#include <cstring>
#include <memory>

namespace gradients_test {

std::vector<std::size_t> any_granularity::slots(const xquant::shape& s, std::size_t& count) const {
  std::vector<std::size_t> slot(s.size(), 0);
  count = 1;
  if (axis != none) {
    std::size_t inner = 1;
    for (std::size_t d = axis + 1; d < s.rank; ++d) inner *= s.extent[d];
    count = s.extent[axis];
    for (std::size_t i = 0; i < slot.size(); ++i) slot[i] = i / inner % count;
  } else if (tile[0] != 0) {
    const std::size_t columns = s.extent[s.rank - 1];
    const std::size_t rows = s.extent[s.rank - 2];
    const std::size_t across = (columns + tile[1] - 1) / tile[1];
    count = (rows + tile[0] - 1) / tile[0] * across;
    for (std::size_t i = 0; i < slot.size(); ++i)
      slot[i] = i / columns % rows / tile[0] * across + i % columns / tile[1];
  }
  return slot;
}

namespace {

using xquant::shape;

constexpr std::size_t guard = 32;
constexpr unsigned char guard_byte = 0xa5;

enum class layout { dense, reversed, transposed, gaps };

// A tensor in one of several layouts, with guards around it and in its gaps.
template <class T>
class tensor {
 public:
  tensor(const shape& s, layout how) : shape_(s), size_(s.size()) {
    std::ptrdiff_t step = how == layout::gaps ? 2 : 1;
    std::ptrdiff_t reach = 0;
    for (std::size_t turn = 0; turn < s.rank; ++turn) {
      const std::size_t d = how == layout::transposed ? turn : s.rank - 1 - turn;
      stride_[d] = how == layout::reversed ? -step : step;
      if (s.extent[d] != 0) reach += step * static_cast<std::ptrdiff_t>(s.extent[d] - 1);
      step = step * static_cast<std::ptrdiff_t>(s.extent[d]) + (how == layout::gaps ? 3 : 0);
    }
    first_ = guard + (how == layout::reversed ? static_cast<std::size_t>(reach) : 0);
    memory_.resize(2 * guard + static_cast<std::size_t>(reach) + 1);
    std::memset(static_cast<void*>(memory_.data()), guard_byte, memory_.size() * sizeof(T));
  }

  tensor(const shape& s, layout how, const std::vector<T>& values) : tensor(s, how) {
    for (std::size_t i = 0; i < size_; ++i) memory_[at(i)] = values[i];
  }

  [[nodiscard]] xquant::tensor_view<T> view() { return {memory_.data() + first_, shape_, stride_}; }
  [[nodiscard]] std::vector<T> values() const {
    std::vector<T> all(size_);
    for (std::size_t i = 0; i < size_; ++i) all[i] = memory_[at(i)];
    return all;
  }
  /// Whether nothing but the elements was written.
  [[nodiscard]] bool guarded() const {
    std::vector<bool> own(memory_.size());
    for (std::size_t i = 0; i < size_; ++i) own[at(i)] = true;
    T untouched;
    std::memset(static_cast<void*>(&untouched), guard_byte, sizeof(T));
    for (std::size_t i = 0; i < memory_.size(); ++i)
      if (!own[i] && std::memcmp(&memory_[i], &untouched, sizeof(T)) != 0) return false;
    return true;
  }

 private:
  [[nodiscard]] std::size_t at(std::size_t index) const {
    auto place = static_cast<std::ptrdiff_t>(first_);
    for (std::size_t d = shape_.rank; d-- > 0;) {
      place += static_cast<std::ptrdiff_t>(index % shape_.extent[d]) * stride_[d];
      index /= shape_.extent[d];
    }
    return static_cast<std::size_t>(place);
  }

  shape shape_;
  std::size_t size_;
  std::ptrdiff_t stride_[xquant::max_rank] = {};
  std::size_t first_;
  std::vector<T> memory_;
};

template <class Real>
std::size_t first_difference(const std::vector<Real>& a, const std::vector<Real>& b) {
  for (std::size_t i = 0; i < a.size(); ++i)
    if (!oracle::same(a[i], b[i])) return i;
  return a.size();
}

struct code_range {
  std::int32_t lower;
  std::int32_t upper;
};

template <class Real>
std::vector<code_range> code_ranges(const subject<Real>& s) {
  if (!s.is_integer) return {{s.storage_lower, s.storage_upper}};
  const bool is_signed = s.storage_lower < 0;
  std::vector<code_range> ranges;
  for (const int bits : s.storage_upper > 255 ? std::vector<int>{9, 12, 16} : std::vector<int>{2, 3, 4, 7, 8})
    ranges.push_back(is_signed ? code_range{-(1 << (bits - 1)), (1 << (bits - 1)) - 1}
                               : code_range{0, (1 << bits) - 1});
  if (is_signed) ranges.push_back({-s.storage_upper, s.storage_upper});  // narrow
  return ranges;
}

inline float to_real(float x, float) { return x; }
inline double to_real(float x, double noise) {
  return static_cast<double>(x) * (1.0 + noise * 0x1p-40);  // bits that a float does not have
}

template <class Real>
struct problem {
  const subject<Real>* s;
  setting<Real> c;
  xquant::shape extents;
  std::vector<Real> scale;
  std::vector<Real> reciprocal;
  std::vector<std::int32_t> zero_point;
  std::vector<std::size_t> slot;
  std::size_t slots;
  reference::format format;
  std::vector<Real> x;
  std::vector<Real> g;

  problem(const subject<Real>& subject, const xquant::shape& e, const any_granularity& granularity, std::uint64_t seed)
      : s(&subject), extents(e) {
    oracle::stream random(seed * 7919 + 1);
    const std::vector<code_range> ranges = code_ranges(subject);
    const code_range r = ranges[seed % ranges.size()];
    c.lower = r.lower;
    c.upper = r.upper;
    c.granularity = granularity;
    c.seed = seed;
    c.first_index = seed % 3 == 0 ? 0 : seed % 1000;
    slot = granularity.slots(e, slots);
    format = {subject.is_integer, r.lower, r.upper, subject.rounding, subject.arithmetic};
    const bool ordinary = seed % 4 != 3;
    const bool special_gradients = seed % 5 == 2;
    const bool numbers_only = seed % 2 == 0;  // for sums that are numbers
    for (std::size_t k = 0; k < slots; ++k) {
      const int exponent =
          ordinary ? static_cast<int>(random.below(12)) - 8 : static_cast<int>(random.below(240)) - 120;
      auto v = static_cast<float>(std::ldexp(1.0 + std::fabs(random.unit()), exponent));
      if (!ordinary && random.below(6) == 0) v = random.below(2) != 0 ? 3e38f : 1e-38f;
      scale.push_back(to_real(v, static_cast<Real>(random.unit())));
      reciprocal.push_back(Real(1) / scale.back());
      if (subject.has_zero_point)
        zero_point.push_back(
            r.lower + static_cast<std::int32_t>(random.below(static_cast<std::uint32_t>(r.upper - r.lower + 1))));
    }
    static const Real unused = 1;
    c.parameters = {slots != 0 ? scale.data() : &unused, seed % 3 == 1 && slots != 0 ? reciprocal.data() : nullptr,
                    zero_point.empty() ? nullptr : zero_point.data(), slots};
    const double reach = subject.is_integer ? 1.2 * (r.upper - r.lower + 2) : 500.0;
    for (std::size_t i = 0; i < e.size(); ++i) {
      float v = oracle::interesting(random, static_cast<float>(scale[slot[i]]), reach);
      if (numbers_only && std::isnan(v)) v = 0.25f;
      x.push_back(to_real(v, static_cast<Real>(random.unit())));
      auto w = static_cast<float>(random.unit());
      if (special_gradients && random.below(50) == 0) w = oracle::float_of(random.word());
      g.push_back(to_real(w, static_cast<Real>(random.unit())));
    }
  }

  [[nodiscard]] reference::position locate(std::size_t i) const {
    std::uint32_t bits = 0;  // random_bits is proved with the core
    if (s->rounding == oracle::rounding::random) bits = xquant::random_bits(c.seed, c.first_index + i);
    return reference::locate(format, x[i], scale[slot[i]], zero_point.empty() ? 0 : zero_point[slot[i]], bits);
  }
};

#define EXPECT_SAME(found, expected)                                           \
  do {                                                                         \
    const auto& a_ = (found);                                                  \
    const auto& b_ = (expected);                                               \
    REQUIRE(a_.size() == b_.size());                                           \
    const std::size_t at_ = first_difference(a_, b_);                          \
    if (at_ != a_.size()) {                                                    \
      INFO(#found " differs at ", at_, ": ", a_[at_], ", expected ", b_[at_]); \
      REQUIRE(at_ == a_.size());                                               \
    }                                                                          \
  } while (false)

template <class Real>
void check_problem(const problem<Real>& p, layout how, layout how_out) {
  const subject<Real>& s = *p.s;
  const setting<Real>& c = p.c;
  const shape& e = p.extents;
  const std::size_t n = e.size();
  CAPTURE(n);
  CAPTURE(e.rank);
  CAPTURE(e.rank == 0 ? 0 : e.extent[e.rank - 1]);
  CAPTURE(static_cast<int>(c.engine));
  CAPTURE(c.granularity.axis);
  CAPTURE(c.granularity.tile[0]);
  CAPTURE(c.granularity.tile[1]);
  CAPTURE(static_cast<int>(how));
  CAPTURE(static_cast<int>(how_out));
  CAPTURE(c.seed);

  std::vector<Real> dx(n);
  std::vector<Real> y(n);
  std::vector<Real> term(n);
  std::vector<std::uint8_t> mask((n + 7) / 8 + 2 * guard, guard_byte);
  std::vector<std::uint8_t> found_mask = mask;
  for (std::size_t i = 0; i < n; ++i) {
    const reference::position at = p.locate(i);
    dx[i] = at.inside ? p.g[i] : Real(0);
    const Real scale = p.scale[p.slot[i]];
    const auto q = static_cast<std::int32_t>(s.is_integer ? at.q : 0);
    y[i] = s.is_integer ? oracle::integer_value(q, scale, 0) : static_cast<Real>(reference::product(scale, at.q));
    term[i] = reference::product(p.g[i], at.q - (at.inside ? at.v : 0.0));
    std::uint8_t& byte = mask[guard + i / 8];
    byte = static_cast<std::uint8_t>((byte & ~(1u << i % 8)) | (at.inside ? 1u << i % 8 : 0u));
  }
  tensor<Real> x(e, how, p.x);
  tensor<Real> g(e, how_out, p.g);
  const shape bytes((n + 7) / 8);
  const xquant::tensor_view<std::uint8_t> mask_view(found_mask.data() + guard, bytes);
  const xquant::tensor_view<const std::uint8_t> mask_in(mask.data() + guard, bytes);

  {
    tensor<Real> result(e, how);
    REQUIRE(s.straight(c, g.view(), result.view()).ok());
    const std::vector<Real> values = result.values();
    REQUIRE((n == 0 || std::memcmp(values.data(), p.g.data(), n * sizeof(Real)) == 0));
    REQUIRE(result.guarded());
  }
  {
    tensor<Real> result(e, how_out);
    REQUIRE(s.with_mask(c, x.view(), result.view(), mask_view).ok());
    EXPECT_SAME(result.values(), y);
    REQUIRE(found_mask == mask);
    REQUIRE(result.guarded());
  }
  {
    tensor<Real> result(e, how);
    REQUIRE(s.masked(c, g.view(), mask_in, result.view()).ok());
    EXPECT_SAME(result.values(), dx);
    REQUIRE(result.guarded());
    tensor<Real> in_place(e, how_out, p.g);
    REQUIRE(s.masked(c, in_place.view(), mask_in, in_place.view()).ok());
    EXPECT_SAME(in_place.values(), dx);
  }
  {
    tensor<Real> result(e, layout::dense);
    REQUIRE(s.clipped(c, x.view(), g.view(), result.view()).ok());
    EXPECT_SAME(result.values(), dx);
    REQUIRE(result.guarded());
    tensor<Real> over_x = x;
    REQUIRE(s.clipped(c, over_x.view(), g.view(), over_x.view()).ok());
    EXPECT_SAME(over_x.values(), dx);
    tensor<Real> over_g = g;
    REQUIRE(s.clipped(c, x.view(), over_g.view(), over_g.view()).ok());
    EXPECT_SAME(over_g.values(), dx);
  }
  if (s.learned != nullptr) {
    const std::vector<double> total =
        reference::reduce(term, p.slot, p.slots, 0.0, [](auto a, auto b) { return reference::sum(a, b); });
    std::vector<double> count(p.slots, 0.0);
    for (const std::size_t k : p.slot) count[k] += 1;
    std::vector<Real> plain;
    std::vector<Real> scaled;
    for (std::size_t k = 0; k < p.slots; ++k) {
      plain.push_back(static_cast<Real>(total[k]));
      const double gamma = count[k] == 0 ? 1.0 : 1.0 / std::sqrt(count[k] * p.format.largest());
      scaled.push_back(static_cast<Real>(gamma * total[k]));
    }
    tensor<Real> result(e, how_out);
    tensor<Real> dscale(shape(p.slots), layout::dense);
    REQUIRE(s.learned(c, x.view(), g.view(), result.view(), dscale.view(), xquant::step_size_gradient::scaled).ok());
    EXPECT_SAME(result.values(), dx);
    EXPECT_SAME(dscale.values(), scaled);
    REQUIRE(result.guarded());
    REQUIRE(dscale.guarded());
    tensor<Real> over_x = x;
    tensor<Real> spread(shape(p.slots), layout::gaps);
    REQUIRE(
        s.learned(c, over_x.view(), g.view(), over_x.view(), spread.view(), xquant::step_size_gradient::plain).ok());
    EXPECT_SAME(over_x.values(), dx);
    EXPECT_SAME(spread.values(), plain);
    REQUIRE(spread.guarded());
    tensor<Real> over_g = g;
    tensor<Real> backwards(shape(p.slots), layout::reversed);
    REQUIRE(
        s.learned(c, x.view(), over_g.view(), over_g.view(), backwards.view(), xquant::step_size_gradient::plain).ok());
    EXPECT_SAME(over_g.values(), dx);
    EXPECT_SAME(backwards.values(), plain);
  }
  {
    std::vector<double> low(p.slots, HUGE_VAL);
    std::vector<double> high(p.slots, -HUGE_VAL);
    for (std::size_t i = 0; i < n; ++i) {
      if (std::isnan(p.x[i])) continue;
      low[p.slot[i]] = std::fmin(low[p.slot[i]], static_cast<double>(p.x[i]));
      high[p.slot[i]] = std::fmax(high[p.slot[i]], static_cast<double>(p.x[i]));
    }
    std::size_t empty = p.slots;
    for (std::size_t k = p.slots; k-- > 0;)
      if (low[k] > high[k]) empty = k;
    std::vector<xquant::range<Real>> found(1, {Real(-77), Real(77)});
    const xquant::status answer = s.range(c, x.view(), found);
    if (empty != p.slots) {
      REQUIRE(answer.code == xquant::errc::no_samples);
      REQUIRE(answer.index == empty);
      REQUIRE(found == std::vector<xquant::range<Real>>(1, {Real(-77), Real(77)}));
    } else {
      REQUIRE(answer.ok());
      REQUIRE(found.size() == p.slots);
      for (std::size_t k = 0; k < p.slots; ++k) {
        const auto minimum = static_cast<Real>(low[k] == 0 ? 0.0 : low[k]);  // -0 as +0
        const auto maximum = static_cast<Real>(high[k] == 0 ? 0.0 : high[k]);
        REQUIRE(oracle::same(found[k].minimum, minimum));
        REQUIRE(oracle::same(found[k].maximum, maximum));
      }
    }
  }
}

}  // namespace

template <class Real>
void check_gradients(const subject<Real>& s) {
  CAPTURE(s.name);
  std::vector<std::unique_ptr<xquant::thread_pool>> pools;
  for (const std::size_t threads : {1u, 2u, 3u, 5u}) pools.push_back(std::make_unique<xquant::thread_pool>(threads));
  std::uint64_t turn = static_cast<std::uint64_t>(s.storage_upper) % 11;
  std::vector<engine> engines{engine::scalar, engine::threads_of_scalar};
  if (s.has_vectors) engines = {engine::vector, engine::threads_of_vector};
  const auto run = [&](const shape& e, const any_granularity& granularity) {
    problem<Real> p(s, e, granularity, turn);
    const bool pick_strides = turn % 3 == 1;
    const auto how = pick_strides ? static_cast<layout>(turn / 3 % 4) : layout::dense;
    const auto how_out = pick_strides ? static_cast<layout>(turn / 12 % 4) : layout::dense;
    for (const engine each : engines) {
      p.c.engine = each;
      p.c.pool = pools[turn % pools.size()].get();
      check_problem(p, how, how_out);
    }
    ++turn;
  };

  for (std::size_t n = 0; n < 130; ++n) {
    run(shape(n), {});
    run(shape(n), {0});
    run(shape(3, n), {n % 2});
    run(shape(2, n, 3), {n % 3});
    run(shape(n, 2, 5), {(n + 1) % 3});
    if (n % 4 == 0) run(shape(3, n), {any_granularity::none, {2, 1 + n % 7}});
    if (n % 4 == 1) run(shape(5, 2, n), {any_granularity::none, {1 + n % 3, 1 + n % 70}});
    if (n % 4 == 2) run(shape(n, 5), {any_granularity::none, {1 + n % 5, 4}});  // a ragged block of one column
  }
  run(shape(), {});
  for (const std::size_t n : {4095u, 4096u, 4097u, 8191u, 8192u, 8193u, 12289u, 20000u}) {
    run(shape(xquant_test::scaled(n, 300)), {});
    run(shape(3, xquant_test::scaled(n, 300)), {0});
  }
  run(shape(3, 1000, 7), {1});
  run(shape(3, 1000, 7), {2});
  run(shape(2, 3, 4099), {0});
  run(shape(2, 3, 4099), {1});
  run(shape(3, 4099), {1});
  run(shape(4099, 3), {1});
  run(shape(70, 200), {1});
  run(shape(70, 200), {});
  run(shape(9, 5000), {any_granularity::none, {2, 4097}});
  run(shape(130, 129), {any_granularity::none, {2, 128}});
  run(shape(65, 64, 5), {any_granularity::none, {64, 4}});
}

template void check_gradients<float>(const subject<float>&);
template void check_gradients<double>(const subject<double>&);

}  // namespace gradients_test

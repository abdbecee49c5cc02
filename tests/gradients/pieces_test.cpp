// Stochastic rounding: the bits of each element's index whatever the engine, the threads, and the pieces a tensor is
// processed in.
#include <gradients/subjects.hpp>

#include <xquant/core/random.hpp>
#include <xquant/ops/fake_quantize.hpp>
#include <xquant/ops/quantize.hpp>
#include <xquant/parameters.hpp>

namespace {

using namespace xquant;  // NOLINT: every line names several
using gradients_test::engine_on_vectors;
using random_quantizer = quantizer<int8, stochastic>;

constexpr std::uint64_t seed = 0x123456789abcdef0u;

struct results {
  std::vector<std::int8_t> codes;
  std::vector<float> y;
  std::vector<std::uint8_t> mask;  // a byte per element
  std::vector<float> dx;
  explicit results(std::size_t n) : codes(n), y(n), mask(n), dx(n) {}
};

// Elements [first, first + n) of a tensor that starts at index `origin`.
template <class Engine>
void process(const std::vector<float>& x, std::size_t first, std::size_t n, std::uint64_t origin, const Engine& engine,
             results& out) {
  const random_quantizer q({}, {}, {}, {seed, origin + first});
  const parameters p(0.5f);
  const shape s(n);
  const tensor_view<const float> in(x.data() + first, s);
  quantize(q, p, in, tensor_view<std::int8_t>(out.codes.data() + first, s), engine);
  fake_quantize(q, p, in, tensor_view<float>(out.dx.data() + first, s), engine);
  std::vector<std::uint8_t> packed((n + 7) / 8);
  fake_quantize_with_mask(q, p, in, tensor_view<float>(out.y.data() + first, s),
                          tensor_view<std::uint8_t>(packed.data(), shape(packed.size())), engine);
  REQUIRE(std::equal(out.dx.begin() + static_cast<std::ptrdiff_t>(first),
                     out.dx.begin() + static_cast<std::ptrdiff_t>(first + n),
                     out.y.begin() + static_cast<std::ptrdiff_t>(first)));
  for (std::size_t i = 0; i < n; ++i) out.mask[first + i] = packed[i / 8] >> i % 8 & 1;
  fake_quantize_backward(clipped_straight_through{}, q, p, in, in, tensor_view<float>(out.dx.data() + first, s),
                         engine);
}

results expected(const std::vector<float>& x, std::uint64_t origin) {
  results r(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const reference::format f{true, -128, 127, oracle::rounding::random, oracle::arithmetic::divide};
    const reference::position at = reference::locate(f, x[i], 0.5f, 0, random_bits(seed, origin + i));
    r.codes[i] = static_cast<std::int8_t>(at.q);
    r.y[i] = static_cast<float>(at.q * 0.5);
    r.mask[i] = at.inside;
    r.dx[i] = at.inside ? x[i] : 0.0f;
  }
  return r;
}

void check_same(const results& a, const results& b) {
  REQUIRE(a.codes == b.codes);
  REQUIRE(a.y == b.y);
  REQUIRE(a.mask == b.mask);
  REQUIRE(a.dx == b.dx);
}

}  // namespace

TEST_CASE("pieces of a tensor, cut anywhere, get the bits of the whole") {
  oracle::stream random(3);
  std::vector<float> x(9000);
  for (auto& v : x) v = static_cast<float>(random.unit() * 70.0);
  thread_pool pool(3);
  const threads_engine<engine_on_vectors> threads(pool);
  const std::uint64_t origins[] = {
      0, 1, 50, 64, 1000003, (std::uint64_t{1} << 34) - 100, (std::uint64_t{1} << 38) + 5, ~std::uint64_t{0} - 70};
  for (const std::uint64_t origin : origins) {
    const results right = expected(x, origin);
    results whole(x.size());
    process(x, 0, x.size(), origin, scalar_engine{}, whole);
    check_same(whole, right);
    process(x, 0, x.size(), origin, engine_on_vectors{}, whole);
    check_same(whole, right);
    results by_threads(x.size());
    process(x, 0, x.size(), origin, threads, by_threads);
    check_same(by_threads, right);
    for (int turn = 0; turn < 3; ++turn) {
      results pieces(x.size());
      std::size_t n = 0;
      for (std::size_t first = 0; first < x.size(); first += n) {
        n = random.below(turn == 0 ? 5 : turn == 1 ? 200 : 5000) + 1;
        n = n < x.size() - first ? n : x.size() - first;
        if (random.below(3) == 0)
          process(x, first, n, origin, scalar_engine{}, pieces);
        else
          process(x, first, n, origin, engine_on_vectors{}, pieces);
      }
      check_same(pieces, right);
    }
  }
}

TEST_CASE("rows of a matrix as pieces, each slot its own scale; a strided whole") {
  oracle::stream random(4);
  const std::size_t rows = 7;
  const std::size_t columns = 131;
  std::vector<float> x(rows * columns);
  for (auto& v : x) v = static_cast<float>(random.unit() * 30.0);
  std::vector<float> scales(rows);
  for (auto& v : scales) v = static_cast<float>(0.1 + std::fabs(random.unit()));
  using row_quantizer = quantizer<int8, per_axis<0>, stochastic>;
  const shape s(rows, columns);
  std::vector<std::int8_t> whole(x.size());
  quantize(row_quantizer({}, {}, {}, {seed, 17}), parameters(scales), tensor_view<float>(x.data(), s),
           tensor_view<std::int8_t>(whole.data(), s), scalar_engine{});
  std::vector<std::int8_t> pieces(x.size());
  for (std::size_t r = 0; r < rows; ++r) {
    const shape row(1, columns);
    quantize(row_quantizer({}, {}, {}, {seed, 17 + r * columns}), parameters(scales[r]),
             tensor_view<float>(x.data() + r * columns, row),
             tensor_view<std::int8_t>(pieces.data() + r * columns, row), engine_on_vectors{});
  }
  CHECK(pieces == whole);
  // The index is the logical one: a transposed layout of the same tensor has the same codes.
  std::vector<float> turned(x.size());
  std::vector<std::int8_t> turned_codes(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) turned[i % columns * rows + i / columns] = x[i];
  const std::ptrdiff_t stride[2] = {1, static_cast<std::ptrdiff_t>(rows)};
  quantize(row_quantizer({}, {}, {}, {seed, 17}), parameters(scales), tensor_view<float>(turned.data(), s, stride),
           tensor_view<std::int8_t>(turned_codes.data(), s, stride), engine_on_vectors{});
  for (std::size_t i = 0; i < x.size(); ++i) REQUIRE(turned_codes[i % columns * rows + i / columns] == whole[i]);
}

TEST_CASE("a rounding of one's own without first_index starts at 0") {
  CHECK(random_index(stochastic{1, 5}, 3) == 8);
  CHECK(random_index(stochastic{1, ~std::uint64_t{0}}, 3) == 2);
  CHECK(random_index(nearest_even{}, 3) == 3);
}

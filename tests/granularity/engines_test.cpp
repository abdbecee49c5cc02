// Every granularity on every engine against nested loops that compute the slot of each element from its multi-index:
// dense and strided tensors, ragged blocks in any number of dimensions, random bits, extremes.
#include <doctest/doctest.h>

#include <granularity/cases.hpp>

#include <core/oracle.hpp>
#include <cuda/emulate.hpp>
#include <support/scale.hpp>
#include <xquant/calibration/range_of.hpp>
#include <xquant/engines/simd.hpp>
#include <xquant/engines/threads.hpp>
#include <xquant/gradients/packed_mask.hpp>
#include <xquant/granularity/parameter_shape.hpp>
#include <xquant/ops/quantize.hpp>
#include <xquant/parameters.hpp>
#include <xquant/rounding/stochastic.hpp>

namespace {

using namespace granularity_test;  // NOLINT: every line names several
using namespace xquant;            // NOLINT: likewise

thread_pool& pool() {
  static thread_pool threads(3);
  return threads;
}

// Threads are woken for every call: not for every layout.
template <class Visit>
void on_each_engine(const Visit& visit, bool with_threads = true) {
  visit(scalar_engine{}, "scalar");
  visit(simd_engine<>{}, "simd");
  if (with_threads) visit(threads_engine<simd_engine<>>(pool()), "threads");
  visit(emulated::engine{{96, true}}, "cuda");
}

struct layout {
  const char* name;
  std::vector<std::ptrdiff_t> stride;
  std::size_t elements;
};

std::vector<layout> layouts(const shape& s) {
  std::vector<layout> all(3);
  all[0].name = "dense";
  all[1].name = "transposed";
  all[2].name = "gaps";
  for (auto& l : all) l.stride.resize(s.rank);
  std::size_t dense = 1;
  std::size_t gaps = 2;
  std::size_t transposed = 1;
  for (std::size_t d = s.rank; d-- > 0;) {
    all[0].stride[d] = static_cast<std::ptrdiff_t>(dense);
    all[2].stride[d] = static_cast<std::ptrdiff_t>(gaps);
    dense *= s[d];
    gaps = gaps * s[d] + 3;
  }
  for (std::size_t d = 0; d < s.rank; ++d) {
    all[1].stride[d] = static_cast<std::ptrdiff_t>(transposed);
    transposed *= s[d];
  }
  all[0].elements = all[1].elements = dense;
  all[2].elements = gaps;
  return all;
}

struct data {
  std::vector<float> x;
  std::vector<std::size_t> slot;
  std::vector<float> scale;
  std::vector<std::int32_t> zero;

  data(const shape& s, const granularity_case& c, bool zero_points)
      : x(s.size()), slot(s.size()), scale(product(c.parameter_shape)), zero(scale.size()) {
    oracle::stream random(s.size() + scale.size());
    for (auto& v : scale) v = static_cast<float>(0.05 + 0.1 * std::fabs(random.unit()));
    if (zero_points)
      for (auto& z : zero) z = static_cast<std::int32_t>(random.below(256)) - 128;
    for (auto& v : x) v = oracle::interesting(random, 0.1f, 300);
    for_each_index(s, [&](const multi_index& i, std::size_t place) {
      slot[place] = row_major(c.parameter_index(i), c.parameter_shape);
    });
  }
};

std::size_t place_of(const multi_index& i, const layout& l) {
  std::ptrdiff_t at = 0;
  for (std::size_t d = 0; d < i.size(); ++d) at += static_cast<std::ptrdiff_t>(i[d]) * l.stride[d];
  return static_cast<std::size_t>(at);
}

template <class Rounding>
void check_codes(const shape& s, const granularity_case& c) {
  constexpr bool random = is_random_rounding<Rounding>;
  const data d(s, c, true);
  Rounding rounding{};
  if constexpr (random) rounding.seed = 21;
  const basic_quantizer<int8, any_granularity, affine, Rounding, divide_by_scale> q(int8{}, c.granularity, {},
                                                                                    rounding);
  const parameters p(d.scale, d.zero);
  for (const layout& l : layouts(s)) {
    CAPTURE(std::string(l.name));
    std::vector<float> x(l.elements);
    for_each_index(s, [&](const multi_index& i, std::size_t place) { x[place_of(i, l)] = d.x[place]; });
    on_each_engine(
        [&](const auto& engine, const char* name) {
          CAPTURE(std::string(name));
          std::vector<std::int8_t> codes(l.elements, 99);
          const tensor_view<const float> in(x.data(), s, l.stride.data());
          const tensor_view<std::int8_t> out(codes.data(), s, l.stride.data());
          REQUIRE(try_quantize(q, p, in, out, engine).ok());
          std::size_t wrong = 0;
          for_each_index(s, [&](const multi_index& i, std::size_t place) {
            const std::size_t k = d.slot[place];
            const std::uint32_t bits = random ? random_bits(21, place) : 0;
            wrong += codes[place_of(i, l)] !=
                     oracle::integer_code(d.x[place], d.scale[k], d.zero[k], {-128, 127},
                                          random ? oracle::rounding::random : oracle::rounding::even,
                                          oracle::arithmetic::divide, bits);
          });
          REQUIRE(wrong == 0);
          if (std::string(name) != "simd") return;
          plan<quantize_kernel<decltype(q)>> laid_out;
          REQUIRE(plan_quantize(q, p, in, out, laid_out).ok());
          std::vector<std::int8_t> again(l.elements, 99);
          laid_out.run(engine, x.data(), again.data());
          REQUIRE(again == codes);
        },
        std::string(l.name) == "dense");
  }
}

void check_ranges(const shape& s, const granularity_case& c) {
  const data d(s, c, false);
  std::vector<float> x = d.x;
  for (auto& v : x)
    if (std::isnan(v)) v = 0;
  std::vector<range<float>> wanted(d.scale.size(), {1, -1});
  for (std::size_t i = 0; i < x.size(); ++i) {
    range<float>& r = wanted[d.slot[i]];
    r = r.minimum > r.maximum ? range<float>{x[i], x[i]}
                              : range<float>{std::min(r.minimum, x[i]), std::max(r.maximum, x[i])};
  }
  for (auto& r : wanted) r = {r.minimum + 0.0f, r.maximum + 0.0f};
  bool complete = !wanted.empty();
  for (const auto& r : wanted) complete = complete && r.minimum <= r.maximum;
  const bool many_parts = [&] {
    parameter_map map;
    nest_list nests;
    if (!c.granularity.map(s, map).ok()) return true;
    make_nests(s, {}, map, nests);
    return nests.parts != 1;
  }();
  on_each_engine([&](const auto& engine, const char* name) {
    CAPTURE(std::string(name));
    if (many_parts && std::string(name) == "cuda") return;  // refused by its entry points
    std::vector<range<float>> found;
    const status st = try_range_of(c.granularity, tensor_view<const float>(x.data(), s), found, engine);
    if (!complete) return;
    REQUIRE(st.ok());
    REQUIRE(found == wanted);
  });
}

// Packed bits run by logical index through all of it: the scalar engine's, which has one loop.
void check_masks(const shape& s, const granularity_case& c) {
  const data d(s, c, true);
  const basic_quantizer<int8, any_granularity, affine, nearest_even, divide_by_scale> q(int8{}, c.granularity);
  const parameters p(d.scale, d.zero);
  const std::size_t bytes = (s.size() + 7) / 8;
  std::vector<std::uint8_t> wanted;
  on_each_engine([&](const auto& engine, const char* name) {
    CAPTURE(std::string(name));
    std::vector<std::uint8_t> mask(bytes, 0xa5);
    std::vector<float> y(s.size());
    const status found =
        try_fake_quantize_with_mask(q, p, tensor_view<const float>(d.x.data(), s), tensor_view<float>(y.data(), s),
                                    tensor_view<std::uint8_t>(mask.data(), shape(bytes)), engine);
    REQUIRE(found.ok());
    if (wanted.empty()) wanted = mask;
    REQUIRE(mask == wanted);
  });
}

}  // namespace

TEST_CASE("the slot of every element on every engine; parameter shapes") {
  std::size_t most_parts = 0;
  std::size_t turn = 0;
  const bool all = xquant_test::scale() == 1;
  for (const shape& s : shapes())
    for (const granularity_case& c : cases_of(s)) {
      if (!all && turn++ % 5 != 0 && c.name.find("2, 2, 4, 2, 3") == std::string::npos) continue;
      CAPTURE(c.name);
      CAPTURE(s.rank);
      CAPTURE(s.size());
      parameter_map map;
      REQUIRE(c.granularity.map(s, map).ok());
      REQUIRE(map.count == product(c.parameter_shape));
      shape found;
      REQUIRE(try_parameter_shape(c.granularity, s, found).ok());
      REQUIRE(found == shape::of(c.parameter_shape.data(), c.parameter_shape.size()));
      check_codes<nearest_even>(s, c);
      nest_list nests;
      make_nests(s, {}, map, nests);
      most_parts = std::max(most_parts, nests.parts);
      if (nests.parts > 1) check_codes<stochastic>(s, c);
      check_ranges(s, c);
      if (nests.parts == 1) check_masks(s, c);  // else a device refuses
    }
  CHECK(most_parts == 8);
}

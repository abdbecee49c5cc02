// Views with the interface of std::mdspan: a stand-in, and those that this machine has.
#include <doctest/doctest.h>
#include <xquant/adapt/mdspan.hpp>
#include <xquant/adapt/span.hpp>
#include <xquant/by_value.hpp>

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#if __has_include(<version>)
#include <version>
#endif
#ifdef __cpp_lib_mdspan
#include <mdspan>
#endif
#if XQUANT_TEST_CUDA_MDSPAN
#include <cuda/std/mdspan>
#endif

using namespace xquant;  // NOLINT: every line names several

namespace {

// The parts of [mdspan] that an adaptor may use, with the standard's names.
template <class Index, std::size_t Rank>
struct extents {
  using index_type = Index;
  std::array<Index, Rank> values{};
  static constexpr std::size_t rank() { return Rank; }
  constexpr Index extent(std::size_t d) const { return values[d]; }
};
struct layout_right {
  template <class Extents>
  struct mapping {
    Extents own;
    constexpr const Extents& extents() const { return own; }
    static constexpr bool is_always_strided() { return true; }
    constexpr auto stride(std::size_t d) const {
      typename Extents::index_type step = 1;
      for (std::size_t k = Extents::rank(); k-- > d + 1;) step = step * own.extent(k);
      return step;
    }
  };
};
struct layout_left {
  template <class Extents>
  struct mapping {
    Extents own;
    constexpr const Extents& extents() const { return own; }
    static constexpr bool is_always_strided() { return true; }
    constexpr auto stride(std::size_t d) const {
      typename Extents::index_type step = 1;
      for (std::size_t k = 0; k < d; ++k) step = step * own.extent(k);
      return step;
    }
  };
};
struct layout_stride {
  template <class Extents>
  struct mapping {
    Extents own;
    std::array<typename Extents::index_type, Extents::rank()> strides;
    constexpr const Extents& extents() const { return own; }
    static constexpr bool is_always_strided() { return true; }
    constexpr auto stride(std::size_t d) const { return strides[d]; }
  };
};
struct layout_in_tiles {
  template <class Extents>
  struct mapping {
    Extents own;
    constexpr const Extents& extents() const { return own; }
    static constexpr bool is_always_strided() { return false; }
  };
};
template <class T>
struct default_accessor {
  using data_handle_type = T*;
};
template <class T, class Extents, class Layout = layout_right, class Accessor = default_accessor<T>>
class stand_in {
 public:
  using extents_type = Extents;
  using layout_type = Layout;
  using accessor_type = Accessor;
  using mapping_type = typename Layout::template mapping<Extents>;
  using element_type = T;
  using value_type = std::remove_cv_t<T>;
  using index_type = typename Extents::index_type;
  using data_handle_type = typename Accessor::data_handle_type;
  stand_in(data_handle_type handle, mapping_type m) : handle_(handle), mapping_(std::move(m)) {}
  static constexpr std::size_t rank() { return Extents::rank(); }
  static constexpr bool is_always_strided() { return mapping_type::is_always_strided(); }
  constexpr const Extents& extents() const { return mapping_.extents(); }
  constexpr const mapping_type& mapping() const { return mapping_; }
  constexpr const data_handle_type& data_handle() const { return handle_; }

 private:
  data_handle_type handle_;
  mapping_type mapping_;
};
struct numbered_accessor {
  using data_handle_type = std::size_t;
};

using by_row = quantizer<int8, per_axis<0>>;
const parameters two_scales(std::vector<float>{0.5f, 2.0f});

std::vector<float> sample() {
  std::vector<float> x(6);
  for (std::size_t i = 0; i < 6; ++i) x[i] = static_cast<float>(i) * 1.3f - 2.0f;
  return x;
}

// What the codes are, counted with the last of 2 x 3 dimensions fastest, if element (i, j) lies at at(i, j).
template <class At>
std::vector<std::int8_t> expected(const std::vector<float>& memory, const At& at) {
  std::vector<std::int8_t> codes;
  for (std::size_t i = 0; i < 2; ++i)
    for (std::size_t j = 0; j < 3; ++j)
      codes.push_back(
          static_cast<std::int8_t>(std::nearbyint(static_cast<double>(memory[at(i, j)]) / (i == 0 ? 0.5 : 2.0))));
  return codes;
}

template <class View>
std::vector<std::int8_t> codes_of(const View& x) {
  std::vector<std::int8_t> codes(6);
  quantize(by_row{}, two_scales, x, tensor_view(codes, shape{2, 3}));
  return codes;
}

using matrix = extents<int, 2>;

static_assert(!TensorLike<stand_in<float, matrix, layout_in_tiles>>);
static_assert(!TensorLike<stand_in<float, matrix, layout_right, numbered_accessor>>);
static_assert(TensorInMemory<stand_in<float, extents<std::size_t, 0>>&>);

}  // namespace

TEST_CASE("layouts of a view: right, left and strided") {
  std::vector<float> x = sample();
  CHECK(codes_of(stand_in<float, matrix>(x.data(), {{{2, 3}}})) ==
        expected(x, [](std::size_t i, std::size_t j) { return 3 * i + j; }));
  CHECK(codes_of(stand_in<const float, matrix, layout_left>(x.data(), {{{2, 3}}})) ==
        expected(x, [](std::size_t i, std::size_t j) { return i + 2 * j; }));
  // Rows from the last one on.
  CHECK(codes_of(stand_in<float, matrix, layout_stride>(x.data() + 3, {{{2, 3}}, {-3, 1}})) ==
        expected(x, [](std::size_t i, std::size_t j) { return 3 - 3 * i + j; }));
}

TEST_CASE("a view is written to, and refused where its shape differs") {
  const std::vector<float> x = sample();
  std::vector<float> y(12, 7.0f);
  const stand_in<float, matrix, layout_stride> every_other(y.data() + 1, {{{2, 3}}, {6, 2}});
  fake_quantize(by_row{}, two_scales, tensor_view(x, shape{2, 3}), every_other);
  for (std::size_t i = 0; i < 12; ++i) {
    if (i % 2 == 0)
      CHECK(y[i] == 7.0f);
    else
      CHECK(y[i] == std::nearbyint(x[i / 2] / (i < 6 ? 0.5f : 2.0f)) * (i < 6 ? 0.5f : 2.0f));
  }
  const stand_in<float, matrix> other(y.data(), {{{3, 2}}});
  const status s = try_fake_quantize(by_row{}, two_scales, tensor_view(x, shape{2, 3}), other);
  CHECK(s.code == errc::shape_mismatch);
  CHECK(s.place == fault_place::dimension);
  CHECK(s.wanted == 2);
}

TEST_CASE("a view of rank 0, and forms that return") {
  float one = 1.2f;
  const stand_in<float, extents<std::size_t, 0>> scalar(&one, {{}});
  fake_quantize(quantizer<int8>{}, parameters(0.5f), scalar, scalar);
  CHECK(one == 1.0f);
  std::vector<float> x = sample();
  const stand_in<float, matrix, layout_left> turned(x.data(), {{{2, 3}}});
  const dense_tensor<std::int8_t> codes = quantize(by_row{}, two_scales, turned);
  CHECK(codes.shape() == shape{2, 3});
  CHECK(codes.values() == expected(x, [](std::size_t i, std::size_t j) { return i + 2 * j; }));
  const dense_tensor<float> back = dequantize(quantize<int8>(turned));
  CHECK(back.shape() == shape{2, 3});
  CHECK(std::fabs(back[1] - x[2]) <= 4.5f / 127);
}

#ifdef __cpp_lib_mdspan
TEST_CASE("std::mdspan") {
  std::vector<float> x = sample();
  CHECK(codes_of(std::mdspan(x.data(), 2, 3)) == expected(x, [](std::size_t i, std::size_t j) { return 3 * i + j; }));
  CHECK(codes_of(std::mdspan<const float, std::extents<int, 2, 3>, std::layout_left>(x.data())) ==
        expected(x, [](std::size_t i, std::size_t j) { return i + 2 * j; }));
}
#endif

#if XQUANT_TEST_CUDA_MDSPAN
TEST_CASE("cuda::std::mdspan, which is the reference implementation on a host too") {
  std::vector<float> x = sample();
  CHECK(codes_of(cuda::std::mdspan<float, cuda::std::dextents<int, 2>>(x.data(), 2, 3)) ==
        expected(x, [](std::size_t i, std::size_t j) { return 3 * i + j; }));
  CHECK(codes_of(cuda::std::mdspan<const float, cuda::std::extents<std::size_t, 2, 3>, cuda::std::layout_left>(
            x.data())) == expected(x, [](std::size_t i, std::size_t j) { return i + 2 * j; }));
  using strided = cuda::std::layout_stride::mapping<cuda::std::dextents<int, 2>>;
  const cuda::std::array<int, 2> steps{1, 2};
  const cuda::std::mdspan<float, cuda::std::dextents<int, 2>, cuda::std::layout_stride> view(
      x.data(), strided(cuda::std::dextents<int, 2>(2, 3), steps));
  CHECK(codes_of(view) == expected(x, [](std::size_t i, std::size_t j) { return i + 2 * j; }));
}
#endif

// What a call runs on that names no engine: vectors, plain loops for double, and both in constant expressions.
#include <doctest/doctest.h>

#include <core/oracle.hpp>
#include <xquant/calibration/range_of.hpp>
#include <xquant/calls/default_engine.hpp>
#include <xquant/engines/plan.hpp>
#include <xquant/engines/scalar.hpp>
#include <xquant/ops/fake_quantize.hpp>
#include <xquant/ops/quantize.hpp>

#include <cstring>
#include <vector>

namespace {

using namespace xquant;  // NOLINT: every line names several

#if !XQUANT_SCALAR_BY_DEFAULT
static_assert(is_same<default_engine, vector_engine<>>);
static_assert(lane_count<default_engine::lane> == native_vector_width);
#if defined(__x86_64__) && !defined(__AVX2__)
static_assert(native_vector_width == 4);
#endif
#else
static_assert(is_same<default_engine, scalar_engine>);
#endif

template <class Real>
void same_as_scalar() {
  oracle::stream random(5);
  for (const std::size_t n : {0u, 1u, 63u, 64u, 65u, 1000u}) {
    std::vector<Real> x(n);
    for (Real& v : x) v = static_cast<Real>(oracle::interesting(random, 0.5f, 200));
    const tensor_view<const Real> in(x.data(), shape(n));
    const scale_and_zero_point<Real> p{Real(0.5), 3};
    const quantizer<int8, affine> q;
    std::vector<std::int8_t> codes[2];
    std::vector<Real> y[2];
    for (int i = 0; i < 2; ++i) {
      codes[i].resize(n);
      y[i].resize(n);
    }
    quantize(q, p, in, tensor_view<std::int8_t>(codes[0].data(), shape(n)));
    quantize(q, p, in, tensor_view<std::int8_t>(codes[1].data(), shape(n)), scalar_engine{});
    CHECK(codes[0] == codes[1]);
    fake_quantize(q, p, in, tensor_view<Real>(y[0].data(), shape(n)));
    fake_quantize(q, p, in, tensor_view<Real>(y[1].data(), shape(n)), scalar_engine{});
    CHECK((n == 0 || std::memcmp(y[0].data(), y[1].data(), n * sizeof(Real)) == 0));
    if (n == 0) continue;
    for (Real& v : x) v = static_cast<Real>(random.unit());
    CHECK(range_of(per_tensor{}, in) == range_of(per_tensor{}, in, scalar_engine{}));
  }
}

// The codes of -1, 0.25, 0.75 and 1000, times 2, in a constant expression.
constexpr bool runs_in_constant_expressions() {
  using operation = quantize_kernel<quantizer<int8>>;
  const float scale = 0.5f;
  const float x[4] = {-1.0f, 0.25f, 0.75f, 1000.0f};
  std::int8_t codes[4] = {};
  operation o{};
  o.lower = -128;
  o.upper = 127;
  nest_list nests;
  nests.count = 1;
  nests.item[0].depth = 1;
  nests.item[0].dimension[0].extent = 4;
  for (unsigned k = 0; k < operand_count; ++k) {
    nests.item[0].dimension[0].stride[k] = k == input_0 || k == output_0 || k == element_index ? 1 : 0;
    nests.item[0].base[k] = 0;
  }
  operation_streams<operation> streams;
  streams.input_0 = x;
  streams.output_0 = codes;
  streams.parameters = {&scale, nullptr, nullptr, 1};
  default_engine::run(o, nests, streams);
  return codes[0] == -2 && codes[1] == 0 && codes[2] == 2 && codes[3] == 127;
}
static_assert(runs_in_constant_expressions());

}  // namespace

TEST_CASE("the default engine has the scalar engine's bits") {
  same_as_scalar<float>();
  same_as_scalar<double>();
  CHECK(runs_in_constant_expressions());
}

// The kernels on a device against the scalar engine, bit for bit. Without a device the test is skipped (exit 77).
#include <support/scale.hpp>
#include <xquant/calibration/range_of.hpp>
#include <xquant/engines/cuda/engine.cuh>
#include <xquant/formats/float8.hpp>
#include <xquant/formats/wide_integer.hpp>
#include <xquant/gradients/clipped_straight_through.hpp>
#include <xquant/gradients/fake_quantize_backward.hpp>
#include <xquant/gradients/learned_step_size.hpp>
#include <xquant/gradients/packed_mask.hpp>
#include <xquant/gradients/straight_through.hpp>
#include <xquant/ops/dequantize.hpp>
#include <xquant/ops/fake_quantize.hpp>
#include <xquant/ops/quantize.hpp>
#include <xquant/parameters.hpp>
#include <xquant/rounding/stochastic.hpp>

#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>
#include <vector>

namespace {

int failures = 0;

void require(bool good, const char* what, std::size_t n) {
  if (good) return;
  ++failures;
  std::printf("differs: %s, %zu elements\n", what, n);
}

void check(cudaError_t error) {
  if (error == cudaSuccess) return;
  std::printf("CUDA: %s\n", cudaGetErrorString(error));
  std::exit(1);
}

// An array on the device with its copy here.
template <class T>
struct array {
  std::vector<T> here;
  T* there = nullptr;

  explicit array(std::vector<T> v) : here(std::move(v)) {
    check(cudaMalloc(&there, here.size() * sizeof(T) + 1));
    check(cudaMemcpy(there, here.data(), here.size() * sizeof(T), cudaMemcpyHostToDevice));
  }
  explicit array(std::size_t n) : array(std::vector<T>(n)) {}
  array(const array&) = delete;
  array& operator=(const array&) = delete;
  ~array() { cudaFree(there); }

  xquant::tensor_view<T> on_device(const xquant::shape& s) const { return {there, s}; }
  // Whether the device has what `expected` has; any NaN is as good as another.
  bool is(const std::vector<T>& expected) const {
    std::vector<T> found(here.size());
    check(cudaMemcpy(found.data(), there, found.size() * sizeof(T), cudaMemcpyDeviceToHost));
    for (std::size_t i = 0; i < found.size(); ++i)
      if (std::memcmp(&found[i], &expected[i], sizeof(T)) != 0 && !(found[i] != found[i] && expected[i] != expected[i]))
        return false;
    return true;
  }
};

// A fixed stream with the values at which engines could differ.
template <class Real>
std::vector<Real> interesting(std::size_t n, double scale, std::uint64_t seed) {
  std::vector<Real> x(n);
  for (auto& v : x) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    const double u = static_cast<double>(seed >> 33) / 2147483648.0 * 2 - 1;
    switch (seed >> 28 & 15) {
      case 0: v = std::numeric_limits<Real>::quiet_NaN(); break;
      case 1: v = std::numeric_limits<Real>::infinity() * static_cast<Real>(u); break;
      case 2: v = static_cast<Real>(-0.0); break;
      case 3: v = std::numeric_limits<Real>::denorm_min() * static_cast<Real>(std::rint(100 * u)); break;
      case 4:
      case 5:
      case 6: v = static_cast<Real>((std::rint(u * 140) + 0.5) * scale); break;
      default: v = static_cast<Real>(u * 160 * scale);
    }
  }
  return x;
}

template <class Real, class Quantizer>
void elementwise(const char* name, const Quantizer& q, const xquant::shape& s) {
  using code = typename Quantizer::code_type;
  xquant::parameter_map map;
  if (!q.granularity.map(s, map).ok()) return;
  std::vector<Real> scale(map.count);
  std::vector<std::int32_t> zero(map.count);
  for (std::size_t i = 0; i < map.count; ++i) scale[i] = static_cast<Real>(0.05 + 0.013 * static_cast<double>(i % 11));
  if constexpr (Quantizer::scheme_type::has_zero_point)
    for (std::size_t i = 0; i < map.count; ++i)
      zero[i] = static_cast<std::int32_t>(i % 7) + (q.lower_code() < 0 ? -3 : 0);
  const xquant::basic_parameters<Real> p(scale, zero);
  const array<Real> scales(scale);
  const array<std::int32_t> zeros(zero);
  const xquant::parameters_view<Real> on_device{scales.there, nullptr, zeros.there, map.count};
  const std::size_t n = s.size();
  const array<Real> x(interesting<Real>(n, 0.1, n));
  const array<code> codes(n);
  const array<Real> y(n);
  std::vector<code> expected_codes(n);
  std::vector<Real> expected(n);
  const xquant::tensor_view<const Real> in(x.here.data(), s);
  const xquant::tensor_view<Real> out(expected.data(), s);
  xquant::quantize(q, p, in, xquant::tensor_view<code>(expected_codes.data(), s));
  const xquant::cuda_engine engine;
  require(xquant::try_quantize(q, on_device, x.on_device(s), codes.on_device(s), engine).ok() &&
              (Quantizer::format_type::is_integer ? codes.is(expected_codes) : true),
          name, n);
  xquant::dequantize(q, p, xquant::tensor_view<const code>(expected_codes.data(), s), out);
  require(xquant::try_dequantize(q, on_device, codes.on_device(s), y.on_device(s), engine).ok() && y.is(expected), name,
          n);
  require(xquant::try_fake_quantize(q, on_device, x.on_device(s), y.on_device(s), engine).ok() && y.is(expected), name,
          n);
}

template <class Granularity>
void gradients(const char* name, const Granularity& granularity, const xquant::shape& s) {
  using quantizer =
      xquant::basic_quantizer<xquant::int8, Granularity, xquant::affine, xquant::nearest_even, xquant::divide_by_scale>;
  const quantizer q(xquant::int8{}, granularity);
  xquant::parameter_map map;
  if (!granularity.map(s, map).ok()) return;
  const std::size_t n = s.size();
  const std::vector<float> scale(map.count, 0.1f);
  const array<float> scales(scale);
  const xquant::parameters p(scale);
  const xquant::parameters_view<float> on_device{scales.there, nullptr, nullptr, map.count};
  const array<float> x(interesting<float>(n, 0.1, n + 1));
  std::vector<float> gradient(n);
  for (std::size_t i = 0; i < n; ++i) gradient[i] = static_cast<float>(std::sin(static_cast<double>(i)));
  const array<float> g(gradient);
  const array<float> y(n);
  const array<std::uint8_t> mask((n + 7) / 8);
  const xquant::shape bytes((n + 7) / 8);
  const xquant::shape slots(map.count);
  std::vector<float> expected(n);
  std::vector<std::uint8_t> expected_mask((n + 7) / 8);
  const xquant::tensor_view<float> out(expected.data(), s);
  const xquant::tensor_view<std::uint8_t> bits(expected_mask.data(), bytes);
  const xquant::tensor_view<const float> in(x.here.data(), s);
  const xquant::tensor_view<const float> grad(g.here.data(), s);
  const xquant::cuda_engine engine;

  xquant::fake_quantize_with_mask(q, p, in, out, bits);
  require(
      xquant::try_fake_quantize_with_mask(q, on_device, x.on_device(s), y.on_device(s), mask.on_device(bytes), engine)
              .ok() &&
          y.is(expected) && mask.is(expected_mask),
      name, n);
  xquant::masked_backward(grad, bits, out);
  require(
      xquant::try_masked_backward(g.on_device(s), mask.on_device(bytes), y.on_device(s), engine).ok() && y.is(expected),
      name, n);
  xquant::fake_quantize_backward(xquant::clipped_straight_through{}, q, p, in, grad, out);
  require(xquant::try_fake_quantize_backward(xquant::clipped_straight_through{}, q, on_device, x.on_device(s),
                                             g.on_device(s), y.on_device(s), engine)
                  .ok() &&
              y.is(expected),
          name, n);

  std::vector<float> finite(n);
  for (std::size_t i = 0; i < n; ++i) finite[i] = 30 * gradient[(i * 7) % n];
  const array<float> f(finite);
  std::size_t doubles = 0;
  require(
      xquant::fake_quantize_backward_workspace<xquant::cuda_engine>(xquant::learned_step_size{}, q, s, doubles).ok(),
      name, n);
  const array<double> workspace(doubles);
  const array<float> ds(map.count);
  std::vector<float> expected_ds(map.count);
  xquant::fake_quantize_backward(xquant::learned_step_size{}, q, p, xquant::tensor_view<const float>(finite.data(), s),
                                 grad, out, xquant::tensor_view<float>(expected_ds.data(), slots));
  require(xquant::try_fake_quantize_backward(
              xquant::learned_step_size{}, q, on_device, f.on_device(s), g.on_device(s), y.on_device(s),
              ds.on_device(slots), xquant::cuda_engine(engine.stream, workspace.on_device(xquant::shape(doubles))))
                  .ok() &&
              y.is(expected) && ds.is(expected_ds),
          name, n);

  require(xquant::range_of_workspace<xquant::cuda_engine>(granularity, s, doubles).ok(), name, n);
  const array<double> more(doubles);
  const array<float> low(map.count);
  const array<float> high(map.count);
  std::vector<float> expected_low;
  std::vector<float> expected_high;
  for (const auto& r : xquant::range_of(granularity, xquant::tensor_view<const float>(finite.data(), s))) {
    expected_low.push_back(r.minimum);
    expected_high.push_back(r.maximum);
  }
  require(xquant::try_range_of(granularity, f.on_device(s), low.on_device(slots), high.on_device(slots),
                               xquant::cuda_engine(engine.stream, more.on_device(xquant::shape(doubles))))
                  .ok() &&
              low.is(expected_low) && high.is(expected_high),
          name, n);
}

// Every pattern of 16 bits in, rounded to the other kind, and codes of 32 bits.
template <class In, class Out>
void elements(const char* name, float scale) {
  const xquant::shape s(65536);
  std::vector<In> patterns(s.size());
  for (std::size_t i = 0; i < patterns.size(); ++i) patterns[i] = In::from_bits(static_cast<std::uint16_t>(i));
  const array<In> x(patterns);
  const array<Out> y(s.size());
  const array<std::uint32_t> codes(s.size());
  const array<float> scales(std::vector<float>{scale});
  const array<std::int32_t> zeros(std::vector<std::int32_t>{1234567});
  const xquant::parameters_view<float> on_device{scales.there, nullptr, zeros.there, 1};
  const xquant::parameters p(scale, 1234567);
  const xquant::quantizer<xquant::uint32, xquant::affine> q;
  std::vector<Out> expected(s.size());
  std::vector<std::uint32_t> expected_codes(s.size());
  const xquant::tensor_view<const In> in(x.here.data(), s);
  const xquant::tensor_view<Out> out(expected.data(), s);
  const xquant::cuda_engine engine;
  xquant::quantize(q, p, in, xquant::tensor_view<std::uint32_t>(expected_codes.data(), s));
  require(
      xquant::try_quantize(q, on_device, x.on_device(s), codes.on_device(s), engine).ok() && codes.is(expected_codes),
      name, s.size());
  xquant::fake_quantize(q, p, in, out);
  require(xquant::try_fake_quantize(q, on_device, x.on_device(s), y.on_device(s), engine).ok() && y.is(expected), name,
          s.size());
  require(xquant::try_dequantize(q, on_device, codes.on_device(s), y.on_device(s), engine).ok() && y.is(expected), name,
          s.size());
}

}  // namespace

int main() {
  int devices = 0;
  if (const cudaError_t error = cudaGetDeviceCount(&devices); error != cudaSuccess || devices == 0) {
    std::printf("skipped: %s\n", error != cudaSuccess ? cudaGetErrorString(error) : "no CUDA device");
    return 77;
  }
  const xquant::shape shapes[] = {xquant::shape(1),
                                  xquant::shape(31),
                                  xquant::shape(4097),
                                  xquant::shape(3, 129),
                                  xquant::shape(64, 3, 50),
                                  xquant::shape(2, 3, 2, 3, 67),
                                  xquant::shape(xquant_test::scaled(5000001, 5001)),
                                  xquant::shape(64, xquant_test::scaled(70001, 701)),
                                  xquant::shape(xquant_test::scaled(70001, 701), 64)};
  for (const xquant::shape& s : shapes) {
    elementwise<float>("int8", xquant::quantizer<xquant::int8, xquant::affine>{}, s);
    elementwise<float>("uint16, axis 0",
                       xquant::quantizer<xquant::uint16, xquant::affine, xquant::nearest_away, xquant::per_axis<0>>{},
                       s);
    elementwise<float>("e4m3fn, last axis", xquant::quantizer<xquant::e4m3fn, xquant::per_axis<-1>>{}, s);
    elementwise<float>("int4, stochastic",
                       xquant::quantizer<xquant::int4, xquant::stochastic, xquant::multiply_by_reciprocal>{}, s);
    elementwise<double>("int8, double, middle axis",
                        xquant::quantizer<xquant::int8, xquant::affine, xquant::per_axis<1>>{}, s);
    gradients("gradients", xquant::per_tensor{}, s);
    gradients("gradients, axis 0", xquant::per_axis<0>{}, s);
    gradients("gradients, axis 1", xquant::per_axis<1>{}, s);
    gradients("gradients, last axis", xquant::per_axis<-1>{}, s);
  }
  for (const float scale : {0x1p-24f, 0x1.234p-16f, 0x1p-126f, 0x1p90f}) {
    elements<xquant::float16, xquant::bfloat16>("float16", scale);
    elements<xquant::bfloat16, xquant::float16>("bfloat16", scale);
  }
  check(cudaDeviceSynchronize());
  std::printf("%d differences\n", failures);
  return failures == 0 ? 0 : 1;
}

// What does not compile on an engine that works on a device, a line at a time. As it stands, everything here is right.
#include <xquant/calibration/dynamic_quantize.hpp>
#include <xquant/calibration/range_of.hpp>
#include <xquant/engines/cuda/device_engine.hpp>
#include <xquant/ops/convert.hpp>
#include <xquant/ops/quantize.hpp>

#ifndef XQUANT_BAD_LINE
#define XQUANT_BAD_LINE 0
#endif

using namespace xquant;  // NOLINT: every line names several

struct launcher : cuda::device_engine<launcher> {
  static std::size_t threads(std::size_t) { return 32; }
  template <class Kernel>
  static status launch(const Kernel&, std::size_t) {
    return {};
  }
};

status use(float* data, std::int8_t* bytes, const parameters_view<float>& p) {
  const tensor_view<float> x(data, shape(4));
  const tensor_view<std::int8_t> codes(bytes, shape(4));
  const quantizer<int8> q;
#if XQUANT_BAD_LINE == 1
  return try_convert(q, p, codes, q, p, codes, launcher{});
#elif XQUANT_BAD_LINE == 2
  std::vector<range<float>> ranges;
  return try_range_of(per_tensor{}, x, ranges, launcher{});
#elif XQUANT_BAD_LINE == 3
  parameters used(1.0f);
  return try_dynamic_quantize(q, x, codes, used, launcher{});
#elif XQUANT_BAD_LINE == 4
  return try_range_of(per_tensor{}, x, codes, codes, launcher{});
#else
  if (const status s = try_range_of(per_tensor{}, x, x, x, launcher{}); !s.ok()) return s;
  return try_quantize(q, p, x, codes, launcher{});
#endif
}

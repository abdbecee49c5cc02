// The core without exceptions and run-time types: every validate_, try_ and plan_ form does its work and says what is
// wrong. A program of its own, built with -fno-exceptions -fno-rtti. Exit status: the number of failed checks.
#include <xquant/formats/float8.hpp>
#include <xquant/ops/dequantize.hpp>
#include <xquant/ops/fake_quantize.hpp>
#include <xquant/ops/quantize.hpp>
#include <xquant/parameters.hpp>

#include <cstdio>

#if XQUANT_HAS_EXCEPTIONS
#error "this program is about building without exceptions"
#endif

namespace {

using namespace xquant;  // NOLINT: every line names several

int failures = 0;

void check(bool good, const char* what) {
  if (good) return;
  std::printf("failed: %s\n", what);
  ++failures;
}

template <class Q, class Real>
void all_forms(const Q& q, const scale_and_zero_point<Real>& p, const Real (&x)[4],
               const typename Q::code_type (&expected)[4], const Real (&values)[4]) {
  typename Q::code_type codes[4] = {};
  Real y[4] = {};
  const shape s(2, 2);
  const tensor_view<const Real> input(x, s);
  const tensor_view<typename Q::code_type> code_view(codes, s);
  const tensor_view<Real> output(y, s);
  const auto codes_match = [&] {
    for (int i = 0; i < 4; ++i)
      if (codes[i] != expected[i]) return false;
    return true;
  };
  const auto values_match = [&] {
    for (int i = 0; i < 4; ++i)
      if (y[i] != values[i]) return false;
    return true;
  };
  check(validate_quantize(q, p, input, code_view).ok(), "validate_quantize");
  check(try_quantize(q, p, input, code_view).ok() && codes_match(), "try_quantize");
  check(validate_dequantize(q, p, code_view, output).ok(), "validate_dequantize");
  check(try_dequantize(q, p, code_view, output).ok() && values_match(), "try_dequantize");
  for (Real& v : y) v = 0;
  check(validate_fake_quantize(q, p, input, output).ok(), "validate_fake_quantize");
  check(try_fake_quantize(q, p, input, output).ok() && values_match(), "try_fake_quantize");

  plan<quantize_kernel<Q, Real>> quantize_plan;
  plan<dequantize_kernel<Q, Real>> dequantize_plan;
  plan<fake_quantize_kernel<Q, Real>> fake_plan;
  for (auto& c : codes) c = 0;
  check(plan_quantize(q, p, input, code_view, quantize_plan).ok(), "plan_quantize");
  quantize_plan.run(scalar_engine{}, x, codes);
  check(codes_match(), "plan of quantize");
  for (Real& v : y) v = 0;
  check(plan_dequantize(q, p, code_view, output, dequantize_plan).ok(), "plan_dequantize");
  dequantize_plan.run(scalar_engine{}, codes, y);
  check(values_match(), "plan of dequantize");
  for (Real& v : y) v = 0;
  check(plan_fake_quantize(q, p, input, output, fake_plan).ok(), "plan_fake_quantize");
  fake_plan.run(scalar_engine{}, x, y);
  check(values_match(), "plan of fake_quantize");

  const scale_and_zero_point<Real> bad{0, 0};
  check(validate_quantize(q, bad, input, code_view).code == errc::scale_not_positive, "a scale of 0");
  check(try_quantize(q, bad, input, code_view).code == errc::scale_not_positive, "a scale of 0");
  check(try_dequantize(q, bad, code_view, output).code == errc::scale_not_positive, "a scale of 0");
  check(try_fake_quantize(q, bad, input, output).code == errc::scale_not_positive, "a scale of 0");
  check(plan_quantize(q, bad, input, code_view, quantize_plan).code == errc::scale_not_positive, "a scale of 0");
}

}  // namespace

int main() {
  all_forms<quantizer<int8>, float>({}, {0.5f, 0}, {1.25f, -1.75f, 100, -3}, {2, -4, 127, -6}, {1, -2, 63.5f, -3});
  all_forms<quantizer<uint8, affine, nearest_away>, float>({}, {0.5f, 10}, {1.25f, -1.75f, 200, -30}, {13, 6, 255, 0},
                                                           {1.5f, -2, 122.5f, -5});
  all_forms<quantizer<int16, multiply_by_reciprocal>, double>({}, {0.25, 0}, {1, -1, 1e9, 0.125}, {4, -4, 32767, 0},
                                                              {1, -1, 8191.75, 0});
  all_forms<quantizer<e4m3fn>, float>({}, {2, 0}, {2, -4, 1e9f, 0}, {0x38, 0xc0, 0x7e, 0}, {2, -4, 896, 0});
  all_forms<quantizer<stored_integer<std::int8_t>>, float>(integer_of_bits<std::int8_t>(3), {1, 0}, {1.5f, -9, 9, 0},
                                                           {2, -4, 3, 0}, {2, -4, 3, 0});
  char message[128];
  format_message(fault(errc::axis_out_of_range, "axis", 4, "an axis"), message, sizeof message);
  check(message[0] == 'x', "format_message");
  return failures;
}

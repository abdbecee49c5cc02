// Mistakes that a compiler cannot see, and the whole sentence that is thrown.
#include <doctest/doctest.h>
#include <xquant/xquant.hpp>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

using namespace xquant;  // NOLINT: every line names several

namespace {

template <class F>
std::string said(const F& f) {
  try {
    f();
  } catch (const error& e) {
    return e.what();
  }
  return "nothing";
}

const std::vector<float> x = {1, 2, 3, 4, 5, 6};
const tensor_view<const float> matrix(x, shape{2, 3});
const parameters one(1.0f);

}  // namespace

TEST_CASE("shapes") {
  std::vector<std::int8_t> codes(8);
  CHECK(said([&] {
          quantize(quantizer<int8>{}, one, matrix, tensor_view(codes.data(), shape{2, 4}));
        }) == "xquant: codes: dimension 1 = 4: shapes differ; expected 3, as in the first input");
  CHECK(said([&] { quantize(quantizer<int8>{}, one, matrix, codes); }) ==
        "xquant: codes: rank = 1: shapes differ; expected 2, as in the first input");
  CHECK(said([&] {
          (void)tensor_view(x, shape{3, 3});
        }) == "xquant: size = 6: shapes differ; expected as many elements as the shape has: 9");
  CHECK(said([&] { (void)quantize<int8>(std::vector<float>{}); }) ==
        "xquant: x = 0: no samples; expected at least one element");
}

TEST_CASE("granularity: an axis from another layout, scales of another number") {
  CHECK(said([&] { (void)quantize<quantizer<int8, per_axis<2>>>(matrix); }) ==
        "xquant: axis = 2: axis out of range; expected an axis in [-rank, rank), of a tensor of rank: 2");
  CHECK(said([&] {
          (void)fake_quantize(quantizer<int8, per_axis<0>>{}, parameters(std::vector<float>(3, 1.0f)), matrix);
        }) ==
        "xquant: parameters = 3: wrong number of parameters; expected one scale for each slot that shape and "
        "granularity give: 2");
  CHECK(said([&] { (void)fake_quantize(quantizer<int8, per_axis<0>>{}, one, matrix); }) ==
        "xquant: parameters = 1: wrong number of parameters; expected one scale for each slot that shape and "
        "granularity give: 2");
}

TEST_CASE("scales and zero points") {
  const quantizer<int8> q;
  CHECK(said([&] { (void)fake_quantize(q, parameters(0.0f), x); }) ==
        "xquant: scale = 0: scale is not positive; expected a finite number above 0");
  CHECK(said([&] { (void)fake_quantize(q, parameters(-0.5f), x); }) ==
        "xquant: scale = -5.0e-1: scale is not positive; expected a finite number above 0");
  CHECK(said([&] { (void)fake_quantize(q, parameters(NAN), x); }) ==
        "xquant: scale = NaN: scale is not finite; expected a finite number above 0");
  CHECK(said([&] { (void)fake_quantize(q, parameters(1.0f, 3), x); }) ==
        "xquant: zero_point = 3: zero point where none exists; expected 0, as this scheme and format have no zero "
        "point");
  CHECK(said([&] { (void)fake_quantize(quantizer<uint8, affine>{}, parameters(1.0f, 300), x); }) ==
        "xquant: zero_point = 300: zero point outside the codes; expected one of the quantizer's codes");
}

TEST_CASE("data and ranges") {
  CHECK(said([&] {
          (void)quantize<int8>(std::vector<float>{1, NAN});
        }) == "xquant: x[1] = NaN: data is not finite; expected finite values");
  CHECK(said([&] {
          (void)make_parameters(quantizer<int8>{}, std::vector<range<float>>{{2, -2}});
        }) == "xquant: ranges = 2: range is inverted; expected a minimum not above the maximum");
  CHECK(said([&] { (void)make_parameters(quantizer<int8>{}, min_max<>{}).count(); })
            .find("no samples; expected at least "
                  "one observed element") != std::string::npos);
}

TEST_CASE("a percentile as a fraction") {
  for (const double fraction : {0.9999, 1.0, 0.5}) {
    histogram_calibrator<percentile> c(percentile{fraction});
    const std::string text = said([&] {
      c.observe(x);
      (void)c.ranges();
    });
    CHECK(text.find("value out of range; expected percent: 99.99 and not the fraction 0.9999") != std::string::npos);
  }
  CHECK(percentile{99.99}.valid().ok());
  CHECK(percentile{0}.valid().ok());
}

TEST_CASE("memory") {
  std::vector<float> y = x;
  CHECK(
      said([&] {
        fake_quantize(quantizer<int8>{}, one, tensor_view(y.data(), shape{5}), tensor_view(y.data() + 1, shape{5}));
      })
          .find("output overlaps another stream; expected memory apart from the other streams, or exactly in the place "
                "of an input") != std::string::npos);
  CHECK(said([&] { quantize(quantizer<int8>{}, one, x, tensor_view<std::int8_t>(nullptr, shape{6})); }) ==
        "xquant: codes = 0: null pointer; expected memory for every element");
}

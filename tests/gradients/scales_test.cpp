// Scales outside the interval of the short quotient (docs/arithmetic.md, rule 4): masks and clipped gradients on vector
// engines at the ends of the codes, against correctly rounded quotients in double.
#include <gradients/subjects.hpp>
#include <xquant/parameters.hpp>

#include <cmath>
#include <limits>
#include <vector>

namespace {

using namespace xquant;  // NOLINT: every line names several

TEST_CASE("clipped gradients and masks at the ends of the codes, for scales of every size") {
  const quantizer<int8> q;
  for (const float scale : {1e-45f, 1e-42f, 1e-39f, 1.2e-38f, 1e-30f, 1e-27f, 0.1f, 1e30f, 2e30f, 1e36f, 2e36f}) {
    std::vector<float> x;
    for (const float end : {-128.5f, -127.5f, 126.5f, 127.5f, 128.0f}) {
      float v = end * scale;
      if (!std::isfinite(v)) continue;
      for (int k = 0; k < 6; ++k) v = std::nextafter(v, -std::numeric_limits<float>::infinity());
      for (int k = 0; k < 13; ++k) {
        if (std::isfinite(v)) x.push_back(v);
        v = std::nextafter(v, std::numeric_limits<float>::infinity());
      }
    }
    while (x.size() < 150) x.push_back(x[x.size() - 20]);
    const shape s(x.size());
    const std::vector<float> g(x.size(), 1.0f);
    std::vector<float> dx(x.size(), 5.0f);
    std::vector<float> masked(x.size(), 5.0f);
    std::vector<float> y(x.size());
    std::vector<std::uint8_t> mask((x.size() + 7) / 8);
    const parameters p(scale);
    const tensor_view<const float> xs(x.data(), s);
    const tensor_view<const float> gs(g.data(), s);
    const tensor_view<std::uint8_t> bits(mask.data(), shape(mask.size()));
    fake_quantize_backward(clipped_straight_through{}, q, p, xs, gs, tensor_view<float>(dx.data(), s),
                           gradients_test::engine_on_vectors{});
    fake_quantize_with_mask(q, p, xs, tensor_view<float>(y.data(), s), bits, gradients_test::engine_on_vectors{});
    masked_backward(gs, bits, tensor_view<float>(masked.data(), s), gradients_test::engine_on_vectors{});
    CAPTURE(scale);
    for (std::size_t i = 0; i < x.size(); ++i) {
      // A quotient of two floats, rounded to double and then to float, is rounded correctly.
      const auto v = static_cast<float>(static_cast<double>(x[i]) / static_cast<double>(scale));
      const double code = std::nearbyint(static_cast<double>(v));
      const float passes = code >= -128 && code <= 127 ? 1.0f : 0.0f;
      CAPTURE(x[i]);
      REQUIRE(dx[i] == passes);
      REQUIRE(masked[i] == passes);
      REQUIRE(y[i] == static_cast<float>(std::fmin(std::fmax(code, -128), 127)) * scale);
    }
  }
}

}  // namespace

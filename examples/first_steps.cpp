// Ten lines: numbers to 8 bits and back, without naming a policy; then the same with policies.
#include <xquant/xquant.hpp>

#include <cstdio>
#include <vector>

int main() {
  const std::vector<float> x = {-1.27f, -0.5f, 0.0f, 0.013f, 0.75f, 1.0f};
  const auto codes = xquant::quantize<xquant::int8>(x);
  const std::vector<float> back = xquant::dequantize(codes);
  for (std::size_t i = 0; i < x.size(); ++i) std::printf("%8.4f -> %4d -> %8.4f\n", x[i], codes.codes[i], back[i]);

  using weights = xquant::quantizer<xquant::int4, xquant::per_axis<0>, xquant::affine>;
  const auto rows = xquant::quantize<weights>(xquant::tensor_view(x.data(), xquant::shape{2, 3}));
  std::printf("scales %.4f %.4f\n", rows.parameters.scale()[0], rows.parameters.scale()[1]);
}

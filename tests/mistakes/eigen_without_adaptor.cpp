// Matrices of Eigen without the header that adapts them, and an expression as output. As it stands, everything is
// right.
#include <Eigen/Core>
#ifndef XQUANT_BAD_LINE
#define XQUANT_BAD_LINE 0
#endif
#if XQUANT_BAD_LINE != 1 && XQUANT_BAD_LINE != 2
#include <xquant/adapt/eigen.hpp>
#endif
#include <xquant/xquant.hpp>

using namespace xquant;  // NOLINT: every line names several

void use(const Eigen::MatrixXf& x, Eigen::MatrixXf& y) {
#if XQUANT_BAD_LINE == 0 || XQUANT_BAD_LINE == 1
  fake_quantize(quantizer<int8>{}, parameters(0.5f), x, y);
// says: adapt/eigen.hpp or adapt/xtensor.hpp, or write tensor_view(address, shape)
#endif
#if XQUANT_BAD_LINE == 0 || XQUANT_BAD_LINE == 2
  (void)quantize<int8>(x);
// says: adapt/eigen.hpp or adapt/xtensor.hpp, or write tensor_view(address, shape)
#endif
#if XQUANT_BAD_LINE == 3
  fake_quantize(quantizer<int8>{}, parameters(0.5f), x, y * 2.0f);
// says: an expression cannot be written to; the output is a container or a view
#endif
  (void)y;
}

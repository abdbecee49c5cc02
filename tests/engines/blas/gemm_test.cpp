// Matrix products, by the BLAS or the loops that stand for it, against sums in double: every transposition, leading
// dimensions beyond the rows, factors, and what beta 0 may not read.
#include <doctest/doctest.h>

#include <xquant/engines/blas/gemm.hpp>

#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

namespace {

void check(bool transpose_a, bool transpose_b, std::size_t m, std::size_t n, std::size_t k, float alpha, float beta) {
  const std::size_t row_a = (transpose_a ? m : k) + 3, row_b = (transpose_b ? k : n) + 1, row_c = n + 2;
  std::vector<float> a((transpose_a ? k : m) * row_a), b((transpose_b ? n : k) * row_b), c(m * row_c);
  int next = 0;
  for (float& x : a) x = static_cast<float>(next++ * 37 % 101 - 50) / 16;
  for (float& x : b) x = static_cast<float>(next++ * 53 % 97 - 48) / 32;
  for (float& x : c) x = beta == 0 ? std::numeric_limits<float>::quiet_NaN() : static_cast<float>(next++ % 19 - 9);
  const std::vector<float> before = c;
  xquant::blas::gemm(transpose_a, transpose_b, m, n, k, alpha, a.data(), row_a, b.data(), row_b, beta, c.data(), row_c);
  for (std::size_t i = 0; i < m; ++i)
    for (std::size_t j = 0; j < row_c; ++j) {
      const float was = before[i * row_c + j];
      const float is = c[i * row_c + j];
      if (j >= n) {  // between the rows
        CHECK((is == was || (std::isnan(is) && std::isnan(was))));
        continue;
      }
      double sum = 0;
      double magnitude = 0;
      for (std::size_t p = 0; p < k; ++p) {
        const double product = static_cast<double>(transpose_a ? a[p * row_a + i] : a[i * row_a + p]) *
                               static_cast<double>(transpose_b ? b[j * row_b + p] : b[p * row_b + j]);
        sum += product;
        magnitude += std::abs(product);
      }
      const double wanted =
          static_cast<double>(alpha) * sum + (beta == 0 ? 0 : static_cast<double>(beta) * static_cast<double>(was));
      CHECK(std::abs(static_cast<double>(is) - wanted) <= 1e-6 * (magnitude + std::abs(wanted) + 1));
    }
}

}  // namespace

TEST_CASE("matrix products against sums in double") {
  for (const bool transpose_a : {false, true})
    for (const bool transpose_b : {false, true})
      for (const std::size_t k : {std::size_t{0}, std::size_t{1}, std::size_t{5}, std::size_t{64}})
        for (const float beta : {0.0f, 1.0f, -0.5f}) {
          check(transpose_a, transpose_b, 1, 1, k, 1, beta);
          check(transpose_a, transpose_b, 7, 5, k, 1, beta);
          check(transpose_a, transpose_b, 3, 17, k, -2, beta);
        }
  check(false, false, 0, 4, 4, 1, 0);
  check(false, false, 4, 0, 4, 1, 0);
}

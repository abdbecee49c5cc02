// Matrix products for model/: the one file that sees <cblas.h>. Without a BLAS (XQUANT_HAS_BLAS not 1) a plain loop
// gives the same product, more slowly and with its own order of summation.
#pragma once

#include <xquant/config.hpp>

#include <cstddef>
#include <cstdint>

#if defined(XQUANT_HAS_BLAS) && XQUANT_HAS_BLAS
extern "C" {
#include <cblas.h>
}
#endif

namespace xquant::inline XQUANT_ABI::blas {

// Units with and without a BLAS may meet in one program: their products have different names.
#if defined(XQUANT_HAS_BLAS) && XQUANT_HAS_BLAS
inline namespace with_blas {
#else
inline namespace without_blas {
#endif

/// C = alpha op(A) op(B) + beta C in float32, all row-major; op(A) is m x k, op(B) k x n, C m x n. `transpose_a` says
/// that A is stored k x m (likewise B, n x k); the leading dimensions are the row lengths as stored. With beta = 0, C
/// is only written. The order of summation is the BLAS's own: results are not bit-reproducible between machines.
inline void gemm(bool transpose_a, bool transpose_b, std::size_t m, std::size_t n, std::size_t k, float alpha,
                 const float* a, std::size_t row_a, const float* b, std::size_t row_b, float beta, float* c,
                 std::size_t row_c) {
  if (m == 0 || n == 0) return;
#if defined(XQUANT_HAS_BLAS) && XQUANT_HAS_BLAS
  constexpr std::size_t limit = INT32_MAX;
  if (k != 0 && m <= limit && n <= limit && k <= limit && row_a <= limit && row_b <= limit && row_c <= limit) {
    cblas_sgemm(CblasRowMajor, transpose_a ? CblasTrans : CblasNoTrans, transpose_b ? CblasTrans : CblasNoTrans,
                static_cast<int>(m), static_cast<int>(n), static_cast<int>(k), alpha, a, static_cast<int>(row_a), b,
                static_cast<int>(row_b), beta, c, static_cast<int>(row_c));
    return;
  }
#endif
  for (std::size_t i = 0; i < m; ++i) {
    float* row = c + i * row_c;
    for (std::size_t j = 0; j < n; ++j) row[j] = beta == 0 ? 0.0f : beta * row[j];
    for (std::size_t p = 0; p < k; ++p) {
      const float left = alpha * (transpose_a ? a[p * row_a + i] : a[i * row_a + p]);
      if (transpose_b)
        for (std::size_t j = 0; j < n; ++j) row[j] += left * b[j * row_b + p];
      else
        for (std::size_t j = 0; j < n; ++j) row[j] += left * b[p * row_b + j];
    }
  }
}

}  // namespace with_blas or without_blas

}  // namespace xquant::blas

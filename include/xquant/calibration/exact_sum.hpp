// Sums without rounding: fixed-point integers wide enough for any doubles, or any products of two, and the double that
// is nearest to such a sum over a number of elements.
#pragma once

#include <xquant/config.hpp>
#include <xquant/core/bits.hpp>

#include <cstddef>
#include <cstdint>

namespace xquant::inline XQUANT_ABI {

namespace detail {

__extension__ using uint128 = unsigned __int128;

// The double nearest to n 2^exponent, ties to even; n has `size` words, lowest first, and is a little more where
// `sticky`. Infinite where it is too large.
inline double nearest_double(const std::uint64_t* n, std::size_t size, int exponent, bool sticky,
                             bool negative) noexcept {
  while (size > 0 && n[size - 1] == 0) --size;
  if (size == 0) return 0;
  const int top = static_cast<int>(64 * size) - 1 - __builtin_clzll(n[size - 1]);  // the highest bit
  // The lowest bit that is kept: 53 in all, and none below 2^-1074.
  int last = top - 52;
  if (last + exponent < -1074) last = -1074 - exponent;
  const auto bit = [&](int i) { return i >= 0 && i <= top && (n[i / 64] >> (i % 64) & 1) != 0; };
  std::uint64_t kept = 0;
  for (int i = top; i >= last; --i) kept = kept << 1 | (bit(i) ? 1u : 0u);
  bool below = sticky;
  if (const int rest = last - 1 < top ? last - 1 : top + 1; rest > 0) {  // bits below the half
    for (int i = 0; i < rest / 64; ++i) below = below || n[i] != 0;
    if (rest % 64 != 0) below = below || (n[rest / 64] & ((std::uint64_t{1} << (rest % 64)) - 1)) != 0;
  }
  if (bit(last - 1) && (below || (kept & 1) != 0)) ++kept;
  // kept 2^(last + exponent), kept at most 2^53; the exponent field grows by itself where the rounding carries.
  const int unit = last + exponent;
  std::uint64_t bits = kept;
  if (kept >> 52 != 0) {
    if (unit + 1075 >= 2047) return negative ? -__builtin_inf() : __builtin_inf();
    bits = kept + (static_cast<std::uint64_t>(unit + 1074) << 52);
  }
  return bit_cast<double>(bits | (negative ? std::uint64_t{1} << 63 : 0));
}

}  // namespace detail

/// An integer multiple of 2^lowest in two's complement, of 64 `Words` bits. A regular value; a function of the multiset
/// of what was added.
template <int Lowest, std::size_t Words>
class exact_sum {
 public:
  static constexpr int lowest = Lowest;
  static constexpr std::size_t words = Words;

  /// Adds n 2^exponent, or takes it away; the exponent is not below `lowest`.
  void add(detail::uint128 n, int exponent, bool negative) noexcept {
    if (n == 0) return;
    const auto bit = static_cast<std::size_t>(exponent - Lowest);
    std::size_t i = bit / 64;
    const unsigned shift = bit % 64;
    const std::uint64_t parts[3] = {static_cast<std::uint64_t>(n << shift),
                                    static_cast<std::uint64_t>((n << shift) >> 64),
                                    shift == 0 ? 0 : static_cast<std::uint64_t>(n >> 64 >> (64 - shift))};
    std::uint64_t carry = 0;
    for (std::size_t k = 0; i < Words && (k < 3 || carry != 0); ++k, ++i) {
      const std::uint64_t part = k < 3 ? parts[k] : 0;
      const std::uint64_t before = word_[i];
      if (negative) {
        word_[i] = before - part - carry;
        carry = before < part || before - part < carry ? 1 : 0;
      } else {
        word_[i] = before + part + carry;
        carry = before + part < before || word_[i] < carry ? 1 : 0;
      }
    }
  }
  /// Adds a finite double.
  void add(double x) noexcept {
    const auto bits = bit_cast<std::uint64_t>(x);
    const int exponent = static_cast<int>(bits >> 52 & 0x7ff);
    const std::uint64_t fraction = bits & ((std::uint64_t{1} << 52) - 1);
    add(exponent == 0 ? fraction : fraction | std::uint64_t{1} << 52, (exponent == 0 ? 1 : exponent) - 1075, x < 0);
  }
  void merge(const exact_sum& other) noexcept {
    std::uint64_t carry = 0;
    for (std::size_t i = 0; i < Words; ++i) {
      const std::uint64_t sum = word_[i] + other.word_[i];
      const std::uint64_t all = sum + carry;
      carry = sum < word_[i] || all < sum ? 1 : 0;
      word_[i] = all;
    }
  }

  [[nodiscard]] bool is_negative() const noexcept { return word_[Words - 1] >> 63 != 0; }
  [[nodiscard]] std::uint64_t word(std::size_t i) const noexcept { return word_[i]; }
  void set_word(std::size_t i, std::uint64_t value) noexcept { word_[i] = value; }
  [[nodiscard]] exact_sum negated() const noexcept {
    exact_sum result;
    std::uint64_t carry = 1;
    for (std::size_t i = 0; i < Words; ++i) {
      result.word_[i] = ~word_[i] + carry;
      carry = carry != 0 && result.word_[i] == 0 ? 1 : 0;
    }
    return result;
  }
  [[nodiscard]] exact_sum magnitude() const noexcept { return is_negative() ? negated() : *this; }

  /// The double nearest to the sum over n^power, ties to even; n > 0.
  [[nodiscard]] double over(std::uint64_t n, unsigned power = 1) const noexcept {
    // Three words of fraction below the sum's own lowest bit, and a bit for all beneath.
    constexpr std::size_t more = 3;
    std::uint64_t quotient[Words + more] = {};
    const exact_sum m = magnitude();
    for (std::size_t i = 0; i < Words; ++i) quotient[i + more] = m.word_[i];
    bool sticky = false;
    for (; power > 0; --power) {
      std::uint64_t rest = 0;
      for (std::size_t i = Words + more; i-- > 0;) {
        const detail::uint128 part = static_cast<detail::uint128>(rest) << 64 | quotient[i];
        quotient[i] = static_cast<std::uint64_t>(part / n);
        rest = static_cast<std::uint64_t>(part % n);
      }
      sticky = sticky || rest != 0;
    }
    return detail::nearest_double(quotient, Words + more, Lowest - 64 * static_cast<int>(more), sticky, is_negative());
  }
  /// The double nearest to the sum.
  [[nodiscard]] double value() const noexcept { return over(1); }

  friend bool operator==(const exact_sum&, const exact_sum&) = default;

 private:
  std::uint64_t word_[Words] = {};
};

}  // namespace xquant

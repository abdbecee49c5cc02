// The first moments of all elements seen, from sums that nothing was rounded in: an observer's state.
#pragma once

#include <xquant/calibration/exact_sum.hpp>
#include <xquant/calibration/extremes.hpp>
#include <xquant/calibration/extremes_bytes.hpp>
#include <xquant/calibration/state_bytes.hpp>
#include <xquant/core/bits.hpp>
#include <xquant/core/policy_id.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace xquant::inline XQUANT_ABI {

/// Number of elements and the exact sums of x, |x| and x^2. Sums are integers (exact_sum.hpp), so the state is a
/// function of the multiset of the elements, whatever the order. The means are the doubles nearest to the exact ones,
/// ties to even: no cancellation however far the mean is from zero. 1.1 KiB. Meaningless while empty.
///
/// Floats are summed in doubles, block by block: what lies above a power of two is exact to add, and what is left, if
/// there is any, is added in the next turn. Doubles are added one by one, about 20 times slower.
class moments {
 public:
  using sum_type = exact_sum<-1074, 34>;
  using square_sum_type = exact_sum<-2148, 68>;

  [[nodiscard]] bool empty() const noexcept { return samples_ == 0; }
  [[nodiscard]] std::uint64_t samples() const noexcept { return samples_; }
  /// Smallest and largest element; -0 counts as +0.
  [[nodiscard]] double minimum() const noexcept { return extremes_.minimum(); }
  [[nodiscard]] double maximum() const noexcept { return extremes_.maximum(); }
  [[nodiscard]] double magnitude() const noexcept { return extremes_.magnitude(); }
  /// The exact sums.
  [[nodiscard]] const sum_type& sum() const noexcept { return sum_; }
  [[nodiscard]] const sum_type& magnitude_sum() const noexcept { return magnitudes_; }
  [[nodiscard]] const square_sum_type& square_sum() const noexcept { return squares_; }

  /// sum x / n
  [[nodiscard]] double mean() const noexcept { return sum_.over(samples_); }
  /// sum |x| / n
  [[nodiscard]] double mean_magnitude() const noexcept { return magnitudes_.over(samples_); }
  /// sum x^2 / n
  [[nodiscard]] double mean_square() const noexcept { return squares_.over(samples_); }
  /// (n sum x^2 - (sum x)^2) / n^2: the variance of the elements themselves, not of what they are a sample of.
  [[nodiscard]] double variance() const noexcept { return spread().over(samples_, 2); }

  void reach(const extremes& seen) noexcept { extremes_.reach(seen); }
  void count(const float* x, std::size_t n) noexcept {
    samples_ += n;
    for (std::size_t done = 0; done < n; done += block) add_block(x + done, std::min(block, n - done));
  }
  void count(const double* x, std::size_t n) noexcept {
    samples_ += n;
    for (std::size_t i = 0; i < n; ++i) {
      const auto bits = bit_cast<std::uint64_t>(x[i]);
      const int exponent = static_cast<int>(bits >> 52 & 0x7ff);
      const std::uint64_t fraction = bits & ((std::uint64_t{1} << 52) - 1);
      const std::uint64_t m = exponent == 0 ? fraction : fraction | std::uint64_t{1} << 52;
      const int unit = (exponent == 0 ? 1 : exponent) - 1075;
      sum_.add(m, unit, x[i] < 0);
      magnitudes_.add(m, unit, false);
      squares_.add(static_cast<detail::uint128>(m) * m, 2 * unit, false);
    }
  }
  /// As if this had also seen the elements of `other`.
  void merge(const moments& other) noexcept {
    samples_ += other.samples_;
    extremes_.merge(other.extremes_);
    sum_.merge(other.sum_);
    magnitudes_.merge(other.magnitudes_);
    squares_.merge(other.squares_);
  }

  friend bool operator==(const moments&, const moments&) = default;

 private:
  friend struct state_bytes<moments>;
  static constexpr std::size_t block = 512;
  using wide_sum = exact_sum<-2148, 70>;

  // n sum x^2 - (sum x)^2, not negative.
  [[nodiscard]] wide_sum spread() const noexcept {
    wide_sum all;
    for (std::size_t i = 0; i < square_sum_type::words; ++i)
      all.add(static_cast<detail::uint128>(squares_.word(i)) * samples_, -2148 + 64 * static_cast<int>(i), false);
    const sum_type m = sum_.magnitude();
    for (std::size_t i = 0; i < sum_type::words; ++i)
      for (std::size_t j = 0; m.word(i) != 0 && j < sum_type::words; ++j)
        all.add(static_cast<detail::uint128>(m.word(i)) * m.word(j), -2148 + 64 * static_cast<int>(i + j), true);
    return all;
  }

  // n >= 1: |sum x| <= sum |x|, (sum x)^2 <= n sum x^2, and the means lie between what the extremes give. Of one or two
  // elements the extremes say which they were.
  [[nodiscard]] bool is_possible() const noexcept {
    if (samples_ <= 2) {
      const double x[2] = {minimum(), maximum()};
      moments same;
      same.reach(extremes_);
      same.count(x, static_cast<std::size_t>(samples_));
      return (samples_ == 2 || x[0] == x[1]) && same == *this;
    }
    if (magnitudes_.is_negative() || squares_.is_negative()) return false;
    sum_type above = magnitudes_;
    above.merge(sum_.magnitude().negated());
    if (above.is_negative() || spread().is_negative()) return false;
    const double least = minimum() > 0 ? minimum() : maximum() < 0 ? -maximum() : 0;
    return mean() >= minimum() && mean() <= maximum() && mean_magnitude() >= least && mean_magnitude() <= magnitude() &&
           mean_square() <= magnitude() * magnitude();
  }

  void add_block(const float* x, std::size_t n) noexcept {
    const double largest = std::min(extremes_.magnitude(), static_cast<double>(real_traits<float>::max));
    if (!(largest > 0) || (n == block && add_in_one_turn(x, largest))) return;
    double value[block];
    double sign[block];
    double square[block];
    for (std::size_t i = 0; i < n; ++i) {
      const auto v = static_cast<double>(x[i]);
      value[i] = v;
      sign[i] = v < 0 ? -1.0 : 1.0;
      square[i] = v * v;  // exact: 48 bits
    }
    std::fill(value + n, value + block, 0.0);
    std::fill(sign + n, sign + block, 0.0);
    std::fill(square + n, square + block, 0.0);
    add_parts<true>(value, sign, largest, sum_);
    add_parts<false>(square, sign, largest * largest, squares_);
  }

  // What add_parts does, in one turn for x and two for its square and all in registers; or nothing, where that leaves
  // something of an element. Vectors are written out: g++ -O2 makes none of such loops.
  bool add_in_one_turn(const float* x, double largest) noexcept {
    constexpr std::size_t lanes = 8;
    typedef float floats __attribute__((vector_size(lanes * sizeof(float))));
    typedef double reals __attribute__((vector_size(lanes * sizeof(double))));
    typedef std::int64_t words __attribute__((vector_size(lanes * sizeof(double))));
    const double anchor = anchor_for(largest);
    const double first_anchor = anchor_for(largest * largest);
    const double second_anchor = first_anchor * power_of_two<double>(-44);
    reals sum = {};
    reals magnitudes = {};
    reals squares = {};
    reals low_squares = {};
    words rest = {};
    for (std::size_t i = 0; i < block; i += lanes) {
      floats narrow;
      __builtin_memcpy(&narrow, x + i, sizeof(narrow));
      const reals v = __builtin_convertvector(narrow, reals);
      const reals part = (v + anchor) - anchor;
      const reals square = v * v;
      const reals high = (square + first_anchor) - first_anchor;
      const reals low = square - high;
      const reals low_part = (low + second_anchor) - second_anchor;
      sum += part;
      magnitudes += reinterpret_cast<reals>(reinterpret_cast<words>(part) & ~(std::int64_t{1} << 62 << 1));
      squares += high;
      low_squares += low_part;
      rest |= reinterpret_cast<words>(v - part) | reinterpret_cast<words>(low - low_part);
    }
    std::int64_t any = 0;
    for (std::size_t k = 0; k < lanes; ++k) any |= rest[k];
    if (any != 0) return false;
    double all[4] = {};
    for (std::size_t k = 0; k < lanes; ++k) {
      all[0] += sum[k];
      all[1] += magnitudes[k];
      all[2] += squares[k];
      all[3] += low_squares[k];
    }
    sum_.add(all[0]);
    magnitudes_.add(all[1]);
    squares_.add(all[2]);
    squares_.add(all[3]);
    return true;
  }
  // Added to a number of at most `largest` and taken away again, leaves the nearest multiple of q = 2^(E-43).
  static double anchor_for(double largest) noexcept {
    const int exponent = static_cast<int>(bit_cast<std::uint64_t>(largest) >> 52) - 1023;
    return 1.5 * power_of_two<double>(exponent - 43 + 52);
  }

  // Numbers of magnitudes up to `largest`, 2^E at least. The nearest multiples of q = 2^(E-43) are at most 2^(E+1), and
  // so the sum of 512 is exact: it is at most 2^53 q. What is left of each is at most q / 2, which begins the next
  // turn; after the last one nothing is left.
  template <bool WithMagnitudes, class Sum>
  void add_parts(double* value, const double* sign, double largest, Sum& to) noexcept {
    while (largest > 0) {
      const int exponent = static_cast<int>(bit_cast<std::uint64_t>(largest) >> 52) - 1023;
      const double anchor = anchor_for(largest);
      constexpr std::size_t lanes = 16;
      double sum[lanes] = {};
      double magnitudes[lanes] = {};
      double rest[lanes] = {};
      for (std::size_t i = 0; i < block; i += lanes)
        for (std::size_t k = 0; k < lanes; ++k) {
          const double part = (value[i + k] + anchor) - anchor;
          const double low = value[i + k] - part;
          sum[k] += part;
          if constexpr (WithMagnitudes) magnitudes[k] += part * sign[i + k];
          value[i + k] = low;
          rest[k] += low * low;  // above zero, whatever is rounded: low is no less than 2^-300
        }
      for (std::size_t k = 1; k < lanes; ++k) {
        sum[0] += sum[k];
        magnitudes[0] += magnitudes[k];
        rest[0] += rest[k];
      }
      to.add(sum[0]);
      if constexpr (WithMagnitudes) magnitudes_.add(magnitudes[0]);
      largest = rest[0] > 0 ? power_of_two<double>(exponent - 44) : 0;
    }
  }

  std::uint64_t samples_ = 0;
  extremes extremes_;
  sum_type sum_;
  sum_type magnitudes_;
  square_sum_type squares_;
};

template <>
inline constexpr observer_state_id id_of<moments>{2, "moments"};

/// Extremes; number of elements (8 bytes); the words of the sums of x, |x| and x^2 (34, 34 and 68 of 8 bytes).
template <>
struct state_bytes<moments> {
  static constexpr std::size_t least = state_bytes<extremes>::least + 8 + 8 * (34 + 34 + 68);

  static void write(const moments& s, byte_writer& to) {
    state_bytes<extremes>::write(s.extremes_, to);
    to.put(s.samples_, 8);
    put(s.sum_, to);
    put(s.magnitudes_, to);
    put(s.squares_, to);
  }
  static status try_read(byte_reader& from, moments& out) noexcept {
    moments read;
    if (const status bad = state_bytes<extremes>::try_read(from, read.extremes_); !bad.ok()) return bad;
    read.samples_ = from.get(8);
    get(from, read.sum_);
    get(from, read.magnitudes_);
    get(from, read.squares_);
    if (!from.ok()) return from.malformed("", 0, "");
    if (read.empty() != read.extremes_.empty())
      return from.malformed("moments.samples", static_cast<double>(read.samples_), "as many elements as have extremes");
    const double n = static_cast<double>(read.samples_);
    if (read.empty() ? !(read == moments()) : !read.is_possible())
      return from.malformed("moments.sums", n, "sums that elements between the extremes can have");
    out = read;
    return {};
  }

 private:
  template <class Sum>
  static void put(const Sum& s, byte_writer& to) {
    for (std::size_t i = 0; i < Sum::words; ++i) to.put(s.word(i), 8);
  }
  template <class Sum>
  static void get(byte_reader& from, Sum& s) noexcept {
    for (std::size_t i = 0; i < Sum::words; ++i) s.set_word(i, from.get(8));
  }
};

}  // namespace xquant

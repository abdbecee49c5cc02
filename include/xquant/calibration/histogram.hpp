// The histogram every range rule answers from: exact integer counts on a grid that depends on the largest magnitude
// alone, so that the state is the same bits for any order, split and merge of the data (docs/arithmetic.md, rule 11).
#pragma once

#include <xquant/calibration/bin_numbers.hpp>
#include <xquant/calibration/dense_counts.hpp>
#include <xquant/calibration/extremes.hpp>
#include <xquant/calibration/sparse_counts.hpp>
#include <xquant/calibration/value_grid.hpp>
#include <xquant/core/bits.hpp>
#include <xquant/core/policy_id.hpp>
#include <xquant/error.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace xquant::inline XQUANT_ABI {

/// `count` elements x > 0 with lower <= x < upper, x < 0 with lower < x <= upper, or zeros (lower = upper = 0).
struct counted_bin {
  double lower;
  double upper;
  std::uint64_t count;
};

/// The distribution of one parameter slot: an observer's state.
///
/// It counts the elements by sign and by the bin of |x| on value_grid of the largest magnitude M: bins of equal width
/// 2^(E-10) where |x| >= 2^(E-3), E being the exponent of M, and below, 128 to an octave, so that no bin is wider than
/// 1/128 of the magnitudes in it, however far M lies above them. Exact zeros of either sign are counted apart. Also
/// exact: smallest and largest value, number of elements.
///
/// When M grows, neighbouring bins are added up: those of a larger E are sums of those of a smaller one. So the counts
/// are what the larger grid would have given from the start, and the state is a function of the multiset of the
/// elements, whatever their order; equal multisets give equal bytes. Bins are chosen by the bits of x, in integers or
/// by exact products.
///
/// Memory: about 12 KiB for 10^7 elements of N(0, 1); memory() says it.
class histogram {
 public:
  [[nodiscard]] bool empty() const noexcept { return samples_ == 0; }
  [[nodiscard]] std::uint64_t samples() const noexcept { return samples_; }
  [[nodiscard]] std::uint64_t zeros() const noexcept { return zeros_; }
  /// Smallest and largest element; -0 counts as +0. Meaningless while empty.
  [[nodiscard]] double minimum() const noexcept { return extremes_.minimum(); }
  [[nodiscard]] double maximum() const noexcept { return extremes_.maximum(); }
  /// The largest magnitude.
  [[nodiscard]] double magnitude() const noexcept { return extremes_.magnitude(); }
  /// Which bins there are.
  [[nodiscard]] const value_grid& grid() const noexcept { return grid_; }
  /// Bytes it takes, those it has allocated included.
  [[nodiscard]] std::size_t memory() const noexcept {
    return sizeof(*this) + counts_[0].memory() + counts_[1].memory();
  }

  /// The bins that are not empty, in order of their values. An end lies at most where the extremes do, so that no bin
  /// reaches beyond the data. (The outermost bins hold their own outer end.)
  [[nodiscard]] std::vector<counted_bin> filled_bins() const {
    std::vector<counted_bin> filled;
    counts_[1].for_each_chunk_down([&](int c, const sparse_counts::chunk& counts) {
      for (int j = sparse_counts::chunk_size; j-- > 0;)
        if (counts[j] != 0)
          filled.push_back({std::max(-grid_.edge(c * sparse_counts::chunk_size + j + 1), minimum()),
                            std::min(-grid_.edge(c * sparse_counts::chunk_size + j), maximum()), counts[j]});
    });
    if (zeros_ != 0) filled.push_back({0, 0, zeros_});
    counts_[0].for_each_chunk([&](int c, const sparse_counts::chunk& counts) {
      for (int j = 0; j < sparse_counts::chunk_size; ++j)
        if (counts[j] != 0)
          filled.push_back({std::max(grid_.edge(c * sparse_counts::chunk_size + j), minimum()),
                            std::min(grid_.edge(c * sparse_counts::chunk_size + j + 1), maximum()), counts[j]});
    });
    return filled;
  }

  /// A coarser view: bins of one width all the way, for rules and pictures that want that; sums of the bins above.
  /// Bin k of a sign counts the elements with floor(|x| / width()) = k; M lies in one from 1024 to 2047 (or below,
  /// where M < 2^-139).
  static constexpr std::size_t bins = value_grid::end;  ///< of each sign
  /// The width of those bins, in the units of the data: 2^width_exponent().
  [[nodiscard]] double width() const noexcept { return grid_.width(); }
  [[nodiscard]] int width_exponent() const noexcept { return grid_.width_exponent(); }
  /// Elements x > 0 in [k w, (k+1) w), and x < 0 with |x| there.
  [[nodiscard]] std::uint64_t positive(std::size_t k) const noexcept { return linear_bin(counts_[0], k); }
  [[nodiscard]] std::uint64_t negative(std::size_t k) const noexcept { return linear_bin(counts_[1], k); }

  /// Counts by bin of grid(), and a histogram of such counts again. Refuses extremes that are not finite or out of
  /// order, more than 2^64 - 1 elements, zeros outside the extremes, and bins that do not agree with the extremes:
  /// without elements nothing else is there, no bin lies beyond them, and (unless `thinned`, by keep_one_in) both lie
  /// in filled bins and of one element are the same. Then `out` is as it was.
  [[nodiscard]] const sparse_counts& positive_counts() const noexcept { return counts_[0]; }
  [[nodiscard]] const sparse_counts& negative_counts() const noexcept { return counts_[1]; }
  [[nodiscard]] static status try_make(const extremes& ends, std::uint64_t zeros, const sparse_counts& positive,
                                       const sparse_counts& negative, bool thinned, histogram& out) {
    histogram made;
    made.zeros_ = made.samples_ = zeros;
    made.counts_[0] = positive;
    made.counts_[1] = negative;
    bool overflows = false;
    for (const sparse_counts& side : made.counts_)
      side.for_each_chunk([&](int, const sparse_counts::chunk& counts) {
        for (const std::uint64_t n : counts) {
          made.samples_ += n;
          overflows = overflows || made.samples_ < n;
        }
      });
    if (overflows) return fault(errc::size_overflow, "histogram.samples", 0x1p64, "fewer elements than 2^64");
    made.extremes_ = ends;
    if (made.empty()) {
      if (!(ends == extremes()))
        return fault(errc::malformed, "histogram.minimum", ends.minimum(), "no extremes where there is no element");
    } else {
      if (!is_finite(ends.minimum()) || !is_finite(ends.maximum()))
        return fault(errc::not_finite, "histogram.extremes",
                     is_finite(ends.minimum()) ? ends.maximum() : ends.minimum(), "finite extremes");
      if (ends.empty())
        return fault(errc::range_inverted, "histogram.minimum", ends.minimum(),
                     "a minimum that is not above the maximum");
      made.grid_ = value_grid(ends.magnitude());
      const auto at = made.filled_ends();
      if (at.minimum < made.place(ends.minimum()) || (!thinned && at.minimum > made.place(ends.minimum())))
        return fault(errc::malformed, "histogram.minimum", ends.minimum(), "the minimum in the lowest filled bin");
      if (at.maximum > made.place(ends.maximum()) || (!thinned && at.maximum < made.place(ends.maximum())))
        return fault(errc::malformed, "histogram.maximum", ends.maximum(), "the maximum in the highest filled bin");
      if (!thinned && made.samples_ == 1 && ends.minimum() != ends.maximum())
        return fault(errc::malformed, "histogram.minimum", ends.minimum(),
                     "one number for both extremes of one element");
    }
    out = made;
    return {};
  }
  /// Whether an extreme lies in no filled bin, or one element has two, which only keep_one_in makes.
  [[nodiscard]] bool is_thinned() const {
    if (empty()) return false;
    const auto at = filled_ends();
    return at.minimum != place(minimum()) || at.maximum != place(maximum()) ||
           (samples_ == 1 && minimum() != maximum());
  }

  /// As if this had also seen the elements of `other`.
  void merge(const histogram& other) {
    if (other.empty()) return;
    reach(other.extremes_);
    add_moved(other.counts_[0], other.grid_, counts_[0]);
    add_moved(other.counts_[1], other.grid_, counts_[1]);
    zeros_ += other.zeros_;
    samples_ += other.samples_;
  }

  /// As if of the elements in order of their values only every k-th had been seen, beginning with the first; k > 0. Of
  /// elements that all came k times (a batch filled up with copies) each is left once, and nothing else changes. Grid
  /// and extremes stay in any case.
  void keep_one_in(std::uint64_t k) {
    std::uint64_t seen = 0;
    std::uint64_t kept = 0;
    const auto thinned = [&](std::uint64_t count) {
      seen += count;
      const std::uint64_t after = seen / k + (seen % k != 0 ? 1 : 0);
      const std::uint64_t left = after - kept;
      kept = after;
      return left;
    };
    sparse_counts negative;
    counts_[1].for_each_chunk_down([&](int c, const sparse_counts::chunk& counts) {
      sparse_counts::chunk left;
      for (int j = sparse_counts::chunk_size; j-- > 0;) left[j] = thinned(counts[j]);
      negative.add(c, left);
    });
    zeros_ = thinned(zeros_);
    sparse_counts positive;
    counts_[0].for_each_chunk([&](int c, const sparse_counts::chunk& counts) {
      sparse_counts::chunk left;
      for (int j = 0; j < sparse_counts::chunk_size; ++j) left[j] = thinned(counts[j]);
      positive.add(c, left);
    });
    counts_[1] = negative;
    counts_[0] = positive;
    samples_ = kept;
  }

  friend bool operator==(const histogram&, const histogram&) = default;

  /// The first half of taking elements in (ObserverState): moves the counts to the grid of elements that have these
  /// extremes.
  void reach(const extremes& seen) {
    extremes_.reach(seen);
    const value_grid wanted(magnitude());
    if (wanted == grid_) return;
    const value_grid before = grid_;
    grid_ = wanted;
    for (sparse_counts& side : counts_) {
      if (side.empty()) continue;
      sparse_counts moved;
      add_moved(side, before, moved);
      side = moved;
    }
  }

  /// The second half: counts n elements for which reach() has been called.
  void count(const float* x, std::size_t n) { count_elements(x, n); }
  void count(const double* x, std::size_t n) { count_elements(x, n); }

 private:
  template <class Real>
  void count_elements(const Real* x, std::size_t n) {
    samples_ += n;
    if (!detail::bin_numbers::hold_for<Real>(grid_)) {
      for (std::size_t i = 0; i < n; ++i) put(x[i]);
    } else if (n < detail::dense_counts::long_run) {
      for (std::size_t done = 0; done < n; done += block) count_block(x + done, std::min(block, n - done));
    } else {
      detail::dense_counts counts(grid_);
      counts.count(x, n, counts_[0], counts_[1], zeros_, [this](Real v) { put(v); });
    }
  }

  // Bins of both signs in order of value: 0 for zeros.
  static constexpr int bin_offset = 1 << 20;
  [[nodiscard]] int place(double x) const noexcept {
    return x == 0 ? 0 : x < 0 ? -(bin_offset + grid_.index(-x)) : bin_offset + grid_.index(x);
  }
  struct places {
    int minimum;
    int maximum;
  };
  // Of the outermost filled bins; not empty.
  [[nodiscard]] places filled_ends() const {
    places at{bin_offset * 2, -bin_offset * 2};
    const auto reach_place = [&](int p) {
      at.minimum = std::min(at.minimum, p);
      at.maximum = std::max(at.maximum, p);
    };
    if (zeros_ != 0) reach_place(0);
    for (const int side : {0, 1})
      counts_[side].for_each_chunk([&](int c, const sparse_counts::chunk& counts) {
        for (int j = 0; j < sparse_counts::chunk_size; ++j)
          if (counts[j] != 0) reach_place((side == 0 ? 1 : -1) * (bin_offset + c * sparse_counts::chunk_size + j));
      });
    return at;
  }

  // No branch depends on an element but where one lies very far below the largest.
  template <class Real>
  void count_block(const Real* x, std::size_t n) {
    using numbers = detail::bin_numbers;
    numbers::number<Real> number[block];
    if (numbers::of(grid_, x, n, number)) {
      for (std::size_t i = 0; i < n; ++i) put(x[i]);
      return;
    }
    std::size_t kept = 0;
    for (std::size_t i = 0; i < n; ++i) {
      number[kept] = number[i];
      kept += x[i] != 0 ? 1 : 0;
    }
    zeros_ += n - kept;
    for (std::size_t i = 0; i < kept; ++i) {
      const auto k = static_cast<int>(number[i]);
      const int side = k >= numbers::stride ? 1 : 0;
      counts_[side].increment(k - side * numbers::stride + numbers::lowest);
    }
  }

  template <class Real>
  XQUANT_INLINE void put(Real x) {
    if (x == 0) {
      ++zeros_;
      return;
    }
    counts_[x < 0 ? 1 : 0].increment(grid_.index(x < 0 ? -x : x));
  }

  // Adds what `from` counts on the grid `on`, of no larger exponent than this one's. Chunks become chunks: a target is
  // written when the next one begins.
  void add_moved(const sparse_counts& from, const value_grid& on, sparse_counts& to) const {
    sparse_counts::chunk sum = {};
    int target = 0;
    bool any = false;
    from.for_each_chunk([&](int c, const sparse_counts::chunk& counts) {
      for (int j = 0; j < sparse_counts::chunk_size; ++j) {
        if (counts[j] == 0) continue;
        const int i = on.moved(c * sparse_counts::chunk_size + j, grid_);
        if (any && i >> 6 != target) {
          to.add(target, sum);
          std::fill_n(sum, sparse_counts::chunk_size, std::uint64_t{0});
        }
        any = true;
        target = i >> 6;
        sum[i & 63] += counts[j];
      }
    });
    if (any) to.add(target, sum);
  }

  static std::uint64_t linear_bin(const sparse_counts& side, std::size_t k) noexcept {
    if (k >= value_grid::linear) return side[static_cast<int>(k)];
    std::uint64_t sum = 0;
    if (k == 0) {
      side.for_each_chunk([&](int c, const sparse_counts::chunk& counts) {
        if (c * sparse_counts::chunk_size < value_grid::octave_begin(0))
          for (const std::uint64_t n : counts) sum += n;
      });
      return sum;
    }
    const int j = 31 - __builtin_clz(static_cast<unsigned>(k));  // the octave [2^j w, 2^(j+1) w)
    const int each = value_grid::linear >> j;
    const int first = value_grid::octave_begin(j) + (static_cast<int>(k) - (1 << j)) * each;
    for (int i = 0; i < each; ++i) sum += side[first + i];
    return sum;
  }

  static constexpr std::size_t block = 128;

  value_grid grid_;
  std::uint64_t samples_ = 0;
  std::uint64_t zeros_ = 0;
  extremes extremes_;
  sparse_counts counts_[2];  // of positive and of negative elements
};

template <>
inline constexpr observer_state_id id_of<histogram>{1, "histogram"};

}  // namespace xquant

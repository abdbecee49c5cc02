// Smallest and largest number of each parameter slot: the one place that looks for them. It is the first half of every
// observer, the state of min-max, range_of, and what dynamic quantization makes its parameters of.
#pragma once

#include <xquant/calls/call.hpp>
#include <xquant/calls/reduce.hpp>
#include <xquant/core/bits.hpp>
#include <xquant/core/half.hpp>
#include <xquant/core/meta.hpp>
#include <xquant/core/nest.hpp>
#include <xquant/core/policy_id.hpp>
#include <xquant/engines/engine.hpp>
#include <xquant/engines/reduction.hpp>
#include <xquant/engines/scalar.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace xquant::inline XQUANT_ABI {

/// Smallest and largest of the elements of one parameter slot, in the units of the data; -0 counts as +0. A double
/// holds the elements of every type. Exact, and so the same for any order, split and merge of the data. An observer's
/// state (observer.hpp).
class extremes {
 public:
  constexpr extremes() noexcept = default;
  /// Of elements that reach both; of none where minimum > maximum.
  constexpr extremes(double minimum, double maximum) noexcept : minimum_(minimum + 0.0), maximum_(maximum + 0.0) {}

  /// Whether there was no element; minimum() is above maximum() then.
  [[nodiscard]] constexpr bool empty() const noexcept { return minimum_ > maximum_; }
  [[nodiscard]] constexpr double minimum() const noexcept { return minimum_; }
  [[nodiscard]] constexpr double maximum() const noexcept { return maximum_; }
  /// The largest magnitude; 0 while empty.
  [[nodiscard]] constexpr double magnitude() const noexcept {
    return empty() ? 0 : -minimum_ > maximum_ ? -minimum_ : maximum_;
  }

  /// As if the elements behind `other` had been seen too.
  constexpr void merge(const extremes& other) noexcept {
    minimum_ = other.minimum_ < minimum_ ? other.minimum_ : minimum_;
    maximum_ = other.maximum_ > maximum_ ? other.maximum_ : maximum_;
  }
  constexpr void reach(const extremes& seen) noexcept { merge(seen); }

  friend constexpr bool operator==(const extremes&, const extremes&) = default;

 private:
  double minimum_ = __builtin_inf();
  double maximum_ = -__builtin_inf();
};

template <>
inline constexpr observer_state_id id_of<extremes>{0, "extremes"};

/// The reduction engines run. Accumulator 0: minimum, 1: maximum. NaN is ignored. `Element` is the type of x.
template <class Element>
struct extremes_operation {
  using real = lane_real<Element>;
  using input_0_type = Element;
  using input_1_type = none;
  using output_0_type = none;
  using output_1_type = none;
  using rounding_type = none;
  static constexpr std::size_t accumulators = 2;
  static constexpr bool is_order_free = true;

  template <class L>
  XQUANT_INLINE static constexpr L initial(std::size_t k) {
    constexpr auto infinity = static_cast<real_of<L>>(__builtin_inf());
    return broadcast<L>(k == 0 ? infinity : -infinity);
  }
  template <class L>
  XQUANT_INLINE static constexpr L combine(std::size_t k, L a, L b) {
    return k == 0 ? minimum(a, b) : maximum(a, b);
  }
  template <class L>
  XQUANT_INLINE static constexpr none prepare(const lane_parameters<L>&) {
    return {};
  }
  template <class L>
  XQUANT_INLINE constexpr reduced_result<none, L, 2> operator()(L x, none, none, detail::no_random_bits) const {
    return {{}, {x, x}};
  }
  static constexpr std::int32_t lower_code() noexcept { return 0; }
  static constexpr std::int32_t upper_code() noexcept { return 0; }
};

/// The same, and accumulator 2: 1 where there was a NaN.
template <class Element>
struct extremes_and_nan_operation : extremes_operation<Element> {
  static constexpr std::size_t accumulators = 3;

  template <class L>
  XQUANT_INLINE static constexpr L initial(std::size_t k) {
    return k < 2 ? extremes_operation<Element>::template initial<L>(k) : broadcast<L>(0);
  }
  template <class L>
  XQUANT_INLINE constexpr reduced_result<none, L, 3> operator()(L x, none, none, detail::no_random_bits) const {
    return {{}, {x, x, select<L>(equal(x, x), broadcast<L>(0), broadcast<L>(1))}};
  }
};

namespace detail {

// Reals as integers of the same order, -0 below +0 and NaN beyond the infinities, and back: the map is its own inverse.
// Integers, unlike reals, every compiler turns into vectors.
template <class Element>
using ordered_integer =
    conditional<sizeof(Element) == 2, std::int16_t, conditional<sizeof(Element) == 4, std::int32_t, std::int64_t>>;
template <class Integer>
inline constexpr auto greatest_integer = static_cast<Integer>(~(std::uint64_t{1} << 63) >> (64 - 8 * sizeof(Integer)));
template <class Integer>
XQUANT_INLINE constexpr Integer in_order(Integer bits) noexcept {
  return static_cast<Integer>(bits ^ ((bits >> (8 * sizeof(Integer) - 1)) & greatest_integer<Integer>));
}

// Smallest and largest element of each slot as such integers.
template <class Element>
class ordered_extremes {
 public:
  using integer = ordered_integer<Element>;
  using real = lane_real<Element>;

  // Memory without values; std::unique_ptr would do the same, and <memory> costs more to include than all of this.
  explicit ordered_extremes(std::size_t slots) : ends_(new integer[2 * (slots + block)]), slots_(slots) {
    // Whole cache lines: a vector that lies in two waits for what was stored to both.
    const auto past = reinterpret_cast<std::uintptr_t>(ends_) / sizeof(Element) % block;
    low_ = ends_ + (block - past) % block;
    high_ = low_ + (slots + block - 1) / block * block;
    std::fill_n(low_, slots, greatest_integer<integer>);
    std::fill_n(high_, slots, static_cast<integer>(-greatest_integer<integer> - 1));
  }
  ~ordered_extremes() { delete[] ends_; }
  ordered_extremes(const ordered_extremes&) = delete;
  ordered_extremes& operator=(const ordered_extremes&) = delete;

  // found(slot, low, high) for each slot with an element, and how far from the infinities all elements stay.
  enum class extent : std::uint8_t { finite, infinite, with_nan };
  template <class Found>
  extent for_each(const Found& found) const {
    const auto infinity = static_cast<real>(__builtin_inf());
    const integer least = in_order(bit_cast<integer>(Element(-infinity)));
    const integer greatest = in_order(bit_cast<integer>(Element(infinity)));
    integer lowest_of_all = 0;
    integer highest_of_all = 0;
    for (std::size_t slot = 0; slot < slots_; ++slot) {
      const integer low = low_[slot];
      const integer high = high_[slot];
      if (low > high) continue;
      lowest_of_all = lower(low, lowest_of_all);
      highest_of_all = higher(high, highest_of_all);
      found(slot, value(low) + real(0), value(high) + real(0));
    }
    if (lowest_of_all < least || highest_of_all > greatest) return extent::with_nan;
    return lowest_of_all == least || highest_of_all == greatest ? extent::infinite : extent::finite;
  }

  // Row after row. Blocks are of a known number of elements, which compilers turn into vectors.
  void walk(const Element* x, const nest_list& nests) noexcept {
    integer* const low = low_;
    integer* const high = high_;
    for_each_nest(nests, [&](const nest& n) {
      for_each_row(n, [&](const std::ptrdiff_t(&first)[operand_count], const nest_dimension& row) {
        const Element* from = x + first[input_0];
        const std::ptrdiff_t step = row.stride[input_0];
        const std::ptrdiff_t slot_step = row.stride[parameter];
        const std::ptrdiff_t slot = first[parameter];
        std::size_t done = 0;
        if (step == 1 && slot_step == 0) done = include_run(from, row.extent, low[slot], high[slot]);
        if (step == 1 && slot_step == 1) done = include_across(from, row.extent, low + slot, high + slot);
        for (; done < row.extent; ++done) {
          const auto k = static_cast<std::ptrdiff_t>(done);
          const std::ptrdiff_t own = slot + k * slot_step;
          const integer v = in_order(bit_cast<integer>(from[k * step]));
          low[own] = lower(v, low[own]);
          high[own] = higher(v, high[own]);
        }
      });
    });
  }

 private:
  static constexpr std::size_t block = 64 / sizeof(Element);

  static real value(integer v) noexcept { return static_cast<real>(bit_cast<Element>(in_order(v))); }
  XQUANT_INLINE static integer lower(integer a, integer b) noexcept { return a < b ? a : b; }
  XQUANT_INLINE static integer higher(integer a, integer b) noexcept { return a > b ? a : b; }

  // Both give the number of elements they have taken.
  static std::size_t include_run(const Element* x, std::size_t n, integer& low, integer& high) noexcept {
    if (n < block) return 0;
    integer lowest[block];
    integer highest[block];
    for (std::size_t j = 0; j < block; ++j) lowest[j] = highest[j] = in_order(bit_cast<integer>(x[j]));
    std::size_t i = block;
    for (; i + block <= n; i += block)
      for (std::size_t j = 0; j < block; ++j) {
        const integer v = in_order(bit_cast<integer>(x[i + j]));
        lowest[j] = lower(v, lowest[j]);
        highest[j] = higher(v, highest[j]);
      }
    integer least = low;
    integer greatest = high;
    for (std::size_t j = 0; j < block; ++j) {
      least = lower(lowest[j], least);
      greatest = higher(highest[j], greatest);
    }
    low = least;
    high = greatest;
    return i;
  }
  static std::size_t include_across(const Element* x, std::size_t n, integer* low, integer* high) noexcept {
    std::size_t i = 0;
    for (; i + block <= n; i += block) {
      integer lowest[block];
      integer highest[block];
      for (std::size_t j = 0; j < block; ++j) {
        const integer v = in_order(bit_cast<integer>(x[i + j]));
        lowest[j] = lower(v, low[i + j]);
        highest[j] = higher(v, high[i + j]);
      }
      for (std::size_t j = 0; j < block; ++j) low[i + j] = lowest[j];
      for (std::size_t j = 0; j < block; ++j) high[i + j] = highest[j];
    }
    return i;
  }

  integer* ends_;
  std::size_t slots_;
  integer* low_;  // the lowest of each slot
  integer* high_;
};

// Rows of floats of one slot which an engine reduces faster than ordered_extremes, or on more threads. Below, what an
// engine does before and after a piece of a row costs more than the row; other elements engines convert one by one.
inline constexpr std::size_t long_row = std::size_t{1} << 13;

inline bool has_long_rows(const nest_list& nests) noexcept {
  const nest& first = nests.item[0];
  if (nests.parts != 1 || nests.count != 1 || first.depth == 0) return false;
  const nest_dimension& row = first.dimension[first.depth - 1];
  return row.extent >= long_row && row.stride[parameter] == 0;
}

/// Calls found(slot, minimum, maximum) for each slot of `map` that has a number, the last call for a slot being the
/// answer (+infinity and -infinity where it has none after all), and says whether all elements are finite. For a call
/// of extremes_operation (which does not tell of NaN) or extremes_and_nan_operation whose input is on the host and in
/// order. Infinities are numbers here, -0 is +0. Extremes are exact, so every engine and every layout gives the same;
/// an engine without this operation (of doubles, say) leaves it to the calling thread.
template <class Operation, class Engine, class Found>
status find_extremes(const call<Operation>& c, const parameter_map& map, const Engine& engine, bool& all_finite,
                     const Found& found) {
  static_assert(memory_of<Engine> == memory_space::host,
                "xquant: extremes that the host is to see are looked for by an engine that works on its memory");
  using real = typename Operation::real;
  nest_list nests;
  c.lay_out(map, nests);
  constexpr bool has_operation = EngineFor<Engine, Operation>;
  constexpr bool may_be_faster = has_operation && is_same<typename Operation::input_0_type, float>;
  if (!may_be_faster || !has_long_rows(nests)) {
    ordered_extremes<typename Operation::input_0_type> slots(map.count);
    slots.walk(c.streams_with({}).input_0, nests);
    using extent = typename ordered_extremes<typename Operation::input_0_type>::extent;
    const extent reached = slots.for_each(found);
    all_finite = reached == extent::finite;
    if (reached != extent::with_nan) return {};
    // A NaN hides the numbers beside it from this walk, and not from an engine.
  }
  reduction_walk walk;
  c.lay_out(map, walk);
  all_finite = true;
  const auto finish = [&](std::size_t slot, const double* result, double) {
    const auto low = static_cast<real>(result[0]);
    const auto high = static_cast<real>(result[1]);
    if constexpr (Operation::accumulators == 3) all_finite = all_finite && result[2] == 0;
    const bool has_number = !(low > high);
    if (has_number) all_finite = all_finite && is_finite(low) && is_finite(high);
    if (has_number || Operation::accumulators == 2) found(slot, low + real(0), high + real(0));
  };
  if constexpr (has_operation)
    return reduce_on(engine, Operation{}, walk, c.streams_with({}), map.count, finish);
  else
    return reduce_on(scalar_engine{}, Operation{}, walk, c.streams_with({}), map.count, finish);
}

/// The first element that is NaN or infinite, in row-major order; one that is known to be there.
template <class Element>
status first_not_finite(const tensor_view<const Element>& x) {
  for (std::size_t i = 0; i < x.shape.size(); ++i) {
    const auto value = static_cast<double>(static_cast<lane_real<Element>>(x.data[offset_of(i, x.shape, x.stride)]));
    if (!(value - value == 0)) return fault(errc::not_finite, "x", value, "finite values", i);
  }
  return {};
}

/// The same, or refuses NaN and infinities (naming the first of them), whatever was found till then.
template <class Element, class Engine, class Found>
status find_finite_extremes(const call<extremes_and_nan_operation<Element>>& c, const tensor_view<const Element>& x,
                            const parameter_map& map, const Engine& engine, const Found& found) {
  bool all_finite = true;
  const status done = find_extremes(c, map, engine, all_finite, found);
  return !done.ok() || all_finite ? done : first_not_finite(x);
}

template <class T>
constexpr tensor_view<const T> as_input(const tensor_view<T>& v) noexcept {
  return v;
}
template <class T>
constexpr tensor_view<const T> as_input(const tensor_view<const T>& v) noexcept {
  return v;
}

}  // namespace detail

}  // namespace xquant

// Dynamic quantization: scales and zero points from the data that are being quantized, in one call.
// Of layer 3, above the operations: it observes as a calibrator does, and then runs one.
#pragma once

#include <xquant/calibration/range_of.hpp>
#include <xquant/calls/call.hpp>
#include <xquant/calls/default_engine.hpp>
#include <xquant/calls/reduce.hpp>
#include <xquant/core/adapt.hpp>
#include <xquant/core/half.hpp>
#include <xquant/exception.hpp>
#include <xquant/ops/fake_quantize.hpp>
#include <xquant/ops/quantize.hpp>
#include <xquant/parameters.hpp>

#include <utility>
#include <vector>

namespace xquant::inline XQUANT_ABI {

/// extremes_operation, and accumulator 2: 1 where there was a NaN.
template <class In>
struct finite_extremes_operation : extremes_operation<In> {
  static constexpr std::size_t accumulators = 3;

  template <class L>
  XQUANT_INLINE static constexpr L initial(std::size_t k) {
    return k < 2 ? extremes_operation<In>::template initial<L>(k) : broadcast<L>(0);
  }
  template <class L>
  XQUANT_INLINE constexpr reduced_result<none, L, 3> operator()(L x, none, none, detail::no_random_bits) const {
    return {{}, {x, x, select<L>(equal(x, x), broadcast<L>(0), broadcast<L>(1))}};
  }
};

namespace detail {

// The first element that is NaN or infinite, in row-major order; one that is known to be there.
template <class In>
status first_not_finite(const tensor_view<const In>& x) {
  for (std::size_t i = 0; i < x.shape.size(); ++i) {
    const auto value = static_cast<double>(static_cast<lane_real<In>>(x.data[offset_of(i, x.shape, x.stride)]));
    if (!(value - value == 0)) return fault(errc::not_finite, "x", value, "finite values", i);
  }
  return {};
}

// Reals as integers of the same order, -0 below +0 and NaN beyond the infinities, and back: the map is its own inverse.
template <class In>
using ordered_integer =
    conditional<sizeof(In) == 2, std::int16_t, conditional<sizeof(In) == 4, std::int32_t, std::int64_t>>;
template <class Integer>
inline constexpr auto greatest_integer = static_cast<Integer>(~(std::uint64_t{1} << 63) >> (64 - 8 * sizeof(Integer)));
template <class Integer>
XQUANT_INLINE constexpr Integer in_order(Integer bits) noexcept {
  return static_cast<Integer>(bits ^ ((bits >> (8 * sizeof(Integer) - 1)) & greatest_integer<Integer>));
}

// Smallest and largest element of each slot as such integers. Extremes are exact, so whatever takes them takes the
// same.
template <class In>
class ordered_extremes {
 public:
  using integer = ordered_integer<In>;

  explicit ordered_extremes(std::size_t slots)
      : low_(slots, greatest_integer<integer>), high_(slots, static_cast<integer>(-greatest_integer<integer> - 1)) {}

  [[nodiscard]] bool empty(std::size_t slot) const noexcept { return low_[slot] > high_[slot]; }
  [[nodiscard]] In low(std::size_t slot) const noexcept { return bit_cast<In>(in_order(low_[slot])); }
  [[nodiscard]] In high(std::size_t slot) const noexcept { return bit_cast<In>(in_order(high_[slot])); }

  // Row after row. Blocks are of a known number of elements, which compilers turn into vectors.
  void walk(const In* x, const nest_list& nests) noexcept {
    for_each_nest(nests, [&](const nest& n) {
      for_each_row(n, [&](const std::ptrdiff_t(&first)[operand_count], const nest_dimension& row) {
        const In* from = x + first[input_0];
        const std::ptrdiff_t step = row.stride[input_0];
        const std::ptrdiff_t slot_step = row.stride[parameter];
        std::ptrdiff_t slot = first[parameter];
        std::size_t done = 0;
        if (step == 1 && slot_step == 0)
          done = include_run(from, row.extent, low_[static_cast<std::size_t>(slot)],
                             high_[static_cast<std::size_t>(slot)]);
        if (step == 1 && slot_step == 1)
          done = include_across(from, row.extent, low_.data() + slot, high_.data() + slot);
        for (; done < row.extent; ++done) {
          const auto k = static_cast<std::ptrdiff_t>(done);
          const auto own = static_cast<std::size_t>(slot + k * slot_step);
          const integer v = in_order(bit_cast<integer>(from[k * step]));
          low_[own] = lower(v, low_[own]);
          high_[own] = higher(v, high_[own]);
        }
      });
    });
  }

 private:
  static constexpr std::size_t block = 64 / sizeof(In);

  XQUANT_INLINE static integer lower(integer a, integer b) noexcept { return a < b ? a : b; }
  XQUANT_INLINE static integer higher(integer a, integer b) noexcept { return a > b ? a : b; }

  // Both give the number of elements they have taken.
  static std::size_t include_run(const In* x, std::size_t n, integer& low, integer& high) noexcept {
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
  static std::size_t include_across(const In* x, std::size_t n, integer* low, integer* high) noexcept {
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

  std::vector<integer> low_;
  std::vector<integer> high_;
};

// Rows of one slot from which on an engine reduces faster, or on more threads, than the walk does.
inline constexpr std::size_t long_row = 1024;

// The range of each slot. A slot without elements counts as [0, 0].
template <class Granularity, class In, class Engine>
status ranges_of_data(const Granularity& granularity, const tensor_view<const In>& x, const Engine& engine,
                      std::vector<range<lane_real<In>>>& out) {
  using real = lane_real<In>;
  using operation = finite_extremes_operation<In>;
  static_assert(memory_of<Engine> == memory_space::host,
                "xquant::dynamic_quantize: makes the parameters on the host, where x must lie too");
  call<operation> s;
  s.input_0(x, "x");
  parameter_map map;
  nest_list nests;
  if (const status bad = s.lay_out(granularity, map, nests); !bad.ok()) return bad;
  out.resize(map.count);
  bool is_finite = true;
  const auto set = [&](std::size_t slot, real low, real high) {
    out[slot] = {low + real(0), high + real(0)};
    is_finite = is_finite && low - low == 0 && high - high == 0;
  };
  const nest& first = nests.item[0];
  const bool is_long = nests.parts == 1 && nests.count == 1 && first.depth > 0 &&
                       first.dimension[first.depth - 1].extent >= long_row &&
                       first.dimension[first.depth - 1].stride[parameter] == 0;
  if (is_long) {
    reduction_walk walk;
    s.lay_out(map, walk);
    const auto finish = [&](std::size_t slot, const double* found, double) {
      set(slot, static_cast<real>(found[0]), static_cast<real>(found[1]));
      is_finite = is_finite && found[2] == 0;
    };
    if (const status bad = reduce_on(engine, operation{}, walk, s.streams_with({}), map.count, finish); !bad.ok())
      return bad;
  } else {
    ordered_extremes<In> slots(map.count);
    slots.walk(x.data, nests);
    for (std::size_t slot = 0; slot < map.count; ++slot)
      if (!slots.empty(slot)) set(slot, static_cast<real>(slots.low(slot)), static_cast<real>(slots.high(slot)));
  }
  return is_finite ? status{} : first_not_finite(x);
}

// The parameters of each slot for the data in it. `Element` is what codes will be dequantized to.
template <class Element, class Quantizer, class In, class Engine>
status parameters_of_data(const Quantizer& q, const tensor_view<const In>& x, const Engine& engine,
                          basic_parameters<lane_real<In>>& out) {
  using real = lane_real<In>;
  std::vector<range<real>> ranges;
  if (const status bad = ranges_of_data(q.granularity, x, engine, ranges); !bad.ok()) return bad;
  std::vector<decltype(q.parameters_for(range<real>{}))> slots;
  slots.reserve(ranges.size());
  for (const range<real>& r : ranges) slots.push_back(q.template parameters_for<Element>(r));
  out = basic_parameters<real>(slots);
  return {};
}

template <class T>
constexpr tensor_view<const T> as_input(const tensor_view<T>& v) noexcept {
  return v;
}
template <class T>
constexpr tensor_view<const T> as_input(const tensor_view<const T>& v) noexcept {
  return v;
}

// What is wrong before an element is read.
template <class Quantizer, class In, class Out>
status validate_dynamic(const Quantizer& q, const tensor_view<const In>& x, const tensor_view<Out>& out,
                        const char* out_name) noexcept {
  call<streams_only<lane_real<In>, In, Out>> c;
  parameter_map map;
  return c.check(q.format.valid()).input_0(x, "x").output_0(out, out_name).mapped(q.granularity, map);
}

}  // namespace detail

/// What would be wrong with dynamic_quantize(q, x, codes) before the elements of x are read; ok when nothing is.
template <class Quantizer, TensorLike In, TensorInMemory Out>
[[nodiscard]] status validate_dynamic_quantize(const Quantizer& q, const In& x, Out&& codes) {
  auto&& input = evaluated(x);
  return detail::validate_dynamic(q, detail::as_input(as_view(input)), as_view(codes), "codes");
}

/// The same for dynamic_fake_quantize(q, x, y).
template <class Quantizer, TensorLike In, TensorInMemory Out>
[[nodiscard]] status validate_dynamic_fake_quantize(const Quantizer& q, const In& x, Out&& y) {
  auto&& input = evaluated(x);
  return detail::validate_dynamic(q, detail::as_input(as_view(input)), as_view(y), "y");
}

/// dynamic_quantize without exceptions: writes `codes` and `used`, or returns what is wrong and has written neither.
template <class Quantizer, TensorLike In, TensorInMemory Out, class Engine = default_engine>
[[nodiscard]] status try_dynamic_quantize(const Quantizer& q, const In& x, Out&& codes,
                                          basic_parameters<lane_real<element_of<In>>>& used,
                                          const Engine& engine = {}) {
  auto&& input = evaluated(x);
  const auto view = detail::as_input(as_view(input));
  basic_parameters<lane_real<element_of<In>>> found;
  if (const status bad = detail::validate_dynamic(q, view, as_view(codes), "codes"); !bad.ok()) return bad;
  if (const status bad = detail::parameters_of_data<element_of<In>>(q, view, engine, found); !bad.ok()) return bad;
  if (const status bad = try_quantize(q, found, view, codes, engine); !bad.ok()) return bad;
  used = std::move(found);
  return {};
}

/// dynamic_fake_quantize without exceptions: writes `y` and `used`, or returns what is wrong and has written neither.
template <class Quantizer, TensorLike In, TensorInMemory Out, class Engine = default_engine>
[[nodiscard]] status try_dynamic_fake_quantize(const Quantizer& q, const In& x, Out&& y,
                                               basic_parameters<lane_real<element_of<In>>>& used,
                                               const Engine& engine = {}) {
  auto&& input = evaluated(x);
  const auto view = detail::as_input(as_view(input));
  basic_parameters<lane_real<element_of<In>>> found;
  if (const status bad = detail::validate_dynamic(q, view, as_view(y), "y"); !bad.ok()) return bad;
  if (const status bad = detail::parameters_of_data<element_of<Out>>(q, view, engine, found); !bad.ok()) return bad;
  if (const status bad = try_fake_quantize(q, found, view, y, engine); !bad.ok()) return bad;
  used = std::move(found);
  return {};
}

#if XQUANT_HAS_EXCEPTIONS
/// For each parameter slot of q's granularity the smallest and largest element of x (-0 as +0), from them scale and
/// zero point by q's scheme (docs/arithmetic.md, rule 8), and with these codes = quantize(q, parameters, x). Gives the
/// parameters back. Per token (per_token) or group of activations, per tensor, or any other granularity, format, scheme
/// and rounding; `x` and `codes` as for quantize, which see. What a range of no width gives is the scheme's
/// degenerate-scale policy; a slot without elements has such a range. Reads x twice. The parameters are the same for
/// every engine, number of threads and memory layout.
/// Source: ONNX DynamicQuantizeLinear (11), torch.ao's and torchao's dynamic activations, whose small differences are
/// schemes. Errors: as quantize; NaN or infinities in x (errc::not_finite, naming the first); nothing is written then.
template <class Quantizer, TensorLike In, TensorInMemory Out, class Engine = default_engine>
basic_parameters<lane_real<element_of<In>>> dynamic_quantize(const Quantizer& q, const In& x, Out&& codes,
                                                             const Engine& engine = {}) {
  basic_parameters<lane_real<element_of<In>>> used;
  throw_if(try_dynamic_quantize(q, x, codes, used, engine));
  return used;
}

/// The same with y = fake_quantize(q, parameters, x), which may be in the place of x.
template <class Quantizer, TensorLike In, TensorInMemory Out, class Engine = default_engine>
basic_parameters<lane_real<element_of<In>>> dynamic_fake_quantize(const Quantizer& q, const In& x, Out&& y,
                                                                  const Engine& engine = {}) {
  basic_parameters<lane_real<element_of<In>>> used;
  throw_if(try_dynamic_fake_quantize(q, x, y, used, engine));
  return used;
}
#endif

}  // namespace xquant

// 32-bit accumulators to codes: what an integer layer does after its sums.
#pragma once

#include <xquant/calls/call.hpp>
#include <xquant/calls/packed_operation.hpp>
#include <xquant/core/adapt.hpp>
#include <xquant/core/nest.hpp>
#include <xquant/core/policy.hpp>
#include <xquant/core/qualifiers.hpp>
#include <xquant/core/validation.hpp>
#include <xquant/engines/packed_walk.hpp>
#include <xquant/exception.hpp>
#include <xquant/formats/format.hpp>
#include <xquant/granularity/per_tensor.hpp>

namespace xquant::inline XQUANT_ABI {

/// A requantization arithmetic A (ops/requantization/), of category::requantization:
///   using real = float or double                                       the type of multipliers
///   using prepared = ...                                               what a multiplier becomes
///   static status prepare(real m, prepared& out, size_t index)         refuses multipliers it does not take
///   static int64 apply(int32 accumulator, const prepared&)             the product, rounded to an integer
/// and optionally, where that is faster,
///   static int32 apply_narrow(int32 accumulator, const prepared&)      the same, held to +-2^21
template <class A>
concept RequantizationArithmetic = QuantizerPolicy<A> && requires(typename A::real m, typename A::prepared& p) {
  A::prepare(m, p, std::size_t{});
  A::apply(std::int32_t{}, p);
};

/// The multipliers of a call, one per slot of the granularity: scale of the accumulators (input scale x weight scale)
/// over scale of the output; and the zero point of the output.
template <class Real>
struct requantization_view {
  const Real* multiplier = nullptr;
  std::size_t count = 0;
  std::int32_t zero_point = 0;
};

/// The canonical form of every requantizer. A regular value.
template <class FormatType, class GranularityType, class ArithmeticType>
struct basic_requantizer {
  using format_type = FormatType;
  using granularity_type = GranularityType;
  using arithmetic_type = ArithmeticType;
  using code_type = typename FormatType::code_type;
  using real = typename ArithmeticType::real;
  static_assert(Format<FormatType> && FormatType::is_integer,
                "xquant::requantizer: the first argument is not a format of integers");
  static_assert(RequantizationArithmetic<ArithmeticType>,
                "xquant::requantizer: no arithmetic of ops/requantization/ among the policies");

  format_type format{};
  granularity_type granularity{};

  constexpr basic_requantizer() noexcept = default;
  constexpr basic_requantizer(format_type f, granularity_type g = {}) noexcept : format(f), granularity(g) {}
  friend constexpr bool operator==(const basic_requantizer&, const basic_requantizer&) = default;
};

namespace detail {
struct no_requantization_arithmetic {
  using real = float;
};
}  // namespace detail

/// requantizer<int8, float_multiplier, per_axis<1>>: the format of the output, an arithmetic, and a granularity of the
/// accumulators (per_tensor when left out), in any order. A format with user-set bounds (stored_integer) clamps to
/// them, as a fused activation does.
template <class FormatType, class... Policies>
using requantizer =
    basic_requantizer<FormatType, pick<category::granularity, per_tensor, Policies...>,
                      pick<category::requantization, detail::no_requantization_arithmetic, Policies...>>;

namespace detail {

// The stream of codes that the output is.
template <class R, class Out>
using requantized_stream =
    typename packed_stream_trait<streams_only<typename R::real, std::int32_t, typename R::code_type>, output_0, Out,
                                 typename R::code_type>::type;

// The streams of a call and what is wrong with it; `nests` are laid out when all is well.
template <class R, class Real, class In, class Out>
status lay_out_requantization(const R& r, const requantization_view<Real>& p, const tensor_view<In>& in,
                              const tensor_view<Out>& out, nest_list& nests) {
  using arithmetic = typename R::arithmetic_type;
  static_assert(is_same<remove_const<In>, std::int32_t>, "xquant::requantize: accumulators are std::int32_t");
  static_assert(is_same<Out, typename R::code_type> || is_packed<Out>,
                "xquant::requantize: the output has another element type than the format stores, or is const");
  call<streams_only<Real, std::int32_t, requantized_stream<R, Out>>> c;
  parameter_map map;
  c.check(r.format.valid()).input_0(in, "accumulators").output_0(out, "codes");
  c.template check_packing<output_0>(r.format.lower_code(), r.format.upper_code());
  if (const status s = c.mapped(r.granularity, map); !s.ok()) return s;
  if (p.count != map.count)
    return fault(errc::parameter_count, "multiplier", static_cast<double>(p.count),
                 "one multiplier for each slot that shape and granularity give", 0, map.count);
  if (p.count != 0 && p.multiplier == nullptr)
    return fault(errc::null_pointer, "multiplier", 0, "memory for every multiplier");
  typename arithmetic::prepared prepared{};
  for (std::size_t i = 0; i < p.count; ++i)
    if (const status s = arithmetic::prepare(p.multiplier[i], prepared, i); !s.ok()) return s;
  if (p.zero_point < r.format.lower_code() || p.zero_point > r.format.upper_code())
    return fault(errc::zero_point_range, "zero_point", p.zero_point, "one of the output's codes");
  c.lay_out(map, nests);
  return {};
}

// The work, with the loops of the tensors. `Out` is the element type of the output.
template <class Out, class R, class Real>
void run_requantization(const R& r, const requantization_view<Real>& p, const nest_list& nests, const std::int32_t* in,
                        stream_element<requantized_stream<R, Out>>* out) {
  using arithmetic = typename R::arithmetic_type;
  using code = typename R::code_type;
  const std::int64_t lower = r.format.lower_code();
  const std::int64_t upper = r.format.upper_code();
  const std::int64_t zero_point = p.zero_point;
  const auto one = [=](std::int32_t x, const typename arithmetic::prepared& prepared) XQUANT_LAMBDA_INLINE {
    if constexpr (sizeof(code) <= 2 && requires { arithmetic::apply_narrow(x, prepared); }) {
      const std::int32_t sum = arithmetic::apply_narrow(x, prepared) + static_cast<std::int32_t>(zero_point);
      const std::int32_t raised = sum < static_cast<std::int32_t>(lower) ? static_cast<std::int32_t>(lower) : sum;
      return static_cast<code>(raised > static_cast<std::int32_t>(upper) ? static_cast<std::int32_t>(upper) : raised);
    } else {
      const std::int64_t sum = arithmetic::apply(x, prepared) + zero_point;
      return static_cast<code>(sum < lower ? lower : sum > upper ? upper : sum);
    }
  };
  const auto run = [&](const nest& n, code* to) {
    for_each_row(n, [&](const std::ptrdiff_t(&first)[operand_count], const nest_dimension& row) {
      const std::int32_t* x = in + first[input_0];
      code* y = to + first[output_0];
      typename arithmetic::prepared prepared{};
      const auto prepare = [&](std::size_t k) {  // was validated
        (void)arithmetic::prepare(
            p.multiplier[first[parameter] + row.stride[parameter] * static_cast<std::ptrdiff_t>(k)], prepared, 0);
      };
      if (row.stride[parameter] == 0 && row.stride[input_0] == 1 && row.stride[output_0] == 1) {
        prepare(0);
        const auto own = one;  // copies that no store of a code can alias
        const typename arithmetic::prepared fixed = prepared;
        const std::size_t extent = row.extent;
        for (std::size_t k = 0; k < extent; ++k) y[k] = own(x[k], fixed);
        return;
      }
      for (std::size_t k = 0; k < row.extent; ++k, x += row.stride[input_0], y += row.stride[output_0]) {
        if (k == 0 || row.stride[parameter] != 0) prepare(k);
        *y = one(*x, prepared);
      }
    });
  };
  using stream = requantized_stream<R, Out>;
  for_each_nest(nests, [&](const nest& n) {
    if constexpr (is_packed_stream<stream>) {
      alignas(64) code buffer[packed_box];
      for_each_packed_box(n, [&](const nest& part) {
        nest loops;
        make_unpacked(part, {false, false, true, false}, loops);
        run(loops, buffer);
        pack_box(packed_stream_of<stream>, part, output_0, out, buffer);
      });
    } else {
      run(n, out);
    }
  });
}

}  // namespace detail

/// What would be wrong with requantize(r, p, accumulators, codes); ok when nothing is. Reads no accumulator.
template <class R, class Real, TensorLike In, TensorInMemory Out>
[[nodiscard]] status validate_requantize(const R& r, const requantization_view<Real>& p, const In& accumulators,
                                         Out&& codes) {
  auto&& input = evaluated(accumulators);
  nest_list nests;
  return detail::lay_out_requantization(r, p, as_view(input), as_view(codes), nests);
}

/// The same without exceptions: does the work and returns ok, or returns what is wrong and has written nothing.
template <class R, class Real, TensorLike In, TensorInMemory Out>
[[nodiscard]] status try_requantize(const R& r, const requantization_view<Real>& p, const In& accumulators,
                                    Out&& codes) {
  static_assert(is_same<Real, typename R::real>,
                "xquant::requantize: multipliers of another type than the arithmetic takes (its `real`)");
  auto&& input = evaluated(accumulators);
  const auto in = as_view(input);
  const auto out = as_view(codes);
  nest_list nests;
  if (const status s = detail::lay_out_requantization(r, p, in, out, nests); !s.ok()) return s;
  detail::run_requantization<element_of<Out>>(r, p, nests, in.data, out.data);
  return {};
}

/// A plan of requantize: run(accumulators, codes), addresses of tensors of the shapes and strides it was made for (see
/// engines/plan.hpp; there is no choice of engine). The multipliers must outlive it.
template <class R, class Out>
class requantization_plan {
 public:
  void run(const std::int32_t* accumulators, stream_element<detail::requantized_stream<R, Out>>* codes) const {
    detail::run_requantization<Out>(requantizer_, parameters_, nests_, accumulators, codes);
  }

  /// For plan_requantize.
  template <class In>
  status make(const R& r, const requantization_view<typename R::real>& p, const tensor_view<In>& accumulators,
              const tensor_view<Out>& codes) {
    if (const status s = detail::lay_out_requantization(r, p, accumulators, codes, nests_); !s.ok()) return s;
    requantizer_ = r;
    parameters_ = p;
    return {};
  }

 private:
  R requantizer_{};
  requantization_view<typename R::real> parameters_{};
  nest_list nests_{};
};

/// The plan of a requantizer, which decltype may give as const; `Out` is the element type of the codes where they are
/// packed.
template <class R, class Out = typename R::code_type>
using requantize_plan = requantization_plan<remove_const<R>, Out>;

/// Lays the call out once. Refuses what requantize refuses; `out` is as it was then.
template <class R, class Real, TensorLike In, TensorInMemory Out>
[[nodiscard]] status plan_requantize(const R& r, const requantization_view<Real>& p, const In& accumulators,
                                     Out&& codes, requantization_plan<R, element_of<Out>>& out) {
  static_assert(is_same<Real, typename R::real>,
                "xquant::requantize: multipliers of another type than the arithmetic takes (its `real`)");
  auto&& input = evaluated(accumulators);
  return out.make(r, p, as_view(input), as_view(codes));
}

#if XQUANT_HAS_EXCEPTIONS
/// codes = clamp(product(accumulator, multiplier of its slot) + zero_point, lower, upper), with `product` by the
/// requantizer's arithmetic: rne(fl(float(x) * m)) for float_multiplier, 31-bit fixed point in one rounding or two for
/// rounding_shift and doubling_high_multiply. `accumulators` holds std::int32_t, `codes` the format's code_type, of one
/// shape; in place where both are 4 bytes wide. Multipliers are code steps a unit of the accumulator. Plain loops of
/// integer arithmetic on the calling thread; there is no choice of engine. Errors: those of shapes, memory, overlap and
/// number of parameters as quantize; a multiplier its arithmetic does not take (errc::value_out_of_range); a zero point
/// outside the output's codes.
template <class R, class Real, TensorLike In, TensorInMemory Out>
void requantize(const R& r, const requantization_view<Real>& p, const In& accumulators, Out&& codes) {
  throw_if(try_requantize(r, p, accumulators, codes));
}
#endif

}  // namespace xquant

// The scalar engine: one element after the other, in plain loops. It is the definition of every operation and the
// oracle of every other engine.
#pragma once

#include <xquant/core/nest.hpp>
#include <xquant/core/random.hpp>
#include <xquant/core/scalar_lane.hpp>
#include <xquant/engines/operation.hpp>
#include <xquant/engines/reduction.hpp>

namespace xquant::inline XQUANT_ABI {

struct scalar_engine {
  template <class Op>
  static constexpr bool supports = true;

  /// Visits every element once, nest by nest and row by row: the order of the nests, which is row-major unless blocks
  /// leave a ragged edge (whole blocks come before the rest then). No result depends on it. The streams are valid for
  /// the nests; nothing is checked here.
  template <class Op>
  static constexpr void run(const Op& operation, const nest_list& nests, const operation_streams<Op>& streams) {
    for_each_nest(nests, [&](const nest& n) {
      for_each_row(n, [&](const std::ptrdiff_t(&first)[operand_count], const nest_dimension& row) {
        for (std::size_t k = 0; k < row.extent; ++k) {
          std::ptrdiff_t at[operand_count];
          for (unsigned o = 0; o < operand_count; ++o)
            at[o] = first[o] + static_cast<std::ptrdiff_t>(k) * row.stride[o];
          element(operation, streams, at);
        }
      });
    });
  }

  /// One element: load, formula, store. Integer results are clamped to the codes in use.
  template <class Op>
  XQUANT_INLINE static constexpr void element(const Op& operation, const operation_streams<Op>& streams,
                                              const std::ptrdiff_t (&at)[operand_count]) {
    using real = typename Op::real;
    using integer = integer_of<real>;
    const lane_parameters<real> p = parameters_at<Op>(streams.parameters, static_cast<std::size_t>(at[parameter]));
    random_bits_of<real, typename Op::rounding_type> random{};
    if constexpr (is_random_rounding<typename Op::rounding_type>)
      random = static_cast<integer>(
          random_bits(operation.rounding().seed,
                      random_index(operation.rounding(), static_cast<std::uint64_t>(at[element_index]))));
    const auto result = operation.template operator()<real>(
        load<typename Op::input_0_type, real>(streams.input_0, at[input_0], at[element_index]),
        load<typename Op::input_1_type, real>(streams.input_1, at[input_1], at[element_index]),
        operation.template prepare<real>(p), random);
    if constexpr (is_same<typename Op::output_1_type, none>) {
      store<typename Op::output_0_type>(operation, streams.output_0, at[output_0], at[element_index], result);
    } else {
      store<typename Op::output_0_type>(operation, streams.output_0, at[output_0], at[element_index], result.first);
      store<typename Op::output_1_type>(operation, streams.output_1, at[output_1], at[element_index], result.second);
    }
  }

  /// A reduction: all pieces in order. `results` holds the accumulators and the number of elements of each slot,
  /// initialised.
  template <class Op>
  static constexpr void reduce(const Op& operation, const reduction_walk& walk, const operation_streams<Op>& streams,
                               double* results) {
    for_each_piece(walk.nests, [&](const piece& p) {
      reduce_piece(operation, walk, streams, p, results + p.slot * (Op::accumulators + 1));
    });
  }

  /// One piece: 32 accumulators, folded 16-8-4-2-1, combined with `results` (of the piece's first slot) in double. A
  /// varying piece has one element per slot.
  template <class Op>
  static constexpr void reduce_piece(const Op& operation, const reduction_walk& walk,
                                     const operation_streams<Op>& streams, const piece& p, double* results) {
    using real = typename Op::real;
    constexpr std::size_t lanes = 32;
    constexpr std::size_t count = Op::accumulators;
    real sum[count][lanes] = {};
    for (std::size_t k = 0; k < count; ++k)
      for (std::size_t i = 0; i < lanes; ++i) sum[k][i] = Op::template initial<real>(k);
    for (std::size_t i = 0; i < p.extent; ++i) {
      const auto index = static_cast<std::ptrdiff_t>(p.index + i);
      const auto offset = [&](unsigned stream) { return offset_of(p.index + i, walk.extents, walk.stride(stream)); };
      const auto one = operation.template operator()<real>(
          load<typename Op::input_0_type, real>(streams.input_0, offset(0), index),
          load<typename Op::input_1_type, real>(streams.input_1, offset(1), index),
          operation.template prepare<real>(parameters_at<Op>(streams.parameters, p.varying ? p.slot + i : p.slot)),
          detail::no_random_bits{});
      store<typename Op::output_0_type>(operation, streams.output_0, offset(2), index, one.output);
      double* const own = results + (p.varying ? i * (count + 1) : 0);
      for (std::size_t k = 0; k < count; ++k) {
        if (p.varying)
          own[k] = Op::template combine<double>(k, static_cast<double>(one.term[k]), own[k]);
        else
          sum[k][i % lanes] = Op::template combine<real>(k, one.term[k], sum[k][i % lanes]);
      }
      own[count] += 1;
    }
    if (p.varying) return;
    for (std::size_t k = 0; k < count; ++k) {
      for (std::size_t half = lanes / 2; half > 0; half /= 2)
        for (std::size_t i = 0; i < half; ++i) sum[k][i] = Op::template combine<real>(k, sum[k][i], sum[k][i + half]);
      results[k] = Op::template combine<double>(k, static_cast<double>(sum[k][0]), results[k]);
    }
  }

 private:
  template <class Op>
  XQUANT_INLINE static constexpr lane_parameters<typename Op::real> parameters_at(
      const detail::parameters_view_of<Op>& p, std::size_t slot) {
    if constexpr (detail::has_no_parameters<Op>)
      return {1, 1, 0};
    else
      return {detail::scale_at(p, slot), detail::reciprocal_at(p, slot), detail::zero_point_at<Op>(p, slot)};
  }

  template <class Stream, class Real, class T>
  XQUANT_INLINE static constexpr auto load(const T* p, std::ptrdiff_t at, std::ptrdiff_t index) {
    if constexpr (is_same<Stream, none>)
      return none{};
    else if constexpr (is_same<Stream, bit>)
      return (p[index / 8] >> (index % 8) & 1) != 0;
    else if constexpr (detail::is_packed_stream<Stream>)
      return static_cast<integer_of<Real>>(
          Stream::coding::from_bits(detail::read_packed<typename Stream::element>(p, at)));
    else if constexpr (detail::is_real_stream<Stream, Real>)
      return static_cast<Real>(p[at]);
    else
      return static_cast<integer_of<Real>>(p[at]);
  }

  template <class Stream, class Op, class T, class Result>
  XQUANT_INLINE static constexpr void store(const Op& operation, T* p, std::ptrdiff_t at, std::ptrdiff_t index,
                                            Result result) {
    if constexpr (is_same<Stream, bit>)
      p[index / 8] = static_cast<std::uint8_t>((p[index / 8] & ~(1 << index % 8)) | (result ? 1 << index % 8 : 0));
    else if constexpr (detail::is_real_stream<Stream, typename Op::real>)
      p[at] = static_cast<T>(result);
    else if constexpr (detail::is_packed_stream<Stream>)
      detail::write_packed<typename Stream::element>(
          p, at, Stream::coding::to_bits(held<typename Stream::coding::code_type>(operation, result)));
    else if constexpr (detail::element_size<Stream> == 4)
      p[at] = static_cast<T>(result);
    else if constexpr (!is_same<Stream, none>)
      p[at] = held<T>(operation, result);
  }

  template <class Code, class Op, class Result>
  XQUANT_INLINE static constexpr Code held(const Op& operation, Result result) {
    return static_cast<Code>(result < operation.lower_code()   ? operation.lower_code()
                             : result > operation.upper_code() ? operation.upper_code()
                                                               : result);
  }
};

}  // namespace xquant

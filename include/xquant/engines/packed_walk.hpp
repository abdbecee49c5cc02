// Operations on packed codes, or with coded scales, on engines that know none: a nest is worked in boxes of 2048
// elements, whose codes are unpacked to and packed from buffers and whose scales are decoded. Between them runs the
// operation without either, by the kernel it has anyway.
#pragma once

#include <xquant/core/nest.hpp>
#include <xquant/core/packed.hpp>
#include <xquant/engines/operation.hpp>

namespace xquant::inline XQUANT_ABI::detail {

/// Elements of a box at most: what short runs are written out for at once (short_runs.hpp).
inline constexpr std::size_t packed_box = 2048;

/// A packed stream to the walk.
struct packed_stream {
  std::ptrdiff_t bits = 0;  // 0: not packed
  void (*unpack)(const std::uint8_t* bytes, std::ptrdiff_t at, void* codes, std::size_t n) = nullptr;
  void (*pack)(std::uint8_t* bytes, std::ptrdiff_t at, const void* codes, std::size_t n) = nullptr;
};

template <class P, class Coding>
void unpack_codes(const std::uint8_t* bytes, std::ptrdiff_t at, void* to, std::size_t n) {
  using code = typename Coding::code_type;
  const auto codes = static_cast<code*>(to);
  if constexpr (Coding::is_plain) {
    unpack_run<P>(bytes, at, codes, n);
  } else {
    unpack_run<P>(bytes, at, static_cast<std::uint8_t*>(to), n);
    for (std::size_t i = 0; i < n; ++i) codes[i] = Coding::from_bits(static_cast<std::uint8_t>(codes[i]));
  }
}
template <class P, class Coding>
void pack_codes(std::uint8_t* bytes, std::ptrdiff_t at, const void* from, std::size_t n) {
  const auto codes = static_cast<const typename Coding::code_type*>(from);
  if constexpr (Coding::is_plain) return pack_run<P>(bytes, at, codes, n);
  for (std::size_t done = 0; done < n; done += 64) {
    std::uint8_t part[64];
    const std::size_t taken = n - done < 64 ? n - done : 64;
    for (std::size_t i = 0; i < taken; ++i) part[i] = static_cast<std::uint8_t>(Coding::to_bits(codes[done + i]));
    pack_run<P>(bytes, at + static_cast<std::ptrdiff_t>(done) * P::bits, part, taken);
  }
}

template <class Stream>
inline constexpr packed_stream packed_stream_of{};
template <class P, class Coding>
inline constexpr packed_stream packed_stream_of<packed_codes<P, Coding>>{P::bits, &unpack_codes<P, Coding>,
                                                                         &pack_codes<P, Coding>};

/// Calls visit(part) for all boxes of a nest, in order: whole inner loops, a piece of one, single turns of the outer
/// ones.
template <class Visit>
void for_each_packed_box(const nest& n, const Visit& visit) {
  std::size_t inner = n.depth;  // loops from here on are whole
  std::size_t size = 1;
  while (inner > 0 && n.dimension[inner - 1].extent <= packed_box / size) size *= n.dimension[--inner].extent;
  nest part;
  part.depth = n.depth - inner;
  for (std::size_t d = 0; d < part.depth; ++d) part.dimension[d] = n.dimension[inner + d];
  if (inner == 0) {
    for (unsigned k = 0; k < operand_count; ++k) part.base[k] = n.base[k];
    return visit(part);
  }
  // Pieces of one loop, but for the last of an even length of 64 elements, so that blocks stay whole.
  const nest_dimension& cut = n.dimension[inner - 1];
  std::size_t most = packed_box / size;
  if (most > 64) most -= most % 64;
  for (std::size_t d = part.depth++; d > 0; --d) part.dimension[d] = part.dimension[d - 1];
  part.dimension[0] = cut;
  for_each_outer(n, inner - 1, [&](const std::ptrdiff_t(&first)[operand_count]) {
    for (unsigned k = 0; k < operand_count; ++k) part.base[k] = first[k];
    for (std::size_t done = 0; done < cut.extent; done += most) {
      part.dimension[0].extent = cut.extent - done < most ? cut.extent - done : most;
      visit(part);
      for (unsigned k = 0; k < operand_count; ++k)
        part.base[k] += cut.stride[k] * static_cast<std::ptrdiff_t>(part.dimension[0].extent);
    }
  });
}

/// Calls visit(bit, n) for runs of n codes without a gap, that begin at `bit`, of operand k of a box, in order.
template <class Visit>
void for_each_packed_run(const nest& part, unsigned k, std::ptrdiff_t bits, const Visit& visit) {
  std::size_t run = 1;
  std::size_t outer = part.depth;
  for (; outer > 0 && part.dimension[outer - 1].stride[k] == bits * static_cast<std::ptrdiff_t>(run); --outer)
    run *= part.dimension[outer - 1].extent;
  for_each_outer(part, outer, [&](const std::ptrdiff_t(&first)[operand_count]) { visit(first[k], run); });
}

inline void unpack_box(const packed_stream& own, const nest& part, unsigned k, const std::uint8_t* bytes, void* to) {
  char* codes = static_cast<char*>(to);
  for_each_packed_run(part, k, own.bits, [&](std::ptrdiff_t bit, std::size_t n) {
    own.unpack(bytes, bit, codes, n);
    codes += n;
  });
}
inline void pack_box(const packed_stream& own, const nest& part, unsigned k, std::uint8_t* bytes, const void* from) {
  const char* codes = static_cast<const char*>(from);
  for_each_packed_run(part, k, own.bits, [&](std::ptrdiff_t bit, std::size_t n) {
    own.pack(bytes, bit, codes, n);
    codes += n;
  });
}

/// The loops of a box with its packed operands in dense buffers.
inline void make_unpacked(const nest& part, const bool (&packed)[4], nest& out) {
  out.depth = 0;
  for (unsigned k = 0; k < operand_count; ++k) out.base[k] = k < 4 && packed[k] ? 0 : part.base[k];
  std::size_t size = 1;
  for (std::size_t d = 0; d < part.depth; ++d) size *= part.dimension[d].extent;
  for (std::size_t d = 0; d < part.depth; ++d) {
    nest_dimension loop = part.dimension[d];
    size /= loop.extent;
    for (unsigned k = 0; k < 4; ++k)
      if (packed[k]) loop.stride[k] = static_cast<std::ptrdiff_t>(size);
    append(out, loop);
  }
}

/// The parameters of a box alone, whose first slot is its base: engines that look at all scales see no others.
template <class Real>
parameters_view<Real> parameters_of_box(parameters_view<Real> p, nest& loops) {
  const auto first = loops.base[parameter];
  std::size_t reach = 0;
  for (std::size_t d = 0; d < loops.depth; ++d)
    reach += static_cast<std::size_t>(loops.dimension[d].stride[parameter]) * (loops.dimension[d].extent - 1);
  if (p.scale != nullptr) p.scale += first;
  if (p.reciprocal != nullptr) p.reciprocal += first;
  if (p.zero_point != nullptr) p.zero_point += first;
  if (p.real_zero_point != nullptr) p.real_zero_point += first;
  p.count = reach + 1;
  loops.base[parameter] = 0;
  return p;
}

/// The parameters of a box, with scales that are real numbers, slot after slot in the order in which its loops meet
/// them.
template <class Real>
struct decoded_parameters {
  alignas(64) Real scale[packed_box];
  alignas(64) std::int32_t zero_point[packed_box];
  alignas(64) Real real_zero_point[packed_box];

  template <class View>
  parameters_view<Real> of_box(const View& p, nest& loops) {
    nest slots;  // the loops that change the slot
    for (unsigned k = 0; k < operand_count; ++k) slots.base[k] = loops.base[k];
    std::size_t count = 1;
    for (std::size_t d = 0; d < loops.depth; ++d) {
      if (loops.dimension[d].stride[parameter] == 0) continue;
      slots.dimension[slots.depth++] = loops.dimension[d];
      count *= loops.dimension[d].extent;
    }
    std::size_t step = 1;
    for (std::size_t d = loops.depth; d-- > 0;)
      if (std::ptrdiff_t& stride = loops.dimension[d].stride[parameter]; stride != 0) {
        stride = static_cast<std::ptrdiff_t>(step);
        step *= loops.dimension[d].extent;
      }
    loops.base[parameter] = 0;
    std::size_t i = 0;
    for_each_outer(slots, slots.depth, [&](const std::ptrdiff_t(&at)[operand_count]) {
      const auto slot = static_cast<std::size_t>(at[parameter]);
      scale[i] = scale_at(p, slot);
      if (p.zero_point != nullptr) zero_point[i] = p.zero_point[slot];
      if (p.real_zero_point != nullptr) real_zero_point[i] = p.real_zero_point[slot];
      ++i;
    });
    return {scale, nullptr, p.zero_point != nullptr ? zero_point : nullptr, count,
            p.real_zero_point != nullptr ? real_zero_point : nullptr};
  }
};

// Of scales that are real numbers there is nothing to decode.
template <class View>
struct box_parameters {
  View of_box(const View& p, nest& loops) { return parameters_of_box(p, loops); }
};
template <class S, class Real>
struct box_parameters<coded_parameters_view<S, Real>> : decoded_parameters<Real> {};

/// Runs an operation with packed streams or coded scales: run(operation without, nests, streams) for each box.
template <class Op, class Run>
void run_packed(const Op& operation, const nest_list& nests, const operation_streams<Op>& s, const Run& run) {
  using plain = typename Op::unpacked_operation;
  const packed_stream own[4] = {
      packed_stream_of<typename Op::input_0_type>, packed_stream_of<typename Op::input_1_type>,
      packed_stream_of<typename Op::output_0_type>, packed_stream_of<typename Op::output_1_type>};
  const bool packed[4] = {own[0].bits != 0, own[1].bits != 0, own[2].bits != 0, own[3].bits != 0};
  alignas(64) std::uint8_t buffer[4][packed_box];
  box_parameters<parameters_view_of<Op>> parameters;
  operation_streams<plain> streams;
  const auto bind = [&]<class Stream>(unsigned k, const Stream*, auto& to, const auto& from) {
    if constexpr (is_packed_stream<Stream>)
      to = reinterpret_cast<remove_cvref<decltype(to)>>(buffer[k]);
    else
      to = from;
  };
  bind(0, static_cast<const typename Op::input_0_type*>(nullptr), streams.input_0, s.input_0);
  bind(1, static_cast<const typename Op::input_1_type*>(nullptr), streams.input_1, s.input_1);
  bind(2, static_cast<const typename Op::output_0_type*>(nullptr), streams.output_0, s.output_0);
  bind(3, static_cast<const typename Op::output_1_type*>(nullptr), streams.output_1, s.output_1);
  const void* const in[2] = {s.input_0, s.input_1};
  void* const out[2] = {s.output_0, s.output_1};
  nest_list one;
  one.count = 1;
  for_each_nest(nests, [&](const nest& n) {
    for_each_packed_box(n, [&](const nest& part) {
      for (unsigned k = 0; k < 2; ++k)
        if (packed[k]) unpack_box(own[k], part, k, static_cast<const std::uint8_t*>(in[k]), buffer[k]);
      make_unpacked(part, packed, one.item[0]);
      streams.parameters = parameters.of_box(s.parameters, one.item[0]);
      run(static_cast<const plain&>(operation), one, streams);
      for (unsigned k = 2; k < 4; ++k)
        if (packed[k]) pack_box(own[k], part, k, static_cast<std::uint8_t*>(out[k - 2]), buffer[k]);
    });
  });
}

}  // namespace xquant::detail

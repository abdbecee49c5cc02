// Observers as bytes: of any machine for any other, versioned, the same for equal states, and not believed when read.
#pragma once

#include <xquant/calibration/extremes.hpp>
#include <xquant/calibration/extremes_bytes.hpp>
#include <xquant/calibration/histogram.hpp>
#include <xquant/calibration/observer.hpp>
#include <xquant/calibration/state_bytes.hpp>
#include <xquant/exception.hpp>
#include <xquant/runtime/granularity_description.hpp>

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace xquant::inline XQUANT_ABI {

/// extremes; number of zeros (8 bytes); 1 if the histogram is_thinned, else 0 (1 byte); then of the positive
/// and of the negative elements: number of chunks (4), and for each in ascending order its index (4, two's complement),
/// log2 of the bytes of its counters (1, the fewest that hold the largest) and 64 counters.
template <>
struct state_bytes<histogram> {
  static constexpr std::size_t least = state_bytes<extremes>::least + 17;

  static void write(const histogram& s, byte_writer& to) {
    state_bytes<extremes>::write(s.empty() ? extremes() : extremes(s.minimum(), s.maximum()), to);
    to.put(s.zeros(), 8);
    to.put(s.is_thinned() ? 1 : 0, 1);
    for (const sparse_counts* side : {&s.positive_counts(), &s.negative_counts()}) {
      std::uint64_t chunks = 0;
      side->for_each_chunk([&](int, const sparse_counts::chunk&) { ++chunks; });
      to.put(chunks, 4);
      side->for_each_chunk([&](int c, const sparse_counts::chunk& counts) {
        const unsigned width = sparse_counts::width(counts);
        to.put(static_cast<std::uint32_t>(c), 4);
        to.put(width, 1);
        for (const std::uint64_t n : counts) to.put(n, 1u << width);
      });
    }
  }

  static status try_read(byte_reader& from, histogram& out) {
    extremes ends;
    if (const status bad = state_bytes<extremes>::try_read(from, ends); !bad.ok()) return bad;
    const std::uint64_t zeros = from.get(8);
    const std::uint64_t thinned = from.get(1);
    if (!from.ok() || thinned > 1) return from.malformed("histogram.thinned", static_cast<double>(thinned), "0 or 1");
    sparse_counts side[2];
    // Chunks of numbers that the grid of the extremes can have; so a directory is no larger than they make it.
    const value_grid grid(ends.magnitude());
    const int lowest = ends.magnitude() > 0 ? grid.index(bit_cast<double>(std::uint64_t{1})) >> 6 : 0;
    constexpr int highest = value_grid::end / sparse_counts::chunk_size - 1;
    for (sparse_counts& counts : side)
      if (const status bad = try_read_counts(from, lowest, highest, counts); !bad.ok()) return bad;
    histogram read;
    if (const status bad = histogram::try_make(ends, zeros, side[0], side[1], thinned != 0, read); !bad.ok())
      return bad;
    if (read.is_thinned() != (thinned != 0))
      return from.malformed("histogram.thinned", static_cast<double>(thinned),
                            "1 where an extreme is no counted element's");
    out = std::move(read);
    return {};
  }

 private:
  static status try_read_counts(byte_reader& from, int lowest, int highest, sparse_counts& out) {
    const std::uint64_t chunks = from.get(4);
    int before = lowest - 1;
    for (std::uint64_t k = 0; k < chunks; ++k) {
      const auto c = static_cast<std::int32_t>(static_cast<std::uint32_t>(from.get(4)));
      const std::uint64_t width = from.get(1);
      if (!from.ok() || width > 3)
        return from.malformed("histogram.counter", static_cast<double>(width), "counters of 1, 2, 4 or 8 bytes");
      if (c <= before || c > highest)
        return from.malformed("histogram.chunk", c, "chunks in ascending order, of bins that the extremes' grid has");
      before = c;
      sparse_counts::chunk counts;
      for (std::uint64_t& n : counts) n = from.get(1u << width);
      bool any = false;
      for (const std::uint64_t n : counts) any = any || n != 0;
      if (!from.ok() || !any || sparse_counts::width(counts) != width)
        return from.malformed("histogram.counter", static_cast<double>(width),
                              "a count that is not zero, and counters no wider than the largest needs");
      out.add(c, counts);
    }
    return from.ok() ? status{} : from.malformed("", 0, "");
  }
};

namespace detail {

inline constexpr std::uint64_t observer_magic = 0x0a0d'5342'4f51'58'89ull;  // 89 'X' 'Q' 'O' 'B' 'S' CR LF
inline constexpr unsigned observer_version = 1;

// FNV-1a of 64 bits: what was damaged by accident is told from what was meant.
inline std::uint64_t checksum(const std::uint8_t* bytes, std::size_t size) noexcept {
  std::uint64_t sum = 0xcbf29ce484222325u;
  for (std::size_t i = 0; i < size; ++i) sum = (sum ^ bytes[i]) * 0x100000001b3u;
  return sum;
}

}  // namespace detail

/// The observer as bytes. All numbers have their lowest byte first; reals are those of IEEE 754 in 8 bytes.
///   magic (8), version (2), state (2), granularity (2), experts (2), axes and sizes of the granularity (9 x 8),
///   action (1) and bound (8) of the policy for what is not finite, NaNs (8) and others (8) it has set aside,
///   slots (8), their states, FNV-1a of all that (8)
/// State and granularity are their ids; the latter needs one that values can name (granularity_description).
/// Equal observers give equal bytes: whatever the engine, order, split and merge of the data.
template <SerializableState State, Granularity GranularityType>
[[nodiscard]] std::vector<std::uint8_t> to_bytes(const observer<State, GranularityType>& o) {
  const granularity_description granularity(o.granularity());
  byte_writer to;
  to.put(detail::observer_magic, 8);
  to.put(detail::observer_version, 2);
  to.put(id_of<State>.number, 2);
  to.put(granularity.id().number, 2);
  to.put(granularity.experts(), 2);
  for (std::size_t i = 0; i < granularity_description::words; ++i) to.put(granularity.word(i), 8);
  to.put(static_cast<std::uint64_t>(o.policy().action), 1);
  to.put_real(o.policy().bound + 0.0);
  to.put(o.set_aside().nan, 8);
  to.put(o.set_aside().beyond, 8);
  to.put(o.slots(), 8);
  for (const State& s : o.states()) state_bytes<State>::write(s, to);
  to.put(detail::checksum(to.bytes().data(), to.bytes().size()), 8);
  return to.bytes();
}

/// Makes `out` the observer that to_bytes was given. `out` says which one is expected: refuses (errc::not_mergeable)
/// another state, granularity and policy than that of `out`, and (errc::unsupported) a version this program does not
/// know. Refuses as errc::malformed, size_overflow, not_finite or range_inverted, by the name of what is wrong: bytes
/// that end too early or too late or were damaged, more slots than there are bytes for, and states that no data give:
/// counts that overflow, extremes that are no numbers, lie outside of their bins or are two of one element, bins twice
/// or out of order, counters wider than needed. Then `out` is as it was. Allocates no more than a small multiple of the
/// bytes, and for each slot what its chunks lie apart (sparse_counts.hpp).
template <SerializableState State, Granularity GranularityType>
[[nodiscard]] status try_from_bytes(const std::uint8_t* bytes, std::size_t size,
                                    observer<State, GranularityType>& out) {
  byte_reader from(bytes, size);
  if (from.get(8) != detail::observer_magic || !from.ok())
    return fault(errc::malformed, "bytes.magic", 0, "the bytes of an observer");
  if (const std::uint64_t version = from.get(2); version != detail::observer_version || !from.ok())
    return !from.ok() ? from.malformed("", 0, "")
                      : fault(errc::unsupported, "bytes.version", static_cast<double>(version), "version 1");
  if (size < 16 + 8)
    return fault(errc::malformed, "bytes", static_cast<double>(size), "more bytes: they end too early");
  byte_reader last(bytes + (size - 8), 8);
  if (last.get(8) != detail::checksum(bytes, size - 8))
    return fault(errc::malformed, "bytes.checksum", static_cast<double>(size), "the checksum of the bytes before it");
  from = byte_reader(bytes, size - 8);
  static_cast<void>(from.get(8));
  static_cast<void>(from.get(2));
  const auto other = [](const char* what, double value, const char* expected) {
    return fault(errc::not_mergeable, what, value, expected);
  };
  if (const std::uint64_t state = from.get(2); from.ok() && state != id_of<State>.number)
    return other("bytes.state", static_cast<double>(state), "the state of the observer to be read");
  const granularity_description granularity(out.granularity());
  bool same = from.get(2) == granularity.id().number;
  same = from.get(2) == granularity.experts() && same;
  for (std::size_t i = 0; i < granularity_description::words; ++i) same = from.get(8) == granularity.word(i) && same;
  if (from.ok() && !same) return other("bytes.granularity", 0, "the granularity of the observer to be read");
  const std::uint64_t action = from.get(1);
  const double bound = from.get_real();
  if (from.ok() && (action != static_cast<std::uint64_t>(out.policy().action) ||
                    bit_cast<std::uint64_t>(bound) != bit_cast<std::uint64_t>(out.policy().bound + 0.0)))
    return other("bytes.policy", bound, "the policy of the observer to be read");
  non_finite_counts set_aside;
  set_aside.nan = from.get(8);
  set_aside.beyond = from.get(8);
  const std::uint64_t slots = from.get(8);
  if (!from.ok() || slots > from.left() / state_bytes<State>::least)
    return from.malformed("bytes.slots", static_cast<double>(slots), "no more slots than there are bytes for");
  std::vector<State> states(static_cast<std::size_t>(slots));
  for (State& s : states)
    if (const status bad = state_bytes<State>::try_read(from, s); !bad.ok()) return bad;
  if (from.left() != 0)
    return from.malformed("bytes", static_cast<double>(from.left()), "no bytes behind the last state");
  out = observer<State, GranularityType>(out.granularity(), std::move(states), out.policy(), set_aside);
  return {};
}
template <SerializableState State, Granularity GranularityType>
[[nodiscard]] status try_from_bytes(const std::vector<std::uint8_t>& bytes, observer<State, GranularityType>& out) {
  return try_from_bytes(bytes.data(), bytes.size(), out);
}

#if XQUANT_HAS_EXCEPTIONS
template <SerializableState State, Granularity GranularityType>
void from_bytes(const std::vector<std::uint8_t>& bytes, observer<State, GranularityType>& out) {
  throw_if(try_from_bytes(bytes, out));
}
#endif

}  // namespace xquant

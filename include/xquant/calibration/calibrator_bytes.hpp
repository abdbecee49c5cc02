// Calibrators that follow extremes, and the extremes of samples, as bytes: as observer_bytes.hpp has it.
#pragma once

#include <xquant/calibration/amax_window.hpp>
#include <xquant/calibration/extremes.hpp>
#include <xquant/calibration/extremes_bytes.hpp>
#include <xquant/calibration/extremes_calibrator.hpp>
#include <xquant/calibration/moving_average.hpp>
#include <xquant/calibration/observer_bytes.hpp>
#include <xquant/calibration/sample_extremes.hpp>
#include <xquant/calibration/state_bytes.hpp>
#include <xquant/core/policy_id.hpp>
#include <xquant/exception.hpp>
#include <xquant/runtime/granularity_description.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace xquant::inline XQUANT_ABI {

template <>
inline constexpr observer_state_id id_of<sample_extremes>{3, "sample_extremes"};
template <>
inline constexpr observer_state_id id_of<averaged_extremes>{4, "averaged_extremes"};
template <>
inline constexpr observer_state_id id_of<recent_magnitudes>{5, "recent_magnitudes"};

/// Number of samples (8 bytes), then their minima and their maxima, each rising.
template <>
struct state_bytes<sample_extremes> {
  static constexpr std::size_t least = 8;

  static void write(const sample_extremes& s, byte_writer& to) {
    to.put(s.samples(), 8);
    for (const auto* ends : {&s.minima(), &s.maxima()})
      for (const double v : *ends) to.put_real(v + 0.0);
  }
  static status try_read(byte_reader& from, sample_extremes& out) {
    const std::uint64_t samples = from.get(8);
    if (!from.ok() || samples > from.left() / 16)
      return from.malformed("sample_extremes.samples", static_cast<double>(samples),
                            "no more samples than there are bytes for");
    std::vector<double> ends[2];
    for (std::vector<double>& side : ends)
      for (std::uint64_t i = 0; i < samples; ++i) {
        const double v = from.get_real();
        if (!(v - v == 0) || (i != 0 && v < side.back()))
          return from.malformed("sample_extremes.ends", v, "finite ends in rising order");
        side.push_back(v + 0.0);
      }
    sample_extremes read;
    for (std::size_t i = 0; i < ends[0].size(); ++i) {
      // Sorted apart, the minima and maxima of any samples are in order pair by pair.
      if (ends[0][i] > ends[1][i])
        return from.malformed("sample_extremes.ends", ends[0][i], "a minimum that is not above its maximum");
      read.reach(extremes(ends[0][i], ends[1][i]));
    }
    out = std::move(read);
    return {};
  }
};

/// Number of slots (8 bytes), and their extremes.
template <>
struct state_bytes<averaged_extremes> {
  static constexpr std::size_t least = 8;

  static void write(const averaged_extremes& s, byte_writer& to) {
    const std::vector<extremes> averages = s.answer();
    to.put(averages.size(), 8);
    for (const extremes& e : averages) state_bytes<extremes>::write(e, to);
  }
  /// With the settings of `out`.
  static status try_read(byte_reader& from, averaged_extremes& out) {
    const std::uint64_t slots = from.get(8);
    if (!from.ok() || slots > from.left() / state_bytes<extremes>::least)
      return from.malformed("averaged_extremes.slots", static_cast<double>(slots),
                            "no more slots than there are bytes for");
    std::vector<extremes> averages(static_cast<std::size_t>(slots));
    for (extremes& e : averages)
      if (const status bad = state_bytes<extremes>::try_read(from, e); !bad.ok()) return bad;
    averaged_extremes read(out.constant());
    // The first tensor's extremes are taken as they are.
    if (slots != 0) read.follow(averages);
    out = std::move(read);
    return {};
  }
};

/// Number of steps and of slots (8 bytes each), and the largest magnitude of each, step by step.
template <>
struct state_bytes<recent_magnitudes> {
  static constexpr std::size_t least = 16;

  static void write(const recent_magnitudes& s, byte_writer& to) {
    to.put(s.steps().size(), 8);
    to.put(s.slots(), 8);
    for (const std::vector<double>& step : s.steps())
      for (const double v : step) to.put_real(v + 0.0);
  }
  /// With the settings of `out`.
  static status try_read(byte_reader& from, recent_magnitudes& out) {
    const std::uint64_t steps = from.get(8);
    const std::uint64_t slots = from.get(8);
    const std::uint64_t numbers = from.left() / 8;
    if (!from.ok() || (steps == 0) != (slots == 0) || (steps != 0 && slots > numbers / steps))
      return from.malformed("recent_magnitudes.slots", static_cast<double>(slots),
                            "no more slots than there are bytes for");
    if (steps > out.length())
      return from.malformed("recent_magnitudes.steps", static_cast<double>(steps), "no more steps than are kept");
    recent_magnitudes read(out.length(), out.margin());
    for (std::uint64_t k = 0; k < steps; ++k) {
      std::vector<extremes> step;
      for (std::uint64_t i = 0; i < slots; ++i) {
        const double v = from.get_real();
        if (!(v >= 0) || !(v - v == 0)) return from.malformed("recent_magnitudes.magnitude", v, "a finite magnitude");
        step.push_back(extremes(0, v));
      }
      read.follow(step);
    }
    out = std::move(read);
    return {};
  }
};

namespace detail {

inline constexpr std::uint64_t calibrator_magic = 0x0a0d'4c41'4351'58'89ull;  // 89 'X' 'Q' 'C' 'A' 'L' CR LF
inline constexpr unsigned calibrator_version = 1;

// Checks first bytes, version and checksum, and leaves `from` behind the version and before the checksum.
inline status open_bytes(const std::uint8_t* bytes, std::size_t size, std::uint64_t magic, unsigned version,
                         const char* what, byte_reader& from) {
  from = byte_reader(bytes, size);
  if (from.get(8) != magic || !from.ok()) return fault(errc::malformed, "bytes.magic", 0, what);
  if (const std::uint64_t met = from.get(2); met != version || !from.ok())
    return !from.ok() ? from.malformed("", 0, "")
                      : fault(errc::unsupported, "bytes.version", static_cast<double>(met),
                              "the version that this program writes", 0, version);
  if (from.left() < 8)
    return fault(errc::malformed, "bytes", static_cast<double>(size), "more bytes: they end too early");
  byte_reader last(bytes + (size - 8), 8);
  if (last.get(8) != checksum(bytes, size - 8))
    return fault(errc::malformed, "bytes.checksum", static_cast<double>(size), "the checksum of the bytes before it");
  from = byte_reader(bytes, size - 8);
  static_cast<void>(from.get(8));
  static_cast<void>(from.get(2));
  return {};
}

inline void write_granularity(const granularity_description& granularity, byte_writer& to) {
  to.put(granularity.id().number, 2);
  to.put(granularity.experts(), 2);
  for (std::size_t i = 0; i < granularity_description::words; ++i) to.put(granularity.word(i), 8);
}
inline bool reads_granularity(byte_reader& from, const granularity_description& granularity) {
  bool same = from.get(2) == granularity.id().number;
  same = from.get(2) == granularity.experts() && same;
  for (std::size_t i = 0; i < granularity_description::words; ++i) same = from.get(8) == granularity.word(i) && same;
  return same;
}

}  // namespace detail

/// A calibrator that follows extremes as bytes:
///   magic (8), version (2), history (2), granularity as in observer_bytes.hpp, the history's state, FNV-1a of that (8)
template <ExtremesHistory History, Granularity GranularityType>
requires SerializableState<History>
[[nodiscard]] std::vector<std::uint8_t> to_bytes(const extremes_calibrator<History, GranularityType>& c) {
  byte_writer to;
  to.put(detail::calibrator_magic, 8);
  to.put(detail::calibrator_version, 2);
  to.put(id_of<History>.number, 2);
  detail::write_granularity(c.granularity(), to);
  state_bytes<History>::write(c.history(), to);
  to.put(detail::checksum(to.bytes().data(), to.bytes().size()), 8);
  return to.bytes();
}

/// Makes `out` the calibrator that to_bytes was given; the settings stay those of `out`, which says what is expected.
/// Refuses as try_from_bytes of an observer does; `out` is as it was then.
template <ExtremesHistory History, Granularity GranularityType>
requires SerializableState<History>
[[nodiscard]] status try_from_bytes(const std::uint8_t* bytes, std::size_t size,
                                    extremes_calibrator<History, GranularityType>& out) {
  byte_reader from(nullptr, 0);
  if (const status bad = detail::open_bytes(bytes, size, detail::calibrator_magic, detail::calibrator_version,
                                            "the bytes of a calibrator", from);
      !bad.ok())
    return bad;
  if (const std::uint64_t state = from.get(2); from.ok() && state != id_of<History>.number)
    return fault(errc::not_mergeable, "bytes.state", static_cast<double>(state),
                 "the state of the calibrator to be read");
  const bool same = detail::reads_granularity(from, out.granularity());
  if (from.ok() && !same)
    return fault(errc::not_mergeable, "bytes.granularity", 0, "the granularity of the calibrator to be read");
  History read = out.history();
  if (const status bad = state_bytes<History>::try_read(from, read); !bad.ok()) return bad;
  if (from.left() != 0) return from.malformed("bytes", static_cast<double>(from.left()), "no bytes behind the state");
  out = extremes_calibrator<History, GranularityType>(std::move(read), out.granularity());
  return {};
}

}  // namespace xquant

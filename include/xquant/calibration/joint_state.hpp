// Two states of the same elements, kept in one pass over them.
#pragma once

#include <xquant/calibration/extremes.hpp>
#include <xquant/calibration/observer.hpp>
#include <xquant/calibration/state_bytes.hpp>
#include <xquant/core/policy_id.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace xquant::inline XQUANT_ABI {

/// joint_state<histogram, moments>: an observer's state made of two, which may be joint ones themselves. Rules are
/// asked of its halves, first() and second().
template <ObserverState First, ObserverState Second>
class joint_state {
 public:
  [[nodiscard]] bool empty() const { return first_.empty(); }
  [[nodiscard]] const First& first() const noexcept { return first_; }
  [[nodiscard]] const Second& second() const noexcept { return second_; }

  void reach(const extremes& seen) {
    first_.reach(seen);
    second_.reach(seen);
  }
  /// Long runs in pieces, so that the second half finds them in the cache.
  template <class Real>
  void count(const Real* x,
             std::size_t n) requires(detail::CountsReals<First, Real> || detail::CountsReals<Second, Real>) {
    constexpr std::size_t piece = std::size_t{1} << 16;
    for (std::size_t done = 0; done < n; done += piece) {
      const std::size_t m = std::min(piece, n - done);
      if constexpr (detail::CountsReals<First, Real>) first_.count(x + done, m);
      if constexpr (detail::CountsReals<Second, Real>) second_.count(x + done, m);
    }
  }
  void merge(const joint_state& other) {
    first_.merge(other.first_);
    second_.merge(other.second_);
  }

  friend bool operator==(const joint_state&, const joint_state&) = default;

 private:
  friend struct state_bytes<joint_state>;

  First first_;
  Second second_;
};

/// Of both ids, the two of them and joint states in joint states told apart; from 0x8000 on.
template <class First, class Second>
inline constexpr observer_state_id id_of<joint_state<First, Second>>{
    static_cast<std::uint16_t>(0x8000 | ((193 * id_of<First>.number + 31 * id_of<Second>.number) & 0x7fff)),
    "joint_state"};

template <SerializableState First, SerializableState Second>
struct state_bytes<joint_state<First, Second>> {
  static constexpr std::size_t least = state_bytes<First>::least + state_bytes<Second>::least;

  static void write(const joint_state<First, Second>& s, byte_writer& to) {
    state_bytes<First>::write(s.first_, to);
    state_bytes<Second>::write(s.second_, to);
  }
  static status try_read(byte_reader& from, joint_state<First, Second>& out) {
    joint_state<First, Second> read;
    if (const status bad = state_bytes<First>::try_read(from, read.first_); !bad.ok()) return bad;
    if (const status bad = state_bytes<Second>::try_read(from, read.second_); !bad.ok()) return bad;
    if (read.first_.empty() != read.second_.empty())
      return from.malformed("joint_state", 0, "two states of the same elements");
    out = read;
    return {};
  }
};

}  // namespace xquant

// Numbers to bytes and back, lowest byte first on every machine, and what a state owes to be written so.
#pragma once

#include <xquant/core/bits.hpp>
#include <xquant/error.hpp>
#include <xquant/runtime/id.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace xquant::inline XQUANT_ABI {

/// Appends to bytes.
class byte_writer {
 public:
  /// The `size` lowest bytes of a number.
  void put(std::uint64_t number, unsigned size) {
    for (unsigned i = 0; i < size; ++i) bytes_.push_back(static_cast<std::uint8_t>(number >> (8 * i)));
  }
  void put_real(double x) { put(bit_cast<std::uint64_t>(x), 8); }

  [[nodiscard]] const std::vector<std::uint8_t>& bytes() const noexcept { return bytes_; }

 private:
  std::vector<std::uint8_t> bytes_;
};

/// Reads bytes from the front. What is read beyond the end is zero, and makes ok() false.
class byte_reader {
 public:
  byte_reader(const std::uint8_t* bytes, std::size_t size) noexcept : bytes_(bytes), size_(size) {}

  [[nodiscard]] std::uint64_t get(unsigned size) noexcept {
    if (left() < size) {
      ok_ = false;
      at_ = size_;
      return 0;
    }
    std::uint64_t number = 0;
    for (unsigned i = 0; i < size; ++i) number |= static_cast<std::uint64_t>(bytes_[at_ + i]) << (8 * i);
    at_ += size;
    return number;
  }
  [[nodiscard]] double get_real() noexcept { return bit_cast<double>(get(8)); }

  [[nodiscard]] bool ok() const noexcept { return ok_; }
  [[nodiscard]] std::size_t left() const noexcept { return size_ - at_; }
  /// The bytes read so far, which a message counts as its place.
  [[nodiscard]] std::size_t place() const noexcept { return at_; }
  /// A fault in what was read last.
  [[nodiscard]] status malformed(const char* what, double value, const char* expected) const noexcept {
    return ok_ ? fault(errc::malformed, what, value, expected, at_)
               : fault(errc::malformed, "bytes", static_cast<double>(size_), "more bytes: they end too early", size_);
  }

 private:
  const std::uint8_t* bytes_;
  std::size_t size_;
  std::size_t at_ = 0;
  bool ok_ = true;
};

/// How a state is written, by a specialisation beside it:
///   static constexpr std::size_t least                       bytes that any state takes
///   static void write(const State& s, byte_writer& to)       the same bytes for equal states
///   static status try_read(byte_reader& from, State& out)    what write has written, or says what is wrong with it
template <class State>
struct state_bytes;

/// A state that has bytes, and an id that says which it is.
template <class State>
concept SerializableState = HasId<State> && requires(const State& s, State& out, byte_writer& to, byte_reader& from) {
  state_bytes<State>::least + std::size_t{};
  state_bytes<State>::write(s, to);
  state_bytes<State>::try_read(from, out).ok();
};

}  // namespace xquant

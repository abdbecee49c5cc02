// Counts by an integer index, in chunks where there are any and with counters no wider than they need to be.
#pragma once

#include <xquant/config.hpp>
#include <xquant/core/bits.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace xquant::inline XQUANT_ABI {

/// A count for every integer. Those that are not zero lie in chunks of 64 neighbours, and each chunk has counters of 8,
/// 16, 32 or 64 bits, the fewest that its largest count needs; so the content alone decides the form, and equal counts
/// are equal. Memory: 64 to 512 bytes for a chunk, 8 for each between the first and the last. Counts are below 2^64.
class sparse_counts {
 public:
  static constexpr int chunk_size = 64;
  using chunk = std::uint64_t[chunk_size];

  [[nodiscard]] bool empty() const noexcept { return directory_.empty(); }

  [[nodiscard]] std::uint64_t operator[](int i) const noexcept {
    const std::uint64_t entry = find(i >> 6);
    return entry == absent ? 0 : load(entry, static_cast<std::size_t>(i & 63));
  }

  /// One more of i.
  XQUANT_INLINE void increment(int i) {
    const std::uint64_t entry = find(i >> 6);
    if (entry != absent) {
      // Whatever the counter's width, which nobody can foretell: a word that begins with it, in which it is not full.
      const auto at = static_cast<std::size_t>(i & 63);
      unsigned char* const counter = counters(entry) + (at << (entry & 3));
      const std::uint64_t full = ~std::uint64_t{0} >> (64 - (8u << (entry & 3)));
      std::uint64_t word;
      __builtin_memcpy(&word, counter, sizeof(word));
      word = first_byte_lowest(word);
      if ((word & full) != full) {
        word = first_byte_lowest(word + 1);
        __builtin_memcpy(counter, &word, sizeof(word));
        return;
      }
    }
    chunk one = {};
    one[i & 63] = 1;
    add(i >> 6, one);
  }

  /// n[j] more of 64 c + j.
  void add(int c, const chunk& n) {
    chunk sum;
    std::uint64_t bits = 0;
    std::uint64_t entry = find(c);
    if (entry == absent) {
      for (int j = 0; j < chunk_size; ++j) bits |= sum[j] = n[j];
      if (bits == 0) return;
    } else {
      get(entry, sum);
      for (int j = 0; j < chunk_size; ++j) bits |= sum[j] += n[j];
    }
    const std::uint64_t width = width_of(bits);
    if (entry == absent || width != (entry & 3)) entry = make(c, width);
    put(entry, sum);
  }

  /// log2 of the bytes of the counters that these counts have.
  [[nodiscard]] static unsigned width(const chunk& counts) noexcept {
    std::uint64_t bits = 0;
    for (const std::uint64_t n : counts) bits |= n;
    return width_of(bits);
  }

  /// f(c, counts of 64 c to 64 c + 63) for each chunk with a count that is not zero, in ascending order.
  template <class F>
  void for_each_chunk(const F& f) const {
    for (std::size_t k = 0; k < directory_.size(); ++k) {
      if (directory_[k] == absent) continue;
      chunk counts;
      get(directory_[k], counts);
      f(first_ + static_cast<int>(k), static_cast<const chunk&>(counts));
    }
  }
  /// The same in descending order.
  template <class F>
  void for_each_chunk_down(const F& f) const {
    for (std::size_t k = directory_.size(); k-- > 0;) {
      if (directory_[k] == absent) continue;
      chunk counts;
      get(directory_[k], counts);
      f(first_ + static_cast<int>(k), static_cast<const chunk&>(counts));
    }
  }

  /// Bytes that lie outside of the object.
  [[nodiscard]] std::size_t memory() const noexcept {
    return words_.capacity() * sizeof(std::uint64_t) + directory_.capacity() * sizeof(std::uint64_t);
  }

  friend bool operator==(const sparse_counts&, const sparse_counts&) = default;

 private:
  // Where a chunk lies in units of 64 bytes, times 4, and log2 of the bytes of its counters.
  static constexpr std::uint64_t absent = ~std::uint64_t{0};
  static constexpr std::size_t unit = 8;  // words

  static constexpr std::uint32_t width_of(std::uint64_t bits) noexcept {
    return bits < 1u << 8 ? 0 : bits < 1u << 16 ? 1 : bits >> 32 == 0 ? 2 : 3;
  }
  XQUANT_INLINE std::uint64_t find(int c) const noexcept {
    const auto k = static_cast<std::size_t>(static_cast<std::ptrdiff_t>(c - first_));
    return k < directory_.size() ? directory_[k] : absent;
  }
  XQUANT_INLINE unsigned char* counters(std::uint64_t entry) noexcept {
    return reinterpret_cast<unsigned char*>(words_.data() + (entry >> 2) * unit);
  }
  XQUANT_INLINE const unsigned char* counters(std::uint64_t entry) const noexcept {
    return reinterpret_cast<const unsigned char*>(words_.data() + (entry >> 2) * unit);
  }

  // A counter as it lies in memory, its lowest byte first on every machine.
  template <class Counter>
  XQUANT_INLINE static constexpr Counter lowest_first(Counter value) noexcept {
    if constexpr (first_byte_lowest(1) == 1)
      return value;
    else
      return static_cast<Counter>(first_byte_lowest(value) >> (64 - 8 * sizeof(Counter)));
  }

  template <class Counter>
  static void get_as(const unsigned char* base, chunk& counts) noexcept {
    Counter value[chunk_size];
    __builtin_memcpy(value, base, sizeof(value));
    for (int j = 0; j < chunk_size; ++j) counts[j] = lowest_first(value[j]);
  }
  template <class Counter>
  static void put_as(unsigned char* base, const chunk& counts) noexcept {
    Counter value[chunk_size];
    for (int j = 0; j < chunk_size; ++j) value[j] = lowest_first(static_cast<Counter>(counts[j]));
    __builtin_memcpy(base, value, sizeof(value));
  }
  void get(std::uint64_t entry, chunk& counts) const noexcept {
    const unsigned char* const base = counters(entry);
    switch (entry & 3) {
      case 0: return get_as<std::uint8_t>(base, counts);
      case 1: return get_as<std::uint16_t>(base, counts);
      case 2: return get_as<std::uint32_t>(base, counts);
      default: return get_as<std::uint64_t>(base, counts);
    }
  }
  void put(std::uint64_t entry, const chunk& counts) noexcept {
    unsigned char* const base = counters(entry);
    switch (entry & 3) {
      case 0: return put_as<std::uint8_t>(base, counts);
      case 1: return put_as<std::uint16_t>(base, counts);
      case 2: return put_as<std::uint32_t>(base, counts);
      default: return put_as<std::uint64_t>(base, counts);
    }
  }
  std::uint64_t load(std::uint64_t entry, std::size_t at) const noexcept {
    const std::size_t size = std::size_t{1} << (entry & 3);
    const unsigned char* const from = counters(entry) + at * size;
    switch (entry & 3) {
      case 0: return *from;
      case 1: return value_at<std::uint16_t>(from);
      case 2: return value_at<std::uint32_t>(from);
      default: return value_at<std::uint64_t>(from);
    }
  }
  template <class Counter>
  static Counter value_at(const unsigned char* from) noexcept {
    Counter value;
    __builtin_memcpy(&value, from, sizeof(value));
    return lowest_first(value);
  }

  // Room for chunk c with counters of 2^width bytes, whose content is to be written, in the order of the chunks.
  std::uint64_t make(int c, std::uint64_t width) {
    if (directory_.empty()) first_ = c;
    if (c < first_) {
      insert(directory_, 0, static_cast<std::size_t>(first_ - c), absent);
      first_ = c;
    }
    const auto k = static_cast<std::size_t>(c - first_);
    if (k >= directory_.size()) insert(directory_, directory_.size(), k + 1 - directory_.size(), absent);
    const std::size_t units = std::size_t{1} << width;
    const std::size_t had = directory_[k] == absent ? 0 : std::size_t{1} << (directory_[k] & 3);
    std::size_t at = 0;
    if (had != 0)
      at = directory_[k] >> 2;
    else
      for (std::size_t before = k; before-- > 0;)
        if (directory_[before] != absent) {
          at = (directory_[before] >> 2) + (std::size_t{1} << (directory_[before] & 3));
          break;
        }
    if (words_.empty()) insert(words_, 0, 1, 0);
    insert(words_, (at + had) * unit, (units - had) * unit, 0);  // counts never shrink
    directory_[k] = static_cast<std::uint64_t>(at) << 2 | width;
    for (std::size_t after = k + 1; after < directory_.size(); ++after)
      if (directory_[after] != absent) directory_[after] += static_cast<std::uint64_t>(units - had) << 2;
    return directory_[k];
  }

  // Room grows by an eighth at a time, not twofold: states are many and stay.
  static void insert(std::vector<std::uint64_t>& v, std::size_t at, std::size_t n, std::uint64_t value) {
    if (v.size() + n > v.capacity()) v.reserve(std::max(v.size() + n, v.capacity() + v.capacity() / 8));
    v.insert(v.begin() + static_cast<std::ptrdiff_t>(at), n, value);
  }

  int first_ = 0;
  std::vector<std::uint64_t> directory_;  // of the chunks first_, first_ + 1, ...; first and last are not absent
  std::vector<std::uint64_t> words_;      // and one more, for increment() to read beyond the last counter
};

}  // namespace xquant

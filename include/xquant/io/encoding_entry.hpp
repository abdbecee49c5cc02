// What AIMET's encodings files say of a tensor and of a network, as values.
#pragma once

#include <xquant/config.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace xquant::inline XQUANT_ABI::io {

/// The schemas of AIMET's encodings files. 1.0.0 is AIMET's default.
enum class encodings_schema : std::uint8_t { v0_6_1, v1_0_0, v2_0_0 };

constexpr const char* name_of(encodings_schema schema) noexcept {
  switch (schema) {
    case encodings_schema::v0_6_1: return "0.6.1";
    case encodings_schema::v2_0_0: return "2.0.0";
    case encodings_schema::v1_0_0: break;
  }
  return "1.0.0";
}

/// What an entry says about its tensor's numbers.
enum class encoding_type : std::uint8_t {
  integer,       ///< real = scale * (q + offset), q in 0 .. 2^bits - 1
  floating,      ///< a floating-point tensor of `bits` bits: not quantized by a scale
  float8e4m3fn,  ///< real = scale * (a float8e4m3fn number); schema 2.0.0 alone
};

/// Whether a tensor is computed or a constant. Schema 2.0.0 does not say: find it out from the network
/// (simulation_encodings.hpp does).
enum class encoding_role : std::uint8_t { unknown, activation, parameter };

/// What a file says of one tensor, in AIMET's terms (encoding_quantizer.hpp has the encoding). A regular value.
struct encoding_entry {
  std::string name;  ///< of the tensor, in the network
  encoding_role role = encoding_role::unknown;
  encoding_type type = encoding_type::integer;
  int bits = 8;
  bool symmetric = false;
  std::optional<bool> is_signed;       ///< of the stored codes; only schema 2.0.0 says
  bool per_channel = false;            ///< a scale for each slice along `axis`
  std::optional<std::ptrdiff_t> axis;  ///< only schema 2.0.0 says
  std::vector<double> scale;           ///< positive; float32 values when they come from AIMET or from us
  /// For each scale, on the unsigned grid of 2^bits codes whatever the codes' signedness: 0 down to -(2^bits - 1).
  std::vector<std::int64_t> offset;
  /// For each scale, the highest q: the codes are 0 .. last_code. Empty means usual_last_code; filled where a file's
  /// minimum and maximum, or a quantizer, say otherwise.
  std::vector<std::int64_t> last_code;

  friend bool operator==(const encoding_entry&, const encoding_entry&) = default;
};

/// Whether the entry is AIMET's "strict symmetric": every offset is 1 - 2^(bits-1), so that the codes are
/// -(2^(bits-1) - 1) .. 2^(bits-1) - 1. Where only some offsets are, all channels have 2^bits codes: a symmetric range
/// of 2^bits - 1 steps has its ends half a step beside the grid, and which way the offset was rounded is chance.
inline bool is_strict_symmetric(const encoding_entry& e) {
  if (e.type != encoding_type::integer || !e.symmetric || e.offset.empty()) return false;
  for (const std::int64_t o : e.offset)
    if (o != 1 - (std::int64_t{1} << (e.bits - 1))) return false;
  return true;
}
/// The highest code where nothing else is said: 2^bits - 1, or one less of strict symmetric entries.
inline std::int64_t usual_last_code(const encoding_entry& e) {
  return (std::int64_t{1} << e.bits) - (is_strict_symmetric(e) ? 2 : 1);
}
/// The highest code of each slot.
inline std::vector<std::int64_t> last_codes_of(const encoding_entry& e) {
  return e.last_code.empty() ? std::vector<std::int64_t>(e.scale.size(), usual_last_code(e)) : e.last_code;
}
/// Whether the stored codes have a sign: what the entry says, or that it is symmetric with an offset.
inline bool has_signed_codes(const encoding_entry& e) {
  if (e.is_signed) return *e.is_signed;
  return e.symmetric && !(e.offset.empty() || e.offset.front() == 0);
}

/// An encodings file. A regular value.
struct encodings {
  encodings_schema schema = encodings_schema::v1_0_0;
  std::vector<encoding_entry> entries;

  /// The entry of that tensor, or null.
  [[nodiscard]] const encoding_entry* find(const std::string& name) const {
    for (const encoding_entry& e : entries)
      if (e.name == name) return &e;
    return nullptr;
  }
  friend bool operator==(const encodings&, const encodings&) = default;
};

}  // namespace xquant::io

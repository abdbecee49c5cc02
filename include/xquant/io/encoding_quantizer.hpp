// Where AIMET's conventions (an offset on the unsigned grid) and ours (a zero point among the codes) meet.
#pragma once

#include <xquant/core/range.hpp>
#include <xquant/encoding.hpp>
#include <xquant/exception.hpp>
#include <xquant/formats/float8.hpp>
#include <xquant/io/encoding_entry.hpp>
#include <xquant/io/error.hpp>
#include <xquant/model/error.hpp>
#include <xquant/model/fault.hpp>
#include <xquant/parameters.hpp>
#include <xquant/runtime.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace xquant::inline XQUANT_ABI::io {

/// The encoding that an entry stands for.
struct entry_encoding {
  xquant::encoding encoding;
  /// The codes of each channel, where some use fewer than the quantizer; empty otherwise.
  std::vector<code_bounds> channel_codes = {};
};

namespace detail {

// The codes of channel i less those of the unsigned grid: code = q + shift.
struct shifted_codes {
  std::int64_t lower = 0;
  std::int64_t upper = 0;
};

// Half a step from the middle at most.
constexpr bool is_centred(std::int64_t offset, std::int64_t last) noexcept {
  return 2 * offset + last >= -1 && 2 * offset + last <= 1;
}

}  // namespace detail

/// The encoding of an entry: real = scale * (q + offset), q in 0 .. last_code, says what the numbers are; the codes are
/// ours to choose.
///   - Symmetric entries have codes whose zero point is 0, unsigned where the offset is 0, signed otherwise; narrow, or
///     user-set codes (`lower`, `upper`), where they end early. Where signed codes of that width do not hold them
///     (offset 1 - 2^(bits-1) with 2^bits codes: -127 .. 128), they are affine, with the zero point -1.
///   - Other entries have unsigned codes with zero point -offset, or signed ones with -offset - 2^(bits-1) where the
///     entry says so, or `like` is an affine quantizer of signed integers of as many bits.
/// Channels share their codes; where some end earlier than others, channel_codes says so. `like` also gives rounding
/// and arithmetic, and the axis where the schema does not say. Throws io_error (malformed) for a symmetric entry whose
/// middle is more than half a step from 0, (unsupported) for codes that leave 0 out, more than 16 bits, and float
/// tensors.
inline entry_encoding encoding_of(const encoding_entry& e, const quantizer_description& like = {}) {
  const auto fail = [&](errc code, const std::string& problem) {
    throw io_error(code, "encoding of '" + model::shortened(e.name) + "': " + problem);
  };
  entry_encoding result;
  quantizer_description& q = result.encoding.quantizer;
  q = like;
  q.lower = q.upper = 0;
  q.conversion = conversion_of_format;
  q.zero_point_before_rounding = false;
  q.bits = e.bits;
  q.granularity = per_tensor{};
  if (e.per_channel)
    q.granularity = per_axis<>{e.axis ? *e.axis : like.granularity.is<per_axis<>>() ? axis_of(like.granularity) : 0};
  if (e.type == encoding_type::floating) fail(errc::unsupported, "a float tensor has no quantizer");
  const std::size_t count = e.scale.size();
  if (count == 0 || e.offset.size() != count)
    fail(errc::malformed, std::to_string(e.offset.size()) + " offsets for " + std::to_string(count) + " scales");
  if (!e.last_code.empty() && e.last_code.size() != count)
    fail(errc::malformed, std::to_string(e.last_code.size()) + " last codes for " + std::to_string(count) + " scales");
  std::vector<float> scales;
  for (const double s : e.scale) scales.push_back(static_cast<float>(s));
  if (e.type == encoding_type::float8e4m3fn) {
    q.format = id_of<e4m3fn>;
    q.bits = 8;
    q.scheme = id_of<symmetric<>>;
    result.encoding.parameters = parameters(std::move(scales));
    return result;
  }
  if (e.bits < 2 || e.bits > 16) fail(errc::unsupported, std::to_string(e.bits) + " bits; expected 2 to 16");
  const std::int64_t half = std::int64_t{1} << (e.bits - 1);
  const bool all_at_zero = std::all_of(e.offset.begin(), e.offset.end(), [](std::int64_t o) { return o == 0; });
  const std::vector<std::int64_t> last_codes = last_codes_of(e);
  bool holds_zero_point_0 = e.symmetric;
  for (std::size_t i = 0; i < count; ++i) {
    const std::int64_t o = e.offset[i];
    const std::int64_t last = last_codes[i];
    if (last < 1 || last > 2 * half - 1)
      fail(errc::malformed, "last code " + std::to_string(last) + "; expected 1 to " + std::to_string(2 * half - 1));
    if (e.symmetric && !all_at_zero && !detail::is_centred(o, last))
      fail(errc::malformed, "offset " + std::to_string(o) + " of a symmetric encoding of " + std::to_string(last + 1) +
                                " codes; expected " + std::to_string(-(last + 1) / 2) +
                                ((last & 1) != 0 ? " or " + std::to_string(1 - (last + 1) / 2) : "") +
                                ", or 0 for all channels");
    if (o > 0 || o + last < 0)
      fail(errc::unsupported, "offset " + std::to_string(o) + " with " + std::to_string(last + 1) +
                                  " codes leaves 0 out; expected an offset from " + std::to_string(-last) + " to 0");
    holds_zero_point_0 = holds_zero_point_0 && (all_at_zero || o + last < half);
  }
  bool is_signed = has_signed_codes(e);
  if (!e.is_signed && !e.symmetric)
    is_signed = like.format == signed_integer && like.scheme == id_of<affine> && like.bits == e.bits;
  q.format = is_signed ? signed_integer : unsigned_integer;
  // A symmetric entry of unsigned codes (2.0.0) keeps its zero point.
  const bool at_zero = holds_zero_point_0 && (is_signed || all_at_zero);
  q.scheme = at_zero ? id_of<symmetric<>> : id_of<affine>;

  std::vector<std::int32_t> zero_points;
  std::vector<detail::shifted_codes> codes;
  detail::shifted_codes all{2 * half, -2 * half};
  for (std::size_t i = 0; i < count; ++i) {
    const std::int64_t shift = at_zero ? e.offset[i] : is_signed ? -half : 0;
    codes.push_back({shift, shift + last_codes[i]});
    all = {std::min(all.lower, codes[i].lower), std::max(all.upper, codes[i].upper)};
    zero_points.push_back(static_cast<std::int32_t>(shift - e.offset[i]));
  }
  const std::int64_t lowest = is_signed ? -half : 0;
  if (all.lower != lowest || all.upper != lowest + 2 * half - 1) {
    if (at_zero && is_signed && all.lower == 1 - half && all.upper == half - 1) {
      q.scheme = id_of<symmetric<code_range::narrow>>;
    } else {
      q.lower = all.lower;
      q.upper = all.upper;
    }
  }
  for (const detail::shifted_codes& c : codes)
    if (c.lower != all.lower || c.upper != all.upper) {
      for (const detail::shifted_codes& each : codes)
        result.channel_codes.push_back({static_cast<double>(each.lower), static_cast<double>(each.upper), true});
      break;
    }
  result.encoding.parameters = parameters(std::move(scales), std::move(zero_points));
  return result;
}

/// The entry of a tensor with that encoding; the opposite of encoding_of. A negative axis counts from the end of a
/// tensor of rank `rank`. Throws io_error (unsupported) for a format, a granularity or a zero point that encodings do
/// not have; user-set codes become last_code.
inline encoding_entry entry_of(std::string name, encoding_role role, const encoding& own, std::size_t rank = 0) {
  const quantizer_description& q = own.quantizer;
  const parameters& p = own.parameters;
  encoding_entry e;
  e.name = std::move(name);
  e.role = role;
  const auto unsupported = [&](const char* what) {
    throw io_error(errc::unsupported, "encoding of '" + e.name + "': " + what);
  };
  if (!is_per_tensor_or_axis(q.granularity)) unsupported("scales for more than a tensor or the indices of one axis");
  if (q.zero_point_before_rounding || !xquant::detail::is_scheme_value(q.scheme))
    unsupported("a scheme with another zero point than an integer after the rounding, or with negative scales");
  e.per_channel = q.granularity.is<per_axis<>>();
  if (e.per_channel) e.axis = axis_of(q.granularity, rank);
  for (const float s : p.scale()) e.scale.push_back(static_cast<double>(s));
  if (q.format == id_of<e4m3fn>) {
    e.type = encoding_type::float8e4m3fn;
    e.symmetric = true;
    e.offset.assign(e.scale.size(), 0);
    return e;
  }
  if (q.format != signed_integer && q.format != unsigned_integer) unsupported("a format of this program's own");
  quantizer_description codes_alone = q;
  codes_alone.scheme = q.scheme == id_of<symmetric<code_range::narrow>> ? q.scheme : id_of<symmetric<>>;
  code_bounds codes;
  if (const status s = try_code_bounds<file_choices>(codes_alone, codes); !s.ok())
    throw io_error(errc::unsupported, "encoding of '" + e.name + "': " + model::unprefixed(xquant::error(s).what()));
  const auto lowest = static_cast<std::int64_t>(codes.lower);
  const auto last = static_cast<std::int64_t>(codes.upper) - lowest;
  e.bits = q.bits;
  e.is_signed = q.format == signed_integer;
  for (const std::int32_t z : p.zero_point()) {
    e.offset.push_back(lowest - z);
    if (lowest > z || z > lowest + last) unsupported("codes that leave out the zero point");
  }
  e.symmetric = xquant::detail::is_symmetric(q.scheme) &&
                (lowest == 0 || detail::is_centred(e.offset.empty() ? 0 : e.offset.front(), last));
  if (last != usual_last_code(e)) e.last_code.assign(e.offset.size(), last);
  return e;
}

}  // namespace xquant::io

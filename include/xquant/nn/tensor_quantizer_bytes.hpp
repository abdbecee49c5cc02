// tensor_quantizers as bytes: of any machine for any other, versioned, the same for equal quantizers, and not believed
// when read.
#pragma once

#include <xquant/calibration/calibrator_bytes.hpp>
#include <xquant/calibration/observer_bytes.hpp>
#include <xquant/calibration/state_bytes.hpp>
#include <xquant/core/bits.hpp>
#include <xquant/exception.hpp>
#include <xquant/nn/tensor_quantizer.hpp>
#include <xquant/parameters.hpp>

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace xquant::inline XQUANT_ABI {

namespace detail {

inline constexpr std::uint64_t tensor_quantizer_magic = 0x0a0d'5155'5451'58'89ull;  // 89 'X' 'Q' 'T' 'U' 'Q' CR LF
inline constexpr unsigned tensor_quantizer_version = 1;

// f(name, number) for each part of a description, in the order of the bytes.
template <class F>
void each_part(const tensor_quantizer_description& d, const F& f) {
  const quantizer_description& q = d.quantizer;
  const auto real = [](double x) { return bit_cast<std::uint64_t>(x + 0.0); };
  const auto whole = [](std::int64_t n) { return static_cast<std::uint64_t>(n); };
  f("bytes.format", q.format.number);
  f("bytes.bits", whole(q.bits));
  f("bytes.lower", whole(q.lower));
  f("bytes.upper", whole(q.upper));
  f("bytes.minifloat.exponent_bits", whole(q.minifloat.exponent_bits));
  f("bytes.minifloat.mantissa_bits", whole(q.minifloat.mantissa_bits));
  f("bytes.minifloat.bias", whole(q.minifloat.bias));
  f("bytes.minifloat.specials", static_cast<std::uint64_t>(q.minifloat.specials));
  f("bytes.minifloat.is_signed", q.minifloat.is_signed ? 1 : 0);
  f("bytes.conversion", q.conversion.number);
  f("bytes.granularity", q.granularity.id().number);
  f("bytes.granularity", q.granularity.experts());
  for (std::size_t i = 0; i < granularity_description::words; ++i) f("bytes.granularity", q.granularity.word(i));
  f("bytes.scheme", q.scheme.number);
  f("bytes.degenerate", q.degenerate.number);
  f("bytes.power_of_two", static_cast<std::uint64_t>(q.power_of_two));
  f("bytes.zero_point_before_rounding", q.zero_point_before_rounding ? 1 : 0);
  f("bytes.rounding", q.rounding.number);
  f("bytes.arithmetic", q.arithmetic.number);
  f("bytes.seed", q.seed);
  f("bytes.first_index", q.first_index);
  f("bytes.calibrator", d.calibrator.size());
  for (const char c : d.calibrator) f("bytes.calibrator", static_cast<unsigned char>(c));
  f("bytes.estimator", d.estimator.number);
  f("bytes.estimator_settings", d.estimator_settings.size());
  for (const double setting : d.estimator_settings) f("bytes.estimator_settings", real(setting));
  f("bytes.dynamic", d.dynamic ? 1 : 0);
  f("bytes.mode", d.mode ? static_cast<std::uint64_t>(*d.mode) + 1 : 0);
  f("bytes.non_finite", static_cast<std::uint64_t>(d.non_finite.action));
  f("bytes.non_finite", real(d.non_finite.bound));
}

inline void put_float(float x, byte_writer& to) { to.put(bit_cast<std::uint32_t>(x), 4); }
inline float get_float(byte_reader& from) { return bit_cast<float>(static_cast<std::uint32_t>(from.get(4))); }

}  // namespace detail

/// The quantizer as bytes. Numbers have their lowest byte first; reals are those of IEEE 754.
///   magic (8), version (2), the description (8 each: detail::each_part), mode (1),
///   slots of the encoding (8), which zero points (1: 0 none, 1 integers, 2 reals), scales (4 each), zero points (4
///   each), what is learned (4 each, parameter by parameter), bytes of the observer (8, and so many), FNV-1a of all
///   that (8)
/// Gradients are left out. Equal quantizers give equal bytes. Refuses (errc::unsupported) a calibrator whose state has
/// no bytes; `out` is untouched then.
[[nodiscard]] inline status try_to_bytes(const tensor_quantizer& q, std::vector<std::uint8_t>& out) {
  std::vector<std::uint8_t> observed;
  if (const status bad = q.calibrator().try_to_bytes(observed); !bad.ok()) return bad;
  byte_writer to;
  to.put(detail::tensor_quantizer_magic, 8);
  to.put(detail::tensor_quantizer_version, 2);
  detail::each_part(q.description(), [&](const char*, std::uint64_t number) { to.put(number, 8); });
  to.put(static_cast<std::uint64_t>(q.mode()), 1);
  const parameters& p = q.encoding().parameters;
  const parameters_view<float> view = p.view();
  to.put(p.count(), 8);
  to.put(view.real_zero_point != nullptr ? 2 : view.zero_point != nullptr ? 1 : 0, 1);
  for (const float s : p.scale()) detail::put_float(s, to);
  if (view.real_zero_point != nullptr)
    for (const float z : p.real_zero_point()) detail::put_float(z, to);
  else if (view.zero_point != nullptr)
    for (const std::int32_t z : p.zero_point()) to.put(static_cast<std::uint32_t>(z), 4);
  for (std::size_t k = 0; k < q.learned_count(); ++k)
    for (const float v : q.learned(k)) detail::put_float(v, to);
  to.put(observed.size(), 8);
  for (const std::uint8_t byte : observed) to.put(byte, 1);
  to.put(detail::checksum(to.bytes().data(), to.bytes().size()), 8);
  out = to.bytes();
  return {};
}

/// Makes `out` the quantizer that try_to_bytes was given. `out` says which one is expected, by its description: refuses
/// (errc::not_mergeable) another, naming what differs, and (errc::unsupported) a version that this program does not
/// know. Refuses as errc::malformed, or as what is wrong with them: bytes that end too early or too late or were
/// damaged, more slots than there are bytes for, parameters that no encoding has, learned values that do not give the
/// encoding, and an observer's state that no data give. Then `out` is as it was. Allocates no more than a small
/// multiple of the bytes.
[[nodiscard]] inline status try_from_bytes(const std::uint8_t* bytes, std::size_t size, tensor_quantizer& out) {
  byte_reader from(nullptr, 0);
  if (const status bad = detail::open_bytes(bytes, size, detail::tensor_quantizer_magic,
                                            detail::tensor_quantizer_version, "the bytes of a tensor_quantizer", from);
      !bad.ok())
    return bad;
  status other;
  detail::each_part(out.description(), [&](const char* name, std::uint64_t number) {
    const std::uint64_t met = from.get(8);
    if (other.ok() && from.ok() && met != number)
      other = fault(errc::not_mergeable, name, static_cast<double>(met), "that of the quantizer to be read");
  });
  if (!other.ok()) return other;
  tensor_quantizer read = out;
  const std::uint64_t mode = from.get(1);
  if (!from.ok() || mode > static_cast<std::uint64_t>(quantizer_mode::clip))
    return from.malformed("bytes.mode", static_cast<double>(mode), "one of the quantizer_modes");
  if (const status bad = read.try_set_mode(static_cast<quantizer_mode>(mode)); !bad.ok()) return bad;
  const std::uint64_t slots = from.get(8);
  const std::uint64_t zero_points = from.get(1);
  const std::size_t numbers = 1 + (zero_points != 0 ? 1 : 0) + read.learned_count();
  if (!from.ok() || slots > from.left() / (4 * numbers))
    return from.malformed("bytes.slots", static_cast<double>(slots), "no more slots than there are bytes for");
  if (zero_points > 2 || (slots == 0 && zero_points != 0))
    return from.malformed("bytes.zero_points", static_cast<double>(zero_points), "none, integers or reals");
  std::vector<float> scales(static_cast<std::size_t>(slots));
  for (float& s : scales) s = detail::get_float(from);
  parameters p;
  if (zero_points == 2) {
    std::vector<float> zeros(scales.size());
    for (float& z : zeros) z = detail::get_float(from);
    p = parameters::with_real_zero_points(std::move(scales), std::move(zeros));
  } else if (zero_points == 1) {
    std::vector<std::int32_t> zeros(scales.size());
    bool any = false;
    for (std::int32_t& z : zeros) {
      z = static_cast<std::int32_t>(static_cast<std::uint32_t>(from.get(4)));
      any = any || z != 0;
    }
    if (!any) return from.malformed("bytes.zero_points", 1, "none where all are zero");
    p = parameters(std::move(scales), std::move(zeros));
  } else {
    p = parameters(std::move(scales));
  }
  std::vector<std::vector<float>> learned(read.learned_count(), std::vector<float>(p.count()));
  for (std::vector<float>& values : learned)
    for (float& v : values) v = detail::get_float(from);
  if (!from.ok()) return from.malformed("", 0, "");
  read.drop_encoding();
  if (slots != 0) {
    if (const status bad = read.try_set_encoding({read.description().quantizer, p}); !bad.ok()) return bad;
    // The encoding was taken as it is, and what is learned read off it; or it was made of what is learned.
    bool same = read.encoding().parameters == p;
    for (std::size_t k = 0; k < learned.size(); ++k) same = same && read.learned(k) == learned[k];
    if (!same) {
      if (const status bad = read.try_set_learned(learned); !bad.ok()) return bad;
      if (!(read.encoding().parameters == p))
        return from.malformed("bytes.learned", static_cast<double>(slots), "learned values that give the encoding");
    }
  }
  const std::uint64_t observed = from.get(8);
  if (!from.ok() || observed != from.left())
    return from.malformed("bytes.observer", static_cast<double>(observed), "the length of all that is left");
  if (const status bad = read.try_set_observed(bytes + from.place(), static_cast<std::size_t>(observed)); !bad.ok())
    return bad;
  out = std::move(read);
  return {};
}
[[nodiscard]] inline status try_from_bytes(const std::vector<std::uint8_t>& bytes, tensor_quantizer& out) {
  return try_from_bytes(bytes.data(), bytes.size(), out);
}

#if XQUANT_HAS_EXCEPTIONS
/// The same; they throw xquant::error.
[[nodiscard]] inline std::vector<std::uint8_t> to_bytes(const tensor_quantizer& q) {
  std::vector<std::uint8_t> bytes;
  throw_if(try_to_bytes(q, bytes));
  return bytes;
}
inline void from_bytes(const std::vector<std::uint8_t>& bytes, tensor_quantizer& out) {
  throw_if(try_from_bytes(bytes, out));
}
#endif

}  // namespace xquant

// Every place where a rounding to a small float changes its answer, with its neighbours, in float and double.
#include <doctest/doctest.h>

#include <core/oracle.hpp>
#include <formats/subjects.hpp>

using namespace formats_test;  // NOLINT: every line names several

namespace {

// NaN has many codes in some formats; which one is given is part of the conversion and compared too.
template <class L>
std::size_t wrong_at(const subject& s, const grid& g, const functions<L>& f, L v, rule how) {
  const unsigned code = code_of(g, s.special, static_cast<double>(v), how);
  const double value = s.definition.value(code);
  const L snapped = f.snap(v, how);
  std::size_t wrong = f.encode(v, how) != static_cast<std::int32_t>(code);
  // fake quantize gives +0 for what has no -0; snap may give -0.
  if (value == 0 && !s.has_negative_zero)
    wrong += snapped != 0;
  else
    wrong += !oracle::same(static_cast<double>(snapped), value);
  bool is_inside = std::isfinite(v) && g.round(static_cast<double>(v), how) != g.overflow();
  if (s.definition.sign == 0 && v < 0) is_inside = is_inside && g.round(static_cast<double>(v), how) == 0;
  wrong += f.inside(v, how) != is_inside;
  return wrong;
}

template <class L>
std::size_t wrong_around(const subject& s, const grid& g, const functions<L>& f, double place, int count) {
  std::size_t wrong = 0;
  for (const L sign : {L(1), L(-1)}) {
    L v = sign * static_cast<L>(place);
    for (int k = 0; k < 2; ++k) v = std::nextafter(v, -std::numeric_limits<L>::infinity());
    for (int k = 0; k < 5; ++k) {
      for (int how = 0; how < count; ++how) wrong += wrong_at(s, g, f, v, static_cast<rule>(how));
      v = std::nextafter(v, std::numeric_limits<L>::infinity());
    }
  }
  return wrong;
}

template <class L>
std::size_t wrong_everywhere(const subject& s, const grid& g, const functions<L>& f) {
  std::size_t wrong = 0;
  // All roundings where codes are few; of 16-bit formats one code in seven has them all.
  for (unsigned k = 0; k < g.count(); ++k) {
    const int count = s.code_bytes == 1 || k % 7 == 0 || k + 20 > g.count() || k < 20 ? rules : 2;
    const double low = g.magnitude(k);
    const double high = g.magnitude(k + 1);
    wrong += wrong_around(s, g, f, low, count);
    wrong += wrong_around(s, g, f, low + (high - low) / 2, count);
    wrong += wrong_around(s, g, f, low + (high - low) / 4, count);
  }
  // Beyond the numbers: to the ends of the lane, and below every step, subnormal numbers of the lane included.
  for (int e = std::numeric_limits<L>::min_exponent - std::numeric_limits<L>::digits;
       e < std::numeric_limits<L>::max_exponent; ++e)
    wrong += wrong_around(s, g, f, std::ldexp(1.25, e), rules);
  for (const L v : {std::numeric_limits<L>::infinity(), std::numeric_limits<L>::max(), std::numeric_limits<L>::min(),
                    std::numeric_limits<L>::denorm_min(), std::numeric_limits<L>::quiet_NaN(), L(0)})
    for (int how = 0; how < rules; ++how)
      wrong += wrong_at(s, g, f, v, static_cast<rule>(how)) + wrong_at(s, g, f, L(-v), static_cast<rule>(how));
  return wrong;
}

}  // namespace

TEST_CASE("small floats: every number, midpoint and quarter with two neighbours on each side, every rounding") {
  for (const subject& s : subjects()) {
    CAPTURE(s.name);
    const grid g(s.definition);
    CHECK(wrong_everywhere(s, g, s.in_float) == 0);
    CHECK(wrong_everywhere(s, g, s.in_double) == 0);
  }
}

TEST_CASE("small floats: where overflow begins, rounding to nearest even") {
  // The largest float that stays a number, and the next: midpoints of the last number and what would follow it.
  const auto last_of = [](const std::string& name) {
    for (const subject& s : subjects())
      if (s.name == name) {
        float lo = static_cast<float>(s.largest);
        float hi = static_cast<float>(2 * s.largest);
        if (std::isinf(hi)) hi = std::numeric_limits<float>::max();
        while (std::nextafter(lo, hi) < hi) {
          const float mid = lo + (hi - lo) / 2;
          (s.in_float.inside(mid, rule::nearest_even) ? lo : hi) = mid;
        }
        return lo;
      }
    return 0.0f;
  };
  CHECK(last_of("e4m3fn") == 464);
  CHECK(last_of("e5m2") == std::nextafter(61440.0f, 0.0f));
  CHECK(last_of("e4m3fnuz") == std::nextafter(248.0f, 0.0f));
  CHECK(last_of("e4m3") == std::nextafter(248.0f, 0.0f));
  CHECK(last_of("e3m4") == std::nextafter(15.75f, 0.0f));
  CHECK(last_of("binary16") == std::nextafter(65520.0f, 0.0f));
  CHECK(last_of("bfloat16_format") == std::nextafter(0x1.ffp127f, 0.0f));
  CHECK(last_of("e2m1") == std::nextafter(7.0f, 0.0f));
}

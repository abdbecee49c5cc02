// Every code of every small float: what it stands for, and that it is found again.
#include <doctest/doctest.h>

#include <core/oracle.hpp>
#include <formats/subjects.hpp>

using namespace formats_test;  // NOLINT: every line names several

namespace {

template <class L>
std::size_t wrong_codes(const subject& s, const functions<L>& f) {
  std::size_t wrong = 0;
  for (unsigned code = 0; code < s.definition.codes(); ++code) {
    const double value = s.definition.value(code);
    const L decoded = f.decode(static_cast<std::int32_t>(code));
    wrong += !oracle::same(static_cast<double>(decoded), value);
    // NaN of either sign; and the sign is the code's.
    if (std::isnan(value) && s.definition.specials != kind::fnuz)
      wrong += std::signbit(decoded) != ((code & s.definition.sign_bit()) != 0);
    if (std::isnan(value) || std::isinf(value)) continue;
    for (int how = 0; how < rules; ++how) {
      const auto r = static_cast<rule>(how);
      wrong += f.encode(static_cast<L>(value), r) != static_cast<std::int32_t>(code);
      wrong += !oracle::same(static_cast<double>(f.snap(static_cast<L>(value), r)), value);
      wrong += !f.inside(static_cast<L>(value), r);
    }
  }
  return wrong;
}

}  // namespace

TEST_CASE("small floats: every code decodes to its definition and encodes back under every rounding") {
  for (const subject& s : subjects()) {
    CAPTURE(s.name);
    CHECK(wrong_codes(s, s.in_float) == 0);
    CHECK(wrong_codes(s, s.in_double) == 0);
  }
}

TEST_CASE("small floats: their constants") {
  for (const subject& s : subjects()) {
    CAPTURE(s.name);
    unsigned finite = 0;
    double largest = 0;
    double smallest = INFINITY;
    double before = -1;
    bool rises = true;
    unsigned nans = 0;
    bool negative_zero = false;
    for (unsigned code = 0; code < s.definition.codes(); ++code) {
      const double value = s.in_double.decode(static_cast<std::int32_t>(code));
      nans += std::isnan(value);
      if (!std::isfinite(value)) continue;
      ++finite;
      if (value == 0 && std::signbit(value)) negative_zero = true;
      if ((code & s.definition.sign_bit()) != 0) continue;
      rises = rises && value > before;
      before = value;
      largest = std::fmax(largest, value);
      if (value > 0) smallest = std::fmin(smallest, value);
    }
    CHECK(rises);
    CHECK(finite == s.finite_codes);
    CHECK(largest == s.largest);
    CHECK(smallest == s.smallest);
    CHECK(s.upper_bound == s.largest);
    CHECK(s.lower_bound == (s.definition.sign != 0 ? -s.largest : 0));
    CHECK(s.upper_code == static_cast<std::int32_t>(s.definition.codes()) - 1);
    CHECK(s.code_bytes == (s.definition.codes() > 256 ? 2 : 1));
    CHECK(s.keeps_nan == (nans != 0));
    CHECK(s.has_negative_zero == negative_zero);
    // The first code whose neighbours are as far as the next binade's: 2^mantissa steps above 0.
    const auto first_normal = std::int32_t{1} << s.definition.mantissa;
    if (s.definition.exponent != 0) CHECK(s.in_double.decode(first_normal) == s.smallest_normal);
    // From there on everything is overflow.
    CHECK(s.quotient_limit > s.largest);
    CHECK(s.quotient_limit <= 2.5 * s.largest);
  }
}

TEST_CASE("small floats: which may take the short quotient") {
  // Midpoints (k + 1/2) 2^j, k < 2^10, from 2^-10 up, and nothing asked beyond 2^10: docs/exhaustive.md.
  for (const subject& s : subjects()) {
    CAPTURE(s.name);
    if (!s.short_quotient) continue;
    CHECK(s.code_bytes == 1);
    CHECK(s.smallest / 2 >= 0x1p-10);
    CHECK(s.quotient_limit <= 0x1p10);
    CHECK(s.definition.mantissa <= 9);
    CHECK(s.special.overflow[0] == s.special.infinity[0]);
    CHECK(s.special.overflow[1] == s.special.infinity[1]);
  }
  for (const subject& s : subjects()) {
    if (s.name == "e4m3fn" || s.name == "e2m1") CHECK(s.short_quotient);
    if (s.name == "e5m2" || s.name == "binary16" || s.name == "e4m3fn, ml_dtypes saturating") CHECK(!s.short_quotient);
  }
}

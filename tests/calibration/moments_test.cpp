// Exact sums against sums of single bits, and means against integer arithmetic; joint states against their halves.
#include <xquant/adapt/span.hpp>
#include <xquant/calibration/histogram.hpp>
#include <xquant/calibration/joint_state.hpp>
#include <xquant/calibration/min_max.hpp>
#include <xquant/calibration/moments.hpp>
#include <xquant/calibration/observer_bytes.hpp>
#include <xquant/granularity/per_axis.hpp>

#include "calibration/samples.hpp"
#include "support/scale.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace {

using xquant::moments;
using xquant::observer;
using xquant_test::samples;
using xquant_test::view_of;
__extension__ using int128 = __int128;

// A sum bit by bit: how often each power of two from 2^-2148 on was added, less how often it was taken away.
struct bit_sum {
  std::vector<std::int64_t> times = std::vector<std::int64_t>(4600);

  // m 2^exponent, m of at most 106 bits.
  void add(int128 m, int exponent, int sign) {
    for (std::size_t at = static_cast<std::size_t>(exponent + 2148); m != 0; m >>= 1, ++at)
      if ((m & 1) != 0) times[at] += sign;
  }
  // The words of two's complement that begin with 2^lowest.
  std::vector<std::uint64_t> words(int lowest, std::size_t count) const {
    std::vector<std::uint64_t> result(count);
    std::int64_t carry = 0;
    for (std::size_t i = static_cast<std::size_t>(lowest + 2148), to = 0; to < 64 * count; ++i, ++to) {
      const std::int64_t here = (i < times.size() ? times[i] : 0) + carry;
      if ((here & 1) != 0) result[to / 64] |= std::uint64_t{1} << (to % 64);
      carry = (here - (here & 1)) / 2;
    }
    return result;
  }
};

template <class Sum>
bool same(const Sum& s, const bit_sum& expected) {
  const std::vector<std::uint64_t> words = expected.words(Sum::lowest, Sum::words);
  for (std::size_t i = 0; i < Sum::words; ++i)
    if (s.word(i) != words[i]) return false;
  return true;
}

template <class Real>
void check_sums(const moments& m, const std::vector<Real>& x) {
  bit_sum sum;
  bit_sum magnitudes;
  bit_sum squares;
  for (const Real v : x) {
    int exponent = 0;
    const double fraction = std::frexp(std::fabs(static_cast<double>(v)), &exponent);
    auto mantissa = static_cast<std::int64_t>(std::ldexp(fraction, 53));
    exponent -= 53;
    while (mantissa != 0 && mantissa % 2 == 0) {
      mantissa /= 2;
      ++exponent;
    }
    sum.add(mantissa, exponent, v < 0 ? -1 : 1);
    magnitudes.add(mantissa, exponent, 1);
    squares.add(static_cast<int128>(mantissa) * mantissa, 2 * exponent, 1);
  }
  CHECK(m.samples() == x.size());
  CHECK(same(m.sum(), sum));
  CHECK(same(m.magnitude_sum(), magnitudes));
  CHECK(same(m.square_sum(), squares));
}

// a / b to the nearest double, ties to even, by long division; b > 0.
double quotient(int128 a, int128 b) {
  const double sign = a < 0 ? -1 : 1;
  if (a < 0) a = -a;
  if (a == 0) return 0;
  int exponent = 0;
  while (a / b >= (int128{1} << 54)) {
    b *= 2;
    ++exponent;
  }
  while (a / b < (int128{1} << 53)) {
    a *= 2;
    --exponent;
  }
  int128 q = a / b;  // 54 bits
  const bool rest = a % b != 0;
  const bool half = (q & 1) != 0;
  q >>= 1;
  if (half && (rest || (q & 1) != 0)) ++q;
  return sign * std::ldexp(static_cast<double>(q), exponent + 1);
}

}  // namespace

TEST_CASE("moments: exact sums of floats of every kind, in any split and order") {
  std::mt19937 generator(1);
  for (unsigned kind = 0; kind < 10; ++kind)
    for (const std::size_t n : {1u, 2u, 511u, 512u, 513u, 3000u}) {
      CAPTURE(kind);
      CAPTURE(n);
      std::vector<float> x = samples(generator, kind, n);
      if (kind == 0 && n > 100) x[50] = 1e6f;
      observer<moments> whole;
      whole.observe(view_of(x));
      check_sums(whole.states()[0], x);
      std::shuffle(x.begin(), x.end(), generator);
      observer<moments> parts[2];
      for (std::size_t first = 0, turn = 0; first < n; ++turn) {
        const std::size_t m = std::min<std::size_t>(1 + generator() % 700, n - first);
        parts[turn % 2].observe(xquant::tensor_view<const float>(x.data() + first, xquant::shape(m)));
        first += m;
      }
      parts[0].merge(parts[1]);
      CHECK(parts[0] == whole);
      CHECK(to_bytes(parts[0]) == to_bytes(whole));
    }
}

TEST_CASE("moments: exact sums of doubles, the widest there are; floats among them") {
  std::mt19937_64 generator(2);
  std::vector<double> x = {std::numeric_limits<double>::max(),
                           -std::numeric_limits<double>::max(),
                           std::numeric_limits<double>::denorm_min(),
                           1.0,
                           -0.0,
                           -1e-310};
  while (x.size() < 600) {
    double v = 0;
    const std::uint64_t word = generator();
    std::memcpy(&v, &word, 8);
    if (std::isfinite(v)) x.push_back(v);
  }
  observer<moments> o;
  o.observe(x);
  check_sums(o.states()[0], x);
  std::mt19937 of_floats(3);
  const std::vector<float> floats = samples(of_floats, 0, 600);
  o.observe(view_of(floats));
  x.insert(x.end(), floats.begin(), floats.end());
  check_sums(o.states()[0], x);
  observer<moments> same_numbers;
  same_numbers.observe(std::vector<double>(floats.begin(), floats.end()));
  observer<moments> as_floats;
  as_floats.observe(view_of(floats));
  CHECK(same_numbers == as_floats);
}

TEST_CASE("moments: means are the nearest doubles") {
  std::mt19937 generator(4);
  for (std::size_t round = 0; round < xquant_test::scaled(300, 60); ++round) {
    // Multiples of 2^-10 about an offset far from zero, where other ways cancel.
    const std::size_t n = 1 + generator() % 900;
    const int offset = round % 3 == 0 ? 0 : 4000000;
    std::vector<float> x(n);
    int128 sum = 0;
    int128 magnitudes = 0;
    int128 squares = 0;
    for (float& v : x) {
      const int k = offset + static_cast<int>(generator() % 2001) - 1000;
      v = std::ldexp(static_cast<float>(k), -10);
      sum += k;
      magnitudes += k < 0 ? -k : k;
      squares += static_cast<int128>(k) * k;
    }
    observer<moments> o;
    o.observe(view_of(x));
    const moments& m = o.states()[0];
    const auto count = static_cast<int128>(n);
    CHECK(m.mean() == std::ldexp(quotient(sum, count), -10));
    CHECK(m.mean_magnitude() == std::ldexp(quotient(magnitudes, count), -10));
    CHECK(m.mean_square() == std::ldexp(quotient(squares, count), -20));
    CHECK(m.variance() == std::ldexp(quotient(count * squares - sum * sum, count * count), -20));
  }
  // Ties, subnormal results, and the ends of the numbers.
  observer<moments> tie;
  tie.observe(std::vector<double>{1.0, 1.0 + 0x1p-52});
  CHECK(tie.states()[0].mean() == 1.0);
  CHECK(tie.states()[0].variance() == 0x1p-106);
  observer<moments> small;
  small.observe(std::vector<double>{0x1p-1074, 0x1p-1073});
  CHECK(small.states()[0].mean() == 0x1p-1073);  // 1.5 units, to even
  CHECK(small.states()[0].mean_square() == 0);
  observer<moments> large;
  large.observe(std::vector<double>(7, std::numeric_limits<double>::max()));
  CHECK(large.states()[0].mean() == std::numeric_limits<double>::max());
  CHECK(std::isinf(large.states()[0].mean_square()));
  CHECK(large.states()[0].variance() == 0);
}

TEST_CASE("moments: odd data") {
  CHECK(moments().empty());
  observer<moments> zeros;
  zeros.observe(std::vector<float>{0.0f, -0.0f});
  CHECK(zeros.states()[0].samples() == 2);
  CHECK(zeros.states()[0].mean() == 0);
  CHECK(zeros.states()[0].variance() == 0);
  observer<moments> constant;
  constant.observe(std::vector<float>(1000, -0.1f));
  CHECK(constant.states()[0].mean() == static_cast<double>(-0.1f));
  CHECK(constant.states()[0].mean_magnitude() == static_cast<double>(0.1f));
  CHECK(constant.states()[0].variance() == 0);
  CHECK(constant.try_observe(std::vector<float>{INFINITY}).code == xquant::errc::not_finite);
  CHECK(xquant::ranges_of(constant, xquant::full_range{})[0] == xquant::range<float>{-0.1f, -0.1f});
}

TEST_CASE("joint state: its halves are those of observers of their own; its bytes") {
  using both = xquant::joint_state<xquant::histogram, moments>;
  std::mt19937 generator(6);
  const std::vector<float> x = samples(generator, 0, 70000);
  const xquant::tensor_view<const float> view(x.data(), xquant::shape(2, 35000));
  observer<both, xquant::per_axis<0>> joint;
  observer<xquant::histogram, xquant::per_axis<0>> first;
  observer<moments, xquant::per_axis<0>> second;
  joint.observe(view);
  first.observe(view);
  second.observe(view);
  REQUIRE(joint.slots() == 2);
  for (std::size_t slot = 0; slot < 2; ++slot) {
    CHECK(joint.states()[slot].first() == first.states()[slot]);
    CHECK(joint.states()[slot].second() == second.states()[slot]);
  }
  observer<both, xquant::per_axis<0>> read;
  from_bytes(to_bytes(joint), read);
  CHECK(read == joint);
  CHECK(try_from_bytes(to_bytes(first), read).code == xquant::errc::not_mergeable);

  // Sums that no elements between the extremes have; one or two elements are the extremes.
  std::size_t refused = 0;
  std::size_t wrong = 0;
  std::size_t all = 0;
  const auto flip_all = [&](const observer<moments>& m, std::size_t from) {
    const std::vector<std::uint8_t> good = to_bytes(m);
    for (std::size_t i = from; i + 8 < good.size(); ++i)
      for (const unsigned flip : {1u, 128u}) {
        std::vector<std::uint8_t> bad = good;
        bad[i] = static_cast<std::uint8_t>(bad[i] ^ flip);
        std::uint64_t sum = 14695981039346656037u;
        for (std::size_t k = 0; k + 8 < bad.size(); ++k) sum = (sum ^ bad[k]) * 1099511628211u;
        for (unsigned k = 0; k < 8; ++k) bad[bad.size() - 8 + k] = static_cast<std::uint8_t>(sum >> (8 * k));
        observer<moments> got;
        if (!try_from_bytes(bad, got).ok())
          ++refused;
        else
          wrong += to_bytes(got) == bad ? 0 : 1;
        ++all;
      }
  };
  observer<moments> m;
  m.observe(std::vector<float>{1, 3});
  flip_all(m, 0);
  CHECK(wrong == 0);
  CHECK(refused > all / 4);
  observer<moments> one;
  one.observe(std::vector<float>{1});
  const std::size_t samples_end = to_bytes(observer<moments>()).size() - 8 + 16 + 8;  // behind the number of elements
  refused = all = 0;
  flip_all(one, samples_end);
  flip_all(m, samples_end);
  CHECK(refused == all);
  // The extremes of one element are one number: the last bit of its maximum.
  std::vector<std::uint8_t> two_ends = to_bytes(one);
  two_ends[samples_end - 16] ^= 1u;
  std::uint64_t sum = 14695981039346656037u;
  for (std::size_t k = 0; k + 8 < two_ends.size(); ++k) sum = (sum ^ two_ends[k]) * 1099511628211u;
  for (unsigned k = 0; k < 8; ++k) two_ends[two_ends.size() - 8 + k] = static_cast<std::uint8_t>(sum >> (8 * k));
  observer<moments> got;
  CHECK(try_from_bytes(two_ends, got).code == xquant::errc::malformed);
}

TEST_CASE("joint states in joint states have ids of their own") {
  using xquant::extremes;
  using xquant::histogram;
  using xquant::id_of;
  using xquant::joint_state;
  const std::vector<int> ids = {id_of<joint_state<extremes, histogram>>.number,
                                id_of<joint_state<histogram, extremes>>.number,
                                id_of<joint_state<extremes, joint_state<histogram, moments>>>.number,
                                id_of<joint_state<histogram, joint_state<extremes, moments>>>.number,
                                id_of<joint_state<joint_state<extremes, histogram>, moments>>.number,
                                id_of<joint_state<joint_state<histogram, extremes>, moments>>.number,
                                id_of<extremes>.number,
                                id_of<histogram>.number,
                                id_of<moments>.number};
  for (std::size_t i = 0; i < ids.size(); ++i)
    for (std::size_t j = 0; j < i; ++j) CHECK(ids[i] != ids[j]);
}

// Observers as bytes: a layout written down by hand, equal bytes for equal multisets, and bytes that are not believed.
#include <xquant/adapt/span.hpp>
#include <xquant/calibration/observer_bytes.hpp>
#include <xquant/granularity/per_axis.hpp>
#include <xquant/granularity/per_group.hpp>

#include "calibration/samples.hpp"
#include "support/scale.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <string>

namespace {

using xquant::errc;
using xquant::extremes;
using xquant::histogram;
using xquant::observer;
using xquant::per_axis;
using xquant::status;
using bytes = std::vector<std::uint8_t>;
using xquant_test::view_of;

void put(bytes& b, std::uint64_t v, unsigned size) {
  for (unsigned i = 0; i < size; ++i) b.push_back(static_cast<std::uint8_t>(v >> (8 * i)));
}
void put_real(bytes& b, double x) {
  std::uint64_t word = 0;
  std::memcpy(&word, &x, 8);
  put(b, word, 8);
}
// By its definition: FNV-1a.
void seal(bytes& b) {
  std::uint64_t sum = 14695981039346656037u;
  for (const std::uint8_t v : b) sum = (sum ^ v) * 1099511628211u;
  put(b, sum, 8);
}
bytes resealed(const bytes& b) {
  bytes again(b.begin(), b.end() - 8);
  seal(again);
  return again;
}

// The head of per_tensor bytes, up to the states.
bytes head(unsigned state, std::uint64_t slots) {
  bytes b = {0x89, 'X', 'Q', 'O', 'B', 'S', '\r', '\n', 1, 0, static_cast<std::uint8_t>(state), 0, 0, 0, 0, 0};
  b.resize(b.size() + 9 * 8);
  put(b, 0, 1);
  put_real(b, 0);
  put(b, 0, 8);
  put(b, 0, 8);
  put(b, slots, 8);
  return b;
}

struct chunk {
  std::int32_t index;
  unsigned width;
  std::vector<std::pair<std::size_t, std::uint64_t>> counts;
};
// A histogram of one slot.
bytes histogram_bytes(double low, double high, std::uint64_t zeros, const std::vector<chunk>& positive,
                      const std::vector<chunk>& negative, unsigned thinned = 0) {
  bytes b = head(1, 1);
  put_real(b, low);
  put_real(b, high);
  put(b, zeros, 8);
  put(b, thinned, 1);
  for (const auto* side : {&positive, &negative}) {
    put(b, side->size(), 4);
    for (const chunk& c : *side) {
      put(b, static_cast<std::uint32_t>(c.index), 4);
      put(b, c.width, 1);
      std::uint64_t counts[64] = {};
      for (const auto& n : c.counts) counts[n.first] = n.second;
      for (const std::uint64_t n : counts) put(b, n, 1u << std::min(c.width, 3u));
    }
  }
  seal(b);
  return b;
}

errc refusal(const bytes& b, std::string* argument = nullptr) {
  observer<histogram> o;
  o.observe(std::vector<float>{7});
  const observer<histogram> before = o;
  const status s = try_from_bytes(b, o);
  if (!s.ok()) CHECK(o == before);
  if (argument != nullptr) *argument = s.argument;
  return s.code;
}

template <class State, class G>
void check_every_change(const observer<State, G>& o) {
  const bytes good = to_bytes(o);
  const observer<State, G> empty(o.granularity(), o.policy());
  observer<State, G> read = empty;
  REQUIRE(try_from_bytes(good, read).ok());
  CHECK(read == o);
  std::size_t wrong = 0;
  for (std::size_t n = 0; n < good.size(); ++n) {
    bytes cut(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(n));
    read = empty;
    wrong += try_from_bytes(cut, read).ok() ? 1 : 0;
    if (n + 8 == good.size()) continue;  // sealed again it is whole
    seal(cut);
    wrong += try_from_bytes(cut, read).ok() ? 1 : 0;
    wrong += read == empty ? 0 : 1;
  }
  CHECK(wrong == 0);
  std::size_t accepted = 0;
  for (std::size_t i = 0; i < good.size(); ++i)
    for (unsigned to = 0; to < 256; to += i % 4 == 0 ? 1 : 5) {
      bytes changed = good;
      if (changed[i] == to) continue;
      changed[i] = static_cast<std::uint8_t>(to);
      wrong += try_from_bytes(changed, read).ok() ? 1 : 0;
      if (i + 8 >= good.size()) continue;
      changed = resealed(changed);
      if (!try_from_bytes(changed, read).ok()) continue;
      ++accepted;
      wrong += to_bytes(read) == changed ? 0 : 1;
    }
  CHECK(wrong == 0);
  CHECK(accepted > 0);  // another count of NaN, say
}

}  // namespace

TEST_CASE("observer bytes: the layout, by hand") {
  observer<extremes> o;
  o.observe(std::vector<float>{-2, 0.5f});
  bytes expected = head(0, 1);
  put_real(expected, -2);
  put_real(expected, 0.5);
  seal(expected);
  CHECK(to_bytes(o) == expected);

  // 1 lies in bin 1024 of the grid of E = 0, -0.5 in 512, 2^-4 in 64 (octave -4), 2^-5 in -64; chunks of 64.
  observer<histogram> h;
  h.observe(std::vector<float>{1, 1, -0.5f, 0, -0.0f, 0.0625f, 0.03125f});
  CHECK(to_bytes(h) ==
        histogram_bytes(-0.5, 1, 2, {{-2, 0, {{0, 1}}}, {0, 0, {{0, 1}}}, {16, 0, {{0, 2}}}}, {{8, 0, {{0, 1}}}}));
  CHECK(to_bytes(observer<histogram>()) == [] {
    bytes b = head(1, 0);
    seal(b);
    return b;
  }());
}

TEST_CASE("observer bytes: any split over processes gives the same bytes as the whole") {
  std::mt19937 generator(5);
  for (std::size_t round = 0; round < xquant_test::scaled(100, 20); ++round) {
    CAPTURE(round);
    std::vector<float> x = xquant_test::samples(generator, static_cast<unsigned>(round), 2 + generator() % 6000);
    observer<histogram> whole;
    whole.observe(view_of(x));
    std::shuffle(x.begin(), x.end(), generator);
    const std::size_t cut = 1 + generator() % (x.size() - 1);
    bytes sent[2];
    for (const int part : {0, 1}) {
      observer<histogram> own;
      own.observe(xquant::tensor_view<const float>(x.data() + (part == 0 ? 0 : cut),
                                                   xquant::shape(part == 0 ? cut : x.size() - cut)));
      sent[part] = to_bytes(own);
    }
    observer<histogram> merged;
    observer<histogram> received;
    from_bytes(sent[1], merged);
    from_bytes(sent[0], received);
    merged.merge(received);
    CHECK(merged == whole);
    CHECK(to_bytes(merged) == to_bytes(whole));
  }
}

TEST_CASE("observer bytes: every truncation and every changed byte is refused, or is another observer's bytes") {
  std::mt19937 generator(6);
  observer<histogram> h(xquant::non_finite_policy{xquant::non_finite_action::skip, 1000});
  h.observe(std::vector<float>{1, 1.25f, -0.5f, 0, 900, 1e-3f, -1e30f});
  check_every_change(h);
  observer<extremes, per_axis<>> e(per_axis<>{1});
  e.observe(xquant::tensor_view<const float>(xquant_test::samples(generator, 0, 6).data(), xquant::shape(2, 3)));
  check_every_change(e);
  // What keep_one_in leaves may lack its extremes.
  observer<histogram> thinned;
  thinned.observe(std::vector<float>{1, 2, 3, 400});
  thinned.keep_one_in(2);
  REQUIRE(thinned.states()[0].is_thinned());
  check_every_change(thinned);
}

TEST_CASE("observer bytes: another state, granularity or policy is not read") {
  observer<extremes, per_axis<>> o(per_axis<>{1});
  const std::vector<float> x = {1, 2, 3, 4};
  const xquant::tensor_view<const float> view(x.data(), xquant::shape(2, 2));
  o.observe(view);
  const bytes b = to_bytes(o);
  observer<histogram, per_axis<>> state(per_axis<>{1});
  observer<extremes, per_axis<>> axis(per_axis<>{0});
  observer<extremes> tensor;
  observer<extremes, per_axis<>> policy(per_axis<>{1}, {xquant::non_finite_action::skip});
  for (const status& s :
       {try_from_bytes(b, state), try_from_bytes(b, axis), try_from_bytes(b, tensor), try_from_bytes(b, policy)})
    CHECK(s.code == errc::not_mergeable);
  CHECK(policy.slots() == 0);
  // An axis in the type and one by value are the same granularity.
  observer<extremes, per_axis<1>> fixed;
  CHECK(try_from_bytes(b, fixed).ok());
  CHECK(fixed.states() == o.states());
  bytes later = b;
  later[8] = 2;
  CHECK(try_from_bytes(resealed(later), o).code == errc::unsupported);
  CHECK_THROWS_AS(from_bytes(bytes(3), o), xquant::error);
}

TEST_CASE("observer bytes: what no data give is refused by name") {
  const auto inf = std::numeric_limits<double>::infinity();
  const auto nan = std::numeric_limits<double>::quiet_NaN();
  const chunk one{16, 0, {{0, 1}}};
  CHECK(refusal(histogram_bytes(1, 1, 0, {one}, {})) == errc::ok);
  std::string name;
  struct wrong {
    bytes b;
    const char* argument;
  };
  const std::uint64_t most = ~std::uint64_t{0};
  const std::vector<wrong> all = {
      {histogram_bytes(nan, 1, 0, {one}, {}), "extremes.minimum"},
      {histogram_bytes(-inf, 1, 0, {one}, {}), "extremes.minimum"},
      {histogram_bytes(2, 1, 0, {one}, {}), "extremes.minimum"},
      {histogram_bytes(-0.0, 1, 1, {one}, {}), "extremes.minimum"},
      {histogram_bytes(1, 1.5, 0, {one}, {}), "histogram.maximum"},                       // no element near the maximum
      {histogram_bytes(0.75, 1, 0, {one}, {}), "histogram.minimum"},                      // nor near the minimum
      {histogram_bytes(1, 1, 1, {one}, {}), "histogram.minimum"},                         // zeros below the minimum
      {histogram_bytes(-1, 1, 0, {one}, {}), "histogram.minimum"},                        // no negative element
      {histogram_bytes(1, 1, 0, {one}, {one}), "histogram.minimum"},                      // one below the minimum
      {histogram_bytes(1, 1, 0, {}, {}), "histogram.minimum"},                            // extremes of nothing
      {histogram_bytes(inf, -inf, 0, {one}, {}), "histogram.extremes"},                   // elements without extremes
      {histogram_bytes(inf, -inf, 3, {}, {}), "histogram.extremes"},                      // zeros without extremes
      {histogram_bytes(1, 1, 0, {one, one}, {}), "histogram.chunk"},                      // twice
      {histogram_bytes(1, 1, 0, {one, {4, 0, {{0, 1}}}}, {}), "histogram.chunk"},         // out of order
      {histogram_bytes(1, 1, 0, {{32, 0, {{0, 1}}}}, {}), "histogram.chunk"},             // beyond the grid
      {histogram_bytes(1, 1, 0, {{-2000000, 0, {{0, 1}}}, one}, {}), "histogram.chunk"},  // below all doubles
      {histogram_bytes(1, 1, 0, {{16, 1, {{0, 1}}}}, {}), "histogram.counter"},           // wider than needed
      {histogram_bytes(1, 1, 0, {{16, 0, {}}}, {}), "histogram.counter"},                 // nothing in it
      {histogram_bytes(1, 1, 0, {{16, 9, {{0, 1}}}}, {}), "histogram.counter"},
      {histogram_bytes(1, 1.0625, 0, {{16, 3, {{0, most}, {63, most}}}}, {}), "histogram.samples"},  // overflow
      {histogram_bytes(0, 1, most, {one}, {}), "histogram.samples"},
      {histogram_bytes(1, 1.0001, 0, {one}, {}), "histogram.minimum"},  // two extremes of one element
      {histogram_bytes(1, 1, 0, {one}, {}, 1), "histogram.thinned"},
      {histogram_bytes(1, 1, 0, {one}, {}, 2), "histogram.thinned"},
  };
  for (const wrong& w : all) {
    CAPTURE(std::string(w.argument));
    CAPTURE(&w - all.data());
    CHECK(refusal(w.b, &name) != errc::ok);
    CHECK(name == w.argument);
  }
  // Two elements of one bin of which one was left: the extremes are still those of both, and that comes back.
  xquant::observer<xquant::histogram> two;
  two.observe(std::vector<float>{1.0f, 1.0001f});
  two.keep_one_in(2);
  CHECK(two.states()[0].samples() == 1);
  xquant::observer<xquant::histogram> back;
  REQUIRE(try_from_bytes(to_bytes(two), back).ok());
  CHECK(back == two);
  // Slots and chunks that there are no bytes for.
  for (const std::uint64_t slots : {std::uint64_t{1}, std::uint64_t{1} << 40, most}) {
    bytes b = head(1, slots);
    seal(b);
    CHECK(refusal(b, &name) == errc::malformed);
    CHECK(name == "bytes.slots");
  }
  bytes many = head(1, 1);
  put_real(many, 1);
  put_real(many, 1);
  put(many, 0, 8);
  put(many, 0, 1);
  put(many, 0xffffffffu, 4);
  seal(many);
  CHECK(refusal(many) == errc::malformed);
  bytes longer = histogram_bytes(1, 1, 0, {one}, {});
  longer.insert(longer.end() - 8, std::uint8_t{0});
  CHECK(refusal(resealed(longer), &name) == errc::malformed);
  CHECK(name == "bytes");
  bytes damaged = histogram_bytes(1, 1, 0, {one}, {});
  damaged.back() ^= 1;
  CHECK(refusal(damaged, &name) == errc::malformed);
  CHECK(name == "bytes.checksum");
}

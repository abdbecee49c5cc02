// tensor_quantizers as bytes: there and back in every state, a known layout, and bytes that are damaged, cut or lie.
#include <xquant/nn/tensor_quantizer_bytes.hpp>

#include <xquant/adapt/span.hpp>
#include <xquant/schemes/affine.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

namespace {

using xquant::errc;
using xquant::id_of;
using xquant::tensor_quantizer;
using xquant::tensor_quantizer_description;
using bytes = std::vector<std::uint8_t>;

const std::vector<float> data{-1, -0.3f, 0, 0.25f, 0.8f, 2};

// The last 8 bytes made right, so that what lies is read.
bytes sealed(bytes b) {
  const std::uint64_t sum = xquant::detail::checksum(b.data(), b.size() - 8);
  for (std::size_t i = 0; i < 8; ++i) b[b.size() - 8 + i] = static_cast<std::uint8_t>(sum >> (8 * i));
  return b;
}
// Bytes of a description with a calibrator name of n letters and s settings.
std::size_t description_size(std::size_t n, std::size_t s) {
  return 8 * (12 + xquant::granularity_description::words + 8 + 1 + n + 1 + 1 + s + 1 + 1 + 2);
}

}  // namespace

TEST_CASE("bytes: there and back, for every calibrator, in every state") {
  for (const char* calibrator :
       {"min_max", "percentile=99", "entropy", "moving_average=0.25", "amax_window=3", "median_of_samples"}) {
    CAPTURE(calibrator);
    const tensor_quantizer_description d{
        .quantizer = {.bits = 4, .granularity = xquant::per_axis<0>{}, .scheme = id_of<xquant::affine>},
        .calibrator = calibrator,
        .estimator = id_of<xquant::learned_range>};
    tensor_quantizer q(d);
    const auto check = [&] {
      const bytes b = to_bytes(q);
      tensor_quantizer read(d);
      from_bytes(b, read);
      CHECK(read == q);
      CHECK(to_bytes(read) == b);
    };
    check();
    q.observe(xquant::tensor_view<const float>(data.data(), xquant::shape(2, 3)));
    q.observe(xquant::tensor_view<const float>(data.data() + 1, xquant::shape(2, 2)));
    check();
    q.freeze();
    check();
    std::vector<float> dx(6);
    q.backward(xquant::tensor_view<const float>(data.data(), xquant::shape(2, 3)),
               xquant::tensor_view<const float>(data.data(), xquant::shape(2, 3)),
               xquant::tensor_view<float>(dx.data(), xquant::shape(2, 3)));
    q.step([](std::size_t, std::vector<float>& value, const std::vector<float>& gradient) {
      for (std::size_t i = 0; i < value.size(); ++i) value[i] -= 0.01f * gradient[i];
    });
    q.set_mode(xquant::quantizer_mode::clip);
    check();
    q.drop_encoding();
    check();
  }
}

TEST_CASE("bytes: the layout of a small one") {
  tensor_quantizer q({.calibrator = "min_max"});
  q.set_parameters(xquant::parameters(0.5f));
  const bytes b = to_bytes(q);
  const std::uint8_t magic[10] = {0x89, 'X', 'Q', 'T', 'U', 'Q', 0x0d, 0x0a, 1, 0};
  for (std::size_t i = 0; i < 10; ++i) CHECK(b[i] == magic[i]);
  CHECK(b[18] == 8);  // bits, behind the format
  const std::size_t at = 10 + description_size(7, 0);
  CHECK(b[at] == 1);      // observe
  CHECK(b[at + 1] == 1);  // one slot
  CHECK(b[at + 9] == 0);  // no zero points
  const std::uint8_t half[4] = {0, 0, 0, 0x3f};
  for (std::size_t i = 0; i < 4; ++i) CHECK(b[at + 10 + i] == half[i]);
}

TEST_CASE("bytes: cut anywhere, longer, or with any byte changed they are refused, and nothing has changed") {
  tensor_quantizer q({.quantizer = {.scheme = id_of<xquant::affine>}, .estimator = id_of<xquant::learned_step_size>});
  q.observe(data);
  q.freeze();
  const bytes good = to_bytes(q);
  tensor_quantizer out(q.description());
  const tensor_quantizer before = out;
  for (std::size_t n = 0; n < good.size(); ++n) {
    const bytes cut(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(n));
    CHECK(!try_from_bytes(cut, out).ok());
    if (n >= 8 && !try_from_bytes(sealed(cut), out).ok()) continue;
    CHECK(n < 8);
  }
  for (std::size_t i = 0; i < good.size(); ++i) {
    bytes changed = good;
    changed[i] ^= 0x40;
    CHECK(!try_from_bytes(changed, out).ok());
  }
  bytes longer = good;
  longer.insert(longer.end() - 8, 0);
  CHECK(try_from_bytes(sealed(longer), out).code == errc::malformed);
  CHECK(out == before);
}

TEST_CASE("bytes that lie are refused by the name of what is wrong") {
  tensor_quantizer q({.quantizer = {.scheme = id_of<xquant::affine>}, .estimator = id_of<xquant::learned_step_size>});
  q.observe(data);
  q.freeze();
  const bytes good = to_bytes(q);
  tensor_quantizer out(q.description());
  const auto refusal = [&](std::size_t at, std::uint8_t value) {
    bytes b = good;
    b[at] = value;
    return try_from_bytes(sealed(b), out);
  };
  const auto is = [](const xquant::status& s, errc code, const std::string& argument) {
    CHECK(s.code == code);
    CHECK(s.argument == argument);
  };
  is(refusal(8, 2), errc::unsupported, "bytes.version");
  is(refusal(10, 1), errc::not_mergeable, "bytes.format");
  is(refusal(18, 7), errc::not_mergeable, "bytes.bits");
  const std::size_t mode = 10 + description_size(7, 0);
  is(refusal(mode, 4), errc::malformed, "bytes.mode");
  is(refusal(mode + 8, 0x7f), errc::malformed, "bytes.slots");
  is(refusal(mode + 9, 3), errc::malformed, "bytes.zero_points");
  CHECK(refusal(mode + 9, 2).code != errc::ok);                      // reals of a scheme without
  CHECK(refusal(mode + 13, 0xbf).code == errc::scale_not_positive);  // the sign of the scale
  CHECK(refusal(mode + 17, 0x7f).code == errc::zero_point_range);    // the highest byte of the zero point
  {
    bytes no_zero = good;
    for (std::size_t i = 14; i < 18; ++i) no_zero[mode + i] = 0;
    is(try_from_bytes(sealed(no_zero), out), errc::malformed, "bytes.zero_points");
  }
  is(refusal(mode + 21, 0x41), errc::malformed, "bytes.learned");
  CHECK(refusal(mode + 22, 1).code == errc::malformed);
  const auto magic = refusal(mode + 30, 0);
  CHECK(magic.code == errc::malformed);

  // A quantizer of another description, and one that cannot be written.
  tensor_quantizer other({.quantizer = {.bits = 4}});
  CHECK(std::string(try_from_bytes(good, other).argument) == "bytes.bits");
  tensor_quantizer named({.quantizer = {.scheme = id_of<xquant::affine>},
                          .calibrator = "entropy",
                          .estimator = id_of<xquant::learned_step_size>});
  CHECK(std::string(try_from_bytes(good, named).argument) == "bytes.calibrator");
}

TEST_CASE("bytes changed at random and sealed again are refused, or are what to_bytes writes") {
  unsigned state = 7;
  const auto random = [&] { return (state = state * 1664525u + 1013904223u) >> 8; };
  std::size_t accepted = 0;
  for (const char* calibrator : {"min_max", "percentile", "moving_average", "amax_window=2", "mean_of_samples"}) {
    CAPTURE(calibrator);
    tensor_quantizer q({.quantizer = {.scheme = id_of<xquant::affine>},
                        .calibrator = calibrator,
                        .estimator = id_of<xquant::learned_range>});
    q.observe(data);
    q.observe(std::vector<float>{-2, 0.125f});
    q.freeze();
    const bytes good = to_bytes(q);
    const std::size_t from = 10 + description_size(q.description().calibrator.size(), 0);
    for (int i = 0; i < 1500; ++i) {
      bytes b = good;
      for (unsigned k = random() % 3 + 1; k-- > 0;) {
        const std::size_t at = from + random() % (b.size() - 8 - from);
        b[at] = static_cast<std::uint8_t>(random() % 2 != 0 ? random() : b[at] ^ (1u << random() % 8));
      }
      // The observer's own checksum too, so that what it holds is read.
      const std::size_t inner = from + 1 + 8 + 1 + 4 + (good[from + 9] != 0 ? 4 : 0) + 8 + 8;
      const bytes within = sealed(bytes(b.begin() + static_cast<std::ptrdiff_t>(inner), b.end() - 8));
      std::copy(within.begin(), within.end(), b.begin() + static_cast<std::ptrdiff_t>(inner));
      b = sealed(b);
      tensor_quantizer read(q.description());
      if (!try_from_bytes(b, read).ok()) continue;
      ++accepted;
      CHECK(to_bytes(read) == b);
    }
  }
  CHECK(accepted > 100);
}

TEST_CASE("bytes of calibrators that follow extremes: what no data give is refused") {
  const auto state_of = [](const char* name, const xquant::any_calibrator& c) {
    CAPTURE(name);
    bytes b;
    REQUIRE(c.try_to_bytes(b).ok());
    return b;
  };
  const std::size_t header = 8 + 2 + 2 + 2 + 2 + 8 * xquant::granularity_description::words;
  for (const char* name : {"moving_average", "amax_window=2"}) {
    CAPTURE(name);
    xquant::any_calibrator c = xquant::named_calibrator::parse(name).make();
    c.observe(xquant::tensor_view<const float>(data.data(), xquant::shape(3)));
    c.observe(xquant::tensor_view<const float>(data.data() + 3, xquant::shape(3)));
    const bytes good = state_of(name, c);
    xquant::any_calibrator read = xquant::named_calibrator::parse(name).make();
    REQUIRE(read.try_from_bytes(good.data(), good.size()).ok());
    CHECK(read == c);
    const auto refusal = [&](std::size_t at, std::uint8_t value) {
      bytes b = good;
      b[at] = value;
      b = sealed(b);
      return read.try_from_bytes(b.data(), b.size());
    };
    CHECK(refusal(0, 0).code == errc::malformed);
    CHECK(refusal(8, 9).code == errc::unsupported);
    CHECK(refusal(10, 9).code == errc::not_mergeable);
    CHECK(refusal(12, 9).code == errc::not_mergeable);
    CHECK(refusal(header, 9).code == errc::malformed);              // slots, or more steps than are kept
    CHECK(refusal(header + 7, 1).code == errc::malformed);          // 2^56 of them
    CHECK(refusal(good.size() - 9, 0xff).code == errc::malformed);  // the largest end: -NaN
    for (std::size_t n = 0; n + 1 < good.size(); ++n) CHECK(!read.try_from_bytes(good.data(), n).ok());
    CHECK(read == c);
    xquant::any_calibrator rows = xquant::named_calibrator::parse(name).make(xquant::per_axis<0>{});
    CHECK(rows.try_from_bytes(good.data(), good.size()).code == errc::not_mergeable);
  }
  xquant::any_calibrator c = xquant::named_calibrator::parse("mean_of_samples").make();
  c.observe(xquant::tensor_view<const float>(data.data(), xquant::shape(3)));
  c.observe(xquant::tensor_view<const float>(data.data() + 3, xquant::shape(3)));
  const bytes good = state_of("mean_of_samples", c);
  xquant::any_calibrator read = xquant::named_calibrator::parse("mean_of_samples").make();
  REQUIRE(read.try_from_bytes(good.data(), good.size()).ok());
  CHECK(read == c);
  bytes crossed = good;  // the signs of the two maxima (0 and 2)
  crossed[good.size() - 9] = 0xc0;
  crossed = sealed(crossed);
  CHECK(read.try_from_bytes(crossed.data(), crossed.size()).code == errc::malformed);
  CHECK(read == c);

  bytes none;
  const xquant::any_calibrator empty;
  CHECK(empty.try_to_bytes(none).code == errc::unsupported);
}

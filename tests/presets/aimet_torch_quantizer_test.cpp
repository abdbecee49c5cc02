// AIMET's quantizer objects: figures recorded of aimet_torch (2.42) and of its C++ core, the life of a range, and what
// is refused.
#include <xquant/presets/aimet_torch_quantizer.hpp>

#include <xquant/adapt/span.hpp>
#include <xquant/presets/aimet_core_partial.hpp>

#include <doctest/doctest.h>

#include <limits>
#include <string>
#include <vector>

namespace {

namespace at = xquant::presets::aimet_torch;
namespace core = xquant::presets::aimet_core;
using xquant::errc;
using floats = std::vector<float>;

void near(const floats& found, const floats& recorded) {
  REQUIRE(found.size() == recorded.size());
  for (std::size_t i = 0; i < found.size(); ++i)
    CHECK(static_cast<double>(found[i]) == doctest::Approx(static_cast<double>(recorded[i])).epsilon(1e-6));
}

const floats x{-3, -0.9f, -0.33f, 0, 0.4f, 1.1f, 1.7f, 5};
const floats g{1, 2, 3, 4, 5, 6, 7, 8};

}  // namespace

TEST_CASE("AIMET's quantizer: recorded values and gradients of a learned range") {
  at::affine_quantizer q({.qmin = 0, .qmax = 15, .symmetric = false});
  CHECK(!q.is_initialized());
  q.set_range(floats{-1}, floats{2});
  near(q.scale(), {0.2f});
  CHECK(q.offset() == floats{-5});
  near(q.minimum(), {-1});
  near(q.maximum(), {2});
  floats y(8);
  q.forward(x, y);
  near(y, {-1, -0.8f, -0.4f, 0, 0.4f, 1.2f, 1.6f, 2});
  floats dx(8);
  q.backward(x, g, dx);
  CHECK(dx == floats{0, 2, 3, 4, 5, 6, 7, 0});
  near(q.gradient(0), {1.0366669f});
  near(q.gradient(1), {7.9633331f});
  // The codes of the tensor_quantizer within are the peer's integers.
  std::vector<std::uint8_t> codes(8);
  q.quantizer().quantize(x, codes);
  CHECK(codes == std::vector<std::uint8_t>{0, 1, 3, 5, 7, 11, 13, 15});

  at::affine_quantizer s({.qmin = -8, .qmax = 7});
  s.set_range(floats{-1}, floats{2});
  near(s.scale(), {0.2f});
  CHECK(s.offset() == floats{0});
  near(s.minimum(), {-1.6f});
  near(s.maximum(), {1.4f});
  s.forward(x, y);
  near(y, {-1.6f, -0.8f, -0.4f, 0, 0.4f, 1.2f, 1.4f, 1.4f});
  s.backward(x, g, dx);
  near(s.gradient(0), {-6.6633329f});
  near(s.gradient(1), {6.6633329f});
  s.step([](std::size_t k, floats& value, const floats& gradient) {
    CHECK(value.size() == 1);
    value[0] -= 0.01f * gradient[0];
    CHECK((k == 0) == (gradient[0] < 0));
  });
  near(s.learned_minimum(), {-1 + 0.066633329f});
  near(s.learned_maximum(), {2 - 0.066633329f});
  near(s.scale(), {(3 - 2 * 0.066633329f) / 15});
}

TEST_CASE("AIMET's quantizer: calibrated, pinned, locked, frozen") {
  const floats data{-0.5f, 0.25f, 1.5f};
  const floats wider{-4, 4, 1};
  at::affine_quantizer q({.qmin = 0, .qmax = 255, .symmetric = false});
  q.compute_encodings();  // no data: nothing changes
  CHECK(!q.is_initialized());
  floats y(3);
  CHECK(q.try_forward(data, y).code == errc::no_samples);
  q.observe(data);
  q.compute_encodings();
  CHECK(q.learned_minimum() == floats{-0.5f});
  CHECK(q.learned_maximum() == floats{1.5f});
  // A range holds zero, and has a width.
  at::affine_quantizer zeros({.qmin = 0, .qmax = 255, .symmetric = false});
  zeros.observe(floats{0, 0});
  zeros.compute_encodings();
  CHECK(zeros.learned_maximum() == floats{255 * 0x1p-23f});
  at::affine_quantizer above({.qmin = 0, .qmax = 255, .symmetric = false});
  above.observe(floats{3, 3});
  above.compute_encodings();
  CHECK(above.learned_minimum() == floats{0});
  CHECK(above.learned_maximum() == floats{3});
  // Symmetric: max(max / 127, -min / 128) times the codes at the ends.
  at::affine_quantizer s;
  s.observe(data);
  s.compute_encodings();
  near(s.learned_maximum(), {1.5f});
  near(s.learned_minimum(), {-1.5f / 127 * 128});

  // Locked: calibration leaves it alone, and still it learns and can be set.
  at::affine_quantizer locked = q;
  locked.set_allow_overwrite(false);
  locked.observe(wider);
  locked.compute_encodings();
  CHECK(locked.learned_minimum() == floats{-0.5f});
  locked.set_range(floats{-2}, floats{2});
  CHECK(locked.learned_maximum() == floats{2});
  locked.set_allow_overwrite(true);
  locked.compute_encodings();
  CHECK(locked.learned_maximum() == floats{4});

  // An end given alone stays through calibrations; both together pin none.
  at::affine_quantizer pinned = q;
  pinned.set_range(floats{-0.125f}, {});
  CHECK(pinned.learned_minimum() == floats{-0.125f});
  CHECK(pinned.learned_maximum() == floats{1.5f});
  pinned.observe(wider);
  pinned.compute_encodings();
  CHECK(pinned.learned_minimum() == floats{-0.125f});
  CHECK(pinned.learned_maximum() == floats{4});
  pinned.set_range(floats{-1}, floats{1});
  pinned.compute_encodings();
  CHECK(pinned.learned_minimum() == floats{-4});
  at::affine_quantizer early({.qmin = 0, .qmax = 255, .symmetric = false});
  early.set_range({}, floats{1});
  CHECK(!early.is_initialized());
  early.observe(data);
  early.compute_encodings();
  CHECK(early.learned_minimum() == floats{-0.5f});
  CHECK(early.learned_maximum() == floats{1});

  // Frozen: neither learned nor calibrated.
  at::affine_quantizer frozen = q;
  frozen.freeze();
  CHECK(!frozen.learns());
  floats dx(3);
  frozen.backward(data, data, dx);
  CHECK(dx == data);
  CHECK(frozen.gradient(0).empty());
  frozen.step([](std::size_t, floats& value, const floats&) { value[0] = 99; });
  frozen.observe(wider);
  frozen.compute_encodings();
  CHECK(frozen.learned_maximum() == floats{1.5f});
}

TEST_CASE("AIMET's quantizer: gated ranges, rows, and refusals") {
  at::affine_quantizer q({.qmin = 0, .qmax = 255, .symmetric = false, .gated = true});
  q.set_range(floats{0.5f}, floats{1});
  CHECK(q.learned_minimum() == floats{0});
  q.set_range(floats{-1}, floats{-0.5f});
  CHECK(q.learned_maximum() == floats{0});
  q.set_range(floats{0}, floats{0});
  CHECK(q.learned_maximum() == floats{1e-5f});

  at::affine_quantizer rows({.granularity = xquant::per_axis<0>{}});
  const floats two{1, -2, 4, 0.5f, 0.25f, -0.75f};
  const xquant::tensor_view<const float> in(two.data(), xquant::shape(2, 3));
  rows.observe(in);
  rows.compute_encodings();
  near(rows.scale(), {4.0f / 127, 0.75f / 128});
  floats y(6);
  rows.forward(in, xquant::tensor_view<float>(y.data(), xquant::shape(2, 3)));
  CHECK(y[2] == doctest::Approx(4));
  CHECK(y[5] == doctest::Approx(-0.75));
  CHECK(rows.try_forward(xquant::tensor_view<const float>(two.data(), xquant::shape(3, 2)),
                         xquant::tensor_view<float>(y.data(), xquant::shape(3, 2)))
            .code == errc::parameter_count);
  CHECK(rows.try_set_range(floats{1}, floats{2}).code == errc::parameter_count);
  CHECK(rows.try_set_range({}, {}).code == errc::parameter_count);
  CHECK(rows.try_set_range(floats{1, std::numeric_limits<float>::infinity()}, {}).code == errc::value_out_of_range);
  at::affine_quantizer made;
  CHECK(at::affine_quantizer::try_make({.qmin = 3, .qmax = 3}, made).code != errc::ok);
  CHECK(at::affine_quantizer::try_make({.qmin = 0, .qmax = 65536}, made).code == errc::bits_out_of_range);
  CHECK(at::affine_quantizer::try_make({.calibrator = "tf"}, made).code == errc::value_out_of_range);
  // A grid whose ends are no power of two.
  at::affine_quantizer odd({.qmin = -1, .qmax = 14, .symmetric = false});
  odd.set_range(floats{-1.1f}, floats{1.7f});
  near(odd.scale(), {2.8f / 15});
  CHECK(odd.offset() == floats{-5});  // round(-1.1 / 0.18667) + 1
}

TEST_CASE("AIMET's C++ core: gated ranges, and encodings of which half is given") {
  CHECK(core::gated(0.5, 1) == core::gated_range{0, 1});
  CHECK(core::gated(0.5, 0.5) == core::gated_range{0, 0.5});
  CHECK(core::gated(-0.5, -0.1) == core::gated_range{-0.5, 0});
  CHECK(core::gated(0, 0) == core::gated_range{0, 1e-5});

  CHECK(core::completed({0, 0, 0.5, -3}, {}) == core::encoding{-1.5, -1.5 + 255 * 0.5, 0.5, -3});
  CHECK(core::completed({0, 0, 0.5, -128}, {.symmetric = true}) == core::encoding{-64, 63.5, 0.5, -128});
  CHECK(core::completed({0, 0, 0.5, -127}, {.symmetric = true, .strict_symmetric = true}) ==
        core::encoding{-63.5, 63.5, 0.5, -127});
  CHECK(core::completed({0, 0, 0.5, 0}, {.symmetric = true, .unsigned_symmetric = true}) ==
        core::encoding{0, 127.5, 0.5, 0});
  const core::encoding narrow = core::completed({0, 0, 1e-9, -1}, {.bits = 2});
  CHECK(narrow.maximum == doctest::Approx(1e-5 - 1e-9));
  const core::encoding given = core::completed({-1, 2, 0, 0}, {.bits = 4});
  CHECK((given.minimum == -1 && given.maximum == 2 && given.offset == -5));
  CHECK(given.delta == doctest::Approx(0.2));
  const core::encoding centred = core::completed({-5, 10, 0, 0}, {.bits = 3, .symmetric = true});
  CHECK((centred.minimum == -5 && centred.maximum == 10 && centred.offset == -4));  // the ends are kept
  CHECK(centred.delta == doctest::Approx(10.0 / 3));

  core::encoding out{1, 2, 3, 4};
  const core::encoding before = out;
  CHECK(core::try_completed({}, {}, out).code == errc::scale_not_positive);
  CHECK(core::try_completed({0, 0, -1, 0}, {}, out).code == errc::scale_not_positive);
  CHECK(core::try_completed({-1, 1, 0.5, 0}, {}, out).code == errc::unsupported);
  CHECK(core::try_completed({-1, 1, 0, -3}, {}, out).code == errc::unsupported);
  CHECK(core::try_completed({1, 2, 0, 0}, {}, out).code != errc::ok);
  CHECK(core::try_completed({0, 0, 0.5, 0}, {.bits = 0}, out).code == errc::bits_out_of_range);
  CHECK(core::try_completed({0, std::numeric_limits<double>::quiet_NaN(), 0, 0}, {}, out).code ==
        errc::value_out_of_range);
  CHECK(out == before);
}

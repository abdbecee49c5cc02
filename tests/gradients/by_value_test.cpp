// Gradients of quantizers and estimators by value: the same bits as by type, and refusals by name.
#include <doctest/doctest.h>

#include <xquant/gradients/fake_quantize_backward.hpp>
#include <xquant/gradients/learned_step_size.hpp>
#include <xquant/gradients/packed_mask.hpp>
#include <xquant/message.hpp>
#include <xquant/parameters.hpp>
#include <xquant/runtime.hpp>

#include <string>
#include <vector>

namespace {

using namespace xquant;  // NOLINT: every line names several

using choices = narrowed_choices<standard_choices, keep_any<keep_integers<8>, keep_only<e4m3fn>>,
                                 keep_only<nearest_even, stochastic>, keep_only<divide_by_scale>,
                                 keep_only<runtime_scheme, zero_point_before_rounding<runtime_scheme>>>;

std::string refusal(const status& s) {
  char text[256];
  format_message(s, text, sizeof text);
  return text;
}

struct data {
  std::vector<float> x, g, dx, expected;
  shape s;
  data() : s(2, 200) {
    for (int i = 0; i < 400; ++i) {
      x.push_back(static_cast<float>(i % 57 - 28) * 0.4f);
      g.push_back(static_cast<float>(i % 11 - 5) * 0.25f);
    }
    dx.assign(400, 7.0f);
    expected.assign(400, 8.0f);
  }
  [[nodiscard]] tensor_view<const float> in() const { return {x.data(), s}; }
  [[nodiscard]] tensor_view<const float> gradient() const { return {g.data(), s}; }
  tensor_view<float> out() { return {dx.data(), s}; }
  tensor_view<float> wanted() { return {expected.data(), s}; }
};

const quantizer_description d{.bits = 4, .granularity = per_axis<0>{}, .scheme = id_of<affine>};
using typed = quantizer<int4, affine, per_axis<0>>;
const parameters p(std::vector<float>{0.5f, 1.25f}, {1, -2});

}  // namespace

TEST_CASE("backward by description, by estimator, by both") {
  data t;
  fake_quantize_backward(clipped_straight_through{}, typed{}, p, t.in(), t.gradient(), t.wanted());
  CHECK(validate_fake_quantize_backward(clipped_straight_through{}, choices(d), p, t.in(), t.gradient(), t.out()).ok());
  fake_quantize_backward(clipped_straight_through{}, choices(d), p, t.in(), t.gradient(), t.out());
  CHECK(t.dx == t.expected);
  using plain = estimator_choices<straight_through, clipped_straight_through>;
  static_assert(GradientEstimator<plain>);
  t.dx.assign(400, 7.0f);
  REQUIRE(try_fake_quantize_backward(plain(id_of<clipped_straight_through>), typed{}, p, t.in(), t.gradient(), t.out())
              .ok());
  CHECK(t.dx == t.expected);
  t.dx.assign(400, 7.0f);
  fake_quantize_backward(plain(id_of<clipped_straight_through>), d, p, t.in(), t.gradient(), t.out(), scalar_engine{});
  CHECK(t.dx == t.expected);
  fake_quantize_backward(plain(id_of<straight_through>), choices(d), p, t.in(), t.gradient(), t.out());
  CHECK(t.dx == t.g);

  CHECK(refusal(try_fake_quantize_backward(plain(id_of<learned_step_size>), d, p, t.in(), t.gradient(), t.out())) ==
        "xquant: estimator = 2: combination not compiled into this program; expected learned_step_size among the "
        "runtime_choices of this program");
  CHECK(validate_fake_quantize_backward(plain(estimator_id{99}), d, p, t.in(), t.gradient(), t.out()).code ==
        errc::not_compiled);
  CHECK(t.dx == t.g);
}

TEST_CASE("learned scales by description") {
  data t;
  std::vector<float> ds(2);
  std::vector<float> wanted(2);
  const tensor_view<float> to(ds.data(), shape(2));
  fake_quantize_backward(learned_step_size{}, typed{}, p, t.in(), t.gradient(), t.wanted(),
                         tensor_view<float>(wanted.data(), shape(2)));
  CHECK(validate_fake_quantize_backward(learned_step_size{}, choices(d), p, t.in(), t.gradient(), t.out(), to).ok());
  fake_quantize_backward(estimator_choices<learned_step_size>(id_of<learned_step_size>), choices(d), p, t.in(),
                         t.gradient(), t.out(), to);
  CHECK(t.dx == t.expected);
  CHECK(ds == wanted);
  quantizer_description random = d;
  random.rounding = id_of<stochastic>;
  CHECK(
      refusal(try_fake_quantize_backward(learned_step_size{}, choices(random), p, t.in(), t.gradient(), t.out(), to)) ==
      "xquant: rounding = 2: unsupported; expected a deterministic rounding, as this estimator needs");
  quantizer_description before = d;
  before.zero_point_before_rounding = true;
  CHECK(
      std::string(try_fake_quantize_backward(learned_step_size{}, choices(before), p, t.in(), t.gradient(), t.out(), to)
                      .argument) == "scheme");
  CHECK(ds == wanted);
}

TEST_CASE("a packed mask by description") {
  data t;
  std::vector<std::uint8_t> mask(50);
  std::vector<std::uint8_t> wanted(50);
  const tensor_view<std::uint8_t> bits(mask.data(), shape(50));
  fake_quantize_with_mask(typed{}, p, t.in(), t.wanted(), tensor_view<std::uint8_t>(wanted.data(), shape(50)));
  CHECK(validate_fake_quantize_with_mask(choices(d), p, t.in(), t.out(), bits).ok());
  fake_quantize_with_mask(choices(d), p, t.in(), t.out(), bits);
  CHECK(t.dx == t.expected);
  CHECK(mask == wanted);
}

// Adam and AdamW: one step over a span of weights, or of whatever is trained.
#pragma once

#include <xquant/exception.hpp>
#include <xquant/train/update.hpp>

#include <cmath>
#include <cstdint>

namespace xquant::inline XQUANT_ABI {

struct adam_settings {
  double learning_rate = 0.001;
  double first_decay = 0.9;     ///< beta 1, below 1
  double second_decay = 0.999;  ///< beta 2, below 1
  double epsilon = 1e-8;
  double weight_decay = 0;
  bool decoupled = false;  ///< weight decay of AdamW: beside the moments
  friend constexpr bool operator==(const adam_settings&, const adam_settings&) = default;
};

/// Step number `step` (1 for the first) of each parameter w, given its gradient and its moments m and v (0 at first):
///   g = gradient + weight_decay * w, or decoupled: w = w (1 - learning_rate * weight_decay), g = gradient
///   m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2
///   w = w - learning_rate / (1 - beta1^step) * m / (sqrt(v / (1 - beta2^step)) + epsilon)
/// in the type of w, each operation rounded; what depends on the step alone is computed in double. NaN and infinities
/// go through. The tensors are dense, float or double, of one shape, apart. Refuses other shapes, step 0, and settings
/// that are negative, not finite, or for decays 1 or more. Source: D. Kingma and J. Ba, 2015; I. Loshchilov and F.
/// Hutter, 2019.
template <TensorInMemory Weights, TensorLike Gradients, TensorInMemory First, TensorInMemory Second>
[[nodiscard]] status try_adam_step(const adam_settings& settings, std::uint64_t step, Weights&& weights,
                                   const Gradients& gradients, First&& first_moments, Second&& second_moments) {
  auto&& held = evaluated(gradients);
  const auto w = as_view(weights);
  const auto g = as_view(held);
  const auto m = as_view(first_moments);
  const auto v = as_view(second_moments);
  using real = element_of<Weights>;
  constexpr double infinity = 1.7976931348623157e308;
  if (step == 0) return fault(errc::value_out_of_range, "step", 0, "1 or more");
  if (const status bad = detail::validate_setting(settings.learning_rate, "learning_rate", 0, infinity); !bad.ok())
    return bad;
  if (const status bad = detail::validate_setting(settings.first_decay, "first_decay", 0, 1); !bad.ok()) return bad;
  if (const status bad = detail::validate_setting(settings.second_decay, "second_decay", 0, 1); !bad.ok()) return bad;
  if (const status bad = detail::validate_setting(settings.epsilon, "epsilon", 0, infinity); !bad.ok()) return bad;
  if (const status bad = detail::validate_setting(settings.weight_decay, "weight_decay", 0, infinity); !bad.ok())
    return bad;
  if (const status bad = detail::validate_step(w, g); !bad.ok()) return bad;
  const tensor_view<real> moments[2] = {m, v};
  const char* const names[2] = {"first_moments", "second_moments"};
  for (std::size_t k = 0; k < 2; ++k) {
    if (const status bad = detail::validate_updated(moments[k], w.shape, names[k]); !bad.ok()) return bad;
    if (const status bad = detail::validate_elsewhere(w, moments[k], names[k]); !bad.ok()) return bad;
    if (const status bad = detail::validate_elsewhere(g, moments[k], names[k]); !bad.ok()) return bad;
  }
  if (const status bad = detail::validate_elsewhere(m, v, names[1]); !bad.ok()) return bad;
  const auto first_decay = static_cast<real>(settings.first_decay);
  const auto first_share = static_cast<real>(1 - settings.first_decay);
  const auto second_decay = static_cast<real>(settings.second_decay);
  const auto second_share = static_cast<real>(1 - settings.second_decay);
  const auto count = static_cast<double>(step);
  const auto rate = static_cast<real>(settings.learning_rate / (1 - std::pow(settings.first_decay, count)));
  const auto correction = static_cast<real>(std::sqrt(1 - std::pow(settings.second_decay, count)));
  const auto epsilon = static_cast<real>(settings.epsilon);
  const auto decay = static_cast<real>(settings.weight_decay);
  const auto kept = static_cast<real>(1 - settings.learning_rate * settings.weight_decay);
  for (std::size_t i = 0; i < w.shape.size(); ++i) {
    real gradient = g.data[i];
    if (settings.decoupled)
      w.data[i] = multiply<real>(w.data[i], kept);
    else if (decay != 0)
      gradient = add<real>(gradient, multiply<real>(decay, w.data[i]));
    m.data[i] = add<real>(multiply<real>(first_decay, m.data[i]), multiply<real>(first_share, gradient));
    v.data[i] = add<real>(multiply<real>(second_decay, v.data[i]),
                          multiply<real>(second_share, multiply<real>(gradient, gradient)));
    const real divisor = add<real>(divide<real>(std::sqrt(v.data[i]), correction), epsilon);
    w.data[i] = subtract<real>(w.data[i], multiply<real>(rate, divide<real>(m.data[i], divisor)));
  }
  return {};
}

#if XQUANT_HAS_EXCEPTIONS
/// See try_adam_step. Throws xquant::error.
template <TensorInMemory Weights, TensorLike Gradients, TensorInMemory First, TensorInMemory Second>
void adam_step(const adam_settings& settings, std::uint64_t step, Weights&& weights, const Gradients& gradients,
               First&& first_moments, Second&& second_moments) {
  throw_if(try_adam_step(settings, step, weights, gradients, first_moments, second_moments));
}
#endif

}  // namespace xquant

// Stochastic gradient descent with momentum: one step over a span of weights, or of whatever is trained.
#pragma once

#include <xquant/exception.hpp>
#include <xquant/train/update.hpp>

namespace xquant::inline XQUANT_ABI {

struct sgd_settings {
  double learning_rate = 0.01;
  double momentum = 0;  ///< below 1
  double weight_decay = 0;
  bool nesterov = false;
  friend constexpr bool operator==(const sgd_settings&, const sgd_settings&) = default;
};

/// One step of each parameter w, given its gradient and its momentum m (0 at first):
///   g = gradient + weight_decay * w;  m = momentum * m + g;  w = w - learning_rate * (nesterov ? g + momentum * m : m)
/// in the type of w, each operation rounded. NaN and infinities go through. `weights`, `gradients` and `momenta` are
/// dense float or double tensors of one shape, apart. Refuses other shapes, and settings that are negative, not finite,
/// or for momentum 1 or more. Source: I. Sutskever et al., 2013, in torch.optim.SGD's form.
template <TensorInMemory Weights, TensorLike Gradients, TensorInMemory Momenta>
[[nodiscard]] status try_sgd_step(const sgd_settings& settings, Weights&& weights, const Gradients& gradients,
                                  Momenta&& momenta) {
  auto&& held = evaluated(gradients);
  const auto w = as_view(weights);
  const auto g = as_view(held);
  const auto m = as_view(momenta);
  using real = element_of<Weights>;
  constexpr double infinity = 1.7976931348623157e308;
  if (const status bad = detail::validate_setting(settings.learning_rate, "learning_rate", 0, infinity); !bad.ok())
    return bad;
  if (const status bad = detail::validate_setting(settings.momentum, "momentum", 0, 1); !bad.ok()) return bad;
  if (const status bad = detail::validate_setting(settings.weight_decay, "weight_decay", 0, infinity); !bad.ok())
    return bad;
  if (const status bad = detail::validate_step(w, g); !bad.ok()) return bad;
  if (const status bad = detail::validate_updated(m, w.shape, "momenta"); !bad.ok()) return bad;
  if (const status bad = detail::validate_elsewhere(w, m, "momenta"); !bad.ok()) return bad;
  if (const status bad = detail::validate_elsewhere(g, m, "momenta"); !bad.ok()) return bad;
  const auto rate = static_cast<real>(settings.learning_rate);
  const auto momentum = static_cast<real>(settings.momentum);
  const auto decay = static_cast<real>(settings.weight_decay);
  for (std::size_t i = 0; i < w.shape.size(); ++i) {
    const real gradient = decay == 0 ? g.data[i] : add<real>(g.data[i], multiply<real>(decay, w.data[i]));
    m.data[i] = add<real>(multiply<real>(momentum, m.data[i]), gradient);
    const real step = settings.nesterov ? add<real>(gradient, multiply<real>(momentum, m.data[i])) : m.data[i];
    w.data[i] = subtract<real>(w.data[i], multiply<real>(rate, step));
  }
  return {};
}

#if XQUANT_HAS_EXCEPTIONS
/// See try_sgd_step. Throws xquant::error.
template <TensorInMemory Weights, TensorLike Gradients, TensorInMemory Momenta>
void sgd_step(const sgd_settings& settings, Weights&& weights, const Gradients& gradients, Momenta&& momenta) {
  throw_if(try_sgd_step(settings, weights, gradients, momenta));
}
#endif

}  // namespace xquant

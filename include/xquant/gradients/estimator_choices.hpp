// Estimators by value.
#pragma once

#include <xquant/core/lane.hpp>
#include <xquant/core/policy_id.hpp>
#include <xquant/core/qualifiers.hpp>
#include <xquant/error.hpp>
#include <xquant/gradients/clipped_straight_through.hpp>
#include <xquant/gradients/estimator.hpp>
#include <xquant/gradients/straight_through.hpp>

#include <cstddef>

namespace xquant::inline XQUANT_ABI {

namespace detail {
template <class... Estimators>
struct learned_names_of {};
template <class First, class... Rest>
requires(First::learned != 0) struct learned_names_of<First, Rest...> {
  static constexpr auto& learned_names = First::learned_names;
};
}  // namespace detail

/// The estimator that `id` names, among these, which learn the same number of parameters: what fake_quantize_backward
/// takes in place of one, as fake_quantize_backward(estimator_choices<straight_through, clipped_straight_through>(id),
/// q, p, x, g, dx). Each is compiled; a call refuses an id that none has (errc::not_compiled). Estimators with members
/// have their defaults. A regular value.
template <class... Estimators>
class estimator_choices : public detail::learned_names_of<Estimators...> {
 public:
  static_assert(sizeof...(Estimators) != 0 && (true && ... && GradientEstimator<Estimators>),
                "xquant::estimator_choices: one of these types is no estimator (gradients/estimator.hpp)");
  static constexpr std::size_t learned = (std::size_t{} + ... + Estimators::learned) / sizeof...(Estimators);
  static_assert((true && ... && (Estimators::learned == learned)),
                "xquant::estimator_choices: these estimators learn different numbers of parameters");
  static constexpr bool uses_quotient = (false || ... || Estimators::uses_quotient);

  constexpr estimator_choices() noexcept = default;
  constexpr explicit estimator_choices(const estimator_id& id) noexcept : id_(id) {}

  [[nodiscard]] constexpr const estimator_id& id() const noexcept { return id_; }

  /// Calls f(estimator), which returns a status, and returns that.
  template <class F>
  constexpr status visit(const F& f) const {
    status result = fault(errc::not_compiled, "estimator", id_.number, id_.name);
    (void)(false || ... || (id_of<Estimators> == id_ && (result = f(Estimators{}), true)));
    return result;
  }

  /// An estimator by the concept; no kernel is made of it.
  template <class Lane, class L>
  constexpr estimated<L, learned> backward(const Lane&, L) const;
  double finish(std::size_t, const double*, const slot_summary&) const;

  friend constexpr bool operator==(const estimator_choices&, const estimator_choices&) = default;

 private:
  estimator_id id_{};
};

}  // namespace xquant

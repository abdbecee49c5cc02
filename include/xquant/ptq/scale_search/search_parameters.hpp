// One function for every search and every granularity: the parameters of a tensor, slot by slot.
#pragma once

#include <xquant/calls/call.hpp>
#include <xquant/core/adapt.hpp>
#include <xquant/core/half.hpp>
#include <xquant/exception.hpp>
#include <xquant/parameters.hpp>
#include <xquant/ptq/scale_search/group.hpp>

#include <cstddef>
#include <span>
#include <utility>
#include <vector>

namespace xquant::inline XQUANT_ABI::ptq {

/// Runs tasks one after the other; thread_pool (engines/threads.hpp), or any other Executor, may stand in its place.
struct one_thread {
  [[nodiscard]] static constexpr std::size_t concurrency() noexcept { return 1; }
  template <class Task>
  static void run(std::size_t count, const Task& task) {
    for (std::size_t i = 0; i < count; ++i) task(i);
  }
};

namespace detail {

// The elements of a tensor, slot after slot, in row-major order within one.
struct grouped {
  std::vector<float> x;
  std::vector<float> importance;
  std::vector<std::size_t> first;  // of each slot, and one past the last
  std::vector<std::size_t> index;  // where each was in x

  [[nodiscard]] std::size_t slots() const noexcept { return first.size() - 1; }
  [[nodiscard]] weight_group group(std::size_t slot) const noexcept {
    const std::span<const float> all(x);
    const std::span<const float> weights(importance);
    const std::size_t size = first[slot + 1] - first[slot];
    return {all.subspan(first[slot], size), weights.empty() ? weights : weights.subspan(first[slot], size)};
  }
};

inline std::size_t slot_of(std::size_t i, const shape& s, const parameter_map& map) noexcept {
  std::ptrdiff_t slot = 0;
  for (std::size_t d = s.rank; d-- > 0;) {
    slot += static_cast<std::ptrdiff_t>(i % s.extent[d] / map.block[d]) * map.stride[d];
    i /= s.extent[d];
  }
  return static_cast<std::size_t>(slot);
}

template <class Element>
status group_elements(const tensor_view<const Element>& x, const parameter_map& map, grouped& out) {
  const std::size_t n = x.shape.size();
  std::vector<std::size_t> slots(n);
  out.first.assign(map.count + 1, 0);
  for (std::size_t i = 0; i < n; ++i) {
    slots[i] = slot_of(i, x.shape, map);
    ++out.first[slots[i] + 1];
  }
  for (std::size_t slot = 0; slot < map.count; ++slot) {
    if (out.first[slot + 1] == 0)
      return fault(errc::no_samples, "x", static_cast<double>(slot), "at least one element in every parameter slot",
                   slot);
    out.first[slot + 1] += out.first[slot];
  }
  if (n == 0) return fault(errc::no_samples, "x", 0, "at least one element");
  std::vector<std::size_t> next(out.first.begin(), out.first.end() - 1);
  out.x.resize(n);
  out.index.resize(n);
  for (std::size_t i = 0; i < n; ++i) {
    const auto value = static_cast<float>(x.data[offset_of(i, x.shape, x.stride)]);
    if (!is_finite(value)) return fault(errc::not_finite, "x", static_cast<double>(value), "finite values", i);
    const std::size_t at = next[slots[i]]++;
    out.x[at] = value;
    out.index[at] = i;
  }
  return {};
}

inline status group_importance(const tensor_view<const float>& importance, const shape& s, grouped& out) {
  if (const status bad = xquant::detail::validate_same_shape(importance.shape, s, "importance"); !bad.ok()) return bad;
  if (const status bad = xquant::detail::validate_input(importance, "importance"); !bad.ok()) return bad;
  out.importance.resize(out.x.size());
  for (std::size_t i = 0; i < s.size(); ++i) {
    const float w = importance.data[offset_of(i, s, importance.stride)];
    if (!(w >= 0) || !is_finite(w))
      return fault(errc::value_out_of_range, "importance", static_cast<double>(w), "a finite number, not below 0", i);
  }
  for (std::size_t at = 0; at < out.x.size(); ++at)
    out.importance[at] = importance.data[offset_of(out.index[at], s, importance.stride)];
  return {};
}

// Checks and groups, then use(grouped, map).
template <class Quantizer, TensorLike X, class Importance, class Use>
status with_groups(const Quantizer& q, const X& tensor, const Importance& importance, const Use& use) {
  using element = element_of<X>;
  static_assert(sizeof(element) <= 4 && xquant::detail::is_real_element<element>,
                "xquant::ptq: weights are float, float16 or bfloat16");
  if (const status bad = q.format.valid(); !bad.ok()) return bad;
  decltype(auto) held = evaluated(tensor);
  const auto view = as_view(held);
  const tensor_view<const element> x(view.data, view.shape, view.stride);
  if (const status bad = xquant::detail::validate_input(x, "x"); !bad.ok()) return bad;
  parameter_map map;
  if (const status bad = q.granularity.map(x.shape, map); !bad.ok()) return bad;
  grouped groups;
  if (const status bad = group_elements(x, map, groups); !bad.ok()) return bad;
  if constexpr (!is_same<Importance, none>) {
    decltype(auto) held_importance = evaluated(importance);
    const auto w = as_view(held_importance);
    static_assert(is_same<remove_const<typename decltype(w)::value_type>, float>,
                  "xquant::ptq: the importance of elements is a tensor of float");
    if (const status bad = group_importance(tensor_view<const float>(w.data, w.shape, w.stride), x.shape, groups);
        !bad.ok())
      return bad;
  }
  return use(groups);
}

}  // namespace detail

/// The parameters `search` finds for each slot of `x` under the granularity of `q`: one scale, and a zero point where
/// the scheme of q has such. `importance` (a tensor of float of the shape of x, or none{}) is what the error of each
/// element counts. `executor` runs the slots, each by one thread; the answer does not depend on it. Refuses, `out`
/// untouched: NaN and infinities (naming the element), importance that is negative or not finite, a slot without
/// elements, a tensor without elements, an axis x does not have, settings the search refuses, and what it refuses of q.
template <class Quantizer, ScaleSearch Search, TensorLike X, class Importance = none, class Executor = one_thread>
[[nodiscard]] status try_search_parameters(const Quantizer& q, const Search& search, const X& x, parameters& out,
                                           const Importance& importance = {}, Executor&& executor = {}) {
  if (const status bad = search.valid(); !bad.ok()) return bad;
  return detail::with_groups(q, x, importance, [&](const detail::grouped& groups) -> status {
    const searched_quantizer searched(q);
    std::vector<slot> found(groups.slots());
    std::vector<status> answered(groups.slots());
    const std::size_t tasks = std::min(groups.slots(), 8 * std::max<std::size_t>(1, executor.concurrency()));
    executor.run(tasks, [&](std::size_t task) {
      for (std::size_t s = groups.slots() * task / tasks; s < groups.slots() * (task + 1) / tasks; ++s) {
        answered[s] = search.try_find(searched, groups.group(s), found[s]);
        if (!answered[s].ok()) answered[s].index = s;
      }
    });
    for (const status& s : answered)
      if (!s.ok()) return s;
    out = parameters(found);
    return {};
  });
}

/// The error each slot makes of `x` under parameters `p` (group_error): one number per slot.
/// Refuses what try_search_parameters refuses, and a number of parameters other than the granularity's.
template <class Quantizer, TensorLike X, class Importance = none>
[[nodiscard]] status try_slot_errors(const Quantizer& q, const parameters& p, const X& x, std::vector<double>& out,
                                     double power = 2, const Importance& importance = {}) {
  if (!(power > 0 && is_finite(power)))
    return fault(errc::value_out_of_range, "power", power, "a finite number above 0");
  return detail::with_groups(q, x, importance, [&](const detail::grouped& groups) -> status {
    if (const status bad = xquant::detail::validate_parameters(p.view(), xquant::detail::rules_of(q, groups.slots()));
        !bad.ok())
      return bad;
    const searched_quantizer searched(q);
    std::vector<double> found(groups.slots());
    for (std::size_t s = 0; s < found.size(); ++s)
      found[s] = group_error(searched, groups.group(s), power)({p.scale()[s], p.zero_point()[s]});
    out = std::move(found);
    return {};
  });
}

#if XQUANT_HAS_EXCEPTIONS
/// See try_search_parameters. Throws xquant::error.
template <class Quantizer, ScaleSearch Search, TensorLike X, class Importance = none, class Executor = one_thread>
[[nodiscard]] parameters search_parameters(const Quantizer& q, const Search& search, const X& x,
                                           const Importance& importance = {}, Executor&& executor = {}) {
  parameters out;
  throw_if(try_search_parameters(q, search, x, out, importance, executor));
  return out;
}
/// See try_slot_errors. Throws xquant::error.
template <class Quantizer, TensorLike X, class Importance = none>
[[nodiscard]] std::vector<double> slot_errors(const Quantizer& q, const parameters& p, const X& x, double power = 2,
                                              const Importance& importance = {}) {
  std::vector<double> out;
  throw_if(try_slot_errors(q, p, x, out, power, importance));
  return out;
}
#endif

}  // namespace xquant::ptq

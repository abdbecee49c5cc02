// What observers and calibrators are, and how the ranges they find become parameters. Data go in tensor by tensor; the
// state is a regular value that merges, so that any split over batches, threads or machines gives the same answer.
// Of the standard library this folder includes <vector>, <algorithm>, <utility>, and entropy.hpp <cmath> for log.
#pragma once

#include <xquant/core/meta.hpp>
#include <xquant/core/range.hpp>
#include <xquant/core/view.hpp>
#include <xquant/exception.hpp>
#include <xquant/parameters.hpp>

#include <cstddef>
#include <vector>

namespace xquant::inline XQUANT_ABI {

namespace detail {
template <class R>
concept regular_value = requires(R a, const R& b) {
  R();
  R(b);
  a = b;
  requires is_same<decltype(b == b), bool>;
};

template <class T>
concept is_status = is_same<T, status>;
}  // namespace detail

/// Sees tensors and keeps what a calibrator needs of them; a regular value. Minimal requirements:
///   status try_observe(tensor_view<const float> x)   takes x in, or says what is wrong and has changed nothing
///   status try_merge(const O& other)                 as if this had also observed all that `other` did; refuses other
///                                                    settings with errc::not_mergeable and has changed nothing
///   size_t slots() const                             parameter slots seen so far
template <class O>
concept Observer = detail::regular_value<O> && requires(O o, const O& other, const tensor_view<const float>& x) {
  { o.try_observe(x) } -> detail::is_status;
  { o.try_merge(other) } -> detail::is_status;
  other.slots() + std::size_t{};
};

/// An observer that turns what it saw into one range for each parameter slot:
///   status try_ranges(std::vector<range<float>>& out) const   or says what is wrong (errc::no_samples), out untouched
template <class C>
concept Calibrator = Observer<C> && requires(const C& c, std::vector<range<float>>& out) {
  { c.try_ranges(out) } -> detail::is_status;
};

/// Parameters of quantizer `q` for one range per slot: q.parameters_for of each. Refuses, before `out` is written, a
/// range that is not finite or is inverted (naming the slot), and no ranges at all (errc::no_samples). `Element` is the
/// element type of the data the parameters are for, where that is not float: float16 or bfloat16.
template <class Element = float, class Quantizer>
[[nodiscard]] status try_make_parameters(const Quantizer& q, const std::vector<range<float>>& ranges, parameters& out) {
  if (ranges.empty()) return fault(errc::no_samples, "ranges", 0, "one range for each parameter slot");
  std::vector<decltype(q.parameters_for(range<float>{}))> slots;
  slots.reserve(ranges.size());
  for (std::size_t slot = 0; slot < ranges.size(); ++slot) {
    if (const status s = ranges[slot].valid("ranges", slot); !s.ok()) return s;
    slots.push_back(q.template parameters_for<Element>(ranges[slot]));
  }
  out = parameters(slots);
  return {};
}

/// Parameters of quantizer `q` for what `calibrator` saw. Refuses what try_ranges refuses.
template <class Element = float, class Quantizer, Calibrator C>
[[nodiscard]] status try_make_parameters(const Quantizer& q, const C& calibrator, parameters& out) {
  std::vector<range<float>> ranges;
  if (const status s = calibrator.try_ranges(ranges); !s.ok()) return s;
  return try_make_parameters<Element>(q, ranges, out);
}

#if XQUANT_HAS_EXCEPTIONS
/// The same, as a value; `source` is a vector of ranges or a calibrator. Throws xquant::error.
template <class Element = float, class Quantizer, class Source>
[[nodiscard]] parameters make_parameters(const Quantizer& q, const Source& source) {
  parameters out;
  throw_if(try_make_parameters<Element>(q, source, out));
  return out;
}
#endif

}  // namespace xquant

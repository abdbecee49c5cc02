// Calibrators by name, for programs that are told which: those that ask the common state (named_rule.hpp) and those
// that keep a state of their own. A new one of the latter is its file and a line of a list of these: the one below, or
// presets/peer_calibrators.hpp.
#pragma once

#include <xquant/calibration/amax_window.hpp>
#include <xquant/calibration/any_calibrator.hpp>
#include <xquant/calibration/histogram_calibrator.hpp>
#include <xquant/calibration/moving_average.hpp>
#include <xquant/calibration/named_rule.hpp>
#include <xquant/calibration/sample_extremes.hpp>
#include <xquant/exception.hpp>
#include <xquant/runtime/granularity_description.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace xquant::inline XQUANT_ABI {

/// A calibrator with a state of its own as a value. A *tensor* of data is what is observed at once: one image where
/// images are observed one by one.
struct known_calibrator {
  const char* name;
  const char* use;      ///< what it is for, in a phrase
  const char* setting;  ///< what the number in NAME=NUMBER sets; nullptr when there is none
  double standard;      ///< the number without one
  bool is_order_free;   ///< whether tensors in any order, and merged parts, give the same; it refuses merging if not
  bool is_per_slot;     ///< whether it has slots of any granularity; it is per tensor if not
  status (*valid)(double number);
  any_calibrator (*make)(double number, const granularity_description& granularity);
};

namespace detail {

struct make_moving_average {
  static status valid(double number) { return averaged_extremes(number).valid(); }
  static auto make(double number, const granularity_description& g) {
    return moving_average<granularity_description>(number, g);
  }
};

struct make_amax_window {
  static status valid(double number) {
    if (!(number >= 1 && number <= 1e6 && number == static_cast<double>(static_cast<std::size_t>(number))))
      return fault(errc::value_out_of_range, "amax_window.length", number, "a whole number from 1 to 1000000");
    return {};
  }
  static auto make(double number, const granularity_description& g) {
    return amax_window<granularity_description>(static_cast<std::size_t>(number), 0, g);
  }
};

template <class MakeRule>
struct make_sample_calibrator {
  static status valid(double number) { return MakeRule::make(number).valid(); }
  static auto make(double number, const granularity_description& g) {
    return sample_calibrator<decltype(MakeRule::make(0)), granularity_description>(MakeRule::make(number), g);
  }
};

template <class Make>
any_calibrator made_calibrator(double number, const granularity_description& granularity) {
  return any_calibrator(Make::make(number, granularity));
}

template <class Make>
constexpr known_calibrator calibrator_line(const char* name, const char* use, bool is_order_free, bool is_per_slot,
                                           const char* setting = nullptr, double standard = 0) noexcept {
  return {name, use, setting, standard, is_order_free, is_per_slot, &Make::valid, &made_calibrator<Make>};
}

}  // namespace detail

/// The library's own.
inline constexpr known_calibrator standard_calibrators[] = {
    detail::calibrator_line<detail::make_moving_average>("moving_average", "data that change: the newest weigh most",
                                                         false, true, "the weight of the newest tensor", 0.01),
    detail::calibrator_line<detail::make_amax_window>("amax_window", "delayed scaling: the newest tensors alone decide",
                                                      false, true, "the number of tensors", 1024),
    detail::calibrator_line<detail::make_sample_calibrator<detail::rule_as_it_is<mean_of_samples>>>(
        "mean_of_samples", "few strange tensors: the mean of their extremes", true, true),
    detail::calibrator_line<detail::make_sample_calibrator<detail::rule_as_it_is<median_of_samples>>>(
        "median_of_samples", "few strange tensors: the median of their extremes", true, true),
    detail::calibrator_line<detail::make_sample_calibrator<detail::rule_setting<&mean_without_outliers::quantile>>>(
        "mean_without_outliers", "few strange tensors: the mean of the extremes that are none of them", true, true,
        "the quantile that is left out at both ends", 1e-4),
};

/// A calibrator that is chosen by its name. A regular value.
class named_calibrator {
 public:
  using known = std::span<const known_calibrator>;

  /// min_max.
  constexpr named_calibrator() noexcept = default;
  constexpr named_calibrator(const named_rule& rule) noexcept : rule_(rule) {}  // NOLINT: a rule is one
  /// Of a line that outlives it.
  constexpr explicit named_calibrator(const known_calibrator& line) noexcept : own_(&line), number_(line.standard) {}

  /// NAME, or NAME=NUMBER where there is a number to set, of a range rule ("percentile=99.9"), one of the library's own
  /// calibrators ("moving_average=0.1") or one of `more`, which outlive what is found. Refuses (value_out_of_range)
  /// another name, a number where none is wanted, and what rule or calibrator refuse; `out` is untouched then.
  [[nodiscard]] static status try_parse(std::string_view text, named_calibrator& out, known more = {}) {
    const std::size_t sign = text.find('=');
    for (const known lines : {known(standard_calibrators), more})
      for (const known_calibrator& line : lines) {
        if (text.substr(0, sign) != line.name) continue;
        named_calibrator found(line);
        if (sign != std::string_view::npos) {
          if (line.setting == nullptr)
            return fault(errc::value_out_of_range, line.name, 0, "no number: this calibrator has none to set");
          if (!detail::parse_number(text.substr(sign + 1), found.number_))
            return fault(errc::value_out_of_range, line.name, 0, "a number after the =");
        }
        if (const status bad = found.valid(); !bad.ok()) return bad;
        out = found;
        return {};
      }
    named_rule rule;
    const status bad = named_rule::try_parse(text, rule);
    if (bad.ok()) out = rule;
    return bad;
  }
#if XQUANT_HAS_EXCEPTIONS
  /// The same, as a value. Throws xquant::error.
  [[nodiscard]] static named_calibrator parse(std::string_view text, known more = {}) {
    named_calibrator found;
    throw_if(try_parse(text, found, more));
    return found;
  }
#endif

  /// The rule it asks an observer<histogram>, which answers all rules in one pass; or null: a state of its own.
  [[nodiscard]] const named_rule* rule() const noexcept { return own_ == nullptr ? &rule_ : nullptr; }
  /// The line of one with a state of its own, or null.
  [[nodiscard]] const known_calibrator* own() const noexcept { return own_; }
  [[nodiscard]] double number() const noexcept { return own_ == nullptr ? rule_.number() : number_; }
  /// What try_parse reads back: the number is left out where it is the standard one.
  [[nodiscard]] std::string text() const {
    if (own_ == nullptr) return rule_.text();
    return detail::named_with_number(own_->name, own_->setting != nullptr && number_ != own_->standard, number_);
  }

  [[nodiscard]] status valid() const { return own_ == nullptr ? rule_.valid() : own_->valid(number_); }
  /// A calibrator that has seen nothing, of this granularity. Refuses what valid() refuses, and another granularity
  /// than per tensor of one that has no slots (errc::unsupported); `out` is untouched then.
  [[nodiscard]] status try_make(const granularity_description& granularity, any_calibrator& out) const {
    if (const status bad = valid(); !bad.ok()) return bad;
    if (own_ == nullptr) {
      out = any_calibrator(histogram_calibrator<named_rule, granularity_description>(rule_, granularity));
      return {};
    }
    if (!own_->is_per_slot && !granularity.is<per_tensor>())
      return fault(errc::unsupported, own_->name, 0, "per tensor: this calibrator has no slots");
    out = own_->make(number_, granularity);
    return {};
  }
#if XQUANT_HAS_EXCEPTIONS
  /// The same, as a value. Throws xquant::error.
  [[nodiscard]] any_calibrator make(const granularity_description& granularity = per_tensor{}) const {
    any_calibrator made;
    throw_if(try_make(granularity, made));
    return made;
  }
#endif

  friend constexpr bool operator==(const named_calibrator&, const named_calibrator&) = default;

 private:
  named_rule rule_;
  const known_calibrator* own_ = nullptr;
  double number_ = 0;
};

}  // namespace xquant

// Range rules by name, for programs that are told which: a new rule is its file and a line of the list below.
#pragma once

#include <xquant/calibration/aciq.hpp>
#include <xquant/calibration/code_grid.hpp>
#include <xquant/calibration/entropy.hpp>
#include <xquant/calibration/histogram.hpp>
#include <xquant/calibration/least_error.hpp>
#include <xquant/calibration/mean_deviation.hpp>
#include <xquant/calibration/min_max.hpp>
#include <xquant/calibration/octav.hpp>
#include <xquant/calibration/percentile.hpp>
#include <xquant/calibration/range_rule.hpp>
#include <xquant/calibration/tensorrt_entropy.hpp>
#include <xquant/core/range.hpp>

#include <charconv>
#include <string>
#include <string_view>
#include <system_error>

namespace xquant::inline XQUANT_ABI {

/// A rule over histograms as a value. `make` in the functions below is the rule with its setting, where it has one.
struct known_rule {
  const char* name;
  const char* use;      ///< what it is for, in a phrase
  const char* setting;  ///< what the number in NAME=NUMBER sets; nullptr when the rule has no number
  double standard;      ///< the number without one
  status (*valid)(double number);
  status (*try_range)(double number, const histogram& h, const code_grid& codes, range<double>& out);
};

namespace detail {

// A number and nothing else.
inline bool parse_number(std::string_view text, double& out) noexcept {
  const char* const end = text.data() + text.size();
  const auto [stopped, bad] = std::from_chars(text.data(), end, out);
  return bad == std::errc{} && stopped == end;
}
// NAME, or NAME=NUMBER in as many digits as bring the number back.
inline std::string named_with_number(const char* name, bool has_number, double number) {
  std::string text = name;
  if (!has_number) return text;
  char digits[32];
  const auto [end, bad] = std::to_chars(digits, digits + sizeof digits, number);
  return text.append(1, '=').append(digits, bad == std::errc{} ? end : digits);
}

template <auto Member>
struct rule_setting {};
template <class Rule, double Rule::*Member>
struct rule_setting<Member> {
  static Rule make(double number) noexcept {
    Rule rule;
    rule.*Member = number;
    return rule;
  }
};
template <class Rule>
struct rule_as_it_is {
  static Rule make(double) noexcept { return {}; }
};

template <auto Rule>
struct rule_set_so {
  static auto make(double) noexcept { return Rule; }
};

template <class Make>
struct rule_functions {
  static status valid(double number) { return Make::make(number).valid(); }
  static status try_range(double number, const histogram& h, const code_grid& codes, range<double>& out) {
    const auto rule = Make::make(number);
    if constexpr (AsksCodes<decltype(Make::make(0)), histogram>)
      return rule.try_range(h, codes, out);
    else
      return rule.try_range(h, out);
  }
};

template <class Rule>
constexpr known_rule rule_line(const char* name, const char* use) noexcept {
  using functions = rule_functions<rule_as_it_is<Rule>>;
  return {name, use, nullptr, 0, &functions::valid, &functions::try_range};
}
template <auto Member>
constexpr known_rule rule_line(const char* name, const char* use, const char* setting, double standard) noexcept {
  using functions = rule_functions<rule_setting<Member>>;
  return {name, use, setting, standard, &functions::valid, &functions::try_range};
}

template <auto Rule>
constexpr known_rule fixed_rule_line(const char* name, const char* use) noexcept {
  using functions = rule_functions<rule_set_so<Rule>>;
  return {name, use, nullptr, 0, &functions::valid, &functions::try_range};
}

}  // namespace detail

/// The rules that have names.
inline constexpr known_rule standard_rules[] = {
    detail::rule_line<full_range>("min_max", "no element may be clipped"),
    detail::rule_line<entropy>("entropy", "the distribution nearest to the original one, at little squared error"),
    detail::rule_line<&percentile::percent>("percentile", "a stated share of the elements is given up at the ends",
                                            "percent of the elements that are kept", 99.99),
    detail::rule_line<tensorrt_entropy>("tensorrt_entropy",
                                        "the least divergence whatever it costs, as TensorRT has it"),
    detail::rule_line<mean_squared_error>("mean_squared_error", "the least mean squared error of the elements"),
    detail::rule_line<&sqnr::clipping>("sqnr", "the least squared error where clipping counts more, as AIMET has it",
                                       "how much the squared error of a clipped element counts", 3),
    detail::rule_line<&lp_norm::power>("lp_norm", "the least mean of a power of the error: above 2 clips less",
                                       "the power", 2.4),
    detail::fixed_rule_line<aciq{bell::laplace}>("aciq_laplace", "few data of a Laplace distribution"),
    detail::fixed_rule_line<aciq{bell::gauss}>("aciq_gauss", "few data of a normal distribution"),
    detail::rule_line<octav>("octav", "about the least squared error, by a fixed point"),
    detail::rule_line<&mean_deviation::deviations>("mean_deviation", "a stated number of standard deviations is kept",
                                                   "the number of standard deviations", 4),
};

/// A rule that is chosen by its name: a RangeRule of histograms, compiled once for all of them. A regular value.
class named_rule {
 public:
  /// min_max.
  constexpr named_rule() noexcept : named_rule(standard_rules[0]) {}
  constexpr explicit named_rule(const known_rule& rule) noexcept : rule_(&rule), number_(rule.standard) {}

  /// NAME, or NAME=NUMBER where the rule has a number ("percentile=99.9"). Refuses (value_out_of_range) a name that
  /// standard_rules does not have, a number where none is wanted, and what the rule refuses; `out` is untouched then.
  [[nodiscard]] static status try_parse(std::string_view text, named_rule& out) {
    const std::size_t sign = text.find('=');
    const std::string_view name = text.substr(0, sign);
    for (const known_rule& rule : standard_rules) {
      if (name != rule.name) continue;
      named_rule found(rule);
      if (sign != std::string_view::npos) {
        if (rule.setting == nullptr)
          return fault(errc::value_out_of_range, rule.name, 0, "no number: this rule has none to set");
        if (!detail::parse_number(text.substr(sign + 1), found.number_))
          return fault(errc::value_out_of_range, rule.name, 0, "a number after the =");
      }
      if (const status bad = found.valid(); !bad.ok()) return bad;
      out = found;
      return {};
    }
    return fault(errc::value_out_of_range, "rule", 0, "the name of one of the standard rules");
  }
#if XQUANT_HAS_EXCEPTIONS
  /// The same, as a value. Throws xquant::error.
  [[nodiscard]] static named_rule parse(std::string_view text) {
    named_rule rule;
    throw_if(try_parse(text, rule));
    return rule;
  }
#endif

  [[nodiscard]] const known_rule& rule() const noexcept { return *rule_; }
  [[nodiscard]] double number() const noexcept { return number_; }
  /// What try_parse reads back: the number is left out where it is the standard one.
  [[nodiscard]] std::string text() const {
    return detail::named_with_number(rule_->name, rule_->setting != nullptr && number_ != rule_->standard, number_);
  }

  [[nodiscard]] status valid() const { return rule_->valid(number_); }
  [[nodiscard]] status try_range(const histogram& h, const code_grid& codes, range<double>& out) const {
    return rule_->try_range(number_, h, codes, out);
  }

  friend constexpr bool operator==(const named_rule&, const named_rule&) = default;

 private:
  const known_rule* rule_;
  double number_;
};

static_assert(RangeRule<named_rule, histogram> && !RuleWithoutCodes<named_rule, histogram>);

}  // namespace xquant

// Fibonacci search over the factor of a range: a method that brevitas' MSE can be given.
#pragma once

#include <xquant/ptq/scale_search/first_guess.hpp>
#include <xquant/ptq/scale_search/group.hpp>

#include <vector>

namespace xquant::inline XQUANT_ABI::ptq {

/// The range of the group by a factor between 1 / iterations and 1, narrowed by ratios of Fibonacci's numbers to the
/// side of the smaller squared error (brevitas 0.13, mse_search_method = "fibonacci", 20 iterations): as
/// golden_section, with two evaluations in each step, and the answer is the better of the last two. Refuses fewer than
/// 3 iterations, or more than 60 (errc::value_out_of_range).
struct fibonacci {
  int iterations = 20;

  [[nodiscard]] constexpr status valid() const noexcept {
    if (iterations < 3 || iterations > 60)
      return fault(errc::value_out_of_range, "fibonacci.iterations", iterations, "3 to 60");
    return {};
  }
  [[nodiscard]] status try_find(const searched_quantizer& q, const weight_group& group, slot& out) const {
    group_error error(q, group);
    const range<float> all = group.extremes();
    const auto slot_at = [&](double factor) { return detail::slot_of_range(q, detail::shrunk(all, factor)); };
    std::vector<double> numbers = {0, 1};
    while (static_cast<int>(numbers.size()) <= iterations) numbers.push_back(numbers.back() + *(numbers.end() - 2));
    const auto number = [&](int k) { return numbers[static_cast<std::size_t>(k)]; };
    double low = 1.0 / iterations;
    double high = 1;
    double width = high - low;
    double step = number(iterations - 2) / number(iterations) * width;
    for (int k = 2; k <= iterations; ++k) {
      const bool is_long = step > width / 2;
      const double left = is_long ? high - step : low + step;
      const double right = is_long ? low + step : high - step;
      const double at_left = error(slot_at(left));
      const double at_right = error(slot_at(right));
      out = slot_at(at_left <= at_right ? left : right);
      if (at_left <= at_right) high = right;
      if (at_left >= at_right) low = left;
      step = number(iterations - k) / number(iterations - k + 2) * (at_left != at_right ? width : high - low);
      width = high - low;
    }
    return {};
  }
  friend bool operator==(const fibonacci&, const fibonacci&) = default;
};

}  // namespace xquant::ptq

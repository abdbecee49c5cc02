// What observers do not take. As it stands, everything here is right.
#include <xquant/adapt/span.hpp>
#include <xquant/calibration/min_max.hpp>
#include <xquant/calibration/observer.hpp>
#include <xquant/engines/scalar.hpp>

#include <cstddef>
#include <vector>

using namespace xquant;  // NOLINT: every line names several

#if defined(XQUANT_BAD_LINE) && XQUANT_BAD_LINE == 1
using element = double;
#else
using element = float;
#endif

// A state of floats.
struct number_of_elements {
  std::size_t count_ = 0;
  bool empty() const { return count_ == 0; }
  void reach(const extremes&) {}
  void count(const float*, std::size_t n) { count_ += n; }
  void merge(const number_of_elements& other) { count_ += other.count_; }
  friend bool operator==(const number_of_elements&, const number_of_elements&) = default;
};

struct engine : scalar_engine {
#if defined(XQUANT_BAD_LINE) && XQUANT_BAD_LINE == 2
  static constexpr memory_space memory = memory_space::device;
#endif
};

status use(observer<number_of_elements>& o, const std::vector<element>& x) { return o.try_observe(x, engine()); }

#if defined(XQUANT_BAD_LINE) && XQUANT_BAD_LINE == 3
struct rule {};
#else
using rule = full_range;
#endif
calibrator<extremes, rule> c;

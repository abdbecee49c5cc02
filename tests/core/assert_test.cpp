// A build with XQUANT_ENABLE_ASSERT finds policies that break what the library takes for granted.
#define XQUANT_ENABLE_ASSERT 1
#define XQUANT_ASSERT_FAILED(text, file, line) xquant_test::failed(text, file, line)

namespace xquant_test {
inline const char* last_failure = "";
inline void failed(const char* text, const char* /*file*/, int /*line*/) { last_failure = text; }
}  // namespace xquant_test

#include <xquant/core/assert.hpp>
#include <xquant/ops/quantize.hpp>
#include <xquant/parameters.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <vector>

namespace {

// A user's granularity with a fault: what `Fault` says of [4, 3].
enum class fault { none, too_few_slots, block_of_zero, slots_below_zero };

template <fault Fault>
struct per_row {
  using policy_category = xquant::category::granularity;
  constexpr xquant::status map(const xquant::shape& s, xquant::parameter_map& out) const noexcept {
    out = {};
    out.block[0] = Fault == fault::block_of_zero ? 0 : 1;
    out.stride[0] = Fault == fault::slots_below_zero ? -1 : 1;
    out.count = Fault == fault::too_few_slots ? s.extent[0] - 1 : s.extent[0];
    return {};
  }
  friend constexpr bool operator==(const per_row&, const per_row&) = default;
};

// The text of the assertion that fails, empty when none does. Validation reads no element and no slot.
template <fault Fault>
std::string answer() {
  const float x[12] = {};
  std::int8_t codes[12];
  const xquant::shape s{4, 3};
  const xquant::parameters p(std::vector<float>(Fault == fault::too_few_slots ? 3 : 4, 1.0f));
  xquant_test::last_failure = "";
  (void)xquant::validate_quantize(xquant::quantizer<xquant::int8, per_row<Fault>>{}, p,
                                  xquant::tensor_view<const float>(x, s), xquant::tensor_view<std::int8_t>(codes, s));
  return xquant_test::last_failure;
}

}  // namespace

TEST_CASE("a granularity that gives elements slots which are not there is found") {
  CHECK(answer<fault::none>().empty());
  CHECK(answer<fault::too_few_slots>() == "is_consistent(map, shape_)");
  CHECK(answer<fault::block_of_zero>() == "is_consistent(map, shape_)");
  CHECK(answer<fault::slots_below_zero>() == "is_consistent(map, shape_)");
}

TEST_CASE("is_consistent: slots of the first and last elements, by hand") {
  xquant::parameter_map map;
  CHECK(xquant::is_consistent(map, xquant::shape{}));
  CHECK(xquant::is_consistent(map, xquant::shape{5, 7}));
  map.stride[1] = 1;
  map.block[1] = 3;  // slots 0 0 0 1 1 1 2
  map.count = 3;
  CHECK(xquant::is_consistent(map, xquant::shape{5, 7}));
  CHECK(xquant::is_consistent(map, xquant::shape{5, 9}));
  CHECK_FALSE(xquant::is_consistent(map, xquant::shape{5, 10}));
  CHECK(xquant::is_consistent(map, xquant::shape{0, 10}));  // nothing has a slot
}

TEST_CASE("a condition may hold commas, and is not evaluated twice") {
  int evaluated = 0;
  XQUANT_ASSERT(xquant::is_same<int, int> && ++evaluated == 1);
  CHECK(evaluated == 1);
  xquant_test::last_failure = "";
  XQUANT_ASSERT(evaluated == 2);
  CHECK(std::string(xquant_test::last_failure) == "evaluated == 2");
}

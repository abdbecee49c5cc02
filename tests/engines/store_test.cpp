// What a store makes of integers of every size: clamped to the bounds it is given, never wrapped.
#include <doctest/doctest.h>

#include <engines/engine.hpp>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

namespace {

using namespace xquant;
using lane = engines_test::engine::lane;

template <class Code>
void check_stores(std::int32_t lower, std::int32_t upper) {
  constexpr std::int64_t least = std::numeric_limits<std::int32_t>::min();
  constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max();
  std::vector<std::int64_t> values;
  for (const std::int64_t centre :
       {std::int64_t{0}, std::int64_t{lower}, std::int64_t{upper}, std::int64_t{-128}, std::int64_t{127},
        std::int64_t{255}, std::int64_t{-32768}, std::int64_t{32767}, std::int64_t{65535}, least, least + 32768, most,
        most - 32768, std::int64_t{-65536}, std::int64_t{1} << 24})
    for (std::int64_t d = -2; d <= 2; ++d) values.push_back(std::clamp(centre + d, least, most));
  values.resize((values.size() + 63) / 64 * 64, 0);
  constexpr std::size_t lanes = 64 / lane_count<lane>;
  for (std::size_t block = 0; block < values.size(); block += 64) {
    alignas(64) std::int32_t in[64];
    for (std::size_t i = 0; i < 64; ++i) in[i] = static_cast<std::int32_t>(values[block + i]);
    integer_of<lane> v[lanes];
    for (std::size_t j = 0; j < lanes; ++j) v[j] = lane_memory<lane>::load(in + j * lane_count<lane>);
    Code out[64];
    lane_memory<lane>::store_codes<lanes>(out, v, lower, upper);
    for (std::size_t i = 0; i < 64; ++i) {
      CAPTURE(in[i]);
      CHECK(std::int64_t{out[i]} == std::clamp<std::int64_t>(in[i], lower, upper));
    }
  }
}

TEST_CASE("stores clamp integers of every size") {
  check_stores<std::int8_t>(-128, 127);
  check_stores<std::int8_t>(-8, 7);
  check_stores<std::uint8_t>(0, 255);
  check_stores<std::uint8_t>(3, 14);
  check_stores<std::int16_t>(-32768, 32767);
  check_stores<std::int16_t>(-2048, 2047);
  check_stores<std::uint16_t>(0, 65535);
  check_stores<std::uint16_t>(5, 40000);
}

}  // namespace

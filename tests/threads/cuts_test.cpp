// How the engine cuts work: parts cover every element once, and no two parts share a byte of packed bits.
#include <doctest/doctest.h>

#include <core/oracle.hpp>
#include <xquant/engines/scalar.hpp>
#include <xquant/engines/threads.hpp>
#include <xquant/formats/integer.hpp>
#include <xquant/gradients/clipped_straight_through.hpp>
#include <xquant/gradients/fake_quantize_backward.hpp>

#include <map>
#include <mutex>
#include <set>
#include <vector>

namespace {

using namespace xquant;  // NOLINT: every line names several

// An engine that runs nothing and records, for each part it is given, the elements the part visits.
struct recorder {
  template <class Op>
  [[maybe_unused]] static constexpr bool supports = true;
  std::vector<std::set<std::size_t>>* parts;
  std::mutex* mutex;

  template <class Op>
  void run(const Op&, const nest_list& nests, const operation_streams<Op>&) const {
    std::set<std::size_t> seen;
    for (std::size_t i = 0; i < nests.count; ++i)
      for_each_row(nests.item[i], [&](const std::ptrdiff_t(&first)[operand_count], const nest_dimension& row) {
        for (std::size_t k = 0; k < row.extent; ++k)
          seen.insert(static_cast<std::size_t>(first[element_index] +
                                               static_cast<std::ptrdiff_t>(k) * row.stride[element_index]));
      });
    const std::lock_guard lock(*mutex);
    parts->push_back(seen);
  }
};

// An executor that claims many threads and runs the tasks itself, last first.
struct backwards {
  std::size_t threads = 64;
  std::size_t runs = 0;
  [[nodiscard]] std::size_t concurrency() const { return threads; }
  template <class Task>
  void run(std::size_t count, const Task& task) {
    ++runs;
    for (std::size_t i = count; i-- > 0;) task(i);
  }
};

// Operations as the engine sees them when it cuts: with packed bits among the outputs, and without.
struct with_bits {
  using real = float;
  using input_0_type = float;
  using input_1_type = none;
  using output_0_type = float;
  using output_1_type = bit;
};
struct without_bits {
  using real = float;
  using input_0_type = float;
  using input_1_type = none;
  using output_0_type = float;
  using output_1_type = none;
};

template <class Op>
std::size_t check(const shape& s, const parameter_map& map, std::size_t threads) {
  std::vector<std::set<std::size_t>> parts;
  std::mutex mutex;
  backwards executor{threads};
  const threads_engine<recorder, backwards> engine(executor, recorder{&parts, &mutex});
  std::ptrdiff_t stride[max_rank] = {};
  const std::ptrdiff_t* const strides[4] = {stride, stride, stride, nullptr};
  nest_list nests;
  make_nests(s, strides, map, nests);
  std::size_t most = 0;
  std::set<std::size_t> all;
  std::size_t visits = 0;
  for (std::size_t i = 0; i < nests.count; ++i) {
    nest_list one;
    one.count = 1;
    one.item[0] = nests.item[i];
    parts.clear();
    engine.run(Op{}, one, operation_streams<Op>{});
    most = parts.size() > most ? parts.size() : most;
    std::map<std::size_t, std::size_t> owner;  // of a byte, among the parts of one nest, which may run at once
    for (std::size_t part = 0; part < parts.size(); ++part)
      for (const std::size_t element : parts[part]) {
        all.insert(element);
        ++visits;
        if (is_same<typename Op::output_1_type, bit>) {
          const auto place = owner.emplace(element / 8, part).first;
          REQUIRE(place->second == part);
        }
      }
  }
  REQUIRE(all.size() == s.size());
  REQUIRE(visits == s.size());
  return most;
}

}  // namespace

TEST_CASE("parts cover every element once, bytes of bits are not shared") {
  oracle::stream random(9);
  for (int turn = 0; turn < 400; ++turn) {
    const std::size_t rank = 1 + random.below(4);
    shape s;
    s.rank = rank;
    for (std::size_t d = 0; d < rank; ++d) s.extent[d] = 1 + random.below(turn % 5 == 0 ? 3 : 20);
    if (turn % 7 == 0) s.extent[random.below(static_cast<std::uint32_t>(rank))] = 4096 + random.below(9000);
    if (s.size() > 60000) continue;
    parameter_map map;
    std::ptrdiff_t step = 1;
    unsigned ragged = 0;
    for (std::size_t d = rank; d-- > 0;) {
      if (random.below(2) == 0) continue;
      map.block[d] = 1 + random.below(5);
      if (s.extent[d] % map.block[d] != 0 && ++ragged > 2) map.block[d] = 1;
      map.stride[d] = step;
      step *= static_cast<std::ptrdiff_t>((s.extent[d] + map.block[d] - 1) / map.block[d]);
    }
    map.count = static_cast<std::size_t>(step);
    const std::size_t threads = 1 + random.below(9);
    CAPTURE(turn);
    const std::size_t plain = check<without_bits>(s, map, threads);
    const std::size_t bits = check<with_bits>(s, map, threads);
    CHECK(plain <= threads);
    CHECK(bits <= threads);
  }
}

TEST_CASE("large work is shared out") {
  const parameter_map whole;
  CHECK(check<without_bits>(shape(5 * 4096 + 1), whole, 3) == 3);
  CHECK(check<with_bits>(shape(5 * 4096 + 1), whole, 3) == 3);
  parameter_map rows;
  rows.stride[0] = 1;
  rows.count = 1000;
  CHECK(check<without_bits>(shape(1000, 7), rows, 4) == 4);
  CHECK(check<with_bits>(shape(1000, 7), rows, 4) == 4);
  CHECK(check<without_bits>(shape(2, 3), rows, 4) == 2);
  CHECK(check<with_bits>(shape(2, 3), rows, 4) == 1);  // one byte
  rows.count = 2;
  CHECK(check<with_bits>(shape(2, 20000), rows, 4) == 4);
  CHECK(check<without_bits>(shape(1), whole, 4) == 1);
}

TEST_CASE("an executor of the caller's own; one that says it has no threads") {
  static_assert(Executor<backwards>);
  struct nothing {
    std::size_t concurrency() const { return 0; }
  };
  static_assert(!Executor<nothing>);
  for (const std::size_t threads : {0u, 1u, 2u, 64u}) {
    backwards executor{threads};
    const threads_engine<scalar_engine, backwards> engine(executor);
    const std::size_t n = 20000;
    std::vector<float> x(n);
    for (std::size_t i = 0; i < n; ++i) x[i] = static_cast<float>(static_cast<int>(i % 300) - 150);
    std::vector<float> dx(n);
    const float scale = 1;
    fake_quantize_backward(clipped_straight_through{}, quantizer<int8>{},
                           parameters_view<float>{&scale, nullptr, nullptr, 1}, tensor_view<float>(x.data(), shape(n)),
                           tensor_view<float>(x.data(), shape(n)), tensor_view<float>(dx.data(), shape(n)), engine);
    for (std::size_t i = 0; i < n; ++i) REQUIRE(dx[i] == (x[i] >= -128 && x[i] <= 127 ? x[i] : 0.0f));
    CHECK(executor.runs == 1);
  }
}

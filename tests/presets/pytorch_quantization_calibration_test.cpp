// pytorch-quantization's amax, against what running it recorded (tests/data/pytorch_quantization/amax.txt) and against
// the behaviour its own tests and a run on known distributions show.
#include <xquant/presets/pytorch_quantization_calibration.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <random>
#include <sstream>
#include <string>
#include <vector>

namespace {

namespace peer = xquant::presets::pytorch_quantization;
using xquant::errc;

struct collected {
  std::vector<std::int64_t> counts;
  std::vector<double> edges;
};

// Bins of |x| as the peer's torch path makes and grows them, in float.
class collector {
 public:
  explicit collector(std::size_t bins) : bins_(bins) {}
  void collect(const std::vector<float>& x) {
    const float largest = *std::max_element(x.begin(), x.end());
    if (all_.empty()) {
      top_ = largest;
      width_ = largest / static_cast<float>(bins_);
    } else if (largest > top_) {
      bins_ = static_cast<std::size_t>(std::ceil(largest / width_));
      top_ = width_ * static_cast<float>(bins_);
    }
    all_.resize(std::max(all_.size(), bins_));
    for (const float v : x) {
      const auto bin = static_cast<std::size_t>(v / top_ * static_cast<float>(bins_));
      ++all_[std::min(bin, bins_ - 1)];
    }
  }
  [[nodiscard]] collected result() const {
    collected c;
    c.counts = all_;
    for (std::size_t k = 0; k <= bins_; ++k) c.edges.push_back(static_cast<double>(width_ * static_cast<float>(k)));
    return c;
  }

 private:
  std::size_t bins_;
  float top_ = 0;
  float width_ = 0;
  std::vector<std::int64_t> all_;
};

collected formula(double (*count)(int)) {
  collected c;
  for (int k = 0; k < 2048; ++k) c.counts.push_back(static_cast<std::int64_t>(std::floor(count(k))));
  for (int k = 0; k <= 2048; ++k) c.edges.push_back(k * 0.01);
  return c;
}

float entropy(const collected& c, int bits, bool is_unsigned, std::size_t stride = 1) {
  return peer::compute_amax_entropy(c.counts, c.edges, {bits, is_unsigned, stride, 128});
}
float percentile(const collected& c, double p) { return peer::compute_amax_percentile(c.counts, c.edges, p); }

}  // namespace

TEST_CASE("pytorch-quantization: recorded amax, bit for bit") {
  std::ifstream file(XQUANT_SOURCE_DIR "/tests/data/pytorch_quantization/amax.txt");
  REQUIRE(file.good());
  std::vector<std::int64_t> counts;
  std::vector<double> edges;
  std::size_t cases = 0;
  std::string line;
  while (std::getline(file, line)) {
    if (line.empty() || line[0] == '#') continue;
    std::istringstream words(line);
    std::string word;
    words >> word;
    if (word == "histogram") {
      std::string name;
      std::size_t bins = 0;
      std::size_t edge_count = 0;
      words >> name >> bins >> edge_count;
      counts.resize(bins);
      edges.resize(edge_count);
      std::getline(file, line);
      std::istringstream count_words(line);
      for (auto& c : counts) count_words >> c;
      std::getline(file, line);
      std::istringstream edge_words(line);
      for (auto& e : edges) {
        edge_words >> word;
        e = std::strtod(word.c_str(), nullptr);
      }
      continue;
    }
    std::string name;
    std::string method;
    std::string percent;
    std::string expected;
    peer::search_settings settings;
    words >> name >> method >> settings.num_bits >> settings.is_unsigned >> settings.stride >> settings.start_bin >>
        percent >> expected;
    CAPTURE(name);
    const float amax = method == "entropy" ? peer::compute_amax_entropy(counts, edges, settings)
                       : method == "mse"
                           ? peer::compute_amax_mse(counts, edges, settings)
                           : peer::compute_amax_percentile(counts, edges, std::strtod(percent.c_str(), nullptr));
    CHECK(static_cast<double>(amax) == std::strtod(expected.c_str(), nullptr));
    ++cases;
  }
  CHECK(cases == 78);
}

TEST_CASE("pytorch-quantization: a Gaussian and an exponential with a far outlier") {
  const collected gauss = formula([](int k) { return 100000 * std::exp(-(k / 300.0) * (k / 300.0)); });
  CHECK(entropy(gauss, 8, false) == 9.88f);
  CHECK(entropy(gauss, 8, false, 4) == 9.88f);
  CHECK(entropy(gauss, 8, true) == 10.18f);
  CHECK(entropy(gauss, 4, false) == 7.37f);
  const double percents[7] = {50, 90, 99, 99.9, 99.99, 99.999, 100};
  const float of_gauss[7] = {1.43f, 3.49f, 5.46f, 6.97f, 8.23f, 9.24f, 20.48f};
  collected outlier = formula([](int k) { return 1e6 * std::exp(-k / 40.0); });
  outlier.counts[2047] = 1;
  const float of_outlier[7] = {0.27f, 0.92f, 1.84f, 2.76f, 3.67f, 4.52f, 20.47f};
  for (int i = 0; i < 7; ++i) {
    CHECK(percentile(gauss, percents[i]) == of_gauss[i]);
    CHECK(percentile(outlier, percents[i]) == of_outlier[i]);
  }
  CHECK(entropy(outlier, 8, false) == 4.26f);
  const auto mse = [](const collected& c, int bits, bool is_unsigned) {
    return static_cast<double>(peer::compute_amax_mse(c.counts, c.edges, {bits, is_unsigned}));
  };
  const double tolerance = 2e-6;
  CHECK(std::fabs(mse(gauss, 8, false) - 8.255) < tolerance);
  CHECK(std::fabs(mse(gauss, 8, true) - 8.925) < tolerance);
  CHECK(std::fabs(mse(gauss, 4, false) - 5.235) < tolerance);
  CHECK(std::fabs(mse(outlier, 8, false) - 3.925) < tolerance);
  CHECK(std::fabs(mse(outlier, 8, true) - 5.095) < tolerance);
  CHECK(std::fabs(mse(outlier, 4, false) - 1.925) < tolerance);
}

TEST_CASE("pytorch-quantization: uniform numbers, then larger ones") {
  std::mt19937 generator(12345);
  const auto draw = [&generator](float factor) {
    std::vector<float> x(5000);
    for (float& v : x) v = static_cast<float>(generator() & 0xffffffu) / 16777216.0f * factor;
    return x;
  };
  collector c(2048);
  c.collect(draw(1.0f));
  c.collect(draw(1.5f));
  const collected h = c.result();
  REQUIRE(h.counts.size() == 3072);
  const double tolerance = 2e-6;
  CHECK(std::fabs(static_cast<double>(percentile(h, 50)) - 0.589789) < tolerance);
  CHECK(std::fabs(static_cast<double>(percentile(h, 90)) - 1.186902) < tolerance);
  CHECK(std::fabs(static_cast<double>(percentile(h, 99)) - 1.469102) < tolerance);
  CHECK(std::fabs(static_cast<double>(percentile(h, 99.9)) - 1.494491) < tolerance);
  CHECK(std::fabs(static_cast<double>(percentile(h, 99.99)) - 1.499373) < tolerance);
  CHECK(std::fabs(static_cast<double>(entropy(h, 8, false)) - 1.498396) < tolerance);
}

TEST_CASE("pytorch-quantization: what its own tests expect") {
  SUBCASE("a single larger value in the second batch") {
    collector c(2048);
    c.collect({0, 255, 255, 255, 255, 255});
    c.collect({0, 255, 255, 255, 255, 256});
    const float amax = entropy(c.result(), 8, false);
    CHECK(std::fabs(amax - 255) < std::fabs(amax - 256));
    const collected h = c.result();
    CHECK(std::fabs(peer::compute_amax_mse(h.counts, h.edges) - 255) < 0.5f);
  }
  SUBCASE("a single larger value among many") {
    std::vector<float> x(11 * 7 * 3 * 3, 512.0f);
    x[17] = 513.0f;
    collector c(2048);
    c.collect(x);
    const float amax = entropy(c.result(), 8, true);
    CHECK(std::fabs(amax - 512) < std::fabs(amax - 513));
  }
  SUBCASE("percentiles of whole numbers") {
    std::vector<float> x(100);
    for (std::size_t i = 0; i < 100; ++i) x[i] = static_cast<float>(i);
    collector c(1024);
    c.collect(x);
    CHECK(std::fabs(percentile(c.result(), 90) - 89) <= 100.0f / 1024);
    CHECK(std::fabs(percentile(c.result(), 80) - 79) <= 100.0f / 1024);
    for (float& v : x) v /= 2;
    c.collect(x);
    CHECK(std::fabs(percentile(c.result(), 99) - 97) <= 100.0f / 1024);
  }
  SUBCASE("zeros skipped") {
    collector c(2048);
    c.collect({1, 2, 3, 4, 5});
    c.collect({6, 7, 8, 9, 10});
    CHECK(std::fabs(percentile(c.result(), 50) - 5) <= 10.0f / 2048);
  }
  SUBCASE("one outlier in uniform data") {
    std::mt19937 generator(7);
    std::vector<float> x(11 * 7 * 3 * 3);
    for (float& v : x) v = static_cast<float>(generator() & 0xffffffu) / 16777216.0f;
    x[3] = 10.0f;
    collector c(2048);
    c.collect(x);
    CHECK(entropy(c.result(), 8, false) < 1.1f);
  }
}

TEST_CASE("pytorch-quantization: NaN counts as least, the last of them wins") {
  std::vector<std::int64_t> counts(200);
  std::vector<double> edges(201);
  for (std::size_t k = 0; k <= 200; ++k) edges[k] = static_cast<double>(k);
  counts[180] = 5;
  counts[190] = 3;
  CHECK(peer::compute_amax_entropy(counts, edges) == 180.0f);  // 128 .. 180 bins are empty
  counts[180] = counts[190] = 0;
  CHECK(peer::compute_amax_entropy(counts, edges) == 200.0f);
  CHECK(peer::compute_amax_percentile(counts, edges) == 0.0f);
}

// Both searches leave out candidates by a bound. Here every candidate is computed with the peer's sums.
TEST_CASE("pytorch-quantization: the searches answer as if they computed every candidate") {
  std::mt19937 generator(2048);
  const auto below = [&generator](unsigned n) { return generator() % n; };
  const auto falling = [](std::size_t k, double rate) { return std::exp(-static_cast<double>(k) * rate); };
  for (unsigned round = 0; round < 24; ++round) {
    const std::size_t n = 140 + below(200);
    collected c;
    for (std::size_t k = 0; k < n; ++k) {
      const double shapes[] = {1e5 * falling(k, 0.02),     1e9 * falling(k * k, 1e-4),      10.0,
                               below(40) == 0 ? 3.0 : 0.0, static_cast<double>(below(3)),   k < n / 3 ? 1.0 : 0.0,
                               k == n / 2 ? 7.0 : 0.0,     static_cast<double>(below(1000))};
      c.counts.push_back(static_cast<std::int64_t>(shapes[round % 8]));
    }
    if (round % 5 == 0) c.counts[n - 1] = 1;
    if (round % 7 == 0) c.counts[0] = 1000000;
    const bool even = round % 3 != 0;
    for (std::size_t k = 0; k <= n; ++k) {
      const double jitter = even || k == 0 ? 0 : 1e-4 * static_cast<double>(below(1000));
      c.edges.push_back(0.0137 * (static_cast<double>(k) + jitter));
    }
    std::vector<float> centre;
    for (std::size_t k = 0; k < n; ++k)
      centre.push_back((static_cast<float>(c.edges[k + 1]) + static_cast<float>(c.edges[k])) / 2);
    for (const int bits : {2, 4, 8, 16})
      for (const bool is_unsigned : {false, true}) {
        CAPTURE(round);
        CAPTURE(bits);
        CAPTURE(is_unsigned);
        const peer::search_settings settings{bits, is_unsigned, 1 + below(3), round % 2 == 0 ? 128 : 1 + below(127)};
        const int level_bits = bits - 1 + (is_unsigned ? 1 : 0);
        peer::detail::divergences divergence(c.counts);
        std::vector<double> all;
        for (std::size_t i = settings.start_bin; i <= n; i += settings.stride) {
          double d = 0;
          REQUIRE(divergence.exact(i, std::size_t(1) << level_bits, d).ok());
          all.push_back(std::isnan(d) ? -HUGE_VAL : d);
        }
        const auto last_least = std::min_element(all.rbegin(), all.rend());
        const auto place = static_cast<std::size_t>(all.rend() - last_least) - 1;
        const auto best = settings.start_bin + place * settings.stride;
        CHECK(peer::compute_amax_entropy(c.counts, c.edges, settings) == static_cast<float>(c.edges[best]));

        peer::detail::squared_errors error(centre, c.counts, static_cast<float>((1 << level_bits) - 1));
        std::size_t first = settings.start_bin;
        for (std::size_t i = first; i < n; i += settings.stride)
          if (error.exact(i) < error.exact(first)) first = i;
        CHECK(peer::compute_amax_mse(c.counts, c.edges, settings) == centre[first]);
      }
  }
}

TEST_CASE("pytorch-quantization: what is refused") {
  const std::vector<std::int64_t> counts(200, 1);
  const std::vector<float> edges(201, 1.0f);
  const std::vector<std::int64_t> none;
  float amax = -7;
  const auto entropy_code = [&](const std::vector<std::int64_t>& c, const std::vector<float>& e,
                                const peer::search_settings& s) {
    return peer::try_compute_amax_entropy(c, e, s, amax).code;
  };
  const auto percentile_code = [&](const std::vector<std::int64_t>& c, const std::vector<float>& e, double p) {
    return peer::try_compute_amax_percentile(c, e, p, amax).code;
  };
  CHECK(entropy_code(none, edges, {}) == errc::no_samples);
  CHECK(percentile_code(none, edges, 50) == errc::no_samples);
  CHECK(entropy_code({5}, {0.0f, 1.0f}, {8, false, 1, 1}) == errc::value_out_of_range);
  CHECK(entropy_code(counts, {0.0f}, {}) == errc::shape_mismatch);
  CHECK(percentile_code(counts, {0.0f}, 50) == errc::shape_mismatch);
  std::vector<std::int64_t> bad = counts;
  bad[77] = -1;
  CHECK(entropy_code(bad, edges, {}) == errc::value_out_of_range);
  CHECK(peer::try_compute_amax_percentile(bad, edges, 50, amax).index == 77);
  CHECK(entropy_code(counts, edges, {0, false, 1, 128}) == errc::bits_out_of_range);
  CHECK(entropy_code(counts, edges, {26, false, 1, 128}) == errc::bits_out_of_range);
  CHECK(entropy_code(counts, edges, {8, false, 0, 128}) == errc::value_out_of_range);
  CHECK(entropy_code(counts, edges, {8, false, 1, 0}) == errc::value_out_of_range);
  CHECK(entropy_code(counts, edges, {8, false, 1, 201}) == errc::value_out_of_range);
  const auto mse_code = [&](const std::vector<std::int64_t>& c, const std::vector<float>& e,
                            const peer::search_settings& settings) {
    return peer::try_compute_amax_mse(c, e, settings, amax).code;
  };
  CHECK(mse_code(none, edges, {}) == errc::no_samples);
  CHECK(mse_code(counts, std::vector<float>(202, 1.0f), {}) == errc::shape_mismatch);
  CHECK(mse_code(counts, edges, {0, false, 1, 128}) == errc::bits_out_of_range);
  CHECK(mse_code(counts, edges, {8, false, 0, 128}) == errc::value_out_of_range);
  CHECK(mse_code(counts, edges, {8, false, 1, 200}) == errc::value_out_of_range);
  CHECK(mse_code(counts, std::vector<float>(201, -1.0f), {}) == errc::value_out_of_range);
  std::vector<float> below = edges;
  below[0] = below[1] = -1.0f;
  CHECK(mse_code(counts, below, {8, false, 1, 128}) == errc::ok);
  amax = -7;
  CHECK(mse_code(counts, below, {8, true, 1, 128}) == errc::value_out_of_range);
  CHECK(percentile_code(counts, edges, -10) == errc::value_out_of_range);
  CHECK(percentile_code(counts, edges, 200) == errc::value_out_of_range);
  CHECK(percentile_code(counts, edges, std::nan("")) == errc::value_out_of_range);
  bad.assign(200, INT64_MAX / 100);
  CHECK(entropy_code(bad, edges, {}) == errc::value_out_of_range);
  CHECK(percentile_code(bad, edges, 50) == errc::value_out_of_range);
  bad.assign(200, (std::int64_t(1) << 53) / 100 + 1);
  bad[199] += 1;
  CHECK(entropy_code(bad, edges, {}) == errc::value_out_of_range);  // "Count mismatch"
  CHECK(amax == -7);
  CHECK_THROWS_AS((void)peer::compute_amax_percentile(counts, edges, 101), xquant::error);
  CHECK_THROWS_AS((void)peer::compute_amax_mse(counts, edges, {8, false, 1, 200}), xquant::error);
  CHECK_THROWS_AS((void)peer::compute_amax_entropy(counts, edges, {0, false, 1, 128}), xquant::error);
}

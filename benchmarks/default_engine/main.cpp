// What a program gets that names no engine and links nothing, beside the SIMD engine, a plain loop and a memcpy of the
// same traffic: turn by turn in one process, medians, as a table in Markdown.
//   default_engine [ROUNDS] [DRAM_ELEMENTS]
#include "plain_loop.hpp"

#include <xquant/adapt/span.hpp>
#include <xquant/engines/simd.hpp>
#include <xquant/formats/float8.hpp>
#include <xquant/ops/dequantize.hpp>
#include <xquant/ops/fake_quantize.hpp>
#include <xquant/ops/quantize.hpp>
#include <xquant/parameters.hpp>
#include <xquant/quantized_tensor.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <functional>
#include <string>
#include <vector>

namespace {

double seconds_of_this_thread() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

struct contender {
  const char* name;
  std::function<void()> work;
};

std::size_t rounds = 31;

// Median time of each, measured in turn; a turn takes about half a millisecond or one call.
std::vector<double> measure(const std::vector<contender>& all) {
  std::vector<std::size_t> repeats;
  for (const contender& c : all) {
    c.work();
    const double begin = seconds_of_this_thread();
    c.work();
    const double once = seconds_of_this_thread() - begin;
    repeats.push_back(static_cast<std::size_t>(std::fmax(1, 5e-4 / std::fmax(once, 1e-7))));
  }
  std::vector<std::vector<double>> times(all.size());
  for (std::size_t round = 0; round < rounds; ++round)
    for (std::size_t turn = 0; turn < all.size(); ++turn) {
      const std::size_t i = (turn + round) % all.size();
      all[i].work();
      const double begin = seconds_of_this_thread();
      for (std::size_t k = 0; k < repeats[i]; ++k) all[i].work();
      times[i].push_back((seconds_of_this_thread() - begin) / static_cast<double>(repeats[i]));
    }
  std::vector<double> medians;
  for (std::vector<double>& t : times) {
    std::nth_element(t.begin(), t.begin() + static_cast<std::ptrdiff_t>(t.size() / 2), t.end());
    medians.push_back(t[t.size() / 2]);
  }
  return medians;
}

void report(const std::string& name, std::size_t bytes, const std::function<void()>& plain,
            const std::function<void()>& simd, const std::function<void()>& by_default) {
  std::vector<char> from(bytes / 2, 1);
  std::vector<char> to(bytes / 2, 2);
  const auto copy = [&] {
    std::memcpy(to.data(), from.data(), bytes / 2);
    asm volatile("" : : "g"(to.data()) : "memory");
  };
  const std::vector<double> t =
      measure({{"memcpy", copy}, {"plain loop", plain}, {"simd", simd}, {"default", by_default}});
  std::printf("| %s | %.3f | %.2f | %.2f | %.2f | %.2f | %.2f |\n", name.c_str(), 1e3 * t[3], t[3] / t[0], t[2] / t[0],
              t[1] / t[0], t[3] / t[2], t[3] / t[1]);
  std::fflush(stdout);
}

[[noreturn]] void differ(const char* what) {
  std::fprintf(stderr, "default_engine: %s differ\n", what);
  std::exit(1);
}

template <class T>
void same(const std::vector<T>& a, const std::vector<T>& b, const char* what) {
  if (std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) != 0) differ(what);
}

// The loops of plain_loop.hpp, by format.
struct int8_loops {
  static void quantize(const float* x, std::int8_t* codes, std::size_t n, float scale, std::int32_t zero_point) {
    plain_loop::quantize_by_division(x, codes, n, scale, zero_point);
  }
  static void dequantize(const std::int8_t* codes, float* x, std::size_t n, float scale, std::int32_t zero_point) {
    plain_loop::dequantize(codes, x, n, scale, zero_point);
  }
  static void fake_quantize(const float* x, float* y, std::size_t n, float scale, std::int32_t zero_point) {
    plain_loop::fake_quantize(x, y, n, scale, 1 / scale, zero_point, false);
  }
};
struct e4m3_loops {
  static void quantize(const float* x, std::uint8_t* codes, std::size_t n, float scale, std::int32_t) {
    plain_loop::quantize_e4m3(x, codes, n, scale);
  }
  static void dequantize(const std::uint8_t* codes, float* x, std::size_t n, float scale, std::int32_t) {
    plain_loop::dequantize_e4m3(codes, x, n, scale);
  }
  static void fake_quantize(const float* x, float* y, std::size_t n, float scale, std::int32_t) {
    plain_loop::fake_quantize_e4m3(x, y, n, scale);
  }
};

template <class Quantizer, class Loops>
void cases(const char* format, const char* size, std::size_t n, float largest_code) {
  using code = typename Quantizer::code_type;
  const Quantizer q;
  const xquant::scale_and_zero_point<float> p{0.02f, Quantizer::scheme_type::has_zero_point ? 3 : 0};
  std::vector<float> x(n);
  std::uint32_t state = 1;
  for (float& v : x) {  // a sum of four uniforms, about N(0, 1)
    v = 0;
    for (int i = 0; i < 4; ++i) {
      state = state * 1664525u + 1013904223u;
      v += static_cast<float>(state >> 8) * 0x1p-24f - 0.5f;
    }
    v *= 1.7f;
  }
  std::vector<code> codes(n);
  std::vector<code> expected_codes(n);
  std::vector<float> y(n);
  std::vector<float> expected(n);
  const std::string end = std::string(" ") + format + " " + size;

  xquant::quantize(q, p, x, expected_codes, xquant::scalar_engine{});
  report(
      "quantize" + end, 5 * n, [&] { Loops::quantize(x.data(), codes.data(), n, p.scale, p.zero_point); },
      [&] { xquant::quantize(q, p, x, codes, xquant::simd_engine<>{}); }, [&] { xquant::quantize(q, p, x, codes); });
  xquant::quantize(q, p, x, codes);
  same(codes, expected_codes, "codes");
  Loops::quantize(x.data(), codes.data(), n, p.scale, p.zero_point);
  same(codes, expected_codes, "codes of the plain loop");

  xquant::dequantize(q, p, codes, expected, xquant::scalar_engine{});
  report(
      "dequantize" + end, 5 * n, [&] { Loops::dequantize(codes.data(), y.data(), n, p.scale, p.zero_point); },
      [&] { xquant::dequantize(q, p, codes, y, xquant::simd_engine<>{}); },
      [&] { xquant::dequantize(q, p, codes, y); });
  xquant::dequantize(q, p, codes, y);
  same(y, expected, "values");

  report(
      "fake_quantize" + end, 8 * n, [&] { Loops::fake_quantize(x.data(), y.data(), n, p.scale, p.zero_point); },
      [&] { xquant::fake_quantize(q, p, x, y, xquant::simd_engine<>{}); }, [&] { xquant::fake_quantize(q, p, x, y); });
  xquant::fake_quantize(q, p, x, y);
  same(y, expected, "fake-quantized values");

  const xquant::tensor_view<const float> view(x.data(), xquant::shape(n));
  using format_type = typename Quantizer::format_type;
  report(
      "quantize<F>(x)" + end, 9 * n,
      [&] {
        float low, high;
        plain_loop::min_max(x.data(), n, low, high);
        std::vector<code> fresh(n);
        Loops::quantize(x.data(), fresh.data(), n, std::fmax(-low, high) / largest_code, 0);
        asm volatile("" : : "g"(fresh.data()) : "memory");
      },
      [&] {
        const auto t = xquant::quantize<format_type>(view, xquant::simd_engine<>{});
        asm volatile("" : : "g"(&t) : "memory");
      },
      [&] {
        const auto t = xquant::quantize<format_type>(view);
        asm volatile("" : : "g"(&t) : "memory");
      });
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1) rounds = std::strtoul(argv[1], nullptr, 10);
  const std::size_t dram = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : std::size_t{1} << 25;
  std::puts(
      "| case | default, ms | default x_memcpy | simd x_memcpy | plain loop x_memcpy | default / simd | default / "
      "plain loop |\n|---|---|---|---|---|---|---|");
  using int8 = xquant::quantizer<xquant::int8, xquant::affine>;
  using e4m3 = xquant::quantizer<xquant::e4m3fn>;
  cases<int8, int8_loops>("int8", "L2", std::size_t{1} << 17, 127);
  cases<e4m3, e4m3_loops>("e4m3fn", "L2", std::size_t{1} << 17, 448);
  cases<int8, int8_loops>("int8", "DRAM", dram, 127);
  cases<e4m3, e4m3_loops>("e4m3fn", "DRAM", dram, 448);
}

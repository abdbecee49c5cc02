// An atlas of the number formats, drawn: the numbers each can hold, and what it makes of a normal and of a heavy-tailed
// sample. Writes an SVG: example_formats_atlas [FILE] (formats_atlas.svg by default).
#include <xquant/calibration/range_of.hpp>
#include <xquant/core/random.hpp>
#include <xquant/formats/binary.hpp>
#include <xquant/formats/e8m0.hpp>
#include <xquant/formats/float16.hpp>
#include <xquant/formats/float4.hpp>
#include <xquant/formats/float6.hpp>
#include <xquant/formats/float8.hpp>
#include <xquant/formats/integer.hpp>
#include <xquant/formats/ternary.hpp>
#include <xquant/formats/wide_exponent.hpp>
#include <xquant/ops/cast.hpp>
#include <xquant/ops/fake_quantize.hpp>
#include <xquant/quantizer.hpp>
#include <xquant/report/markup.hpp>
#include <xquant/report/path.hpp>
#include <xquant/report/scales.hpp>
#include <xquant/report/signal_to_noise.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

namespace {

using xquant::report::coordinate;

constexpr std::size_t sample_size = std::size_t{1} << 16;

struct samples {
  std::vector<float> normal;
  std::vector<float> heavy_tailed;  // Student's t with 5 degrees of freedom
};

samples draw_samples() {
  std::uint64_t index = 0;
  const auto uniform = [&] { return (xquant::random_bits(20240101, index++) + 0.5) * 0x1p-32; };
  const auto normal = [&] {
    const double radius = std::sqrt(-2 * std::log(uniform()));
    return radius * std::cos(6.283185307179586 * uniform());
  };
  samples s;
  for (std::size_t i = 0; i < sample_size; ++i) {
    s.normal.push_back(static_cast<float>(normal()));
    double chi_squared = 0;
    for (int k = 0; k < 5; ++k) chi_squared += std::pow(normal(), 2);
    s.heavy_tailed.push_back(static_cast<float>(normal() / std::sqrt(chi_squared / 5)));
  }
  return s;
}

/// One format: its numbers, and how much louder each sample is than the noise it adds, in decibels.
struct entry {
  std::string name;
  int bits;
  std::vector<double> numbers;  // ascending, distinct
  double normal;
  double heavy_tailed;
};

// One scale per tensor, from its largest magnitude: the simplest scheme there is.
template <class Format>
double decibels(const Format& format, const std::vector<float>& x) {
  xquant::quantizer<Format> quantizer;
  quantizer.format = format;
  std::vector<float> y(x.size());
  const auto view = xquant::tensor_view(x.data(), xquant::shape(x.size()));
  const auto parameters = quantizer.parameters_for(xquant::range_of(xquant::per_tensor{}, view)[0]);
  xquant::fake_quantize(quantizer, parameters, view, xquant::tensor_view(y.data(), xquant::shape(x.size())));
  xquant::report::signal_to_noise ratio;
  for (std::size_t i = 0; i < x.size(); ++i) ratio.add(x[i], y[i]);
  return ratio.decibels();
}

// The numbers alone: formats of scales have no negative ones, so no sample is quantized to them.
template <class Format>
entry describe_scale(const std::string& name, int bits, const Format& format = {}) {
  entry e{name, bits, {}, std::nan(""), std::nan("")};
  for (std::int32_t code = format.lower_code(); code <= format.upper_code(); ++code) {
    const double value = xquant::value_of<Format>(static_cast<typename Format::code_type>(code), format);
    const bool is_code = !xquant::is_same<Format, xquant::binary> || code != 0;
    if (is_code && std::isfinite(value)) e.numbers.push_back(value);
  }
  std::sort(e.numbers.begin(), e.numbers.end());
  e.numbers.erase(std::unique(e.numbers.begin(), e.numbers.end()), e.numbers.end());
  return e;
}

template <class Format>
entry describe(const std::string& name, int bits, const samples& s, const Format& format = {}) {
  entry e = describe_scale(name, bits, format);
  e.normal = decibels(format, s.normal);
  e.heavy_tailed = decibels(format, s.heavy_tailed);
  return e;
}

std::vector<entry> all_formats(const samples& s) {
  using namespace xquant;
  std::vector<entry> list{
      describe<binary>("binary", 1, s), describe<ternary>("ternary", 2, s), describe<int2>("int2", 2, s),
      describe<int3>("int3", 3, s),     describe<int4>("int4", 4, s),       describe<e2m1>("e2m1", 4, s),
      describe<e1m2>("e1m2", 4, s),     describe<e3m0>("e3m0", 4, s),       describe<e0m3>("e0m3", 4, s)};
  list.push_back(describe("int6", 6, s, stored_integer<std::int8_t>{-32, 31}));
  list.push_back(describe<e2m3>("e2m3", 6, s));
  list.push_back(describe<e3m2>("e3m2", 6, s));
  list.push_back(describe<int8>("int8", 8, s));
  list.push_back(describe<e3m4>("e3m4", 8, s));
  list.push_back(describe<e4m3>("e4m3", 8, s));
  list.push_back(describe<e4m3fn>("e4m3fn", 8, s));
  list.push_back(describe<e4m3fnuz>("e4m3fnuz", 8, s));
  list.push_back(describe<e4m3b11fnuz>("e4m3b11fnuz", 8, s));
  list.push_back(describe<e5m2>("e5m2", 8, s));
  list.push_back(describe<e5m2fnuz>("e5m2fnuz", 8, s));
  list.push_back(describe<e5m3>("e5m3", 9, s));
  list.push_back(describe<int16>("int16", 16, s));
  list.push_back(describe<binary16>("binary16", 16, s));
  list.push_back(describe<bfloat16_format>("bfloat16", 16, s));
  list.push_back(describe_scale<ue4m3>("ue4m3 (scales)", 7));
  list.push_back(describe_scale<e8m0>("e8m0 (scales)", 8));
  return list;
}

// Lines at `positions` (ascending), none closer than half a pixel to the one before.
std::string lines_at(const std::vector<double>& positions, double top, double base) {
  xquant::report::path lines;
  double last = -1;
  for (const double x : positions) {
    if (x - last < 0.5) continue;
    lines.move(x, top).vertical(base);
    last = x;
  }
  return lines.data();
}

std::string draw(const std::vector<entry>& list) {
  constexpr double row = 30;
  constexpr double top = 92;
  constexpr double width = 1280;
  const double height = top + row * static_cast<double>(list.size()) + 34;
  const xquant::report::linear_scale shape{-1, 1, 144, 560};        // numbers over the largest
  const xquant::report::linear_scale magnitude{-24, 17, 590, 940};  // log2 of positive numbers
  const xquant::report::linear_scale noise{0, 100, 980, 1240};      // decibels

  xquant::report::markup svg;
  svg.open("svg", {{"xmlns", "http://www.w3.org/2000/svg"},
                   {"viewBox", xquant::report::joined("0 0 ", coordinate(width), " ", coordinate(height))},
                   {"width", coordinate(width)},
                   {"height", coordinate(height)},
                   {"role", "img"},
                   {"aria-label", "The numbers of each format, and its error on two samples"}});
  svg.element("style", {},
              "text{font:13px system-ui,sans-serif;fill:#1f2933}.title{font-size:20px;font-weight:600}"
              ".note{fill:#616e7c;font-size:12px}.name{font-family:ui-monospace,monospace}.right{text-anchor:end}"
              ".middle{text-anchor:middle}.numbers{stroke:#1b6ca8;stroke-width:.8}.level{stroke:#d9e2ec}"
              ".normal{fill:#1b6ca8}.tailed{fill:#d9822b}.page{fill:#fff}");
  svg.leaf("rect", {{"class", "page"}, {"width", "100%"}, {"height", "100%"}});
  svg.element("text", {{"class", "title"}, {"x", "20"}, {"y", "32"}}, "Number formats");
  const auto heading = [&](double x, const char* title, const char* note) {
    svg.element("text", {{"x", coordinate(x)}, {"y", "56"}}, title);
    svg.element("text", {{"class", "note"}, {"x", coordinate(x)}, {"y", "73"}}, note);
  };
  heading(shape.first, "The numbers, as a share of the largest", "what a tensor scaled to the format can become");
  heading(magnitude.first, "Their magnitudes, in powers of two", "at scale 1");
  heading(noise.first, "Signal to noise, dB", "one scale from the largest magnitude");
  const double base = top + row * static_cast<double>(list.size());
  std::vector<double> levels{shape(-1), shape(0), shape(1)};
  for (const int e : {-24, -16, -8, 0, 8, 16}) {
    levels.push_back(magnitude(e));
    svg.element("text", {{"class", "note middle"}, {"x", coordinate(magnitude(e))}, {"y", coordinate(base + 18)}},
                xquant::report::joined("2^", std::to_string(e)));
  }
  for (const double d : {0.0, 25.0, 50.0, 75.0, 100.0}) {
    levels.push_back(noise(d));
    svg.element("text", {{"class", "note middle"}, {"x", coordinate(noise(d))}, {"y", coordinate(base + 18)}},
                xquant::report::number(d));
  }
  svg.leaf("path", {{"class", "level"}, {"d", lines_at(levels, top, base)}});

  const auto key = [&](double x, const char* color, const char* label) {
    svg.leaf("rect", {{"class", color}, {"x", coordinate(x)}, {"y", "22"}, {"width", "12"}, {"height", "10"}});
    svg.element("text", {{"class", "note"}, {"x", coordinate(x + 18)}, {"y", "31"}}, label);
  };
  key(noise.first, "normal", "normal sample");
  key(noise.first + 120, "tailed", "Student's t, 5 d.o.f.");
  double y = top;
  for (const entry& e : list) {
    svg.element("text", {{"class", "name"}, {"x", "20"}, {"y", coordinate(y + 19)}}, e.name);
    const double largest = std::max(e.numbers.back(), -e.numbers.front());
    std::vector<double> shares;
    std::vector<double> magnitudes;
    for (const double v : e.numbers) {
      shares.push_back(shape(v / largest));
      const double log = v > 0 ? std::log2(v) : -1000;
      if (log >= magnitude.lower && log <= magnitude.upper) magnitudes.push_back(magnitude(log));
    }
    svg.leaf("path", {{"class", "numbers"}, {"d", lines_at(shares, y + 6, y + row - 6)}});
    svg.leaf("path", {{"class", "numbers"}, {"d", lines_at(magnitudes, y + 6, y + row - 6)}});
    const auto bar = [&](double at, const char* color, double value) {
      if (std::isnan(value)) return;
      const double end = noise(std::clamp(value, noise.lower, noise.upper));
      svg.leaf("rect", {{"class", color},
                        {"x", coordinate(noise.first)},
                        {"y", coordinate(at)},
                        {"width", coordinate(end - noise.first)},
                        {"height", "8"}});
      svg.element("text", {{"class", "note"}, {"x", coordinate(end + 5)}, {"y", coordinate(at + 9)}},
                  xquant::report::fixed(value, 1));
    };
    bar(y + 5, "normal", e.normal);
    bar(y + 16, "tailed", e.heavy_tailed);
    y += row;
  }
  return svg.close().result() + "\n";
}

}  // namespace

int main(int argc, char** argv) {
  const std::string path = argc > 1 ? argv[1] : "formats_atlas.svg";
  const samples s = draw_samples();
  const std::vector<entry> list = all_formats(s);
  std::printf("%-15s %5s %8s %14s %15s\n", "format", "bits", "numbers", "normal, dB", "heavy tails, dB");
  for (const entry& e : list) {
    std::printf("%-15s %5d %8zu", e.name.c_str(), e.bits, e.numbers.size());
    if (!std::isnan(e.normal)) std::printf(" %14.2f %15.2f", e.normal, e.heavy_tailed);
    std::printf("\n");
  }
  std::ofstream file(path, std::ios::binary);
  file << draw(list);
  file.close();
  if (!file) {
    std::cerr << "formats_atlas: cannot write " << path << "\n";
    return 1;
  }
  std::printf("drawn in %s\n", path.c_str());
}

#include "compare.hpp"

#include <cmath>
#include <cstdio>
#include <cstring>
#include <stdexcept>

namespace conformance {

namespace {

const char* name_of(element type) {
  switch (type) {
    case element::float32: return "float32";
    case element::float64: return "float64";
    case element::integer: return "integers";
  }
  return "";
}

// Reals in order, counted: neighbours differ by 1, and -0 and +0 are one.
std::int64_t position(double x, element type) {
  std::int64_t bits = 0;
  if (type == element::float32) {
    const auto narrow = static_cast<float>(x);
    std::int32_t narrow_bits = 0;
    std::memcpy(&narrow_bits, &narrow, sizeof narrow);
    return narrow_bits < 0 ? -static_cast<std::int64_t>(narrow_bits & INT32_MAX) : narrow_bits;
  }
  std::memcpy(&bits, &x, sizeof x);
  return bits < 0 ? -(bits & INT64_MAX) : bits;
}

bool same_bits(double a, double b) { return std::memcmp(&a, &b, sizeof a) == 0; }

bool within_ulp(double expected, double got, element type, std::int64_t allowed) {
  if (std::isinf(expected) || std::isinf(got)) return expected == got;
  // Far apart they may be more than int64 counts; their halves are not.
  const std::int64_t a = position(expected, type);
  const std::int64_t b = position(got, type);
  const std::int64_t halves = a / 2 > b / 2 ? a / 2 - b / 2 : b / 2 - a / 2;
  return halves <= allowed / 2 + 1 && (a > b ? a - b : b - a) <= allowed;
}

bool agree(double expected, double got, element type, const json& rule) {
  if (std::isnan(expected) || std::isnan(got)) return std::isnan(expected) && std::isnan(got);
  if (same_bits(expected, got)) return true;
  if (rule.is_string()) return false;
  if (rule.contains("ulp")) return within_ulp(expected, got, type, rule.at("ulp").get<std::int64_t>());
  if (std::isinf(expected) || std::isinf(got)) return expected == got;
  return std::fabs(got - expected) <= rule.value("atol", 0.0) + rule.value("rtol", 0.0) * std::fabs(expected);
}

std::string hex(double x) {
  char text[64];
  std::snprintf(text, sizeof text, "%a", x);
  return text;
}
std::string hex(std::int64_t x) { return hex(static_cast<double>(x)) + " (" + std::to_string(x) + ")"; }

template <class T>
std::string at_index(std::size_t i, T expected, T got) {
  return "index " + std::to_string(i) + ": expected " + hex(expected) + ", got " + hex(got);
}

}  // namespace

std::optional<std::string> difference(const value& expected, const value& got, const json& rule) {
  const bool known =
      rule == "bits" || (rule.is_object() && (rule.contains("ulp") || rule.contains("rtol") || rule.contains("atol")));
  if (!known) throw std::runtime_error("float_compare " + rule.dump() + "; expected \"bits\", rtol and atol, or ulp");
  if (expected.type != got.type)
    return std::string("expected ") + name_of(expected.type) + ", got " + name_of(got.type);
  if (!(expected.shape == got.shape) || expected.size() != got.size())
    return "expected shape " + xquant::model::to_text(expected.shape) + ", got " + xquant::model::to_text(got.shape);
  if (expected.type == element::integer) {
    for (std::size_t i = 0; i < expected.integer.size(); ++i)
      if (expected.integer[i] != got.integer[i]) return at_index(i, expected.integer[i], got.integer[i]);
    return std::nullopt;
  }
  for (std::size_t i = 0; i < expected.real.size(); ++i)
    if (!agree(expected.real[i], got.real[i], expected.type, rule)) return at_index(i, expected.real[i], got.real[i]);
  return std::nullopt;
}

}  // namespace conformance

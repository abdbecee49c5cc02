// Whether an answer of ours is the recorded one.
#pragma once

#include "recorded.hpp"

#include <optional>
#include <string>

namespace conformance {

/// What differs, as a line of text: the first differing index, expected and got as hex floats; nothing when the two
/// agree under `rule`:
///   "bits"            integers equal; floats equal bit for bit, any NaN matching any NaN
///   {"ulp": n}        at most n floats apart
///   {"rtol", "atol"}  |got - expected| <= atol + rtol |expected|
/// Integers are compared exactly under every rule. Types (float32, float64, integer) and shapes must agree.
/// Throws std::runtime_error for a rule that is none of these.
std::optional<std::string> difference(const value& expected, const value& got, const json& rule);

}  // namespace conformance

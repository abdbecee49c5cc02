// Text for a report: numbers the same on every machine and locale, and names from elsewhere made harmless.
#pragma once

#include <xquant/config.hpp>

#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace xquant::inline XQUANT_ABI::report {

namespace detail {

// Bytes of the well-formed UTF-8 character at text[at] that XML 1.0 allows and that does not reorder the text around
// it; 0 when there is none.
inline std::size_t character_length(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) -> std::uint32_t {
    return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0;
  };
  const std::uint32_t first = byte(0);
  if (first < 0x80) return first >= 0x20 && first != 0x7F ? 1 : 0;
  const std::size_t length = first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF5 ? 4 : 0;
  if (length == 0) return 0;
  std::uint32_t code = first & (0x7Fu >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
    code = code << 6 | (byte(i) & 0x3F);
  }
  const bool overlong = (length == 3 && code < 0x800) || (length == 4 && code < 0x10000);
  const bool forbidden =
      code < 0xA0 || (code >= 0xD800 && code <= 0xDFFF) || code > 0x10FFFF || (code & 0xFFFE) == 0xFFFE;
  const bool reorders =
      (code >= 0x200E && code <= 0x200F) || (code >= 0x202A && code <= 0x202E) || (code >= 0x2066 && code <= 0x2069);
  return overlong || forbidden || reorders ? 0 : length;
}

}  // namespace detail

/// The text for use between tags and in attributes of XML and HTML: & < > " ' as references; every byte that is no part
/// of a well-formed UTF-8 character, every control character and every character that changes the direction of writing
/// as U+FFFD.
inline std::string escaped(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = detail::character_length(text, i);
    switch (length == 1 ? text[i] : '\0') {
      case '&': result += "&amp;"; break;
      case '<': result += "&lt;"; break;
      case '>': result += "&gt;"; break;
      case '"': result += "&quot;"; break;
      case '\'': result += "&#39;"; break;
      default:
        if (length == 0)
          result += "&#xFFFD;";
        else
          result += text.substr(i, length);
    }
    i += length == 0 ? 1 : length;
  }
  return result;
}

/// The parts one after the other. (g++ 12 warns falsely about "text" + a temporary string.)
template <class... Parts>
std::string joined(const Parts&... parts) {
  std::string text;
  ((text += parts), ...);
  return text;
}

/// A name of at most `characters` characters: what is longer keeps its beginning and its end, with ... between.
inline std::string shortened(std::string_view text, std::size_t characters) {
  std::vector<std::size_t> starts;
  for (std::size_t i = 0; i < text.size();) {
    starts.push_back(i);
    const std::size_t length = detail::character_length(text, i);
    i += length == 0 ? 1 : length;
  }
  if (starts.size() <= characters) return std::string(text);
  if (characters <= 3) return std::string(text.substr(0, starts[characters]));
  const std::size_t tail = (characters - 3) / 2;
  const std::size_t head = characters - 3 - tail;
  return std::string(text.substr(0, starts[head])) + "..." +
         (tail == 0 ? "" : std::string(text.substr(starts[starts.size() - tail])));
}

/// A number with `digits` significant digits, without trailing zeros: "0.0125", "1.5e-07", "inf", "nan".
inline std::string number(double value, int digits = 4) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  char buffer[64];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::general, digits).ptr;
  const std::string text(buffer, end);
  return text == "-0" ? "0" : text;
}

/// A number with `decimals` digits after the point: "94.77".
inline std::string fixed(double value, int decimals) {
  if (!std::isfinite(value) || std::fabs(value) >= 1e15) return number(value);
  char buffer[64];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::fixed, decimals).ptr;
  std::string text(buffer, end);
  if (text.find_first_not_of("-0.") == std::string::npos && text[0] == '-') text.erase(0, 1);
  return text;
}

/// A coordinate of a drawing: a tenth of a pixel, without trailing zeros. What is not finite becomes 0.
inline std::string coordinate(double value) {
  if (!std::isfinite(value)) return "0";
  std::string text = fixed(value, 1);
  if (text.size() > 2 && text.compare(text.size() - 2, 2, ".0") == 0) text.resize(text.size() - 2);
  return text;
}

/// A count with its thousands separated: "2,304".
inline std::string counted(std::uint64_t value) {
  const std::string digits = std::to_string(value);
  std::string text;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i != 0 && (digits.size() - i) % 3 == 0) text += ',';
    text += digits[i];
  }
  return text;
}

/// A share in percent, with as many digits as say something: "0 %", "0.02 %", "37 %"; "< 0.01 %" rather than a false 0.
inline std::string percent(double share) {
  const double value = 100 * share;
  if (value == 0) return "0 %";
  if (value < 0.01) return "< 0.01 %";
  if (value < 10) return number(value, 2) + " %";
  return fixed(value, value > 99 && value < 100 ? 2 : 0) + " %";
}

}  // namespace xquant::report

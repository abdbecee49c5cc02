// The exception of model/: a network, or a request about one, that cannot be honoured. The message names the node,
// value or attribute, what was met and what was expected.
#pragma once

#include <xquant/exception.hpp>

#include <stdexcept>
#include <string>

namespace xquant::inline XQUANT_ABI::model {

/// Thrown by everything under model/. `code()` sorts the faults: malformed (the graph breaks ONNX's rules), unsupported
/// (a sound graph the library does not run), shape_mismatch and value_out_of_range (a call that does not fit the
/// graph).
class model_error : public exception {
 public:
  model_error(errc code, const std::string& message) : text_("xquant: " + message), code_(code) {}
  [[nodiscard]] const char* what() const noexcept override { return text_.what(); }
  [[nodiscard]] errc code() const noexcept override { return code_; }

 private:
  std::runtime_error text_;  // a text that copies without throwing
  errc code_;
};

/// Text from a file, for messages: a hostile one must not make them long, end them early (a zero byte) or speak to the
/// terminal. At most 80 characters; control characters become '?'.
inline std::string shortened(const std::string& text) {
  std::string shown = text.size() > 80 ? text.substr(0, 77) + "..." : text;
  for (char& c : shown)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = '?';
  return shown;
}
/// The same between quotes.
inline std::string in_quotes(const std::string& text) { return "'" + shortened(text) + "'"; }

}  // namespace xquant::model

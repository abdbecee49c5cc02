// The exception of model/: a network, or a request about one, that cannot be honoured. The message names the node,
// value or attribute, what was met and what was expected.
#pragma once

#include <xquant/error.hpp>

#include <stdexcept>
#include <string>

namespace xquant::inline XQUANT_ABI::model {

/// Thrown by everything under model/. `code()` sorts the faults: malformed (the graph breaks ONNX's rules), unsupported
/// (a sound graph the library does not run), shape_mismatch and value_out_of_range (a call that does not fit the
/// graph).
class model_error : public std::runtime_error {
 public:
  model_error(errc code, const std::string& message) : std::runtime_error("xquant: " + message), code_(code) {}
  [[nodiscard]] errc code() const noexcept { return code_; }

 private:
  errc code_;
};

/// A name from a file between quotes, for messages: a hostile one must not make them long.
inline std::string in_quotes(const std::string& name) {
  return "'" + (name.size() > 80 ? name.substr(0, 77) + "..." : name) + "'";
}

}  // namespace xquant::model

// The exception of io/: a file that cannot be read or written, or whose bytes are not what its format asks for.
#pragma once

#include <xquant/exception.hpp>

#include <stdexcept>
#include <string>

namespace xquant::inline XQUANT_ABI::io {

/// Thrown by everything under io/. `code()` is input_output (the operating system refused), malformed (the bytes break
/// the format) or unsupported (a sound file the library does not read).
class io_error : public exception {
 public:
  io_error(errc code, const std::string& message) : text_("xquant: " + message), code_(code) {}
  [[nodiscard]] const char* what() const noexcept override { return text_.what(); }
  [[nodiscard]] errc code() const noexcept override { return code_; }

 private:
  std::runtime_error text_;  // a text that copies without throwing
  errc code_;
};

}  // namespace xquant::io

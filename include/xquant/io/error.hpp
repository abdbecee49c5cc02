// The exception of io/: a file that cannot be read or written, or whose bytes are not what its format asks for.
#pragma once

#include <xquant/error.hpp>

#include <stdexcept>
#include <string>

namespace xquant::inline XQUANT_ABI::io {

/// Thrown by everything under io/. `code()` is input_output (the operating system refused), malformed (the bytes break
/// the format) or unsupported (a sound file the library does not read).
class io_error : public std::runtime_error {
 public:
  io_error(errc code, const std::string& message) : std::runtime_error("xquant: " + message), code_(code) {}
  [[nodiscard]] errc code() const noexcept { return code_; }

 private:
  errc code_;
};

}  // namespace xquant::io

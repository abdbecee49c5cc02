// The exceptions of the throwing entry points: one base, and the one that carries a status. Without exceptions
// (-fno-exceptions) this header is empty and only the `validate` and `try_` forms remain.
#pragma once

#include <xquant/error.hpp>
#include <xquant/message.hpp>

#if XQUANT_HAS_EXCEPTIONS
#include <exception>

namespace xquant::inline XQUANT_ABI {

/// The base of everything the library throws: `error` below, model::model_error, io::io_error. `what()` says what was
/// wrong and begins with "xquant: ", `code()` sorts it.
class exception : public std::exception {
 public:
  [[nodiscard]] virtual errc code() const noexcept = 0;
};

/// What the throwing entry points throw. `what()` is the text of format_message.
class error : public exception {
 public:
  explicit error(const xquant::status& s) noexcept : status_(s) { format_message(s, text_, sizeof text_); }
  [[nodiscard]] const char* what() const noexcept override { return text_; }
  [[nodiscard]] errc code() const noexcept override { return status_.code; }
  [[nodiscard]] const xquant::status& status() const noexcept { return status_; }

 private:
  xquant::status status_;
  char text_[256] = {};
};

/// Throws error(s) unless s is ok.
inline void throw_if(const status& s) {
  if (!s.ok()) throw error(s);
}

}  // namespace xquant
#endif

// XQUANT_ASSERT: what the library's own code takes for granted, checked in builds that ask for it.
#pragma once

#include <xquant/config.hpp>

/// XQUANT_ASSERT(condition) states an invariant: something that holds unless xquant, or a policy of the user's, is at
/// fault. Bad arguments are no matter of assertions: they are answered by a status in every build.
///
/// With -DXQUANT_ENABLE_ASSERT=1 a condition that does not hold ends in XQUANT_ASSERT_FAILED(text, file, line), which a
/// program may define before its first xquant header (to print, to throw in a test); else the program stops there with
/// the processor's trap, and in a constant expression compilation does. Without it the condition is not evaluated.
#if XQUANT_ENABLE_ASSERT
#if !defined(XQUANT_ASSERT_FAILED)
#define XQUANT_ASSERT_FAILED(text, file, line) ::xquant::detail::assertion_failed(text, file, line)
#endif
#define XQUANT_ASSERT(...) \
  (static_cast<bool>(__VA_ARGS__) ? static_cast<void>(0) : XQUANT_ASSERT_FAILED(#__VA_ARGS__, __FILE__, __LINE__))

namespace xquant::inline XQUANT_ABI::detail {

// Its arguments are for the debugger that shows the call.
[[noreturn]] XQUANT_HOST_DEVICE inline void assertion_failed(const char* /*condition*/, const char* /*file*/,
                                                             int /*line*/) noexcept {
#if defined(__CUDA_ARCH__)
  __trap();
#else
  __builtin_trap();
#endif
}

}  // namespace xquant::detail
#else
#define XQUANT_ASSERT(...) static_cast<void>(0)
#endif

// How long the main job takes, and how far it is: a stopwatch and a progress bar.
#pragma once

#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <cstdio>

namespace quantize_network {

class stopwatch {
 public:
  double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

// On stderr, and only for somebody who is watching.
class progress {
 public:
  progress(const char* what, std::size_t steps) : what_(what), steps_(steps), shown_(isatty(STDERR_FILENO) != 0) {}
  progress(const progress&) = delete;
  progress& operator=(const progress&) = delete;
  ~progress() {
    if (shown_) std::fprintf(stderr, "\r%60s\r", "");
  }
  void step() {
    ++done_;
    if (!shown_) return;
    char bar[31] = {};
    for (std::size_t i = 0; i < 30; ++i) bar[i] = i * steps_ < done_ * 30 ? '#' : '.';
    std::fprintf(stderr, "\r%-12s [%s] %3zu %%", what_, bar, 100 * done_ / steps_);
  }

 private:
  const char* what_;
  std::size_t steps_;
  std::size_t done_ = 0;
  bool shown_;
};

}  // namespace quantize_network

// What is no executor is refused by name.
#include <xquant/engines/scalar.hpp>
#include <xquant/engines/threads.hpp>

struct in_order {
  [[nodiscard]] static std::size_t concurrency() { return 1; }
#ifndef XQUANT_BAD_LINE
  template <class Task>
  static void run(std::size_t count, const Task& task) {
    for (std::size_t i = 0; i < count; ++i) task(i);
  }
#endif
};

xquant::threads_engine<xquant::scalar_engine, in_order> make(in_order& executor) {
  return xquant::threads_engine<xquant::scalar_engine, in_order>(executor);
}

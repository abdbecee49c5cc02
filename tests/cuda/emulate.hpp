// Kernel bodies on the host. Threads of a kernel that does not use warps run one after the other. A warp is 32
// coroutines that meet where the lanes of a warp meet; under ThreadSanitizer it is 32 threads of the host and all warps
// of the grid run at once, so that two lanes, warps or blocks that touch one byte are seen. What this does not cover:
// the device's compiler and memory, launch limits, lanes that run apart between the places where they meet, speed.
#pragma once

#include <xquant/engines/cuda/device_engine.hpp>
#include <xquant/quantizer.hpp>

#include <memory>
#include <stdexcept>
#include <vector>

#if defined(__SANITIZE_THREAD__)
#define XQUANT_TEST_WARPS_ARE_THREADS 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define XQUANT_TEST_WARPS_ARE_THREADS 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define XQUANT_TEST_ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define XQUANT_TEST_ADDRESS_SANITIZER 1
#endif
#endif

#if defined(XQUANT_TEST_WARPS_ARE_THREADS)
#include <condition_variable>
#include <mutex>
#include <thread>
#else
#include <ucontext.h>
#if defined(XQUANT_TEST_ADDRESS_SANITIZER)
#include <sanitizer/common_interface_defs.h>
#endif
#endif

namespace emulated {

inline constexpr unsigned lanes = xquant::cuda::warp_size;

// What the lanes of a warp say when they meet. A lane that leaves the kernel while others wait, or that meets the
// others for something else, is a fault of the kernel: on a device it would hang, or worse.
struct meeting {
  std::uint64_t value[lanes] = {};
  const void* purpose[lanes] = {};

  [[nodiscard]] bool is_one() const {
    for (const void* p : purpose)
      if (p != purpose[0]) return false;
    return true;
  }
};

[[noreturn]] inline void throw_divergence() { throw std::logic_error("the lanes of a warp did not meet"); }

#if defined(XQUANT_TEST_WARPS_ARE_THREADS)
class warp {
 public:
  void meet(unsigned lane, std::uint64_t value, const void* purpose, std::uint64_t (&all)[lanes]) {
    std::unique_lock lock(mutex_);
    now_.value[lane] = value;
    now_.purpose[lane] = purpose;
    if (++arrived_ == lanes) {
      fault_ = fault_ || !now_.is_one();
      met_ = now_;
      arrived_ = 0;
      ++turn_;
      changed_.notify_all();
    } else {
      const unsigned turn = turn_;
      fault_ = fault_ || left_;
      changed_.wait(lock, [&] { return turn_ != turn || fault_; });
    }
    if (fault_) {
      changed_.notify_all();
      throw_divergence();
    }
    for (unsigned i = 0; i < lanes; ++i) all[i] = met_.value[i];
  }

  template <class Body>
  static void run(std::size_t first, std::size_t count, const Body& body) {
    std::vector<warp> warps(count);
    std::vector<std::thread> running;
    for (std::size_t i = 0; i < count * lanes; ++i)
      running.emplace_back([&, i] {
        warp& own = warps[i / lanes];
        try {
          body(first * lanes + i, &own);
        } catch (const std::logic_error&) {
        }
        own.leave();
      });
    for (auto& t : running) t.join();
    for (const warp& w : warps)
      if (w.fault_) throw_divergence();
  }

 private:
  void leave() {
    const std::lock_guard lock(mutex_);
    left_ = true;
    fault_ = fault_ || arrived_ != 0;
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  meeting now_;
  meeting met_;
  unsigned arrived_ = 0;
  unsigned turn_ = 0;
  bool left_ = false;
  bool fault_ = false;
};
#else
class warp {
 public:
  void meet(unsigned lane, std::uint64_t value, const void* purpose, std::uint64_t (&all)[lanes]) {
    now_.value[lane] = value;
    now_.purpose[lane] = purpose;
    lane_[lane].state = waiting;
    suspend(lane);
    for (unsigned i = 0; i < lanes; ++i) all[i] = met_.value[i];
  }

  template <class Body>
  static void run(std::size_t first, std::size_t count, const Body& body) {
    const auto one = std::make_unique<warp>();
    for (std::size_t w = first; w < first + count; ++w)
      one->run_lanes([&](unsigned lane) { body(w * lanes + lane, one.get()); });
  }

 private:
  enum state { ready, waiting, done };
  static constexpr std::size_t stack_bytes = 64 * 1024;
  struct lane_state {
    ucontext_t context;
    emulated::warp::state state = ready;
    std::unique_ptr<unsigned char[]> stack{new unsigned char[stack_bytes]};
    void* fake_stack = nullptr;
  };

  template <class Body>
  void run_lanes(const Body& body) {
    current() = this;
    call_ = [](const void* b, unsigned lane) { (*static_cast<const Body*>(b))(lane); };
    body_ = &body;
    for (unsigned lane = 0; lane < lanes; ++lane) begin(lane);
    for (;;) {
      unsigned waits = 0;
      for (running_ = 0; running_ < lanes; ++running_) {
        if (lane_[running_].state == ready) resume(running_);
        waits += lane_[running_].state == waiting;
      }
      if (waits == 0) return;
      if (waits != lanes || !now_.is_one()) throw_divergence();
      met_ = now_;
      for (lane_state& l : lane_) l.state = ready;
    }
  }

  static warp*& current() {
    static thread_local warp* w = nullptr;
    return w;
  }
  static void enter() {
    warp& w = *current();
    const unsigned lane = w.running_;
    w.arrived_inside(lane);
    w.call_(w.body_, lane);
    w.lane_[lane].state = done;
    w.leaving(nullptr, w.outside_bottom_, w.outside_size_);
  }

  void begin(unsigned lane) {
    lane_[lane].state = ready;
    lane_[lane].fake_stack = nullptr;
    getcontext(&lane_[lane].context);
    lane_[lane].context.uc_stack.ss_sp = lane_[lane].stack.get();
    lane_[lane].context.uc_stack.ss_size = stack_bytes;
    lane_[lane].context.uc_link = &outside_;
    makecontext(&lane_[lane].context, &warp::enter, 0);
  }
  void resume(unsigned lane) {
    void* fake = nullptr;
    leaving(&fake, lane_[lane].stack.get(), stack_bytes);
    swapcontext(&outside_, &lane_[lane].context);
#if defined(XQUANT_TEST_ADDRESS_SANITIZER)
    __sanitizer_finish_switch_fiber(fake, nullptr, nullptr);
#endif
  }
  void suspend(unsigned lane) {
    leaving(&lane_[lane].fake_stack, outside_bottom_, outside_size_);
    swapcontext(&lane_[lane].context, &outside_);
    arrived_inside(lane);
  }
  // AddressSanitizer must know whose stack is whose.
  void arrived_inside([[maybe_unused]] unsigned lane) {
#if defined(XQUANT_TEST_ADDRESS_SANITIZER)
    __sanitizer_finish_switch_fiber(lane_[lane].fake_stack, &outside_bottom_, &outside_size_);
#endif
  }
  static void leaving([[maybe_unused]] void** fake, [[maybe_unused]] const void* bottom,
                      [[maybe_unused]] std::size_t size) {
#if defined(XQUANT_TEST_ADDRESS_SANITIZER)
    __sanitizer_start_switch_fiber(fake, bottom, size);
#endif
  }

  ucontext_t outside_;
  const void* outside_bottom_ = nullptr;
  std::size_t outside_size_ = 0;
  lane_state lane_[lanes];
  unsigned running_ = 0;
  void (*call_)(const void*, unsigned) = nullptr;
  const void* body_ = nullptr;
  meeting now_;
  meeting met_;
};
#endif

class thread {
 public:
  thread(std::size_t index, std::size_t threads, warp* of) : index_(index), threads_(threads), warp_(of) {}
  [[nodiscard]] std::size_t index() const { return index_; }
  [[nodiscard]] std::size_t threads() const { return threads_; }
  [[nodiscard]] unsigned ballot(bool value) const {
    static const char what = 0;
    std::uint64_t all[lanes];
    warp_->meet(lane(), value ? 1 : 0, &what, all);
    unsigned word = 0;
    for (unsigned i = 0; i < lanes; ++i) word |= static_cast<unsigned>(all[i]) << i;
    return word;
  }
  template <class Real>
  [[nodiscard]] Real from_lane(Real value, unsigned above) const {
    static const char what = 0;
    using integer = typename xquant::real_traits<Real>::integer;
    std::uint64_t all[lanes];
    warp_->meet(lane(), static_cast<std::uint64_t>(xquant::bit_cast<integer>(value)), &what, all);
    const unsigned from = lane() + above;
    return xquant::bit_cast<Real>(static_cast<integer>(all[from < lanes ? from : lane()]));
  }

 private:
  [[nodiscard]] unsigned lane() const { return static_cast<unsigned>(index_ % lanes); }
  std::size_t index_;
  std::size_t threads_;
  warp* warp_;
};

// A grid of fixed size, so that threads have several elements, or more threads run than there are elements.
struct launcher : xquant::cuda::device_engine<launcher> {
  std::size_t grid;
  bool backward;  // the last thread first, where threads are run one by one

  // NOLINTNEXTLINE(google-explicit-constructor): written as {96, true}
  launcher(std::size_t g = 64, bool b = false) : grid(g), backward(b) {}

  [[nodiscard]] std::size_t threads(std::size_t) const { return grid; }
  template <class Kernel>
  [[nodiscard]] xquant::status launch(const Kernel& kernel, std::size_t threads) const {
    static_assert(sizeof(Kernel) <= xquant::cuda::most_argument_bytes);
    if constexpr (!Kernel::uses_warps) {
      for (std::size_t i = 0; i < threads; ++i) kernel(thread(backward ? threads - 1 - i : i, threads, nullptr));
    } else {
      warp::run(0, threads / lanes, [&](std::size_t i, warp* own) { kernel(thread(i, threads, own)); });
    }
    return {};
  }
};

// The kernels of the device as one more engine of the host, whose parameters are checked: tests of the others can be
// given it.
struct engine {
  emulated::launcher launcher;

  template <class Op>
  static constexpr bool supports = true;
  template <class Op>
  void run(const Op& operation, const xquant::nest_list& nests, const xquant::operation_streams<Op>& s) const {
    if (!xquant::cuda::run(launcher, operation, nests, s).ok()) throw std::logic_error("launch");
  }
  template <class Op>
  void reduce(const Op& operation, const xquant::reduction_walk& walk, const xquant::operation_streams<Op>& s,
              double* results) const {
    std::vector<double> workspace(xquant::cuda::workspace_of<Op>(walk));
    const auto finish = [&](std::size_t slot, const double* result, double elements) {
      for (std::size_t k = 0; k < Op::accumulators; ++k) results[slot * (Op::accumulators + 1) + k] = result[k];
      results[slot * (Op::accumulators + 1) + Op::accumulators] = elements;
    };
    if (!xquant::cuda::reduce(launcher, operation, walk, s, s.parameters.count, workspace.data(), finish).ok())
      throw std::logic_error("launch");
  }
};

}  // namespace emulated

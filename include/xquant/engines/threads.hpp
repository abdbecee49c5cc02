// Any engine on several threads: a pool the caller owns, and the engine that cuts work for it. Results are those of one
// thread, bit for bit. Includes <thread> and its kin.
#pragma once

#include <xquant/core/nest.hpp>
#include <xquant/engines/operation.hpp>
#include <xquant/engines/packed_cut.hpp>
#include <xquant/engines/reduction.hpp>

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace xquant::inline XQUANT_ABI {

/// What runs tasks: `executor.concurrency()` is how many at once (0 counts as 1), `executor.run(n, f)` calls f(0) ...
/// f(n - 1), each once, on whatever threads, and returns when all are done.
template <class E>
concept Executor = requires(E& executor, void (*task)(std::size_t)) {
  executor.run(std::size_t{1}, task);
  {executor.concurrency() + std::size_t{}};
};

/// Threads that wait for tasks. Owned by the caller: created here, joined by the destructor, never hidden. The thread
/// that calls run() works too. One run at a time; a second caller waits.
class thread_pool {
 public:
  /// `threads` in all, the caller's included; 0 counts as 1.
  explicit thread_pool(std::size_t threads = std::thread::hardware_concurrency()) {
    try {
      for (std::size_t i = 1; i < threads; ++i) workers_.emplace_back([this] { work(); });
    } catch (...) {  // the system has no more threads: those there are must be joined before they go
      stop();
      throw;
    }
  }
  thread_pool(const thread_pool&) = delete;
  thread_pool& operator=(const thread_pool&) = delete;
  ~thread_pool() { stop(); }

  [[nodiscard]] std::size_t concurrency() const noexcept { return workers_.size() + 1; }

  /// Calls task(i) for i in [0, count). If tasks throw, the others still run, and the first exception is thrown again
  /// here after all have ended. A task must not call run() of its own pool.
  template <class Task>
  void run(std::size_t count, const Task& task) {
    const std::lock_guard one_run(run_mutex_);
    const bool alone = workers_.empty() || count <= 1;
    {
      const std::lock_guard lock(mutex_);
      task_ = [&task](std::size_t i) { task(i); };
      next_ = 0;
      count_ = count;
      busy_ = alone ? 0 : workers_.size();
      if (!alone) ++generation_;
    }
    if (!alone) wake_.notify_all();
    drain();
    std::exception_ptr failure;
    {
      std::unique_lock lock(mutex_);
      done_.wait(lock, [this] { return busy_ == 0; });
      task_ = nullptr;
      std::swap(failure, failure_);
    }
    if (failure) std::rethrow_exception(failure);
  }

 private:
  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    for (std::thread& t : workers_) t.join();
  }

  void drain() {
    for (;;) {
      std::size_t i;
      {
        const std::lock_guard lock(mutex_);
        if (next_ == count_) return;
        i = next_++;
      }
      try {
        task_(i);
      } catch (...) {
        const std::lock_guard lock(mutex_);
        if (!failure_) failure_ = std::current_exception();
      }
    }
  }

  void work() {
    std::size_t seen = 0;
    for (;;) {
      {
        std::unique_lock lock(mutex_);
        wake_.wait(lock, [&] { return stopping_ || generation_ != seen; });
        if (stopping_) return;
        seen = generation_;
      }
      drain();
      {
        const std::lock_guard lock(mutex_);
        --busy_;
      }
      done_.notify_one();
    }
  }

  std::vector<std::thread> workers_;
  std::mutex run_mutex_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable done_;
  std::function<void(std::size_t)> task_;
  std::size_t next_ = 0;
  std::size_t count_ = 0;
  std::size_t busy_ = 0;
  std::size_t generation_ = 0;
  bool stopping_ = false;
  std::exception_ptr failure_;
};

namespace detail {

// A share of a nest: [first, last) of its loop `d`.
constexpr nest slice(const nest& n, std::size_t d, std::size_t first, std::size_t last) noexcept {
  nest part;
  part.assign(n);
  part.dimension[d].extent = last - first;
  for (unsigned k = 0; k < operand_count; ++k)
    part.base[k] += n.dimension[d].stride[k] * static_cast<std::ptrdiff_t>(first);
  return part;
}

// The loop to share out, and the multiple at which it may be cut: a whole number of bytes of packed bits apart, for
// every outer index, so that no two threads touch one byte; whole groups of random numbers where the loop is long.
struct cut {
  std::size_t dimension = 0;
  std::size_t multiple = 0;  // 0: not at all
};

template <class Op>
constexpr cut best_cut(const nest& n) noexcept {
  constexpr bool has_bits = is_same<typename Op::output_0_type, bit> || is_same<typename Op::output_1_type, bit>;
  cut best;
  std::size_t most = 1;
  for (std::size_t d = 0; d < n.depth; ++d) {
    const nest_dimension& loop = n.dimension[d];
    std::size_t multiple = d + 1 == n.depth ? segment_size : 1;
    if (has_bits) {
      bool aligned = n.base[element_index] % 8 == 0;
      for (std::size_t other = 0; other < n.depth; ++other)
        if (other < d) aligned = aligned && n.dimension[other].stride[element_index] % 8 == 0;
      // The part below the cut must fill whole bytes, or the loops inside would share one across it.
      while (aligned && multiple < segment_size &&
             static_cast<std::size_t>(loop.stride[element_index]) * multiple % 8 != 0)
        multiple *= 2;
      if (!aligned || static_cast<std::size_t>(loop.stride[element_index]) * multiple % 8 != 0) continue;
    }
    if constexpr (is_packed_stream<typename Op::output_0_type>) {
      const std::size_t whole_bytes = packed_cut(n, d, stride_unit<typename Op::output_0_type::element>);
      if (whole_bytes == 0) continue;
      if (multiple < whole_bytes) multiple = whole_bytes;  // both are powers of two
    }
    if (loop.extent / multiple > most) {
      most = loop.extent / multiple;
      best = {d, multiple};
    }
  }
  return best;
}

}  // namespace detail

/// Runs `Inner` on the threads of `pool`, which must outlive the engine. Work is cut by the shape alone (and by the
/// number of threads, which changes no bit). Small calls are not worth it: threads are woken for every call.
template <class Inner, Executor Pool = thread_pool>
class threads_engine {
 public:
  template <class Op>
  static constexpr bool supports = Inner::template supports<Op>;

  explicit threads_engine(Pool& pool, const Inner& inner = {}) : pool_(&pool), inner_(inner) {}

  template <class Op>
  void run(const Op& operation, const nest_list& nests, const operation_streams<Op>& streams) const {
    for_each_nest(nests, [&](const nest& n) {
      const detail::cut where = detail::best_cut<Op>(n);
      if (where.multiple == 0) return run_part(operation, n, streams);
      const std::size_t units = n.dimension[where.dimension].extent / where.multiple;
      const std::size_t tasks = std::min(units, concurrency());
      const std::size_t extent = n.dimension[where.dimension].extent;
      const auto border = [&](std::size_t t) { return t == tasks ? extent : units * t / tasks * where.multiple; };
      pool_->run(tasks, [&](std::size_t t) {
        run_part(operation, detail::slice(n, where.dimension, border(t), border(t + 1)), streams);
      });
    });
  }

  /// A reduction: pieces of one slot are computed apart and combined in order by the caller's thread; consecutive slots
  /// are shared out by slot. Allocates the results of the pieces.
  template <class Op>
  void reduce(const Op& operation, const reduction_walk& walk, const operation_streams<Op>& streams,
              double* results) const {
    constexpr std::size_t a_slot = Op::accumulators + 1;
    std::vector<piece> pieces;
    for_each_piece(walk.nests, [&](const piece& p) { pieces.push_back(p); });
    std::vector<double> partial(pieces.size() * a_slot);
    for (std::size_t i = 0; i < pieces.size(); ++i)
      for (std::size_t k = 0; k < Op::accumulators; ++k) partial[i * a_slot + k] = Op::template initial<double>(k);
    const std::size_t tasks = concurrency();
    pool_->run(tasks, [&](std::size_t t) {
      for (std::size_t i = 0; i < pieces.size(); ++i) {
        piece p = pieces[i];
        if (!p.varying) {
          if (i * tasks / pieces.size() == t)
            inner_.reduce_piece(operation, walk, streams, p, partial.data() + i * a_slot);
          continue;
        }
        // This thread's slots of the row, the same ones in every row.
        const std::size_t end = p.slot + p.extent;
        const std::size_t first = std::max(p.slot, border(streams.parameters.count, t, tasks));
        const std::size_t last = std::min(end, border(streams.parameters.count, t + 1, tasks));
        if (first >= last) continue;
        p.index += first - p.slot;
        p.slot = first;
        p.extent = last - first;
        inner_.reduce_piece(operation, walk, streams, p, results + p.slot * a_slot);
      }
    });
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      if (pieces[i].varying) continue;
      double* const result = results + pieces[i].slot * a_slot;
      for (std::size_t k = 0; k < Op::accumulators; ++k)
        result[k] = Op::template combine<double>(k, partial[i * a_slot + k], result[k]);
      result[Op::accumulators] += partial[i * a_slot + Op::accumulators];
    }
  }

 private:
  [[nodiscard]] std::size_t concurrency() const { return std::max<std::size_t>(1, pool_->concurrency()); }

  // Where the slots of thread t begin: at a multiple of a block.
  static std::size_t border(std::size_t slots, std::size_t t, std::size_t tasks) {
    return t == tasks ? slots : (slots + 63) / 64 * t / tasks * 64;
  }

  template <class Op>
  void run_part(const Op& operation, const nest& part, const operation_streams<Op>& streams) const {
    nest_list one;
    one.count = 1;
    one.item[0].assign(part);
    inner_.run(operation, one, streams);
  }

  Pool* pool_;
  Inner inner_;
};

}  // namespace xquant

// thread_pool: every task once, many runs, exceptions, one thread, callers at the same time, construction and
// destruction.
#include <doctest/doctest.h>

#include <support/scale.hpp>
#include <xquant/engines/threads.hpp>

#include <atomic>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using xquant::thread_pool;
static_assert(xquant::Executor<thread_pool>);

TEST_CASE("every task runs once, in every run") {
  for (const std::size_t threads : {0u, 1u, 2u, 3u, 8u}) {
    thread_pool pool(threads);
    CHECK(pool.concurrency() == (threads == 0 ? 1 : threads));
    for (const std::size_t count : {0u, 1u, 2u, 3u, 7u, 100u}) {
      std::vector<int> done(count, 0);  // each task its own element: the sanitizer sees any that runs twice
      for (int turn = 0; turn < 20; ++turn) pool.run(count, [&](std::size_t i) { ++done[i]; });
      for (const int n : done) REQUIRE(n == 20);
    }
  }
}

TEST_CASE("many short runs") {
  thread_pool pool(4);
  std::vector<std::size_t> sums(4, 0);
  const std::size_t turns = xquant_test::scaled(20000);
  for (std::size_t turn = 0; turn < turns; ++turn) pool.run(4, [&](std::size_t i) { sums[i] += turn; });
  for (const std::size_t sum : sums) CHECK(sum == turns * (turns - 1) / 2);
}

TEST_CASE("the caller works too, and what a task writes is seen after run") {
  thread_pool alone(1);
  std::thread::id who;
  alone.run(3, [&](std::size_t) { who = std::this_thread::get_id(); });
  CHECK(who == std::this_thread::get_id());
  thread_pool pool(3);
  // Two tasks that wait for each other need two threads at work.
  std::atomic<int> arrived{0};
  pool.run(2, [&](std::size_t) {
    ++arrived;
    while (arrived.load() < 2) std::this_thread::yield();
  });
  CHECK(arrived == 2);
  std::string text;
  pool.run(1, [&](std::size_t) { text = "written by a task, read by the caller"; });
  CHECK(text.size() == 37);
}

TEST_CASE("the first exception comes back when all tasks have ended; the pool goes on") {
  for (const std::size_t threads : {1u, 2u, 4u}) {
    thread_pool pool(threads);
    for (int turn = 0; turn < 50; ++turn) {
      std::vector<int> done(10, 0);
      std::string what;
      try {
        pool.run(done.size(), [&](std::size_t i) {
          ++done[i];
          if (i % 3 == 1) throw std::runtime_error("task " + std::to_string(i));
        });
      } catch (const std::runtime_error& e) {
        what = e.what();
      }
      CHECK((what == "task 1" || what == "task 4" || what == "task 7"));
      if (threads == 1) CHECK(what == "task 1");
      for (const int n : done) REQUIRE(n == 1);
      int after = 0;
      pool.run(1, [&](std::size_t) { ++after; });  // no exception is left over
      CHECK(after == 1);
    }
    bool thrown = false;
    try {
      pool.run(1, [](std::size_t) { throw 5; });
    } catch (int n) {
      thrown = n == 5;
    }
    CHECK(thrown);
  }
}

TEST_CASE("callers on several threads take turns") {
  thread_pool pool(3);
  std::vector<std::vector<int>> done(4, std::vector<int>(16, 0));
  const auto turns = static_cast<int>(xquant_test::scaled(500));
  std::atomic<int> at_once{0};
  std::atomic<bool> mixed{false};
  std::vector<std::thread> callers;
  for (std::size_t caller = 0; caller < done.size(); ++caller)
    callers.emplace_back([&, caller] {
      for (int turn = 0; turn < turns; ++turn) {
        try {
          pool.run(16, [&](std::size_t i) {
            if (++at_once > 3) mixed = true;
            ++done[caller][i];
            --at_once;
            if (caller == 3 && i == 5) throw std::runtime_error("mine");
          });
          if (caller == 3) mixed = true;  // an exception of its own was due
        } catch (const std::runtime_error&) {
          if (caller != 3) mixed = true;  // another caller's exception
        }
      }
    });
  for (std::thread& t : callers) t.join();
  CHECK(!mixed);
  for (const auto& one : done)
    for (const int n : one) REQUIRE(n == turns);
}

TEST_CASE("pools come and go: unused, just used, many") {
  for (std::size_t turn = 0; turn < xquant_test::scaled(200, 20); ++turn) {
    const thread_pool unused(3);
    thread_pool used(3);
    std::vector<int> done(3, 0);
    used.run(3, [&](std::size_t i) { ++done[i]; });
    REQUIRE(done == std::vector<int>(3, 1));
  }
  std::vector<std::unique_ptr<thread_pool>> pools;
  for (int i = 0; i < 10; ++i) pools.push_back(std::make_unique<thread_pool>(2));
  int sum = 0;
  // A task may use another pool.
  pools[0]->run(1, [&](std::size_t) { pools[1]->run(1, [&](std::size_t) { ++sum; }); });
  CHECK(sum == 1);
}

// Threads over the scalar engine: every operation, shapes that stress how work is cut, callers at the same time.
#include <threads/subject.hpp>

#include <thread>

TEST_CASE("every operation on threads over the scalar engine") { threads_test::check_cuts<xquant::scalar_engine>(); }

TEST_CASE("engines that share a pool, callers on several threads") {
  using namespace xquant;  // NOLINT: every line names several
  using namespace threads_test;
  const shape s(9000);
  oracle::stream random(2);
  std::vector<float> x(s.size());
  for (auto& v : x) v = static_cast<float>(random.unit() * 20.0);
  const parameters p(0.1f);
  const answers expected = work(x, x, s, {}, p, scalar_engine{});
  thread_pool pool(3);
  const threads_engine<scalar_engine> first(pool);
  const threads_engine<scalar_engine> second(pool);
  std::vector<int> wrong(3, 0);
  std::vector<std::thread> callers;
  for (std::size_t i = 0; i < wrong.size(); ++i)
    callers.emplace_back([&, i] {
      for (int turn = 0; turn < 3; ++turn)
        if (!(work(x, x, s, {}, p, i % 2 == 0 ? first : second) == expected)) ++wrong[i];
    });
  for (std::thread& t : callers) t.join();
  CHECK(wrong == std::vector<int>(3, 0));
}

TEST_CASE("double data on threads") {
  using namespace xquant;  // NOLINT: every line names several
  const shape s(2, 9000);
  oracle::stream random(2);
  std::vector<double> x(s.size());
  for (auto& v : x) v = random.unit() * 20.0;
  const basic_parameters<double> p(std::vector<double>{0.1, 0.2});
  const quantizer<int8, per_axis<0>> q;
  thread_pool pool(3);
  const threads_engine<scalar_engine> engine(pool);
  std::vector<double> dx[2] = {std::vector<double>(s.size()), std::vector<double>(s.size())};
  std::vector<double> ds[2] = {std::vector<double>(2), std::vector<double>(2)};
  const tensor_view<double> xs(x.data(), s);
  fake_quantize_backward(learned_step_size{}, q, p, xs, xs, tensor_view<double>(dx[0].data(), s),
                         tensor_view<double>(ds[0].data(), shape(2)));
  fake_quantize_backward(learned_step_size{}, q, p, xs, xs, tensor_view<double>(dx[1].data(), s),
                         tensor_view<double>(ds[1].data(), shape(2)), engine);
  CHECK(dx[0] == dx[1]);
  CHECK(ds[0] == ds[1]);
}

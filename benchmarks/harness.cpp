// The measurement itself, and main: what is run, what is reported.
#include "harness.hpp"

#include "tables.hpp"

#include <benchmark/benchmark.h>
#include <regex.h>
#include <sys/mman.h>
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <numeric>
#include <random>
#include <sstream>

namespace bench {

namespace {

constexpr std::size_t huge_page = std::size_t{2} << 20;

struct region {
  void* address = nullptr;
  std::size_t bytes = 0;
};

double processor_seconds() {
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

double quantile(std::vector<double> values, double q) {
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(q * static_cast<double>(values.size() - 1) + 0.5)];
}

// Through a pointer the compiler cannot see: a copy nobody reads is still made.
void* (*volatile copy)(void*, const void*, std::size_t) = std::memcpy;

struct measured {
  std::string error;
  double median = 0;
  double spread = 0;  // (90th - 10th percentile) / median
  double over_copy = 0;
  std::size_t rounds = 0;
};

std::vector<study>& studies() {
  static std::vector<study> all;
  return all;
}

// A turn is long against the clock (0.2 ms) and short against the scheduler's time slice; large sizes take one call.
constexpr double turn_seconds = 2e-4;
constexpr std::size_t rounds_wanted = 21;
constexpr double seconds_per_engine = 2;

// Another order every round, the same in every run: nobody always follows the same neighbour.
std::vector<std::size_t> shuffled(std::size_t count, std::size_t round) {
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::minstd_rand random(static_cast<unsigned>(round + 1));
  std::shuffle(order.begin(), order.end(), random);
  return order;
}

std::map<std::string, measured> measure(const study& s) {
  std::vector<engine_run> runs = s.build(s.size);
  std::map<std::string, measured> results;
  const std::size_t half = s.bytes / 2;
  void* const to = memory(buffer::copy_to, half);
  const void* const from = memory(buffer::copy_from, half);
  runs.insert(runs.begin(), {"memcpy", repeated([=] { copy(to, from, half); }), {}});

  std::vector<std::size_t> calls(runs.size());
  std::vector<std::size_t> rounds(runs.size());
  std::vector<std::vector<double>> seconds(runs.size());
  for (std::size_t j = 0; j < runs.size(); ++j) {
    runs[j].repeat(1);
    if (runs[j].check)
      if (std::string wrong = runs[j].check(); !wrong.empty()) results[runs[j].engine].error = wrong;
    std::size_t n = 1;
    double once = 0;
    for (;; n *= 4) {
      const double start = processor_seconds();
      runs[j].repeat(n);
      once = (processor_seconds() - start) / static_cast<double>(n);
      if (once * static_cast<double>(n) >= turn_seconds / 4) break;
    }
    calls[j] = std::max<std::size_t>(1, static_cast<std::size_t>(turn_seconds / once));
    // What takes seconds per call (the scalar engine on 64 Mi elements) is given fewer turns.
    rounds[j] = std::clamp(static_cast<std::size_t>(seconds_per_engine / once), std::size_t{3}, rounds_wanted);
  }
  const bool in_cache = s.bytes < (std::size_t{32} << 20);
  for (std::size_t round = 0; round < rounds_wanted; ++round)
    for (const std::size_t j : shuffled(runs.size(), round)) {
      if (round >= rounds[j]) continue;
      if (in_cache) runs[j].repeat(std::max<std::size_t>(1, calls[j] / 8));
      const double start = processor_seconds();
      runs[j].repeat(calls[j]);
      seconds[j].push_back((processor_seconds() - start) / static_cast<double>(calls[j]));
    }
  for (std::size_t j = 0; j < runs.size(); ++j) {
    measured& m = results[runs[j].engine];
    m.median = quantile(seconds[j], 0.5);
    m.spread = (quantile(seconds[j], 0.9) - quantile(seconds[j], 0.1)) / m.median;
    m.rounds = seconds[j].size();
    m.over_copy = m.median / quantile(seconds[0], 0.5);
  }
  return results;
}

std::map<std::string, measured>& results_of(std::size_t index) {
  static std::map<std::size_t, std::map<std::string, measured>> all;
  auto found = all.find(index);
  if (found == all.end()) found = all.emplace(index, measure(studies()[index])).first;
  return found->second;
}

bool any_error = false;

void report(benchmark::State& state, std::size_t index, const std::string& engine, tables& out) {
  const study& s = studies()[index];
  const std::map<std::string, measured>& all = results_of(index);
  const auto found = all.find(engine);
  if (found == all.end()) {
    state.SkipWithError("not available in this build");
    any_error = true;
    return;
  }
  const measured& m = found->second;
  if (!m.error.empty()) {
    state.SkipWithError(m.error.c_str());
    any_error = true;
    return;
  }
  for ([[maybe_unused]] auto _ : state) state.SetIterationTime(m.median);
  state.counters["x_memcpy"] = m.over_copy;
  state.counters["spread"] = m.spread;
  state.counters["rounds"] = static_cast<double>(m.rounds);
  state.counters["elements_per_second"] = static_cast<double>(s.size.elements) / m.median;
  state.counters["bytes_per_second"] = static_cast<double>(s.bytes) / m.median;
  table_row row{s.operation, s.kind, s.size.name, static_cast<double>(s.size.elements), static_cast<double>(s.bytes),
                {},          {}};
  for (const auto& [name, value] : all) {
    row.seconds[name] = value.error.empty() ? value.median : 0;
    row.spread[name] = value.spread;
  }
  out.put(row);
}

// Google Benchmark appends how it was told to time to every name, and times the hand-over of our result as processor
// time; what goes out has the name alone and the measured time in both places.
template <class Reporter>
class plain_names : public Reporter {
 public:
  using Reporter::Reporter;
  void ReportRuns(const std::vector<benchmark::BenchmarkReporter::Run>& runs) override {
    std::vector<benchmark::BenchmarkReporter::Run> out = runs;
    for (auto& r : out) {
      r.run_name.iterations.clear();
      r.run_name.time_type.clear();
      r.cpu_accumulated_time = r.real_accumulated_time;
    }
    Reporter::ReportRuns(out);
  }
};

std::string processor_name() {
  std::ifstream in("/proc/cpuinfo");
  std::string line;
  while (std::getline(in, line))
    if (line.rfind("model name", 0) == 0) return line.substr(line.find(':') + 2);
  return "unknown";
}

std::string cache_sizes() {
  const benchmark::CPUInfo& info = benchmark::CPUInfo::Get();
  std::string text;
  for (const auto& c : info.caches)
    if (c.type != "Instruction")
      text.append(text.empty() ? "L" : ", L")
          .append(std::to_string(c.level))
          .append(" ")
          .append(std::to_string(c.size / 1024))
          .append(" KiB");
  return text;
}

}  // namespace

void* memory(buffer b, std::size_t bytes) {
  static region regions[static_cast<std::size_t>(buffer::count)];
  region& r = regions[static_cast<std::size_t>(b)];
  if (r.bytes < bytes) {
    if (r.address != nullptr) munmap(r.address, r.bytes);
    r.bytes = (bytes + huge_page - 1) / huge_page * huge_page;
    void* const raw = mmap(nullptr, r.bytes + huge_page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (raw == MAP_FAILED) {
      std::fprintf(stderr, "benchmarks: no memory for %zu bytes\n", r.bytes);
      std::exit(1);
    }
    const auto at = reinterpret_cast<std::uintptr_t>(raw);
    const std::uintptr_t aligned = (at + huge_page - 1) / huge_page * huge_page;
    if (aligned != at) munmap(raw, aligned - at);
    munmap(reinterpret_cast<void*>(aligned + r.bytes), huge_page - (aligned - at));
    r.address = reinterpret_cast<void*>(aligned);
    madvise(r.address, r.bytes, MADV_HUGEPAGE);
    std::memset(r.address, 1, r.bytes);
  }
  return r.address;
}

const float* normal(buffer b, std::size_t n) {
  auto* const p = static_cast<float*>(memory(b, n * sizeof(float)));
  std::uint64_t state = b == buffer::gradient ? 2 : 1;
  for (std::size_t i = 0; i < n; ++i) {
    // The sum of four uniform variables (splitmix64), scaled to variance 1.
    std::uint64_t z = state += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    z ^= z >> 31;
    const auto sum = static_cast<float>((z & 0xffff) + ((z >> 16) & 0xffff) + ((z >> 32) & 0xffff) + (z >> 48));
    p[i] = (sum - 131070.0f) * (1.7320508f / 65536.0f);
  }
  return p;
}

const std::int8_t* all_codes(std::size_t n) {
  auto* const p = static_cast<std::int8_t*>(memory(buffer::codes, n));
  for (std::size_t i = 0; i < n; ++i) p[i] = static_cast<std::int8_t>(i * 151);
  return p;
}

void add(study s) { studies().push_back(std::move(s)); }

namespace {

template <class T>
std::string differs(std::size_t i, T got, T expected) {
  std::ostringstream text;
  text << std::hexfloat << "element " << i << " is " << +got << ", expected " << +expected;
  return text.str();
}

}  // namespace

std::string difference(const std::int8_t* got, const std::int8_t* expected, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i)
    if (got[i] != expected[i]) return differs(i, got[i], expected[i]);
  return {};
}

std::string difference(const float* got, const float* expected, std::size_t n, bool by_value) {
  for (std::size_t i = 0; i < n; ++i)
    if (std::memcmp(&got[i], &expected[i], sizeof(float)) != 0 && !(by_value && got[i] == expected[i]))
      return differs(i, got[i], expected[i]);
  return {};
}

std::string difference(double got, double expected, double tolerance, const char* what) {
  if (got - expected <= tolerance && expected - got <= tolerance) return {};
  std::ostringstream text;
  text << what << " is " << got << ", expected " << expected;
  return text.str();
}

}  // namespace bench

int main(int argc, char** argv) {
  using namespace bench;
  // Google Benchmark would match its own longer names, so the filter is taken from it.
  std::string readme;
  std::string filter = ".";
  bool writes_file = false;
  bool only_list = false;
  std::vector<char*> rest;
  for (int i = 0; i < argc; ++i) {
    const std::string argument = argv[i];
    writes_file = writes_file || argument.rfind("--benchmark_out=", 0) == 0;
    if (argument.rfind("--readme=", 0) == 0)
      readme = argument.substr(9);
    else if (argument.rfind("--benchmark_filter=", 0) == 0)
      filter = argument.substr(19);
    else if (argument == "--benchmark_list_tests" || argument == "--benchmark_list_tests=true")
      only_list = true;
    else
      rest.push_back(argv[i]);
  }
  regex_t pattern;
  if (regcomp(&pattern, filter.c_str(), REG_EXTENDED | REG_NOSUB) != 0) {
    std::fprintf(stderr, "benchmarks: the filter '%s' is no extended regular expression\n", filter.c_str());
    return 2;
  }
  int count = static_cast<int>(rest.size());
  benchmark::Initialize(&count, rest.data());
  if (benchmark::ReportUnrecognizedArguments(count, rest.data())) return 2;

  add_quantize();
  add_dequantize();
  add_gradients();
  add_estimators();
  add_reductions();

  const char* const commit = std::getenv("XQUANT_BENCHMARK_COMMIT");
  const machine here{processor_name(), cache_sizes(), XQUANT_BENCHMARK_COMPILER, XQUANT_BENCHMARK_FLAGS,
                     commit != nullptr && *commit != '\0' ? commit : "unknown"};
  benchmark::AddCustomContext("cpu_model", here.processor);
  benchmark::AddCustomContext("caches", here.caches);
  benchmark::AddCustomContext("compiler", here.compiler);
  benchmark::AddCustomContext("flags", here.flags);
  benchmark::AddCustomContext("commit", here.commit);
  benchmark::AddCustomContext("method", "processor time of one thread; medians of interleaved rounds");

  tables out(here);
  std::size_t selected = 0;
  for (std::size_t i = 0; i < studies().size(); ++i) {
    const study& s = studies()[i];
    for (const std::string& engine : s.engines) {
      const std::string name = s.operation + "/" + s.kind + "/" + engine + "/" + s.size.name;
      if (regexec(&pattern, name.c_str(), 0, nullptr, 0) != 0) continue;
      ++selected;
      if (only_list) {
        std::puts(name.c_str());
        continue;
      }
      benchmark::RegisterBenchmark(name.c_str(),
                                   [i, engine, &out](benchmark::State& state) { report(state, i, engine, out); })
          ->UseManualTime()
          ->Iterations(1)
          ->Unit(s.size.elements < 100000 ? benchmark::kNanosecond : benchmark::kMicrosecond);
    }
  }
  regfree(&pattern);
  if (selected == 0) {
    std::fprintf(stderr, "benchmarks: no name matches '%s'\n", filter.c_str());
    return 2;
  }
  if (only_list) return 0;
  plain_names<benchmark::ConsoleReporter> console(benchmark::ConsoleReporter::OO_Tabular);
  plain_names<benchmark::JSONReporter> json;
  if (writes_file)
    benchmark::RunSpecifiedBenchmarks(&console, &json);
  else
    benchmark::RunSpecifiedBenchmarks(&console);
  benchmark::Shutdown();
  std::fprintf(stderr, "\n%s", out.text().c_str());
  if (!readme.empty() && !out.write_into(readme)) {
    std::fprintf(stderr, "benchmarks: cannot write the tables into %s\n", readme.c_str());
    return 1;
  }
  return any_error ? 1 : 0;
}

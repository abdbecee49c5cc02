// A small stand-in for doctest, for machines that do not have it: the part of its interface that these tests use, with
// the same meaning (a test case runs once for each leaf of its SUBCASEs). It shows the failed expression, not its
// values.
#pragma once

#include <cmath>
#include <cstdio>
#include <exception>
#include <functional>
#include <ostream>
#include <sstream>
#include <string>
#include <typeinfo>
#include <utility>
#include <vector>

namespace doctest {

namespace detail {

struct test_case {
  const char* name;
  const char* file;
  int line;
  std::function<void()> body;
  bool skipped = false;
};

// A message that INFO or CAPTURE makes only when a check below it fails.
struct context {
  virtual void write(std::ostream& out) const = 0;

 protected:
  ~context() = default;
};

struct state {
  std::vector<test_case> cases;
  std::vector<const context*> contexts;
  std::vector<std::size_t> chosen;  // which SUBCASE to enter at each depth
  std::vector<std::size_t> seen;    // how many were met at each depth of the current run
  std::size_t depth = 0;
  const test_case* current = nullptr;
  unsigned long checks = 0;
  unsigned long failures = 0;
};

inline state& the_state() {
  static state s;
  return s;
}

struct failed_requirement {};

template <class T>
void write_one(std::ostream& out, const T& value) {
  if constexpr (requires { out << value; }) {
    out << value;
  } else {
    out << "{?}";
  }
}

template <class... Ts>
std::string text_of(const Ts&... values) {
  std::ostringstream out;
  (write_one(out, values), ...);
  return out.str();
}

inline void report(const char* file, int line, const std::string& what) {
  std::fprintf(stderr, "%s:%d: ERROR in \"%s\": %s\n", file, line,
               the_state().current != nullptr ? the_state().current->name : "?", what.c_str());
  for (const context* c : the_state().contexts) {
    std::ostringstream out;
    c->write(out);
    std::fprintf(stderr, "  with: %s\n", out.str().c_str());
  }
}

inline bool check(bool good, bool required, const char* file, int line, const std::string& what) {
  ++the_state().checks;
  if (!good) {
    ++the_state().failures;
    report(file, line, what);
    if (required) throw failed_requirement{};
  }
  return good;
}

template <class Writer>
class scope final : public context {
 public:
  explicit scope(Writer writer) : writer_(std::move(writer)) { the_state().contexts.push_back(this); }
  scope(const scope&) = delete;
  scope& operator=(const scope&) = delete;
  ~scope() { the_state().contexts.pop_back(); }
  void write(std::ostream& out) const override { writer_(out); }

 private:
  Writer writer_;
};

class subcase {
 public:
  subcase() {
    state& s = the_state();
    if (s.chosen.size() <= s.depth) s.chosen.push_back(0);
    if (s.seen.size() <= s.depth) s.seen.push_back(0);
    entered_ = s.seen[s.depth]++ == s.chosen[s.depth];
    if (entered_) {
      ++s.depth;
      s.seen.resize(s.depth);
    }
  }
  subcase(const subcase&) = delete;
  subcase& operator=(const subcase&) = delete;
  ~subcase() {
    if (entered_) --the_state().depth;
  }
  explicit operator bool() const { return entered_; }

 private:
  bool entered_ = false;
};

// Moves to the next leaf of the SUBCASEs; false when all have run.
inline bool next_leaf() {
  state& s = the_state();
  s.chosen.resize(s.seen.size() < s.chosen.size() ? s.seen.size() : s.chosen.size());
  while (!s.chosen.empty()) {
    if (++s.chosen.back() < s.seen[s.chosen.size() - 1]) return true;
    s.chosen.pop_back();
  }
  return false;
}

struct decorator {
  bool skipped = false;
};
inline decorator operator*(decorator a, decorator b) { return {a.skipped || b.skipped}; }

struct registration {
  registration(const char* name, const char* file, int line, std::function<void()> body, decorator d = {}) {
    the_state().cases.push_back({name, file, line, std::move(body), d.skipped});
  }
};

struct decorated_name {
  const char* name;
  decorator marks{};
  decorated_name(const char* n) : name(n) {}  // NOLINT: a plain name is the usual case
  decorated_name operator*(decorator d) const {
    decorated_name copy = *this;
    copy.marks = copy.marks * d;
    return copy;
  }
};

struct named_registration {
  named_registration(const decorated_name& n, const char* file, int line, std::function<void()> body)
      : inner(n.name, file, line, std::move(body), n.marks) {}
  registration inner;
};

inline int run_all() {
  state& s = the_state();
  unsigned long failed_cases = 0;
  unsigned long run_cases = 0;
  for (const test_case& c : s.cases) {
    if (c.skipped) continue;
    s.current = &c;
    ++run_cases;
    const unsigned long before = s.failures;
    s.chosen.clear();
    do {
      s.seen.clear();
      s.depth = 0;
      try {
        c.body();
      } catch (const failed_requirement&) {
      } catch (const std::exception& e) {
        check(false, false, c.file, c.line, std::string("uncaught exception: ") + e.what());
      } catch (...) {
        check(false, false, c.file, c.line, "uncaught exception of an unknown type");
      }
    } while (next_leaf());
    failed_cases += s.failures != before ? 1 : 0;
  }
  std::printf("test cases: %lu | %lu failed; checks: %lu | %lu failed\n", run_cases, failed_cases, s.checks,
              s.failures);
  return s.failures == 0 ? 0 : 1;
}

}  // namespace detail

inline detail::decorator skip(bool value = true) { return {value}; }
inline detail::decorator description(const char*) { return {}; }
inline detail::decorator timeout(double) { return {}; }

class Approx {
 public:
  explicit Approx(double value) : value_(value) {}
  Approx& epsilon(double e) {
    epsilon_ = e;
    return *this;
  }
  Approx& scale(double s) {
    scale_ = s;
    return *this;
  }
  [[nodiscard]] bool equals(double x) const {
    const double larger = std::fabs(x) > std::fabs(value_) ? std::fabs(x) : std::fabs(value_);
    return std::fabs(x - value_) < epsilon_ * (scale_ + larger);
  }
  friend bool operator==(double x, const Approx& a) { return a.equals(x); }
  friend bool operator==(const Approx& a, double x) { return a.equals(x); }
  friend bool operator!=(double x, const Approx& a) { return !a.equals(x); }
  friend bool operator<=(double x, const Approx& a) { return x < a.value_ || a.equals(x); }
  friend bool operator>=(double x, const Approx& a) { return x > a.value_ || a.equals(x); }
  friend std::ostream& operator<<(std::ostream& out, const Approx& a) { return out << "Approx(" << a.value_ << ")"; }

 private:
  double value_;
  double epsilon_ = 1.19209290e-7 * 100;  // doctest's: a hundred float steps
  double scale_ = 1.0;
};

class Contains {
 public:
  explicit Contains(std::string text) : text_(std::move(text)) {}
  [[nodiscard]] bool matches(const std::string& whole) const { return whole.find(text_) != std::string::npos; }

 private:
  std::string text_;
};

namespace detail {
inline bool text_matches(const std::string& whole, const Contains& part) { return part.matches(whole); }
inline bool text_matches(const std::string& whole, const std::string& other) { return whole == other; }
}  // namespace detail

}  // namespace doctest

#define XQUANT_DT_JOIN_(a, b) a##b
#define XQUANT_DT_JOIN(a, b) XQUANT_DT_JOIN_(a, b)
#define XQUANT_DT_UNIQUE(prefix) XQUANT_DT_JOIN(prefix, __COUNTER__)

#define XQUANT_DT_CASE(function, ...)                                                          \
  static void function();                                                                      \
  static const ::doctest::detail::named_registration XQUANT_DT_JOIN(function, _registered)(    \
      ::doctest::detail::decorated_name(__VA_ARGS__), __FILE__, __LINE__, [] { function(); }); \
  static void function()
#define TEST_CASE(...) XQUANT_DT_CASE(XQUANT_DT_UNIQUE(xquant_dt_case_), __VA_ARGS__)

#define XQUANT_DT_CASE_TEMPLATE(function, label, T, ...)                                          \
  template <class T>                                                                              \
  static void function();                                                                         \
  template <class... Ts>                                                                          \
  struct XQUANT_DT_JOIN(function, _all) {                                                         \
    XQUANT_DT_JOIN(function, _all)() {                                                            \
      (::doctest::detail::registration(label, __FILE__, __LINE__, [] { function<Ts>(); }), ...);  \
    }                                                                                             \
  };                                                                                              \
  static const XQUANT_DT_JOIN(function, _all)<__VA_ARGS__> XQUANT_DT_JOIN(function, _registered); \
  template <class T>                                                                              \
  static void function()
#define TEST_CASE_TEMPLATE(label, T, ...) \
  XQUANT_DT_CASE_TEMPLATE(XQUANT_DT_UNIQUE(xquant_dt_case_), label, T, __VA_ARGS__)

#define TEST_SUITE(...) namespace
#define TEST_SUITE_BEGIN(...) static_assert(true)
#define TEST_SUITE_END static_assert(true)
#define TYPE_TO_STRING(...) static_assert(true)
#define TYPE_TO_STRING_AS(...) static_assert(true)

#define XQUANT_DT_SUBCASE(variable) if (const ::doctest::detail::subcase variable{}; variable)
#define SUBCASE(...) XQUANT_DT_SUBCASE(XQUANT_DT_UNIQUE(xquant_dt_subcase_))

#define XQUANT_DT_CHECK(required, what, ...) \
  ::doctest::detail::check(static_cast<bool>(__VA_ARGS__), required, __FILE__, __LINE__, what)
#define CHECK(...) XQUANT_DT_CHECK(false, #__VA_ARGS__, (__VA_ARGS__))
#define REQUIRE(...) XQUANT_DT_CHECK(true, #__VA_ARGS__, (__VA_ARGS__))
#define CHECK_FALSE(...) XQUANT_DT_CHECK(false, "not (" #__VA_ARGS__ ")", !(__VA_ARGS__))
#define REQUIRE_FALSE(...) XQUANT_DT_CHECK(true, "not (" #__VA_ARGS__ ")", !(__VA_ARGS__))
#define CHECK_UNARY CHECK
#define CHECK_UNARY_FALSE CHECK_FALSE
#define XQUANT_DT_COMPARE(required, a, op, b)                                                                         \
  ([&](const auto& xquant_dt_a, const auto& xquant_dt_b) {                                                            \
    return XQUANT_DT_CHECK(required,                                                                                  \
                           ::doctest::detail::text_of(#a " " #op " " #b ": ", xquant_dt_a, " " #op " ", xquant_dt_b), \
                           (xquant_dt_a op xquant_dt_b));                                                             \
  }((a), (b)))
#define CHECK_EQ(a, b) XQUANT_DT_COMPARE(false, a, ==, b)
#define CHECK_NE(a, b) XQUANT_DT_COMPARE(false, a, !=, b)
#define CHECK_LT(a, b) XQUANT_DT_COMPARE(false, a, <, b)
#define CHECK_LE(a, b) XQUANT_DT_COMPARE(false, a, <=, b)
#define CHECK_GT(a, b) XQUANT_DT_COMPARE(false, a, >, b)
#define CHECK_GE(a, b) XQUANT_DT_COMPARE(false, a, >=, b)
#define REQUIRE_EQ(a, b) XQUANT_DT_COMPARE(true, a, ==, b)
#define REQUIRE_NE(a, b) XQUANT_DT_COMPARE(true, a, !=, b)
#define REQUIRE_LT(a, b) XQUANT_DT_COMPARE(true, a, <, b)
#define REQUIRE_LE(a, b) XQUANT_DT_COMPARE(true, a, <=, b)
#define REQUIRE_GT(a, b) XQUANT_DT_COMPARE(true, a, >, b)
#define REQUIRE_GE(a, b) XQUANT_DT_COMPARE(true, a, >=, b)
#define XQUANT_DT_CHECK_MESSAGE(required, condition, ...)                                              \
  do {                                                                                                 \
    if (const bool xquant_dt_good = static_cast<bool>(condition); true)                                \
      ::doctest::detail::check(                                                                        \
          xquant_dt_good, required, __FILE__, __LINE__,                                                \
          xquant_dt_good ? std::string() : #condition ": " + ::doctest::detail::text_of(__VA_ARGS__)); \
  } while (false)
#define CHECK_MESSAGE(condition, ...) XQUANT_DT_CHECK_MESSAGE(false, (condition), __VA_ARGS__)
#define REQUIRE_MESSAGE(condition, ...) XQUANT_DT_CHECK_MESSAGE(true, (condition), __VA_ARGS__)
#define CHECK_FALSE_MESSAGE(condition, ...) XQUANT_DT_CHECK_MESSAGE(false, !(condition), __VA_ARGS__)
#define REQUIRE_FALSE_MESSAGE(condition, ...) XQUANT_DT_CHECK_MESSAGE(true, !(condition), __VA_ARGS__)
#define FAIL(...) ::doctest::detail::check(false, true, __FILE__, __LINE__, ::doctest::detail::text_of(__VA_ARGS__))
#define FAIL_CHECK(...) \
  ::doctest::detail::check(false, false, __FILE__, __LINE__, ::doctest::detail::text_of(__VA_ARGS__))
#define MESSAGE(...) std::fprintf(stderr, "%s\n", ::doctest::detail::text_of(__VA_ARGS__).c_str())
#define INFO(...)                                                   \
  const ::doctest::detail::scope XQUANT_DT_UNIQUE(xquant_dt_info_)( \
      [&](std::ostream& xquant_dt_out) { xquant_dt_out << ::doctest::detail::text_of(__VA_ARGS__); })
#define CAPTURE(x) INFO(#x " := ", x)

// Runs the expression and gives what it threw to `handler`; a check fails unless the handler says yes.
#define XQUANT_DT_THROWS(required, what, expression, ...)                         \
  do {                                                                            \
    bool xquant_dt_good = false;                                                  \
    try {                                                                         \
      static_cast<void>(expression);                                              \
    }                                                                             \
    __VA_ARGS__                                                                   \
    ::doctest::detail::check(xquant_dt_good, required, __FILE__, __LINE__, what); \
  } while (false)
#define XQUANT_DT_CATCH_ALL \
  catch (...) {             \
    xquant_dt_good = true;  \
  }
#define XQUANT_DT_CATCH_TYPE(...) \
  catch (const __VA_ARGS__&) {    \
    xquant_dt_good = true;        \
  }                               \
  catch (...) {                   \
  }
#define XQUANT_DT_CATCH_TEXT(text, ...)                                                  \
  catch (const __VA_ARGS__& xquant_dt_error) {                                           \
    xquant_dt_good = ::doctest::detail::text_matches(xquant_dt_error.what(), text);      \
    if (!xquant_dt_good) std::fprintf(stderr, "  thrown: %s\n", xquant_dt_error.what()); \
  }                                                                                      \
  catch (...) {                                                                          \
  }
#define CHECK_THROWS(...) XQUANT_DT_THROWS(false, #__VA_ARGS__ " throws", (__VA_ARGS__), XQUANT_DT_CATCH_ALL)
#define REQUIRE_THROWS(...) XQUANT_DT_THROWS(true, #__VA_ARGS__ " throws", (__VA_ARGS__), XQUANT_DT_CATCH_ALL)
#define CHECK_THROWS_AS(expression, ...) \
  XQUANT_DT_THROWS(false, #expression " throws " #__VA_ARGS__, expression, XQUANT_DT_CATCH_TYPE(__VA_ARGS__))
#define REQUIRE_THROWS_AS(expression, ...) \
  XQUANT_DT_THROWS(true, #expression " throws " #__VA_ARGS__, expression, XQUANT_DT_CATCH_TYPE(__VA_ARGS__))
#define CHECK_THROWS_WITH_AS(expression, text, ...)                                                  \
  XQUANT_DT_THROWS(false, #expression " throws " #__VA_ARGS__ " with the expected text", expression, \
                   XQUANT_DT_CATCH_TEXT(text, __VA_ARGS__))
#define REQUIRE_THROWS_WITH_AS(expression, text, ...)                                               \
  XQUANT_DT_THROWS(true, #expression " throws " #__VA_ARGS__ " with the expected text", expression, \
                   XQUANT_DT_CATCH_TEXT(text, __VA_ARGS__))
#define CHECK_THROWS_WITH(expression, text) CHECK_THROWS_WITH_AS(expression, text, std::exception)
#define REQUIRE_THROWS_WITH(expression, text) REQUIRE_THROWS_WITH_AS(expression, text, std::exception)
#define XQUANT_DT_NOTHROW(required, expression)                                                            \
  do {                                                                                                     \
    bool xquant_dt_good = true;                                                                            \
    try {                                                                                                  \
      static_cast<void>(expression);                                                                       \
    } catch (...) {                                                                                        \
      xquant_dt_good = false;                                                                              \
    }                                                                                                      \
    ::doctest::detail::check(xquant_dt_good, required, __FILE__, __LINE__, #expression " does not throw"); \
  } while (false)
#define CHECK_NOTHROW(...) XQUANT_DT_NOTHROW(false, (__VA_ARGS__))
#define REQUIRE_NOTHROW(...) XQUANT_DT_NOTHROW(true, (__VA_ARGS__))

#ifdef DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
int main() { return ::doctest::detail::run_all(); }
#endif

// Markdown out of results.
#include "tables.hpp"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <sstream>

namespace bench {

namespace {

const char* const engines[] = {"simd", "simd_call", "scalar", "hand_written", "plain_loop"};
constexpr const char* begin_marker = "<!-- tables: written by run.sh -->";
constexpr const char* end_marker = "<!-- end of tables -->";

std::string number(double v, int digits) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.*f", digits, v);
  return text;
}

double value(const std::map<std::string, double>& all, const std::string& name) {
  const auto found = all.find(name);
  return found == all.end() ? 0 : found->second;
}

// "| key |": what makes two rows the same case.
std::string key_of(const std::string& line) { return line.substr(0, line.find('|', 2)); }

std::string ratio(double a, double b) { return a > 0 && b > 0 ? number(a / b, a / b < 10 ? 2 : 1) : "-"; }

}  // namespace

void tables::put(const table_row& row) {
  for (table_row& r : rows_)
    if (r.operation == row.operation && r.kind == row.kind && r.size == row.size) {
      r = row;
      return;
    }
  rows_.push_back(row);
}

std::string tables::heading() const {
  std::ostringstream text;
  text << "Processor: " << machine_.processor << " (" << machine_.caches << "). Compiler: " << machine_.compiler
       << ". Flags: `" << machine_.flags << "`.\n\n| case | size | simd, Gel/s | GB/s |";
  for (const char* e : engines) text << ' ' << e << " x_memcpy |";
  text << " simd / hand_written | simd / plain_loop | simd_call / simd | spread of simd, hand_written | commit |\n";
  for (int i = 0; i < 14; ++i) text << "|---";
  text << "|\n";
  return text.str();
}

std::vector<std::string> tables::lines() const {
  std::vector<std::string> out;
  for (const table_row& r : rows_) {
    const double copy = value(r.seconds, "memcpy");
    const double simd = value(r.seconds, "simd");
    std::ostringstream line;
    line << "| " << r.operation << '/' << r.kind << '/' << r.size << " | " << r.size << " | "
         << ratio(r.elements * 1e-9, simd) << " | " << ratio(r.bytes * 1e-9, simd) << " |";
    for (const char* e : engines) line << ' ' << ratio(value(r.seconds, e), copy) << " |";
    line << ' ' << ratio(simd, value(r.seconds, "hand_written")) << " | " << ratio(simd, value(r.seconds, "plain_loop"))
         << " | " << ratio(value(r.seconds, "simd_call"), simd) << " | " << number(100 * value(r.spread, "simd"), 0)
         << " %, " << number(100 * value(r.spread, "hand_written"), 0) << " % | " << machine_.commit << " |";
    out.push_back(line.str());
  }
  return out;
}

std::string tables::text() const {
  std::string out = heading();
  for (const std::string& line : lines()) out += line + "\n";
  return out;
}

bool tables::write_into(const std::string& path) const {
  std::ifstream in(path);
  if (!in) return false;
  std::vector<std::string> before;
  std::vector<std::string> old;
  std::vector<std::string> after;
  int part = 0;
  for (std::string line; std::getline(in, line);) {
    if (line == end_marker && part == 1) part = 2;
    (part == 0 ? before : part == 1 ? old : after).push_back(line);
    if (line == begin_marker && part == 0) part = 1;
  }
  if (part != 2) return false;

  std::vector<std::string> merged;
  const std::string head = heading();
  const std::string first = head.substr(0, head.find('\n'));
  if (std::find(old.begin(), old.end(), first) != old.end())
    for (const std::string& line : old)
      if (line.find('/') != std::string::npos && line.rfind("| ", 0) == 0 && line.rfind("| case", 0) != 0)
        merged.push_back(line);
  for (const std::string& line : lines()) {
    const auto same =
        std::find_if(merged.begin(), merged.end(), [&](const std::string& m) { return key_of(m) == key_of(line); });
    if (same != merged.end())
      *same = line;
    else
      merged.push_back(line);
  }

  std::ostringstream out;
  for (const std::string& line : before) out << line << '\n';
  out << '\n' << head;
  for (const std::string& line : merged) out << line << '\n';
  out << '\n';
  for (const std::string& line : after) out << line << '\n';
  in.close();
  std::ofstream to(path);
  to << out.str();
  return static_cast<bool>(to.flush());
}

}  // namespace bench

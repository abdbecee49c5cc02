// The Markdown tables of README.md, between two marker lines. A row per case; rows that a run did not measure stay, as
// long as they are of the same machine and compiler.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace bench {

struct machine {
  std::string processor;
  std::string caches;
  std::string compiler;
  std::string flags;
  std::string commit;
};

struct table_row {
  std::string operation;
  std::string kind;
  std::string size;
  double elements;
  double bytes;
  std::map<std::string, double> seconds;  // by engine
  std::map<std::string, double> spread;
};

class tables {
 public:
  explicit tables(const machine& m) : machine_(m) {}
  void put(const table_row& row);
  /// What was measured in this run, as Markdown.
  std::string text() const;
  /// Puts it between the markers of the file; false when there is no such file or it has no markers.
  bool write_into(const std::string& path) const;

 private:
  std::string heading() const;
  std::vector<std::string> lines() const;

  machine machine_;
  std::vector<table_row> rows_;
};

}  // namespace bench

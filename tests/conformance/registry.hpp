// Which cases the library answers, and how: rules, one file per peer (peers/).
#pragma once

#include "recorded.hpp"

#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace conformance {

/// One answer to one recorded output. `preset` names what computed it, `engine` what it ran on.
struct answer {
  std::string output;
  std::string preset;
  std::string engine;
  conformance::value value;
  bool is_parameter = false;  ///< recorded among the parameters, as some results are (the note says so)
};

/// What a rule gives for a case: every recorded output at least once, as often as there are presets and engines that
/// must agree with it. Answers of one preset on several engines must also be equal in bits to each other.
class answers {
 public:
  void give(std::string output, std::string preset, std::string engine, value v) {
    list_.push_back({std::move(output), std::move(preset), std::move(engine), std::move(v)});
  }
  /// A result recorded as a parameter: a number or a list of them. A case without outputs needs one at least.
  void give_parameter(std::string name, std::string preset, const std::vector<double>& v) {
    list_.push_back({std::move(name), std::move(preset), "host", value_of(v, xquant::shape(v.size())), true});
  }
  [[nodiscard]] const std::vector<answer>& list() const { return list_; }

 private:
  std::vector<answer> list_;
};

/// Claims cases of one op by their types, granularity and attributes, and answers them. Where the library refuses the
/// input, `run` lets its xquant::error pass: right where the peer raised too.
struct rule {
  std::string op;
  std::function<bool(const recorded_case&)> claims;
  std::function<void(const recorded_case&, answers&)> run;
};

/// A case whose recorded answer rests on undefined behaviour. docs/presets.md lists the same cases and reasons.
struct refusal {
  std::string case_name;
  std::string reason;
};

struct peer_rules {
  std::string peer;
  std::vector<rule> rules;
  std::vector<refusal> refusals;
};

using registry = std::vector<peer_rules>;

}  // namespace conformance

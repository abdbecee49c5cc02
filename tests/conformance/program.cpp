#include "program.hpp"

#include "compare.hpp"

#include <xquant/exception.hpp>

#include <exception>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <regex>
#include <set>
#include <stdexcept>
#include <utility>

namespace conformance {

namespace {

constexpr const char* usage = "usage: conformance [--subject NAME] [--match REGEX] DIR...";

struct options {
  std::optional<std::string> subject;
  std::optional<std::regex> match;
  std::vector<std::string> folders;
};

options parse(const std::vector<std::string>& arguments) {
  options o;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    std::string name = arguments[i];
    if (name.rfind("--", 0) != 0) {
      o.folders.push_back(name);
      continue;
    }
    std::string text;
    if (const std::size_t equals = name.find('='); equals != std::string::npos) {
      text = name.substr(equals + 1);
      name.resize(equals);
    } else if (i + 1 < arguments.size()) {
      text = arguments[++i];
    } else {
      throw std::runtime_error(name + " needs a value; " + usage);
    }
    if (name == "--subject")
      o.subject = text;
    else if (name == "--match")
      o.match = std::regex(text);
    else
      throw std::runtime_error("unknown option " + name + "; " + usage);
  }
  if (o.folders.empty()) throw std::runtime_error(std::string("no DIR given; ") + usage);
  return o;
}

// The ops of one peer that belong to a subject. A subject no peer has is a mistake; one this peer has not, is none.
std::set<std::string> ops_of(const std::string& file, const std::string& peer, const std::string& subject) {
  std::ifstream in(file);
  if (!in) throw std::runtime_error(file + ": cannot be read");
  const json all = json::parse(in);
  bool known = false;
  for (const auto& [name, subjects] : all.items()) known = known || subjects.contains(subject);
  if (!known) throw std::runtime_error(file + ": no peer has a subject '" + subject + "'");
  const auto found = all.find(peer);
  if (found == all.end() || !found->contains(subject)) return {};
  return found->at(subject).get<std::set<std::string>>();
}

using refusal_list = std::map<std::string, std::string>;  // case name -> reason

// Of one peer, as the page has it.
refusal_list refusals_of_page(const std::string& page, const std::string& peer) {
  std::ifstream in(page);
  if (!in) throw std::runtime_error(page + ": cannot be read");
  const std::regex entry("^- `([^`]+)` `([^`]+)`: (.+)$");
  refusal_list list;
  std::string line;
  std::smatch parts;
  while (std::getline(in, line))
    if (std::regex_match(line, parts, entry) && parts[1] == peer) list[parts[2]] = parts[3];
  return list;
}

// Nothing, or why the answers are not the recorded ones.
std::optional<std::string> fault_of(const recorded_case& c, const answers& given) {
  std::map<std::string, value> expected;
  for (const std::string& name : c.outputs()) expected.emplace(name, value_of(c.output(name)));
  std::map<std::pair<std::string, std::string>, const answer*> first_of;  // output and preset
  std::set<std::string> answered;
  if (given.list().empty()) return "nothing answered";
  for (const answer& a : given.list()) {
    const std::string who = a.output + " (" + a.preset + ", " + a.engine + ")";
    if (a.is_parameter) {
      if (!c.has(a.output)) return who + ": the case has no such parameter";
      const std::vector<double> recorded = c.reals(a.output);
      if (const auto d = difference(value_of(recorded, xquant::shape(recorded.size())), a.value, c.compare(a.output)))
        return who + ": " + *d;
      continue;
    }
    const auto found = expected.find(a.output);
    if (found == expected.end()) return who + ": the case has no such output";
    if (const auto d = difference(found->second, a.value, c.compare(a.output))) return who + ": " + *d;
    answered.insert(a.output);
    const auto [first, is_first] = first_of.try_emplace({a.output, a.preset}, &a);
    if (!is_first)
      if (const auto d = difference(first->second->value, a.value, "bits"))
        return who + ": differs from engine " + first->second->engine + ": " + *d;
  }
  for (const auto& [name, recorded] : expected)
    if (!answered.contains(name)) return name + ": not answered";
  return std::nullopt;
}

std::optional<std::string> run_case(const rule& r, const recorded_case& c) {
  try {
    answers given;
    try {
      r.run(c, given);
    } catch (const xquant::error& e) {
      if (c.raises()) return std::nullopt;
      return std::string("refused by the library: ") + e.what();
    }
    if (c.raises()) return std::string("the peer raises, the library does not");
    return fault_of(c, given);
  } catch (const std::exception& e) {
    return std::string("cannot be run: ") + e.what();
  }
}

struct counts {
  std::size_t passed = 0;
  std::size_t failed = 0;
  std::size_t refused = 0;
  std::size_t not_covered = 0;
};

class run {
 public:
  run(const options& o, const registry& peers, const surroundings& where, std::ostream& out)
      : options_(o), peers_(peers), where_(where), out_(out) {}

  void folder(const std::string& path) {
    const recording recorded = read_recording(path);
    const auto beside = std::filesystem::path(path) / ".." / "subjects.json";
    std::set<std::string> ops;
    if (options_.subject)
      ops =
          ops_of(std::filesystem::exists(beside) ? beside.string() : where_.subjects, recorded.peer, *options_.subject);
    const peer_rules* rules = nullptr;
    for (const peer_rules& p : peers_)
      if (p.peer == recorded.peer) rules = &p;
    const refusal_list listed = refusals_of_page(where_.refusal_page, recorded.peer);
    for (const recorded_case& c : recorded.cases) {
      if (options_.subject && !ops.contains(c.op())) continue;
      if (options_.match && !std::regex_search(c.name(), *options_.match)) continue;
      one(c, rules, listed);
    }
  }

  [[nodiscard]] const counts& result() const { return counts_; }

 private:
  void one(const recorded_case& c, const peer_rules* rules, const refusal_list& listed) {
    const auto on_page = listed.find(c.name());
    if (rules != nullptr)
      for (const refusal& r : rules->refusals)
        if (r.case_name == c.name()) {
          if (on_page == listed.end() || on_page->second != r.reason)
            return fail(c, "refused (" + r.reason + "), but " + where_.refusal_page + " does not say so");
          ++counts_.refused;
          return;
        }
    if (on_page != listed.end()) return fail(c, where_.refusal_page + " lists it as refused, but it is not");
    const rule* claimed_by = nullptr;
    if (rules != nullptr)
      for (const rule& r : rules->rules)
        if (r.op == c.op() && r.claims(c)) {
          if (claimed_by != nullptr) return fail(c, "claimed by two rules");
          claimed_by = &r;
        }
    if (claimed_by == nullptr) {
      ++counts_.not_covered;
      return;
    }
    if (const auto fault = run_case(*claimed_by, c)) return fail(c, *fault);
    ++counts_.passed;
  }

  void fail(const recorded_case& c, const std::string& why) {
    ++counts_.failed;
    out_ << "FAILED " << c.peer() << " " << c.name() << ": " << why << "\n";
  }

  const options& options_;
  const registry& peers_;
  const surroundings& where_;
  std::ostream& out_;
  counts counts_;
};

}  // namespace

int run_program(const std::vector<std::string>& arguments, const registry& peers, const surroundings& where,
                std::ostream& out, std::ostream& err) {
  try {
    const options o = parse(arguments);
    run r(o, peers, where, out);
    for (const std::string& folder : o.folders) {
      // `vectors/*` names the pages beside the folders too.
      if (std::filesystem::is_regular_file(folder)) {
        err << "conformance: " << folder << " is a file, passed over\n";
        continue;
      }
      r.folder(folder);
    }
    const counts& n = r.result();
    out << n.passed << " passed, " << n.failed << " failed, " << n.refused << " refused, " << n.not_covered
        << " not covered\n";
    return n.failed > 0 ? 1 : 0;
  } catch (const std::exception& e) {
    err << "conformance: " << e.what() << "\n";
    return 2;
  }
}

}  // namespace conformance

// A reader of XML that accepts what is well-formed in the part of it that reports use, and nothing else.
#pragma once

#include <cctype>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

namespace test {

struct xml_element {
  std::string tag;
  std::map<std::string, std::string> attributes;
  std::string text;  // of this element alone, references resolved
  std::vector<std::unique_ptr<xml_element>> children;

  std::string attribute(const std::string& name) const {
    const auto found = attributes.find(name);
    return found == attributes.end() ? "" : found->second;
  }
  // All elements below with that tag (and class), in order.
  void find(const std::string& wanted, const std::string& with_class, std::vector<const xml_element*>& out) const {
    if (tag == wanted && (with_class.empty() || attribute("class") == with_class)) out.push_back(this);
    for (const auto& child : children) child->find(wanted, with_class, out);
  }
  std::vector<const xml_element*> all(const std::string& wanted, const std::string& with_class = "") const {
    std::vector<const xml_element*> out;
    find(wanted, with_class, out);
    return out;
  }
  const xml_element& one(const std::string& wanted, const std::string& with_class = "") const {
    const auto found = all(wanted, with_class);
    if (found.size() != 1)
      throw std::runtime_error(std::to_string(found.size()) + " <" + wanted + " " + with_class + ">");
    return *found[0];
  }
  std::string all_text() const {
    std::string result = text;
    for (const auto& child : children) result += child->all_text();
    return result;
  }
};

class xml_reader {
 public:
  explicit xml_reader(const std::string& text) : text_(text) {
    const std::string doctype = "<!DOCTYPE html>\n";
    if (text_.compare(0, doctype.size(), doctype) == 0) at_ = doctype.size();
  }
  std::unique_ptr<xml_element> read() {
    auto root = element();
    while (at_ < text_.size()) expect(text_[at_] == '\n', "something after the root");
    return root;
  }

 private:
  void expect(bool holds, const std::string& what) {
    if (!holds) throw std::runtime_error(what + " at " + std::to_string(at_) + ": " + text_.substr(at_, 40));
    ++at_;
  }
  char here() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  void spaces() {
    while (std::isspace(static_cast<unsigned char>(here()))) ++at_;
  }
  std::string name() {
    std::string n;
    while (std::isalnum(static_cast<unsigned char>(here())) || here() == '-' || here() == ':') n += text_[at_++];
    if (n.empty()) expect(false, "a name");
    return n;
  }
  std::string reference() {
    const std::size_t end = text_.find(';', at_);
    if (end == std::string::npos || end - at_ > 8) expect(false, "a reference");
    const std::string r = text_.substr(at_, end - at_ + 1);
    at_ = end + 1;
    const std::map<std::string, std::string> known = {{"&amp;", "&"},   {"&lt;", "<"},  {"&gt;", ">"},
                                                      {"&quot;", "\""}, {"&#39;", "'"}, {"&#xFFFD;", "?"}};
    const auto found = known.find(r);
    if (found == known.end()) expect(false, "a known reference, not " + r);
    return found->second;
  }
  std::string value() {
    expect(here() == '"', "a quote");
    std::string v;
    while (here() != '"') {
      if (here() == '<' || here() == '\0' || static_cast<unsigned char>(here()) < 0x20) expect(false, "a value");
      v += here() == '&' ? reference() : std::string(1, text_[at_++]);
    }
    ++at_;
    return v;
  }
  std::unique_ptr<xml_element> element() {
    auto e = std::make_unique<xml_element>();
    expect(here() == '<', "an element");
    e->tag = name();
    for (spaces(); here() != '>' && here() != '/'; spaces()) {
      const std::string key = name();
      expect(here() == '=', "=");
      if (!e->attributes.emplace(key, value()).second) expect(false, "one attribute " + key);
    }
    if (here() == '/') {
      ++at_;
      expect(here() == '>', ">");
      return e;
    }
    ++at_;
    for (;;) {
      if (here() == '<' && at_ + 1 < text_.size() && text_[at_ + 1] == '/') {
        at_ += 2;
        const std::string closing = name();
        if (closing != e->tag) expect(false, "</" + e->tag + ">");
        expect(here() == '>', ">");
        return e;
      }
      if (here() == '<') {
        e->children.push_back(element());
      } else if (here() == '&') {
        e->text += reference();
      } else {
        const char c = here();
        expect(c == '\n' || static_cast<unsigned char>(c) >= 0x20, "a character that XML has");
        e->text += c;
      }
    }
  }

  const std::string& text_;
  std::size_t at_ = 0;
};

// Throws std::runtime_error for what is not well-formed.
inline std::unique_ptr<xml_element> parse_xml(const std::string& text) { return xml_reader(text).read(); }

}  // namespace test

// Writes elements of XML, in the part of it that is HTML and SVG too. All text and all attribute values are escaped.
#pragma once

#include <xquant/report/text.hpp>

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace xquant::inline XQUANT_ABI::report {

/// Elements one after the other and inside each other. Tags and attribute names are the program's own; everything else
/// may come from anywhere.
class markup {
 public:
  using attributes = std::initializer_list<std::pair<const char*, std::string>>;

  markup& open(const char* tag, attributes a = {}) {
    start(tag, a);
    text_ += '>';
    tags_.push_back(tag);
    return *this;
  }
  markup& close() {
    text_ += "</";
    text_ += tags_.back();
    text_ += '>';
    tags_.pop_back();
    return *this;
  }
  /// An element with nothing in it: "<path .../>". Of HTML only for elements that never have content (meta).
  markup& leaf(const char* tag, attributes a = {}) {
    start(tag, a);
    text_ += "/>";
    return *this;
  }
  /// An element with text in it.
  markup& element(const char* tag, attributes a, std::string_view content) {
    open(tag, a);
    text(content);
    return close();
  }
  markup& text(std::string_view content) {
    text_ += escaped(content);
    return *this;
  }
  /// What is markup already: another markup's result.
  markup& raw(std::string_view finished) {
    text_ += finished;
    return *this;
  }
  markup& line_break() {
    text_ += '\n';
    return *this;
  }

  /// What was written so far; well-formed once every element is closed.
  [[nodiscard]] const std::string& result() const noexcept { return text_; }

 private:
  void start(const char* tag, attributes a) {
    text_ += '<';
    text_ += tag;
    for (const auto& [name, value] : a) {
      text_ += ' ';
      text_ += name;
      text_ += "=\"";
      text_ += escaped(value);
      text_ += '"';
    }
  }

  std::string text_;
  std::vector<const char*> tags_;
};

}  // namespace xquant::report

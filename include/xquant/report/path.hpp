// The data of an SVG path.
#pragma once

#include <xquant/report/text.hpp>

#include <string>

namespace xquant::inline XQUANT_ABI::report {

/// Absolute commands one after the other, coordinates to a tenth of a pixel.
class path {
 public:
  path& move(double x, double y) { return put('M', x, y); }
  path& line(double x, double y) { return put('L', x, y); }
  path& horizontal(double x) { return put('H', x); }
  path& vertical(double y) { return put('V', y); }
  path& close() {
    data_ += 'Z';
    return *this;
  }
  [[nodiscard]] bool empty() const noexcept { return data_.empty(); }
  [[nodiscard]] const std::string& data() const noexcept { return data_; }

 private:
  path& put(char command, double value) {
    data_ += command;
    data_ += coordinate(value);
    return *this;
  }
  path& put(char command, double x, double y) {
    put(command, x);
    data_ += ' ';
    data_ += coordinate(y);
    return *this;
  }

  std::string data_;
};

}  // namespace xquant::report

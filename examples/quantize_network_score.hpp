// What the main job judges a network by: its first output for every image, the labels, accuracy and mean squared
// difference.
#pragma once

#include <xquant/io/npy.hpp>
#include <xquant/model/tensor.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "quantize_network_data.hpp"
#include "quantize_network_progress.hpp"

namespace quantize_network {

template <class T>
std::vector<std::int64_t> widened(const model::tensor& t) {
  const auto values = t.values<T>();
  return {values.begin(), values.end()};
}

inline std::vector<std::int64_t> read_labels(const std::string& path, std::size_t images) {
  const model::tensor t = xquant::io::read_npy(path);
  if (t.size() != images)
    throw std::runtime_error(path + ": " + std::to_string(t.size()) + " labels; expected one for each of " +
                             std::to_string(images) + " images");
  switch (t.type()) {
    case model::element_type::int64: return widened<std::int64_t>(t);
    case model::element_type::int32: return widened<std::int32_t>(t);
    case model::element_type::uint8: return widened<std::uint8_t>(t);
    default:
      throw std::runtime_error(path + ": element type " + model::name_of(t.type()) +
                               "; expected int64, int32 or uint8");
  }
}

struct logits {
  std::vector<float> value;  // [images, classes]
  std::size_t classes = 0;
};

// The first output of the network for every image.
template <class Run>
logits evaluate(const batches& data, const Run& run, progress& bar) {
  logits all;
  for (std::size_t i = 0; i < data.count(); ++i) {
    const model::tensor out = run(data[i]);
    if (out.type() != model::element_type::float32 || out.shape().rank == 0 || out.shape()[0] != data.shape()[0] ||
        out.size() == 0)
      throw std::runtime_error("the network's first output has shape " + model::to_text(out.shape()) +
                               "; expected float32 [images, classes]");
    all.classes = out.size() / out.shape()[0];
    const float* first = out.data<float>();
    all.value.insert(all.value.end(), first, first + data.real(i) * all.classes);
    bar.step();
  }
  return all;
}

inline double accuracy(const logits& l, const std::vector<std::int64_t>& labels) {
  std::size_t right = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const float* row = l.value.data() + i * l.classes;
    right += std::max_element(row, row + l.classes) - row == labels[i];
  }
  return static_cast<double>(right) / static_cast<double>(labels.size());
}

inline double mean_squared_difference(const logits& a, const logits& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.value.size(); ++i) {
    const double d = static_cast<double>(a.value[i]) - static_cast<double>(b.value[i]);
    sum += d * d;
  }
  return sum / static_cast<double>(a.value.size());
}

inline void check_labels(const std::vector<std::int64_t>& labels, std::size_t classes) {
  for (const std::int64_t label : labels)
    if (label < 0 || static_cast<std::size_t>(label) >= classes)
      throw std::runtime_error("label " + std::to_string(label) + "; expected 0 to " + std::to_string(classes - 1) +
                               ", as the network has " + std::to_string(classes) + " outputs");
}

}  // namespace quantize_network

// What the main job evaluates and how: images and labels from .npy files, batches, logits, accuracy; stopwatch and
// progress bar.
#pragma once

#include <xquant/io/npy.hpp>
#include <xquant/model/graph.hpp>
#include <xquant/model/tensor.hpp>

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <vector>

namespace quantize_network {

namespace model = xquant::model;

class stopwatch {
 public:
  double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

// On stderr, and only for somebody who is watching.
class progress {
 public:
  progress(const char* what, std::size_t steps) : what_(what), steps_(steps), shown_(isatty(STDERR_FILENO) != 0) {}
  progress(const progress&) = delete;
  progress& operator=(const progress&) = delete;
  ~progress() {
    if (shown_) std::fprintf(stderr, "\r%60s\r", "");
  }
  void step() {
    ++done_;
    if (!shown_) return;
    char bar[31] = {};
    for (std::size_t i = 0; i < 30; ++i) bar[i] = i * steps_ < done_ * 30 ? '#' : '.';
    std::fprintf(stderr, "\r%-12s [%s] %3zu %%", what_, bar, 100 * done_ / steps_);
  }

 private:
  const char* what_;
  std::size_t steps_;
  std::size_t done_ = 0;
  bool shown_;
};

// Images as the network takes them: float32 as they are, uint8 divided by 255.
inline model::tensor read_images(const std::string& path) {
  model::tensor t = xquant::io::read_npy(path);
  if (t.shape().rank < 2 || t.shape()[0] == 0)
    throw std::runtime_error(path + ": shape " + model::to_text(t.shape()) +
                             "; expected [images, ...], at least one image");
  if (t.type() == model::element_type::float32) return t;
  if (t.type() != model::element_type::uint8)
    throw std::runtime_error(path + ": element type " + model::name_of(t.type()) + "; expected uint8 or float32");
  model::tensor scaled(model::element_type::float32, t.shape());
  std::transform(t.data<std::uint8_t>(), t.data<std::uint8_t>() + t.size(), scaled.mutable_data<float>(),
                 [](std::uint8_t code) { return static_cast<float>(code) / 255.0f; });
  return scaled;
}

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

// Images in batches of one size (the network's own, where it fixes one); the last batch is filled up with its last
// image.
class batches {
 public:
  batches(const model::tensor& images, std::size_t size) : images_(images), size_(size) {}
  std::size_t count() const { return (images_.shape()[0] + size_ - 1) / size_; }
  xquant::shape shape() const {
    xquant::shape s = images_.shape();
    s[0] = size_;
    return s;
  }
  // How many images of batch i are real.
  std::size_t real(std::size_t i) const { return std::min(size_, images_.shape()[0] - i * size_); }
  model::tensor operator[](std::size_t i) const {
    model::tensor batch(model::element_type::float32, shape());
    const std::size_t image = images_.size() / images_.shape()[0];
    float* out = batch.mutable_data<float>();
    for (std::size_t k = 0; k < size_; ++k) {
      const float* in = images_.data<float>() + std::min(i * size_ + k, images_.shape()[0] - 1) * image;
      out = std::copy(in, in + image, out);
    }
    return batch;
  }

 private:
  const model::tensor& images_;
  std::size_t size_;
};

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

// The batch the network fixes, or one that keeps activations in cache.
inline std::size_t batch_size(const model::graph& g) {
  const model::value_info& input = g.value(g.inputs().at(0));
  if (input.has_shape && !input.dimensions.empty() && input.dimensions[0].extent > 0)
    return static_cast<std::size_t>(input.dimensions[0].extent);
  return 50;
}

}  // namespace quantize_network

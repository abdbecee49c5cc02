// What the main job judges a network by: its first output for every image, the labels, accuracy and mean squared
// difference.
#pragma once

#include <xquant/core/view.hpp>
#include <xquant/io/npy.hpp>
#include <xquant/model/error.hpp>
#include <xquant/model/executor.hpp>
#include <xquant/model/fault.hpp>
#include <xquant/model/finite_trace.hpp>
#include <xquant/model/graph.hpp>
#include <xquant/model/samples.hpp>
#include <xquant/model/tensor.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "quantize_network_data.hpp"
#include "quantize_network_progress.hpp"

namespace quantize_network {

// The network's first output for every image, image by image where its first axis is the batch.
struct logits {
  std::vector<float> value;
};

// The class of every image, or of every position of every image: a class is an index along one axis of the output.
struct labels {
  std::vector<std::int64_t> value;
  // The output is [outer, classes, inner] for one image, and a label belongs to each of outer x inner.
  std::size_t outer = 1;
  std::size_t classes = 0;
  std::size_t inner = 1;
};

namespace detail {

template <class T>
std::vector<std::int64_t> widened(const model::tensor& t) {
  const auto values = t.values<T>();
  return {values.begin(), values.end()};
}

// The extents of an image without those of 1, and without the axis `left_out`.
inline std::vector<std::size_t> extents(const xquant::shape& s, std::size_t left_out) {
  std::vector<std::size_t> kept;
  for (std::size_t d = 1; d < s.rank; ++d)
    if (d != left_out && s[d] != 1) kept.push_back(s[d]);
  return kept;
}

inline std::string in_words(const xquant::shape& s, std::size_t images, std::size_t left_out) {
  std::string text = "[" + std::to_string(images);
  for (std::size_t d = 1; d < s.rank; ++d)
    if (d != left_out) text += ", " + std::to_string(s[d]);
  return text + "]";
}

}  // namespace detail

// The labels in a file, for `images` images and an output of that name, which has that shape for `batch` images.
// Classes lie along axis 1 of the output, or, where the labels' shape only allows that, along its last. Throws for
// labels that are not one for each image or position, and for a class the output does not have.
inline labels read_labels(const std::string& path, std::size_t images, const std::string& output,
                          const xquant::shape& s, std::size_t batch) {
  const model::tensor t = xquant::io::read_npy(path);
  labels y;
  switch (t.type()) {
    case model::element_type::int64: y.value = detail::widened<std::int64_t>(t); break;
    case model::element_type::int32: y.value = detail::widened<std::int32_t>(t); break;
    case model::element_type::uint8: y.value = detail::widened<std::uint8_t>(t); break;
    default:
      throw std::runtime_error(path + ": element type " + model::name_of(t.type()) +
                               "; expected int64, int32 or uint8");
  }
  const std::string the_output = "output " + model::in_quotes(output) + " of shape " + model::to_text(s);
  if (s.rank < 2 || s[0] != batch || s.size() == 0)
    throw std::runtime_error(
        path + ": labels cannot score " + the_output + " for " + std::to_string(batch) +
        " images; expected [images, classes] or [images, classes, ...] (--labels may be left out)");
  std::size_t axis = 0;
  for (const std::size_t candidate : {s.rank - 1, std::size_t{1}})
    if (t.shape().rank > 0 && t.shape()[0] == images && detail::extents(t.shape(), 0) == detail::extents(s, candidate))
      axis = candidate;
  if (axis == 0)
    throw std::runtime_error(path + ": labels of shape " + model::to_text(t.shape()) + "; expected " +
                             detail::in_words(s, images, 1) + ", a class for each image" +
                             (s.rank > 2 ? " and position" : "") + ", for " + the_output + " for " +
                             std::to_string(batch) + " images (--labels may be left out)");
  y.classes = s[axis];
  for (std::size_t d = 1; d < axis; ++d) y.outer *= s[d];
  for (std::size_t d = axis + 1; d < s.rank; ++d) y.inner *= s[d];
  for (std::size_t i = 0; i < y.value.size(); ++i)
    if (y.value[i] < 0 || static_cast<std::size_t>(y.value[i]) >= y.classes)
      throw std::runtime_error(path + ": sample " + std::to_string(i / (y.outer * y.inner)) + ": " +
                               model::described_element(t.shape(), i) + " = " + std::to_string(y.value[i]) +
                               "; expected a class from 0 to " + std::to_string(y.classes - 1) + ", as " + the_output +
                               " has " + std::to_string(y.classes));
  return y;
}

// The first output for all images. `runner` has run(inputs, watch), the outputs of a batch, and network(). Faults name
// `file`, the image in it, and the node.
template <class Runner>
logits evaluate(const std::string& file, const batches& data, Runner&& runner, progress& bar) {
  const model::graph& g = runner.network();
  logits all;
  for (std::size_t i = 0; i < data.count(); ++i) {
    const model::sample_set images(g, {data[i]});
    const std::size_t n = images.count();
    const model::tensor out = about(file, data.first(i), [&] {
      return model::naming_sample(images, images.filled(0, n), [&](const std::vector<model::tensor>& x, bool is_alone) {
        model::finite_trace trace(g);
        model::value_observer watch;
        if (is_alone) watch = [&](model::value_id id, const xquant::tensor_view<float>& v) { trace.see(id, v); };
        const std::vector<model::tensor> outputs = runner.run(x, watch);
        for (std::size_t o = 0; o < outputs.size(); ++o) {
          if (outputs[o].type() != model::element_type::float32) continue;
          const xquant::status bad = model::find_not_finite(outputs[o].data<float>(), outputs[o].size());
          if (bad.ok() || (o > 0 && std::isinf(bad.value))) continue;  // only the first is computed with
          trace.require_finite(g.outputs()[o]);
          model::require(
              bad, [&] { return model::described_value(g, g.outputs()[o]); }, outputs[o].shape());
        }
        return outputs.at(0);
      });
    });
    const std::string name = "output " + model::in_quotes(g.name_of(g.outputs()[0]));
    if (out.type() != model::element_type::float32 || out.size() == 0)
      throw std::runtime_error(name + " is " + model::name_of(out.type()) + " " + model::to_text(out.shape()) +
                               "; expected float32, at least one element");
    std::size_t size = out.size();
    if (n < images.batch()) {  // the network fixes its batch: the others are copies
      if (out.shape().rank == 0 || out.shape()[0] != images.batch())
        throw std::runtime_error(file + ": " + std::to_string(n) + " samples are left over from batches of " +
                                 std::to_string(images.batch()) + ", and " + name + " of shape " +
                                 model::to_text(out.shape()) +
                                 " does not say which part is whose; expected a multiple of the batch");
      size = size / images.batch() * n;
    }
    const float* first = out.data<float>();
    all.value.insert(all.value.end(), first, first + size);
    bar.step();
  }
  return all;
}

// The share of images (or positions) whose label is the first largest of the classes.
inline double accuracy(const logits& l, const labels& y) {
  std::size_t right = 0;
  for (std::size_t i = 0; i < y.value.size(); ++i) {
    const float* first = l.value.data() + i / y.inner * y.classes * y.inner + i % y.inner;
    std::size_t best = 0;
    for (std::size_t c = 1; c < y.classes; ++c)
      if (first[c * y.inner] > first[best * y.inner]) best = c;
    right += static_cast<std::int64_t>(best) == y.value[i];
  }
  return static_cast<double>(right) / static_cast<double>(y.value.size());
}

inline double mean_squared_difference(const logits& a, const logits& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.value.size(); ++i) {
    const double d = static_cast<double>(a.value[i]) - static_cast<double>(b.value[i]);
    sum += d * d;
  }
  return sum / static_cast<double>(a.value.size());
}

}  // namespace quantize_network

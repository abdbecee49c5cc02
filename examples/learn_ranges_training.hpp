// Data, batches and the loop of learn_ranges: 8 epochs from the float weights, Adam, rates that fall like a cosine.
#pragma once

#include <xquant/core/random.hpp>
#include <xquant/core/range.hpp>
#include <xquant/model/graph.hpp>
#include <xquant/model/tensor.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "learn_ranges_layers.hpp"
#include "learn_ranges_network.hpp"
#include "quantize_network_data.hpp"
#include "quantize_network_progress.hpp"
#include "quantize_network_score.hpp"

namespace learn_ranges {

inline constexpr std::size_t image_size = 16 * 16;
inline constexpr std::size_t classes = 10;
inline constexpr std::size_t batch_size = 32;
inline constexpr double weight_rate = 2e-3;
inline constexpr double range_rate = 0.01;

struct samples {
  values images;  // [image][row][column]
  std::vector<std::uint8_t> labels;
  std::size_t count() const { return labels.size(); }
};

// NAME_images_u8.npy and NAME_labels.npy in that folder; at most that many of them.
inline samples read_samples(const std::string& folder, const std::string& name, std::size_t at_most = SIZE_MAX) {
  const std::string path = folder + "/" + name;
  const xquant::model::tensor images = quantize_network::read_images(path + "_images_u8.npy");
  const std::size_t count = images.shape()[0];
  if (images.size() != count * image_size)
    throw std::runtime_error(path + "_images_u8.npy: shape " + xquant::model::to_text(images.shape()) +
                             "; expected [images, 1, 16, 16]");
  const auto labels = quantize_network::read_labels(path + "_labels.npy", count, "logits",
                                                    xquant::shape(batch_size, classes), batch_size);
  const std::size_t kept = std::min(count, at_most);
  const float* const first = images.data<float>();
  samples s{values(first, first + kept * image_size), {}};
  for (std::size_t i = 0; i < kept; ++i) s.labels.push_back(static_cast<std::uint8_t>(labels.value[i]));
  return s;
}

// The samples order[first], order[first + 1] ..., so many of them.
inline samples batch_of(const samples& all, const std::vector<std::size_t>& order, std::size_t first,
                        std::size_t count) {
  samples batch;
  for (std::size_t i = first; i < first + count; ++i) {
    const auto image = all.images.begin() + static_cast<std::ptrdiff_t>(order[i] * image_size);
    batch.images.insert(batch.images.end(), image, image + image_size);
    batch.labels.push_back(all.labels[order[i]]);
  }
  return batch;
}

inline std::vector<std::size_t> in_order(std::size_t count) {
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  return order;
}

// Shuffled by the library's random numbers, the same on every machine. `drawn` counts the numbers used so far.
inline void shuffle(std::vector<std::size_t>& order, std::uint64_t seed, std::uint64_t& drawn) {
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[xquant::random_bits(seed, drawn++) % i]);
}

// How many of a batch have their largest logit at their label.
inline std::size_t count_right(const values& logits, const std::vector<std::uint8_t>& labels) {
  const std::size_t images = labels.size();
  std::size_t right = 0;
  for (std::size_t i = 0; i < images; ++i) {
    std::size_t best = 0;
    for (std::size_t c = 1; c < classes; ++c)
      if (logits[c * images + i] > logits[best * images + i]) best = c;
    right += best == labels[i] ? 1u : 0u;
  }
  return right;
}

// Accuracy in percent.
inline double accuracy(network& n, const samples& s) {
  const std::vector<std::size_t> order = in_order(s.count());
  std::size_t right = 0;
  for (std::size_t first = 0; first < s.count(); first += batch_size) {
    const samples batch = batch_of(s, order, first, std::min(batch_size, s.count() - first));
    right += count_right(n.forward(batch.images), batch.labels);
  }
  return 100 * static_cast<double>(right) / static_cast<double>(s.count());
}

struct data {
  xquant::model::graph graph;  // digits_cnn, batch norms folded
  samples train;
  samples calibration;
  samples test;
};

struct settings {
  int bits;
  const method* how;
  std::uint64_t seed;  // of the order of the images
  std::size_t epochs;
};

// What a run leaves: one loss, and one range of each activation, for each step.
struct run {
  settings of;
  double before;  // accuracy with calibrated ranges, before training
  double after;
  std::vector<double> loss;
  std::vector<std::array<xquant::range<double>, places>> ends;
};

inline double mean_of(const std::vector<double>& x, std::size_t first, std::size_t count) {
  double sum = 0;
  for (std::size_t i = first; i < first + count; ++i) sum += x[i];
  return sum / static_cast<double>(count);
}

inline std::size_t steps_of(const data& d, std::size_t epochs) { return epochs * (d.train.count() / batch_size); }

inline run train(const data& d, const settings& s, quantize_network::progress& bar) {
  network n(d.graph, s.bits, *s.how);
  n.observe();
  accuracy(n, d.calibration);
  n.freeze();
  run r{s, accuracy(n, d.test), 0, {}, {}};

  const std::size_t steps = steps_of(d, s.epochs);
  std::vector<std::size_t> order = in_order(d.train.count());
  std::uint64_t drawn = 0;
  while (r.loss.size() < steps) {
    shuffle(order, s.seed, drawn);
    for (std::size_t first = 0; first + batch_size <= order.size(); first += batch_size) {
      const samples batch = batch_of(d.train, order, first, batch_size);
      values g;
      r.loss.push_back(cross_entropy(n.forward(batch.images), batch.labels, g));
      n.backward(g);
      const double done = static_cast<double>(r.loss.size() - 1) / static_cast<double>(steps);
      const double share = 0.5 + 0.5 * std::cos(3.141592653589793 * done);  // from 1 to 0
      n.step({r.loss.size(), weight_rate * share, range_rate * share});
      r.ends.push_back(n.ends());
      bar.step();
    }
  }
  r.after = accuracy(n, d.test);
  return r;
}

}  // namespace learn_ranges

// The layers of the network that learn_ranges trains, forward and backward. Values lie as
// [channel][image][row][column]: so a convolution is one matrix product for a whole batch, and two tensors are joined
// by writing one behind the other.
#pragma once

#include <xquant/engines/blas/gemm.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace learn_ranges {

using values = std::vector<float>;

// What all channels of a tensor have in common: so many images, of side x side pixels.
struct extent {
  std::size_t images;
  std::size_t side;
  std::size_t pixels() const { return images * side * side; }
};

// Which part of a row of pixels has a neighbour `shift` pixels on (-1, 0 or 1), counted from the first one that has.
struct overlap {
  overlap(std::ptrdiff_t shift, std::size_t side)
      : first(shift < 0 ? 1 : 0), count(side - (shift != 0 ? 1 : 0)), neighbour(shift > 0 ? 1 : 0) {}
  std::size_t first;  // of those that have a neighbour
  std::size_t count;
  std::size_t neighbour;  // that of the first
};

// use(at, from, count): for each run of pixels that a kernel's tap (dy, dx) moves, where it goes to and comes from.
template <class Use>
void for_each_run(const extent& e, std::ptrdiff_t dy, std::ptrdiff_t dx, const Use& use) {
  const overlap rows(dy, e.side);
  const overlap columns(dx, e.side);
  for (std::size_t image = 0; image < e.images; ++image)
    for (std::size_t row = 0; row < rows.count; ++row) {
      const std::size_t at = (image * e.side + rows.first + row) * e.side + columns.first;
      const std::size_t from = (image * e.side + rows.neighbour + row) * e.side + columns.neighbour;
      use(at, from, columns.count);
    }
}

// A convolution with kernels of 1x1 or 3x3, zeros around the image; with 1x1 on images of one pixel, a linear layer.
class convolution {
 public:
  convolution(std::size_t inputs, std::size_t outputs, std::size_t kernel, values weights, values biases)
      : weight(std::move(weights)), bias(std::move(biases)), inputs_(inputs), outputs_(outputs), kernel_(kernel) {}

  std::size_t inputs() const { return inputs_; }
  std::size_t outputs() const { return outputs_; }
  std::size_t taps() const { return inputs_ * kernel_ * kernel_; }  // the products that make one output

  // y = w * x + bias, x and w kept for backward.
  void forward(const values& x, const values& w, const extent& e, float* y) {
    used_weight_ = w;
    gather(x, e);
    for (std::size_t o = 0; o < outputs_; ++o) std::fill_n(y + o * e.pixels(), e.pixels(), bias[o]);
    xquant::blas::gemm(false, false, outputs_, e.pixels(), taps(), 1, w.data(), taps(), columns_.data(), e.pixels(), 1,
                       y, e.pixels());
  }

  // From g = dL/dy: dL/dw and dL/dbias, and what is added to dx = dL/dx.
  void backward(const float* g, const extent& e, values& dw, values& dx) {
    dw.resize(used_weight_.size());
    xquant::blas::gemm(false, true, outputs_, taps(), e.pixels(), 1, g, e.pixels(), columns_.data(), e.pixels(), 0,
                       dw.data(), taps());
    bias_gradient.assign(outputs_, 0);
    for (std::size_t o = 0; o < outputs_; ++o)
      for (std::size_t i = 0; i < e.pixels(); ++i) bias_gradient[o] += g[o * e.pixels() + i];
    xquant::blas::gemm(true, false, taps(), e.pixels(), outputs_, 1, used_weight_.data(), taps(), g, e.pixels(), 0,
                       columns_.data(), e.pixels());
    scatter(e, dx);
  }

  values weight;  // [output][input][row][column]
  values bias;
  values bias_gradient;

 private:
  template <class Use>
  void for_each_tap(const Use& use) const {
    const auto reach = static_cast<std::ptrdiff_t>(kernel_ / 2);
    std::size_t tap = 0;
    for (std::size_t input = 0; input < inputs_; ++input)
      for (std::ptrdiff_t dy = -reach; dy <= reach; ++dy)
        for (std::ptrdiff_t dx = -reach; dx <= reach; ++dx) use(input, dy, dx, tap++);
  }
  // One row for each tap: the pixels that it is multiplied by ("im2col").
  void gather(const values& x, const extent& e) {
    columns_.assign(taps() * e.pixels(), 0);
    for_each_tap([&](std::size_t input, std::ptrdiff_t dy, std::ptrdiff_t dx, std::size_t tap) {
      const float* source = x.data() + input * e.pixels();
      float* row = columns_.data() + tap * e.pixels();
      for_each_run(e, dy, dx, [&](std::size_t at, std::size_t from, std::size_t count) {
        std::copy_n(source + from, count, row + at);
      });
    });
  }
  // The other way: what each tap says about its pixels, added up.
  void scatter(const extent& e, values& dx_of_all) const {
    for_each_tap([&](std::size_t input, std::ptrdiff_t dy, std::ptrdiff_t dx, std::size_t tap) {
      float* sum = dx_of_all.data() + input * e.pixels();
      const float* row = columns_.data() + tap * e.pixels();
      for_each_run(e, dy, dx, [&](std::size_t at, std::size_t from, std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) sum[from + i] += row[at + i];
      });
    });
  }

  std::size_t inputs_;
  std::size_t outputs_;
  std::size_t kernel_;
  values used_weight_;
  values columns_;
};

inline void relu(values& x) {
  for (float& v : x) v = std::max(v, 0.0f);
}
// g where y, what relu gave, is above zero.
inline void relu_backward(const values& y, values& g) {
  for (std::size_t i = 0; i < y.size(); ++i) g[i] = y[i] > 0 ? g[i] : 0;
}

// The largest of each 2x2 pixels, and where it was.
inline values max_pool(const values& x, std::size_t side, std::vector<std::size_t>& from) {
  values y(x.size() / 4);
  from.resize(y.size());
  const std::size_t half = side / 2;
  for (std::size_t i = 0; i < y.size(); ++i) {
    const std::size_t first = (i / half * 2) * side + i % half * 2;
    from[i] = first;
    for (const std::size_t at : {first + 1, first + side, first + side + 1})
      if (x[at] > x[from[i]]) from[i] = at;
    y[i] = x[from[i]];
  }
  return y;
}
inline values max_pool_backward(const values& g, const std::vector<std::size_t>& from) {
  values dx(g.size() * 4);
  for (std::size_t i = 0; i < g.size(); ++i) dx[from[i]] = g[i];
  return dx;
}

// The mean of each `pixels` pixels.
inline values average(const values& x, std::size_t pixels) {
  values y(x.size() / pixels);
  for (std::size_t i = 0; i < x.size(); ++i) y[i / pixels] += x[i] / static_cast<float>(pixels);
  return y;
}
inline values average_backward(const values& g, std::size_t pixels) {
  values dx(g.size() * pixels);
  for (std::size_t i = 0; i < dx.size(); ++i) dx[i] = g[i / pixels] / static_cast<float>(pixels);
  return dx;
}

// The mean cross entropy of a batch, and its gradient; logits lie as [class][image].
inline double cross_entropy(const values& logits, const std::vector<std::uint8_t>& labels, values& g) {
  const std::size_t images = labels.size();
  const std::size_t classes = logits.size() / images;
  g.resize(logits.size());
  double loss = 0;
  for (std::size_t i = 0; i < images; ++i) {
    double most = logits[i];
    for (std::size_t c = 1; c < classes; ++c) most = std::max(most, static_cast<double>(logits[c * images + i]));
    double sum = 0;
    for (std::size_t c = 0; c < classes; ++c) sum += std::exp(logits[c * images + i] - most);
    for (std::size_t c = 0; c < classes; ++c) {
      const double log_share = logits[c * images + i] - most - std::log(sum);
      const bool is_label = c == labels[i];
      if (is_label) loss -= log_share / static_cast<double>(images);
      g[c * images + i] = static_cast<float>((std::exp(log_share) - (is_label ? 1 : 0)) / static_cast<double>(images));
    }
  }
  return loss;
}

}  // namespace learn_ranges

// The network that learn_ranges trains: digits_cnn, written out by hand, with a quantizer on each weight and on each
// activation that an integer machine would store.
#pragma once

#include <xquant/adapt/span.hpp>
#include <xquant/core/view.hpp>
#include <xquant/formats/integer.hpp>
#include <xquant/gradients/learned_range.hpp>
#include <xquant/gradients/learned_step_size.hpp>
#include <xquant/granularity/per_axis.hpp>
#include <xquant/model/graph.hpp>
#include <xquant/model/tensor.hpp>
#include <xquant/nn/tensor_quantizer.hpp>
#include <xquant/schemes/affine.hpp>
#include <xquant/schemes/symmetric.hpp>
#include <xquant/train/adam.hpp>

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "learn_ranges_layers.hpp"

namespace learn_ranges {

// What of a quantizer is learned: its scale (LSQ), or both ends of its range (AIMET's range learning).
struct method {
  const char* name;
  xquant::estimator_id estimator;
};
inline constexpr method methods[] = {{"LSQ", xquant::id_of<xquant::learned_step_size>},
                                     {"range learning", xquant::id_of<xquant::learned_range>}};

// How far one step of training may go.
struct step_size {
  std::size_t number;  // of the step, from 1 on
  double weights;      // the learning rate of weights and biases
  double ranges;       // that of scales and of ends of ranges, as a share of their size before training
};

// Adam, for one vector of numbers.
class adam {
 public:
  void step(std::size_t number, double rate, values& x, const values& gradient) {
    first_moments_.resize(x.size());
    second_moments_.resize(x.size());
    xquant::adam_step(xquant::adam_settings{.learning_rate = rate}, number, x, gradient, first_moments_,
                      second_moments_);
  }

 private:
  values first_moments_;
  values second_moments_;
};

// A place in the network where a tensor is rounded: the quantizer, the tensor before rounding, what Adam remembers.
class rounded {
 public:
  explicit rounded(const xquant::tensor_quantizer_description& d) : quantizer_(d) {}

  values forward(values x, const xquant::shape& s) {
    x_ = std::move(x);
    shape_ = s;
    values y(x_.size());
    quantizer_.forward(before(), xquant::tensor_view<float>(y.data(), s));
    return y;
  }
  values forward(values x) {
    const xquant::shape flat(x.size());
    return forward(std::move(x), flat);
  }
  // g = dL/dy becomes dL/dx.
  void backward(values& g) {
    const xquant::tensor_view<float> view(g.data(), shape_);
    quantizer_.backward(before(), view, view);
  }
  void step(const step_size& by) {
    quantizer_.step([&](std::size_t k, values& learned, const values& gradient) {
      adam_[k].step(by.number, by.ranges * size_, learned, gradient);
    });
  }

  void leave_float() { quantizer_.set_mode(xquant::quantizer_mode::off); }
  void observe() { quantizer_.set_mode(xquant::quantizer_mode::observe); }
  // Makes the ranges of what was observed; from here on forward rounds.
  void freeze() {
    quantizer_.freeze();
    const values& learned = quantizer_.learned(quantizer_.learned_count() - 1);  // scales, or upper ends
    size_ = 0;
    for (const float v : learned) size_ += std::fabs(static_cast<double>(v)) / static_cast<double>(learned.size());
  }

  // What the end codes stand for.
  xquant::range<double> ends() const {
    const xquant::encoding& e = quantizer_.encoding();
    const double scale = e.parameters.scale()[0];
    const double zero = e.parameters.zero_point()[0];
    const double codes = std::exp2(e.quantizer.bits) - 1;  // unsigned: from 0 on
    return {-zero * scale, (codes - zero) * scale};
  }

 private:
  xquant::tensor_view<const float> before() const { return {x_.data(), shape_}; }

  xquant::tensor_quantizer quantizer_;
  values x_;
  xquant::shape shape_;
  std::array<adam, 2> adam_;
  double size_ = 0;
};

// A convolution whose weights are rounded, each output channel with a scale of its own.
class layer {
 public:
  layer(convolution c, int bits, const method& how)
      : convolution_(std::move(c)),
        weight_({.quantizer = {.format = xquant::signed_integer,
                               .bits = bits,
                               .granularity = xquant::per_axis<0>{},
                               .scheme = xquant::id_of<xquant::symmetric<>>},
                 .calibrator = "mean_squared_error",
                 .estimator = how.estimator}) {}

  void forward(const values& x, const extent& e, float* y) {
    const xquant::shape s(convolution_.outputs(), convolution_.taps());
    convolution_.forward(x, weight_.forward(convolution_.weight, s), e, y);
  }
  values forward(const values& x, const extent& e) {
    values y(convolution_.outputs() * e.pixels());
    forward(x, e, y.data());
    return y;
  }
  // Adds to dx.
  void backward(const float* g, const extent& e, values& dx) {
    convolution_.backward(g, e, weight_gradient_, dx);
    weight_.backward(weight_gradient_);
  }
  values backward(const values& g, const extent& e) {
    values dx(convolution_.inputs() * e.pixels());
    backward(g.data(), e, dx);
    return dx;
  }
  void step(const step_size& by) {
    weight_adam_.step(by.number, by.weights, convolution_.weight, weight_gradient_);
    bias_adam_.step(by.number, by.weights, convolution_.bias, convolution_.bias_gradient);
    weight_.step(by);
  }
  rounded& weight() { return weight_; }
  std::size_t parameters() const { return convolution_.weight.size() + convolution_.bias.size(); }

 private:
  convolution convolution_;
  rounded weight_;
  values weight_gradient_;
  adam weight_adam_;
  adam bias_adam_;
};

// The convolution (or Gemm) number `which` of digits_cnn, its batch norm folded into it.
inline convolution read_layer(const xquant::model::graph& g, std::size_t which, std::size_t inputs, std::size_t outputs,
                              std::size_t kernel) {
  std::size_t met = 0;
  for (const xquant::model::node& n : g.nodes()) {
    if ((n.op_type != "Conv" && n.op_type != "Gemm") || met++ != which) continue;
    const xquant::model::tensor* weight = n.inputs.size() == 3 ? g.constant(n.inputs[1]) : nullptr;
    const xquant::model::tensor* bias = n.inputs.size() == 3 ? g.constant(n.inputs[2]) : nullptr;
    if (weight == nullptr || bias == nullptr || weight->size() != outputs * inputs * kernel * kernel ||
        bias->size() != outputs)
      break;
    const auto w = weight->values<float>();
    const auto b = bias->values<float>();
    return {inputs, outputs, kernel, values(w.begin(), w.end()), values(b.begin(), b.end())};
  }
  throw std::runtime_error("layer " + std::to_string(which) + " of the network is not that of digits_cnn: expected " +
                           std::to_string(outputs) + " x " + std::to_string(inputs) + " kernels of " +
                           std::to_string(kernel) + " x " + std::to_string(kernel));
}

// The activations that are rounded, in the order in which they are computed.
enum place : std::size_t { image, relu_1, branch, pool, joined, relu_4, mean, logits };
inline constexpr const char* place_names[] = {"image",           "first ReLU", "residual branch",  "pool",
                                              "joined branches", "last ReLU",  "mean over pixels", "logits"};
inline constexpr std::size_t places = std::size(place_names);

// The logits have 4 bits, whatever the others have: 4 numbers would not tell 10 classes apart.
inline constexpr int logit_bits = 4;

class network {
 public:
  // From a graph whose batch norms are folded. Nothing is rounded before calibration.
  network(const xquant::model::graph& g, int bits, const method& how)
      : conv_1_(read_layer(g, 0, 1, 16, 3), bits, how),
        conv_2_(read_layer(g, 1, 16, 16, 3), bits, how),
        wide_(read_layer(g, 2, 16, 24, 3), bits, how),
        narrow_(read_layer(g, 3, 16, 8, 1), bits, how),
        conv_4_(read_layer(g, 4, 32, 32, 3), bits, how),
        linear_(read_layer(g, 5, 32, 10, 1), bits, how) {
    for (std::size_t p = 0; p < places; ++p)
      activations_.push_back(rounded({.quantizer = {.format = xquant::unsigned_integer,
                                                    .bits = p == logits ? logit_bits : bits,
                                                    .scheme = xquant::id_of<xquant::affine>},
                                      .calibrator = "mean_squared_error",
                                      .estimator = how.estimator}));
    for_each_rounded([](rounded& r) { r.leave_float(); });
  }

  // The logits, [class][image], of images of 16x16 pixels, [image][row][column].
  values forward(values images) {
    full_ = {images.size() / 256, 16};
    half_ = {full_.images, 8};
    one_ = {full_.images, 1};

    a1_ = conv_1_.forward(at(image).forward(std::move(images)), full_);
    relu(a1_);
    const values x1 = at(relu_1).forward(a1_);

    a2_ = at(branch).forward(conv_2_.forward(x1, full_));
    for (std::size_t i = 0; i < x1.size(); ++i) a2_[i] += x1[i];
    relu(a2_);
    const values x2 = at(pool).forward(max_pool(a2_, full_.side, largest_));

    a3_.resize(32 * half_.pixels());
    wide_.forward(x2, half_, a3_.data());
    narrow_.forward(x2, half_, a3_.data() + 24 * half_.pixels());
    relu(a3_);
    a4_ = conv_4_.forward(at(joined).forward(a3_), half_);
    relu(a4_);

    const values x5 = at(mean).forward(average(at(relu_4).forward(a4_), 64));
    return at(logits).forward(linear_.forward(x5, one_));
  }

  // From g = dL/dlogits of the last forward: the gradients of all that is trained.
  void backward(values g) {
    at(logits).backward(g);
    g = linear_.backward(g, one_);
    at(mean).backward(g);
    g = average_backward(g, 64);
    at(relu_4).backward(g);
    relu_backward(a4_, g);
    g = conv_4_.backward(g, half_);
    at(joined).backward(g);
    relu_backward(a3_, g);

    values from_pool(16 * half_.pixels());
    wide_.backward(g.data(), half_, from_pool);
    narrow_.backward(g.data() + 24 * half_.pixels(), half_, from_pool);
    at(pool).backward(from_pool);
    g = max_pool_backward(from_pool, largest_);
    relu_backward(a2_, g);

    values through_branch = g;  // beside g itself, which goes past conv_2
    at(branch).backward(through_branch);
    conv_2_.backward(through_branch.data(), full_, g);
    at(relu_1).backward(g);
    relu_backward(a1_, g);
    g = conv_1_.backward(g, full_);
    at(image).backward(g);
  }

  void step(const step_size& by) {
    for_each_layer([&](layer& l) { l.step(by); });
    for (rounded& r : activations_) r.step(by);
  }

  // What forward sees from here on is what ranges are made of.
  void observe() {
    for_each_rounded([](rounded& r) { r.observe(); });
  }
  // Makes the ranges; forward rounds from here on.
  void freeze() {
    for_each_rounded([](rounded& r) { r.freeze(); });
  }

  // What the end codes of each activation stand for.
  std::array<xquant::range<double>, places> ends() const {
    std::array<xquant::range<double>, places> all;
    for (std::size_t p = 0; p < places; ++p) all[p] = activations_[p].ends();
    return all;
  }
  std::size_t parameters() {
    std::size_t count = 0;
    for_each_layer([&](const layer& l) { count += l.parameters(); });
    return count;
  }

 private:
  rounded& at(place p) { return activations_[p]; }
  template <class Use>
  void for_each_layer(const Use& use) {
    for (layer* l : {&conv_1_, &conv_2_, &wide_, &narrow_, &conv_4_, &linear_}) use(*l);
  }
  template <class Use>
  void for_each_rounded(const Use& use) {
    for_each_layer([&](layer& l) { use(l.weight()); });
    for (rounded& r : activations_) use(r);
  }

  layer conv_1_, conv_2_, wide_, narrow_, conv_4_, linear_;
  std::vector<rounded> activations_;
  // Of the last forward pass:
  extent full_{}, half_{}, one_{};
  values a1_, a2_, a3_, a4_;          // what the ReLUs gave
  std::vector<std::size_t> largest_;  // what the pool took
};

}  // namespace learn_ranges

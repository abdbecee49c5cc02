// The images of the main job: read from .npy files, cut into batches.
#pragma once

#include <xquant/io/npy.hpp>
#include <xquant/model/graph.hpp>
#include <xquant/model/tensor.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>

namespace quantize_network {

namespace model = xquant::model;

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

// The batch the network fixes, or one that keeps activations in cache.
inline std::size_t batch_size(const model::graph& g) {
  const model::value_info& input = g.value(g.inputs().at(0));
  if (input.has_shape && !input.dimensions.empty() && input.dimensions[0].extent > 0)
    return static_cast<std::size_t>(input.dimensions[0].extent);
  return 50;
}

}  // namespace quantize_network

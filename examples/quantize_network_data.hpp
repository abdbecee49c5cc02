// The images of the main job: read from .npy files, found fit, cut into batches; and the file's name put before what is
// wrong with one of them.
#pragma once

#include <xquant/error.hpp>
#include <xquant/io/error.hpp>
#include <xquant/io/npy.hpp>
#include <xquant/model/error.hpp>
#include <xquant/model/fault.hpp>
#include <xquant/model/finite_trace.hpp>
#include <xquant/model/graph.hpp>
#include <xquant/model/samples.hpp>
#include <xquant/model/tensor.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>

namespace quantize_network {

namespace model = xquant::model;

// work(); what it throws is said to be about `what`, a file for instance, whose samples from number `first` on it works
// with.
template <class Work>
decltype(auto) about(const std::string& what, std::size_t first, const Work& work) {
  try {
    return work();
  } catch (const model::sample_error& e) {
    throw model::model_error(e.code(), what + ": sample " + std::to_string(first + e.sample()) + ": " + e.detail());
  } catch (const model::model_error& e) {
    throw model::model_error(e.code(), what + ": " + model::unprefixed(e.what()));
  }
}

// Images as the network takes them: float32 as they are, uint8 divided by 255.
inline model::tensor read_images(const std::string& path) {
  const auto read = [&] {
    try {
      return xquant::io::read_npy(path);
    } catch (const xquant::io::io_error& e) {
      if (e.code() != xquant::errc::unsupported) throw;
      throw std::runtime_error(std::string(e.what()) + " (images must be uint8 or float32)");
    }
  };
  model::tensor t = read();
  if (t.shape().rank < 2 || t.size() == 0)
    throw std::runtime_error(path + ": shape " + model::to_text(t.shape()) +
                             "; expected [images, ...], at least one image");
  if (t.type() == model::element_type::float32) {
    const xquant::status bad = model::find_not_finite(t.data<float>(), t.size());
    const std::size_t image = t.size() / t.shape()[0];
    model::require(
        bad, [&] { return path + ": sample " + std::to_string(bad.index / image); }, t.shape());
    return t;
  }
  if (t.type() != model::element_type::uint8)
    throw std::runtime_error(path + ": element type " + model::name_of(t.type()) + "; expected uint8 or float32");
  model::tensor scaled(model::element_type::float32, t.shape());
  std::transform(t.data<std::uint8_t>(), t.data<std::uint8_t>() + t.size(), scaled.mutable_data<float>(),
                 [](std::uint8_t code) { return static_cast<float>(code) / 255.0f; });
  return scaled;
}

// Images in batches of at most that size; the last is the shorter one.
class batches {
 public:
  batches(const model::tensor& images, std::size_t size) : images_(images), size_(size) {}
  std::size_t count() const { return (images_.shape()[0] + size_ - 1) / size_; }
  // The first image of batch i.
  std::size_t first(std::size_t i) const { return i * size_; }
  // The shape of a whole batch.
  xquant::shape shape() const {
    xquant::shape s = images_.shape();
    s[0] = size_;
    return s;
  }
  model::tensor operator[](std::size_t i) const {
    xquant::shape s = shape();
    s[0] = std::min(size_, images_.shape()[0] - first(i));
    const std::size_t image = images_.size() / images_.shape()[0];
    const float* from = images_.data<float>() + first(i) * image;
    model::tensor batch(model::element_type::float32, s);
    std::copy(from, from + s[0] * image, batch.mutable_data<float>());
    return batch;
  }

 private:
  const model::tensor& images_;
  std::size_t size_;
};

// The batch the network fixes, or the one asked for, or (0 asked for) one that keeps activations in cache. Throws for a
// batch that is not the network's.
inline std::size_t batch_size(const model::graph& g, std::size_t asked = 0) {
  const auto fixed = model::declared_batch(g);
  if (fixed && asked != 0 && asked != *fixed)
    throw std::runtime_error("--batch " + std::to_string(asked) + ": the network fixes its batch to " +
                             std::to_string(*fixed));
  return fixed ? *fixed : asked != 0 ? asked : 50;
}

}  // namespace quantize_network

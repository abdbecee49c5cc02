// The main job: from an ONNX file to the accuracy of its quantized form.
// Exit codes: 0 done; 1 the network or the data cannot be used; 2 wrong command line; 3 the JSON file cannot be
// written.
#include <xquant/calibration/entropy.hpp>
#include <xquant/calibration/histogram_calibrator.hpp>
#include <xquant/calibration/percentile.hpp>
#include <xquant/engines/simd.hpp>
#include <xquant/io/npy.hpp>
#include <xquant/io/onnx_reader.hpp>
#include <xquant/model/batch_norm_fold.hpp>
#include <xquant/model/simulation.hpp>

#include <unistd.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <fstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

namespace model = xquant::model;
using simulation = model::simulation<xquant::simd_engine<>>;

constexpr int exit_unusable = 1;
constexpr int exit_usage = 2;
constexpr int exit_not_written = 3;

struct arguments {
  std::string network;
  std::string images;
  std::string labels;
  std::string calibration;
  std::string json;
  int bits = 8;
};

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
model::tensor read_images(const std::string& path) {
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

std::vector<std::int64_t> read_labels(const std::string& path, std::size_t images) {
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

double accuracy(const logits& l, const std::vector<std::int64_t>& labels) {
  std::size_t right = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const float* row = l.value.data() + i * l.classes;
    right += std::max_element(row, row + l.classes) - row == labels[i];
  }
  return static_cast<double>(right) / static_cast<double>(labels.size());
}

double mean_squared_difference(const logits& a, const logits& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.value.size(); ++i) {
    const double d = static_cast<double>(a.value[i]) - static_cast<double>(b.value[i]);
    sum += d * d;
  }
  return sum / static_cast<double>(a.value.size());
}

struct result {
  const char* weights;
  const char* activations;
  double accuracy;
  double logit_mse;
};

void check_labels(const std::vector<std::int64_t>& labels, std::size_t classes) {
  for (const std::int64_t label : labels)
    if (label < 0 || static_cast<std::size_t>(label) >= classes)
      throw std::runtime_error("label " + std::to_string(label) + "; expected 0 to " + std::to_string(classes - 1) +
                               ", as the network has " + std::to_string(classes) + " outputs");
}

// The batch the network fixes, or one that keeps activations in cache.
std::size_t batch_size(const model::graph& g) {
  const model::value_info& input = g.value(g.inputs().at(0));
  if (input.has_shape && !input.dimensions.empty() && input.dimensions[0].extent > 0)
    return static_cast<std::size_t>(input.dimensions[0].extent);
  return 50;
}

int run(const arguments& a) {
  stopwatch reading;
  const model::graph original = xquant::io::read_onnx(a.network);
  if (original.inputs().size() != 1)
    throw std::runtime_error(a.network + ": " + std::to_string(original.inputs().size()) +
                             " inputs; expected one, the images");
  model::executor network(original);
  const model::tensor test = read_images(a.images);
  const model::tensor calibration = read_images(a.calibration);
  const std::vector<std::int64_t> labels = read_labels(a.labels, test.shape()[0]);
  const std::size_t batch = batch_size(original);
  const batches test_batches(test, batch);
  const batches calibration_batches(calibration, batch);
  network.prepare({test_batches.shape()});
  network.prepare({calibration_batches.shape()});
  const double seconds_read = reading.seconds();

  std::printf("%s: %zu test images, %zu calibration images\n", a.network.c_str(), test.shape()[0],
              calibration.shape()[0]);
  stopwatch floating;
  logits reference;
  {
    progress bar("float", test_batches.count());
    reference = evaluate(
        test_batches, [&](const model::tensor& x) { return network.run({x}).outputs.at(0); }, bar);
  }
  check_labels(labels, reference.classes);
  const double float_accuracy = accuracy(reference, labels);
  const double seconds_float = floating.seconds();

  // One pass of the calibration images for each kind of weights: all range rules read the same statistics.
  const model::graph folded = model::fold_batch_norms(original).network;
  xquant::quantizer_description activation = {
      .format = xquant::format_id::unsigned_integer, .bits = a.bits, .scheme = xquant::scheme_id::affine};
  xquant::quantizer_description weight = {.bits = a.bits};
  std::vector<result> results;
  double seconds_calibrate = 0;
  double seconds_evaluate = 0;
  for (const bool per_channel : {false, true}) {
    stopwatch calibrating;
    simulation quantized(folded, {activation, weight, per_channel}, {calibration_batches.shape()});
    {
      progress bar("calibrate", calibration_batches.count());
      for (std::size_t i = 0; i < calibration_batches.count(); ++i, bar.step())
        quantized.observe({calibration_batches[i]});
    }
    seconds_calibrate += calibrating.seconds();
    const auto evaluate_with = [&](const char* name, const auto& rule) {
      stopwatch ranging;
      quantized.set_ranges(rule);
      seconds_calibrate += ranging.seconds();
      stopwatch evaluating;
      progress bar("evaluate", test_batches.count());
      const logits l = evaluate(
          test_batches, [&](const model::tensor& x) { return quantized.run({x}).outputs.at(0); }, bar);
      results.push_back({per_channel ? "per_channel" : "per_tensor", name, accuracy(l, labels),
                         mean_squared_difference(l, reference)});
      seconds_evaluate += evaluating.seconds();
    };
    evaluate_with("min_max", xquant::full_range{});
    evaluate_with("entropy", xquant::entropy{.lower_code = 0, .upper_code = (1 << a.bits) - 1, .has_zero_point = true});
    evaluate_with("percentile", xquant::percentile{99.99});
  }

  std::printf("\n%-12s %-12s %10s %12s\n", "weights", "activations", "accuracy", "logit MSE");
  std::printf("%-12s %-12s %8.2f %% %12s\n", "float", "float", 100 * float_accuracy, "0");
  for (const result& r : results)
    std::printf("%-12s %-12s %8.2f %% %12.3g\n", r.weights, r.activations, 100 * r.accuracy, r.logit_mse);
  std::printf("\nseconds: read %.2f, float %.2f, calibrate %.2f, evaluate %.2f\n", seconds_read, seconds_float,
              seconds_calibrate, seconds_evaluate);

  if (a.json.empty()) return 0;
  nlohmann::ordered_json json = {{"model", a.network},
                                 {"images", test.shape()[0]},
                                 {"float", {{"accuracy", float_accuracy}}},
                                 {"results", nlohmann::ordered_json::array()},
                                 {"seconds",
                                  {{"read", seconds_read},
                                   {"float", seconds_float},
                                   {"calibrate", seconds_calibrate},
                                   {"evaluate", seconds_evaluate}}}};
  for (const result& r : results)
    json["results"].push_back(
        {{"weights", r.weights}, {"activations", r.activations}, {"accuracy", r.accuracy}, {"logit_mse", r.logit_mse}});
  std::ofstream file(a.json);
  file << json.dump(2) << '\n';
  file.close();
  if (file) return 0;
  std::fprintf(stderr, "%s: cannot be written\n", a.json.c_str());
  return exit_not_written;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "Quantizes a convolutional network and says what that costs: accuracy and mean squared logit difference for "
      "weights "
      "per tensor and per channel, activations by min-max, entropy and percentile ranges.\n"
      "Exit codes: 0 done; 1 the network or the data cannot be used; 2 wrong command line; 3 the JSON file cannot be "
      "written.");
  arguments a;
  app.add_option("MODEL", a.network, "ONNX file, opset 13 to 21, float32")->required();
  app.add_option("--images", a.images, ".npy [N, ...] to evaluate on; uint8 is divided by 255, float32 taken as it is")
      ->required();
  app.add_option("--labels", a.labels, ".npy [N], the class of each image")->required();
  app.add_option("--calibration", a.calibration, ".npy [N, ...] to calibrate with")->required();
  app.add_option("--bits", a.bits, "bits of weights and activations")->check(CLI::Range(2, 16))->capture_default_str();
  app.add_option("--json", a.json, "also write the results to this file");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : exit_usage;
  }
  try {
    return run(a);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return exit_unusable;
  }
}

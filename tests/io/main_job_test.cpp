// What the main job reads, runs and scores (examples/quantize_network_*.hpp): every sample once, whatever the batch;
// classes along an axis; and faults that name file, sample, node and element.
#include <xquant/io/npy.hpp>

#include <doctest/doctest.h>

#include <stdlib.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <string>
#include <vector>

#include "../../examples/quantize_network_report.hpp"
#include "../../examples/quantize_network_results.hpp"
#include "../../examples/quantize_network_score.hpp"
#include "graph_builder.hpp"
#include "simulations.hpp"

namespace {

namespace fs = std::filesystem;
namespace job = quantize_network;
using xquant::shape;
using xquant::model::dimension;
using xquant::model::graph;
using xquant::model::tensor;

// A folder of its own, gone afterwards.
class folder {
 public:
  folder() {
    std::string name = (fs::temp_directory_path() / "xquant_main_job_XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  folder(const folder&) = delete;
  folder& operator=(const folder&) = delete;
  ~folder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  // The path of a file with that array.
  std::string file(const std::string& name, const tensor& t) const {
    xquant::io::write_npy(path(name), t);
    return path(name);
  }
  std::string path(const std::string& name) const { return (path_ / name).string(); }

 private:
  fs::path path_;
};

template <class Call>
std::string message(const Call& call) {
  try {
    call();
  } catch (const std::exception& e) {
    return e.what();
  }
  return "nothing was thrown";
}

// The text behind the folder's name.
std::string behind(const std::string& text, const std::string& name) {
  const std::size_t at = text.find(name);
  return at == std::string::npos ? text : text.substr(at);
}

struct runner {
  xquant::model::executor executor;
  explicit runner(graph g) : executor(std::move(g)) {}
  const graph& network() const { return executor.network(); }
  std::vector<tensor> run(const std::vector<tensor>& inputs, const xquant::model::value_observer& watch) {
    xquant::model::run_options options;
    options.observer = watch;
    return executor.run(inputs, options).outputs;
  }
};

job::logits evaluated(graph g, const tensor& images, std::size_t batch) {
  runner r(std::move(g));
  job::progress bar("test", 1);
  return job::evaluate("images.npy", job::batches(images, batch), r, bar);
}

// y = x w + 1; with `transposed` as [4, images].
graph linear(const dimension& batch, bool transposed = false) {
  test::graph_builder b;
  b.input("x", {batch, {3, ""}})
      .constant("w", test::noise(shape(3, 4), 5))
      .constant("one", tensor::of(shape(1), std::vector<float>{1}))
      .node("MatMul", {"x", "w"}, "m")
      .node("Add", {"m", "one"}, "y");
  if (!transposed) return b.outputs({"y"});
  b.node("Transpose", {"y"}, "t", {{"perm", std::vector<std::int64_t>{1, 0}}});
  return b.outputs({"t"});
}

}  // namespace

TEST_CASE("main job: every image is evaluated once, whatever the batch") {
  for (const std::size_t n : {1u, 3u, 8u, 51u}) {
    const tensor x = test::noise(shape(n, 3), 9);
    const tensor w = test::noise(shape(3, 4), 5);
    for (const std::int64_t batch : {-1, 8, 1, 50}) {
      CAPTURE(n);
      CAPTURE(batch);
      const job::logits l = evaluated(linear({batch, ""}), x, batch < 0 ? 50 : static_cast<std::size_t>(batch));
      REQUIRE(l.value.size() == 4 * n);
      for (std::size_t i = 0; i < n; ++i)
        for (std::size_t j = 0; j < 4; ++j) {
          double y = 1;
          for (std::size_t k = 0; k < 3; ++k)
            y += static_cast<double>(x.data<float>()[3 * i + k]) * static_cast<double>(w.data<float>()[4 * k + j]);
          CHECK(static_cast<double>(l.value[4 * i + j]) == doctest::Approx(y).epsilon(1e-6));
        }
    }
  }
  // An output whose first axis is not the batch: all of it, unless some of the batch are copies.
  CHECK(evaluated(linear({-1, ""}, true), test::noise(shape(51, 3), 9), 50).value.size() == 204);
  CHECK(evaluated(linear({8, ""}, true), test::noise(shape(16, 3), 9), 8).value.size() == 64);
  CHECK(message([] {
          evaluated(linear({8, ""}, true), test::noise(shape(19, 3), 9), 8);
        }) ==
        "images.npy: 3 samples are left over from batches of 8, and output 't' of shape [4, 8] does not say which part "
        "is whose; expected a multiple of the batch");
}

TEST_CASE("main job: outputs that are not finite name file, image and node") {
  for (const std::int64_t batch : {-1, 8}) {
    CAPTURE(batch);
    graph g = test::graph_builder()
                  .input("x", {{batch, ""}, {3, ""}})
                  .constant("c", tensor::of(shape(1), std::vector<float>{-4}))
                  .node("Add", {"x", "c"}, "s")
                  .node("Div", {"s", "s"}, "q")
                  .node("Add", {"q", "c"}, "y")
                  .outputs({"y"});
    tensor x = tensor::of(shape(51, 3), std::vector<float>(153, 5.0f));
    CHECK(evaluated(g, x, 8).value == std::vector<float>(153, -3.0f));
    x.mutable_data<float>()[3 * 37 + 1] = 4;
    CHECK(message([&] { evaluated(g, x, 8); }) ==
          "xquant: images.npy: sample 37: value 'q' of node 'the_q' (Div, opset 17): element [0, 1] = NaN: data is not "
          "finite; expected finite values");
    x.mutable_data<float>()[3 * 37 + 1] = INFINITY;
    CHECK(message([&] { evaluated(g, x, 8); }) ==
          "xquant: images.npy: sample 37: input 'x': element [0, 1] = infinity: data is not finite; expected finite "
          "values");
    x.mutable_data<float>()[3 * 37 + 1] = 5;
    tensor c = tensor::of(shape(1), std::vector<float>{-INFINITY});
    graph strange = g;
    strange.set_initializer(strange.find("c"), c);
    strange.finish();
    CHECK(
        message([&] { evaluated(strange, x, 8); }) ==
        "xquant: images.npy: sample 0: constant 'c' of node 'the_s' (Add, opset 17): element [0] = -infinity: data is "
        "not finite; expected finite values");
  }
}

TEST_CASE("main job: images that cannot be used name file, image and element") {
  const folder here;
  tensor x = test::noise(shape(51, 1, 4, 4), 3);
  CHECK(job::read_images(here.file("good.npy", x)).shape() == x.shape());
  x.mutable_data<float>()[37 * 16 + 6] = NAN;
  x.mutable_data<float>()[50 * 16] = INFINITY;
  CHECK(behind(message([&] { job::read_images(here.file("nan.npy", x)); }), "nan.npy") ==
        "nan.npy: sample 37: element [37, 0, 1, 2] = NaN: data is not finite; expected finite values");
  x.mutable_data<float>()[37 * 16 + 6] = 0;
  CHECK(behind(message([&] { job::read_images(here.file("inf.npy", x)); }), "inf.npy") ==
        "inf.npy: sample 50: element [50, 0, 0, 0] = infinity: data is not finite; expected finite values");
  const auto floats = xquant::model::element_type::float32;
  for (const shape& s : {shape(0, 3), shape(3, 0), shape(3)})
    CHECK(message([&] {
            job::read_images(here.file("shape.npy", tensor(floats, s)));
          }).find("shape.npy: shape " + xquant::model::to_text(s) + "; expected [images, ...]") != std::string::npos);
  CHECK(message([&] {
          job::read_images(here.file("type.npy", tensor(xquant::model::element_type::int32, shape(3, 3))));
        }).find("type.npy: element type int32; expected uint8 or float32") != std::string::npos);
  std::string halves = "\x93NUMPY\x01";  // float16 [2, 2]
  halves += std::string("\0\x76\0", 3) + "{'descr': '<f2', 'fortran_order': False, 'shape': (2, 2), }";
  halves.resize(127, ' ');
  std::ofstream(here.path("half.npy"), std::ios::binary) << halves << '\n' << std::string(8, '\0');
  const std::string half = message([&] { job::read_images(here.path("half.npy")); });
  CHECK(half.find("half.npy: elements of type '<f2' (float16)") != std::string::npos);
  CHECK(half.find("(images must be uint8 or float32)") != std::string::npos);
  std::ofstream(here.path("empty.npy")).close();
  CHECK(message([&] { job::read_images(here.path("empty.npy")); }).find("empty.npy: not a .npy file") !=
        std::string::npos);
}

TEST_CASE("main job: labels fit the output or say why not") {
  const folder here;
  const auto read = [&](const shape& s, const std::vector<std::int64_t>& y, const shape& output) {
    return job::read_labels(here.file("labels.npy", tensor::of(s, y)), 3, "y", output, 50);
  };
  const auto refused = [&](const shape& s, const std::vector<std::int64_t>& y, const shape& output) {
    return behind(message([&] { read(s, y, output); }), "labels.npy");
  };
  const std::vector<std::int64_t> one = {0, 9, 4};
  CHECK(read(shape(3), one, shape(50, 10)).classes == 10);
  CHECK(read(shape(3, 1), one, shape(50, 10)).classes == 10);
  CHECK(read(shape(3), one, shape(50, 10, 1, 1)).inner == 1);
  std::vector<std::int64_t> pixels(3 * 4 * 5, 1);
  CHECK(read(shape(3, 4, 5), pixels, shape(50, 10, 4, 5)).inner == 20);
  CHECK(read(shape(3, 1, 4, 5), pixels, shape(50, 10, 4, 5)).classes == 10);
  CHECK(read(shape(3, 4, 5), pixels, shape(50, 4, 5, 10)).outer == 20);
  CHECK(read(shape(3, 4, 5), pixels, shape(50, 4, 5, 10)).inner == 1);

  CHECK(refused(shape(3), one, shape(50, 10, 4, 5)) ==
        "labels.npy: labels of shape [3]; expected [3, 4, 5], a class for each image and position, for output 'y' of "
        "shape [50, 10, 4, 5] for 50 images (--labels may be left out)");
  CHECK(
      refused(shape(2), {1, 2}, shape(50, 10)) ==
      "labels.npy: labels of shape [2]; expected [3], a class for each image, for output 'y' of shape [50, 10] for 50 "
      "images (--labels may be left out)");
  CHECK(refused(shape(3, 2), {0, 1, 2, 3, 4, 5}, shape(50, 10)).find("labels of shape [3, 2]; expected [3]") !=
        std::string::npos);
  for (const shape& strange : {shape(50), shape(500, 10), shape(50, 0)})
    CHECK(refused(shape(3), one, strange) ==
          "labels.npy: labels cannot score output 'y' of shape " + xquant::model::to_text(strange) +
              " for 50 images; expected [images, classes] or [images, classes, ...] (--labels may be left out)");
  CHECK(refused(shape(3), {0, 10, 4}, shape(50, 10)) ==
        "labels.npy: sample 1: element [1] = 10; expected a class from 0 to 9, as output 'y' of shape [50, 10] has 10");
  CHECK(refused(shape(3), {0, 1, -1}, shape(50, 10)).find("sample 2: element [2] = -1;") != std::string::npos);
  pixels[2 * 20 + 7] = 255;
  CHECK(refused(shape(3, 4, 5), pixels, shape(50, 10, 4, 5)).find("sample 2: element [2, 1, 2] = 255;") !=
        std::string::npos);
  CHECK(behind(message([&] {
                 job::read_labels(here.file("labels.npy", test::noise(shape(3), 1)), 3, "y", shape(50, 10), 50);
               }),
               "labels.npy") == "labels.npy: element type float32; expected int64, int32 or uint8");
}

TEST_CASE("main job: accuracy is the share of images or positions whose largest class is the label") {
  // Against the same question asked element by element of [images, classes, 2, 3] and of its transposed form.
  const shape s(5, 4, 2, 3);
  const tensor x = test::noise(s, 21);
  std::vector<float> last(x.size());
  job::labels first_axis;
  job::labels last_axis;
  std::size_t right = 0;
  for (std::size_t n = 0; n < 5; ++n)
    for (std::size_t p = 0; p < 6; ++p) {
      std::size_t best = 0;
      for (std::size_t c = 0; c < 4; ++c) {
        const float v = x.data<float>()[(n * 4 + c) * 6 + p];
        last[(n * 6 + p) * 4 + c] = v;
        if (v > x.data<float>()[(n * 4 + best) * 6 + p]) best = c;
      }
      const std::size_t label = (n + p) % 3 == 0 ? (best + 1) % 4 : best;
      right += label == best;
      first_axis.value.push_back(static_cast<std::int64_t>(label));
    }
  first_axis.classes = last_axis.classes = 4;
  first_axis.inner = 6;
  last_axis.outer = 6;
  last_axis.value = first_axis.value;
  const double expected = static_cast<double>(right) / 30;
  CHECK(job::accuracy({{x.data<float>(), x.data<float>() + x.size()}}, first_axis) == doctest::Approx(expected));
  CHECK(job::accuracy({last}, last_axis) == doctest::Approx(expected));
  job::labels ties;
  ties.classes = 3;
  ties.value = {1};
  CHECK(job::accuracy({{1, 2, 2}}, ties) == 1.0);  // of equal classes the first
}

TEST_CASE("main job: a network's fixed batch and --batch") {
  CHECK(job::batch_size(linear({-1, ""})) == 50);
  CHECK(job::batch_size(linear({-1, "N"}), 7) == 7);
  CHECK(job::batch_size(linear({8, ""})) == 8);
  CHECK(job::batch_size(linear({8, ""}), 8) == 8);
  CHECK(message([] { job::batch_size(linear({8, ""}), 50); }) == "--batch 50: the network fixes its batch to 8");
}

TEST_CASE("main job: the report sees each image equally often") {
  const auto counts = [](std::int64_t fixed, std::size_t images, std::size_t batch) {
    const graph g = linear({fixed, ""});
    const xquant::model::sample_set all(g, {test::noise(shape(images, 3), 1)});
    std::vector<std::size_t> seen(images, 0);
    for (const std::vector<std::size_t>& samples : job::reported_batches(all, batch)) {
      CHECK((fixed < 0 || samples.size() == batch));
      for (const std::size_t i : samples) ++seen[i];
    }
    return seen;
  };
  using numbers = std::vector<std::size_t>;
  CHECK(counts(-1, 51, 50) == numbers(51, 1));
  CHECK(counts(-1, 3, 50) == numbers(3, 1));
  CHECK(counts(8, 16, 8) == numbers(16, 1));
  CHECK(counts(8, 3, 8) == numbers(3, 8));
  CHECK(counts(8, 6, 8) == numbers(6, 4));
  numbers expected(51, 1);
  for (std::size_t i = 48; i < 51; ++i) expected[i] = 0;
  CHECK(counts(8, 51, 8) == expected);
  CHECK(job::reported_images(linear({8, ""}), 51) == 48);
  CHECK(job::reported_images(linear({8, ""}), 3) == 3);
  CHECK(job::reported_images(linear({-1, ""}), 51) == 51);
}

TEST_CASE("main job: results without labels have no accuracy") {
  job::outcome o;
  o.network = "n.onnx";
  o.results.push_back({"per_tensor", "min_max", std::nullopt, 0.5});
  const std::string text = job::json_text(o);
  CHECK(text.find("\"accuracy\": null") != std::string::npos);
  CHECK(text.find("\"output\"") == std::string::npos);
  o.outputs = 2;
  o.output = "boxes";
  o.results[0].accuracy = 0.25;
  CHECK(job::json_text(o).find("\"output\": \"boxes\"") != std::string::npos);
  CHECK(job::json_text(o).find("\"accuracy\": 0.25") != std::string::npos);
  xquant::report::network_report r;
  r.accuracies = job::report_rows(job::outcome{});
  CHECK(xquant::report::to_html(r).find("nan") == std::string::npos);
}

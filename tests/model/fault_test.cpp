// Every error of a simulated network names what a user knows: node, value, element and sample.
#include <xquant/calibration/percentile.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <io/graph_builder.hpp>
#include <io/simulations.hpp>

namespace {

using xquant::errc;
using xquant::shape;
using xquant::model::dimension;
using xquant::model::graph;
using xquant::model::model_error;
using xquant::model::sample_error;
using xquant::model::tensor;

tensor of(const shape& s, const std::vector<float>& values) { return tensor::of(s, values); }

// The text of what `call` throws, and its code.
template <class Error = model_error, class Call>
std::string message(const Call& call, errc code) {
  try {
    call();
  } catch (const Error& e) {
    CHECK(e.code() == code);
    return e.what();
  }
  return "nothing was thrown";
}

// y = Relu(x / mean x): a sample whose mean is 0 has none.
graph normalised(const dimension& batch) {
  return test::graph_builder()
      .input("x", {batch, {4, ""}})
      .node("ReduceMean", {"x"}, "m", {{"axes", std::vector<std::int64_t>{1}}})
      .node("Div", {"x", "m"}, "n")
      .node("Relu", {"n"}, "y")
      .outputs({"y"});
}

}  // namespace

TEST_CASE("a calibration names the sample and the node that made a NaN, and adds nothing") {
  for (const std::int64_t batch : {-1, 4, 1, 50}) {
    CAPTURE(batch);
    tensor x = test::noise(shape(51, 4), 3);
    float* first = x.mutable_data<float>();
    for (std::size_t i = 0; i < 51 * 4; ++i) first[i] = std::fabs(first[i]) + 1;
    test::simulation s(normalised({batch, ""}), {}, {shape(batch < 0 ? 51 : static_cast<std::size_t>(batch), 4)});
    s.observe({x});
    const auto before = s.activations()[2].statistics;
    for (const std::size_t k : {0u, 1u, 2u, 3u}) first[37 * 4 + k] = 0;
    CHECK(message<sample_error>([&] { s.observe({x}); }, errc::not_finite) ==
          "xquant: sample 37: value 'n' of node 'the_n' (Div, opset 17): element [0, 0] = NaN: data is not finite; "
          "expected finite values");
    CHECK(s.activations()[2].statistics == before);
    first[37 * 4] = -1;
    first[37 * 4 + 3] = 1;
    CHECK(message<sample_error>([&] { s.observe({x}); }, errc::not_finite).find("element [0, 1] = NaN") !=
          std::string::npos);
    first[50 * 4 + 2] = INFINITY;
    first[37 * 4] = 1;
    CHECK(message<sample_error>([&] { s.observe({x}); }, errc::not_finite) ==
          "xquant: sample 50: input 'x': element [0, 2] = infinity: data is not finite; expected finite values");
    CHECK(s.activations()[2].statistics == before);
  }
}

TEST_CASE("the node that made a number that is not finite is named, though its output is not observed") {
  const auto chain = [](float bias) {
    return test::graph_builder()
        .input("x", {{-1, ""}, {2, ""}})
        .constant("w", of(shape(2, 2), {2, 0, 0, 2}))
        .constant("b", of(shape(2), {0, bias}))
        .node("Gemm", {"x", "w", "b"}, "g")
        .node("Relu", {"g"}, "r")
        .node("Add", {"r", "r"}, "y")
        .outputs({"y"});
  };
  test::simulation s(chain(0), {}, {shape(3, 2)});
  const tensor large = of(shape(3, 2), {1, 2, 3, 3e38f, 5, 6});
  CHECK(message<sample_error>([&] { s.observe({large}); }, errc::not_finite) ==
        "xquant: sample 1: value 'g' of node 'the_g' (Gemm, opset 17): element [0, 1] = infinity: data is not finite; "
        "expected finite values");
  test::simulation with_nan(chain(INFINITY), {}, {shape(3, 2)});
  CHECK(message<sample_error>(
            [&] {
              with_nan.observe({of(shape(3, 2), {1, 2, 3, 4, 5, 6})});
            },
            errc::not_finite) ==
        "xquant: sample 0: constant 'b' of node 'the_g' (Gemm, opset 17): element [1] = infinity: data is not finite; "
        "expected finite values");
}

TEST_CASE("a kernel that cannot compute a sample names it") {
  test::simulation s(test::graph_builder()
                         .input("x", {{-1, ""}, {2, ""}})
                         .constant("table", of(shape(3, 2), {1, 2, 3, 4, 5, 6}))
                         .node("Cast", {"x"}, "i", {{"to", std::int64_t{7}}})
                         .node("Gather", {"table", "i"}, "t")
                         .node("Relu", {"t"}, "y")
                         .outputs({"y"}),
                     {}, {shape(3, 2)});
  s.observe({of(shape(3, 2), {0, 1, 2, 0, 1, 2})});
  const std::string said = message<sample_error>(
      [&] {
        s.observe({of(shape(3, 2), {0, 1, 2, 9, 1, 2})});
      },
      errc::value_out_of_range);
  CHECK(said.find("xquant: sample 1: node 'the_t' (Gather, opset 17): index 9;") == 0);
}

TEST_CASE("shapes that do not fit are no sample's fault") {
  test::simulation s(normalised({8, ""}), {}, {shape(8, 4)});
  CHECK(message([&] { s.observe({of(shape(3, 5), std::vector<float>(15, 1.0f))}); }, errc::shape_mismatch) ==
        "xquant: graph input 'x' given with shape [8, 5]; expected [8, 4]");
  CHECK(message([&] { s.observe({tensor(xquant::model::element_type::float32, shape(0, 4))}); },
                errc::shape_mismatch) == "xquant: no samples; the network's batch is 8");
  CHECK(message([&] { s.observe({}); }, errc::shape_mismatch) == "xquant: 0 inputs given; the network has 1");
}

TEST_CASE("weights, encodings and rules that do not fit name the value") {
  const auto linear = [](float w) {
    return test::graph_builder()
        .input("x", {{-1, ""}, {2, ""}})
        .constant("w", of(shape(2, 3), {1, 2, 3, 4, w, 6}))
        .node("MatMul", {"x", "w"}, "y")
        .outputs({"y"});
  };
  CHECK(message([&] { test::simulation(linear(NAN), {}, {shape(1, 2)}); }, errc::not_finite) ==
        "xquant: constant 'w' of node 'the_y' (MatMul, opset 17): element [1, 1] = NaN: data is not finite; expected "
        "finite values");
  xquant::model::simulation_options wide;
  wide.weight.bits = 17;
  const std::string bits = message([&] { test::simulation(linear(5), wide, {shape(1, 2)}); }, errc::not_compiled);
  CHECK(bits.find("xquant: constant 'w' of node 'the_y' (MatMul, opset 17): ") == 0);

  test::simulation s(linear(5), {}, {shape(1, 2)});
  const auto& g = s.network();
  const xquant::quantizer_description q;
  const std::string scale = message(
      [&] {
        s.set_activation(g.find("y"), {q, xquant::parameters(-1.0f)});
      },
      errc::scale_not_positive);
  CHECK(scale.find("xquant: value 'y' of node 'the_y' (MatMul, opset 17): ") == 0);
  CHECK(scale.find("-1: scale is not positive") != std::string::npos);
  CHECK(message(
            [&] {
              s.set_activation(g.find("x"), {q, xquant::parameters(std::vector<float>{1, 2})});
            },
            errc::parameter_count)
            .find("xquant: input 'x': ") == 0);
  CHECK(message(
            [&] {
              s.set_weight(g.find("w"), {q, xquant::parameters(std::vector<float>{1, 2})});
            },
            errc::parameter_count)
            .find("xquant: constant 'w' of node 'the_y' (MatMul, opset 17): ") == 0);
  CHECK(message(
            [&] {
              s.set_weight(g.find("y"), {q, xquant::parameters(1.0f)});
            },
            errc::unsupported)
            .find("'y'") != std::string::npos);
  CHECK(message([&] { s.set_ranges(xquant::full_range{}); }, errc::no_samples).find("observe() before set_ranges()") !=
        std::string::npos);
  s.observe({of(shape(1, 2), {1, 2})});
  CHECK(message([&] { s.set_ranges(xquant::percentile{101}); }, errc::value_out_of_range)
            .find("xquant: input 'x': percentile = 101") == 0);
}

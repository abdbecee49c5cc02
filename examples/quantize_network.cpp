// The main job: from an ONNX file to the accuracy of its quantized form, and to the files of that form.
// Exit codes: 0 done; 1 the network, the data or the encodings cannot be used; 2 wrong command line; 3 a file cannot be
// written.
#include <xquant/calibration/named_calibrator.hpp>
#include <xquant/engines/simd.hpp>
#include <xquant/formats/float8.hpp>
#include <xquant/formats/integer.hpp>
#include <xquant/io/encodings.hpp>
#include <xquant/io/file.hpp>
#include <xquant/io/onnx_reader.hpp>
#include <xquant/io/onnx_writer.hpp>
#include <xquant/io/simulation_encodings.hpp>
#include <xquant/model/batch_norm_fold.hpp>
#include <xquant/model/choose_ranges.hpp>
#include <xquant/model/simulation.hpp>
#include <xquant/presets/peer_calibrators.hpp>
#include <xquant/runtime.hpp>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "quantize_network_blas.hpp"
#include "quantize_network_data.hpp"
#include "quantize_network_progress.hpp"
#include "quantize_network_report.hpp"
#include "quantize_network_results.hpp"
#include "quantize_network_score.hpp"

namespace {

using namespace quantize_network;
// What encodings can ask for: integers of 2 to 16 bits, and the 8-bit float that ONNX has.
using simulation = model::simulation<xquant::simd_engine<>, xquant::file_choices>;

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
  std::size_t batch = 0;  // 0: the network's, or one that fits
  std::string out;
  std::string weights;
  std::vector<xquant::named_calibrator> calibrators;
  bool automatic = false;  // beside them
  std::string schema = "1.0.0";
  bool integer_biases = false;
  std::string load;
  bool load_partial = false;
  bool load_as_start = false;
};

// The configuration to be written: of those asked for, the one nearest to the float network on the calibration images.
struct choice {
  result configuration;
  double calibration_mse = 0;
  simulation quantized;
  std::size_t candidates = 0;
};

xquant::io::encodings_schema schema_named(const std::string& name) {
  if (name == "0.6.1") return xquant::io::encodings_schema::v0_6_1;
  if (name == "2.0.0") return xquant::io::encodings_schema::v2_0_0;
  return xquant::io::encodings_schema::v1_0_0;
}

// "51 for calibration, the first 48 of them for everything below".
std::string images_in_words(const model::graph& g, std::size_t calibration) {
  const std::size_t reported = reported_images(g, calibration);
  return report::counted(calibration) + " for calibration" +
         (reported == calibration ? "" : ", the first " + report::counted(reported) + " of them") +
         (reported == calibration ? " and everything below" : " for everything below");
}

// "min_max: no element may be clipped" and so on, a line each.
std::string calibrators_in_words() {
  std::string text;
  const auto add = [&](const auto& line) {
    text += std::string("\n  ") + line.name;
    if (line.setting != nullptr)
      text +=
          std::string(" (") + line.name + "=NUMBER: " + line.setting + "; " + report::number(line.standard, 6) + ")";
    text += std::string(": ") + line.use;
  };
  for (const xquant::known_rule& rule : xquant::standard_rules) add(rule);
  for (const xquant::known_calibrator& own : xquant::standard_calibrators) add(own);
  for (const xquant::known_calibrator& peer : xquant::presets::peer_calibrators) add(peer);
  return text + "\n  automatic: no rule to choose; the one that fits the network best on the calibration images";
}

// A,B,... as calibrators, each once. Throws CLI::ValidationError, which names what is none.
std::vector<xquant::named_calibrator> calibrators_named(const std::vector<std::string>& texts, bool& automatic) {
  std::vector<xquant::named_calibrator> rules;
  for (const std::string& text : texts) {
    automatic = automatic || text == "automatic";
    if (text == "automatic") continue;
    xquant::named_calibrator rule;
    if (const xquant::status bad = xquant::named_calibrator::try_parse(text, rule, xquant::presets::peer_calibrators);
        !bad.ok())
      throw CLI::ValidationError("--calibrator", "'" + text + "': expected " + bad.expected + calibrators_in_words());
    if (std::find(rules.begin(), rules.end(), rule) == rules.end()) rules.push_back(rule);
  }
  return rules;
}

// The report of the chosen configuration.
std::string report_of(const arguments& a, choice& chosen, const outcome& all, const model::tensor& calibration) {
  report::network_report r;
  r.network = std::filesystem::path(a.network).filename().string();
  const std::string weights = quantizers_in_words(chosen.quantized.weights());
  const std::string activations = quantizers_in_words(chosen.quantized.activations());
  r.configuration =
      "Weights " + weights + "; activations " + activations + ", " + chosen.configuration.activations + " ranges.";
  r.facts = {
      {"Chosen", chosen.candidates > 1 ? std::string("the lowest logit MSE on the calibration images (") +
                                             report::number(chosen.calibration_mse, 3) + ") of " +
                                             std::to_string(chosen.candidates) + " configurations"
                                       : std::string("the one asked for; logit MSE on the calibration images ") +
                                             report::number(chosen.calibration_mse, 3)},
      {"Biases", a.integer_biases ? "int32, in steps of the scale of input times the scale of weight" : "float32"},
      {"Images", report::counted(all.test_images) +
                     (all.float_accuracy ? " for accuracy and logit MSE, " : " for logit MSE, ") +
                     images_in_words(chosen.quantized.network(), all.calibration_images)}};
  r.accuracies = report_rows(all);
  r.layers = reported_layers(chosen.quantized, calibration, a.calibrators);
  r.footer = std::string("Made by xquant ") + std::to_string(XQUANT_VERSION_MAJOR) + "." +
             std::to_string(XQUANT_VERSION_MINOR) + "." + std::to_string(XQUANT_VERSION_PATCH) + ".";
  return report::to_html(r);
}

// NAME.encodings.json, report.html and NAME.qdq.onnx in the folder --out; the network is last, and when it is new so is
// the rest.
void write_chosen(const arguments& a, const std::vector<std::byte>& original, const choice& chosen,
                  const std::string& html) {
  const std::filesystem::path folder = a.out;
  std::error_code ignored;  // write_files reports a folder that is not there
  std::filesystem::create_directories(folder, ignored);
  const std::string name = std::filesystem::path(a.network).stem().string();
  std::vector<xquant::io::file_content> files;
  files.push_back({(folder / (name + ".encodings.json")).string(),
                   xquant::io::bytes_of(xquant::io::format_encodings(
                       xquant::io::encodings_of(chosen.quantized, schema_named(a.schema))))});
  files.push_back({(folder / "report.html").string(), xquant::io::bytes_of(html)});
  files.push_back({(folder / (name + ".qdq.onnx")).string(),
                   xquant::io::quantized_onnx(
                       original, xquant::io::quantized_network_of(chosen.quantized),
                       {.integer_biases = a.integer_biases, .folder = xquant::io::folder_of(a.network)}, a.network)});
  xquant::io::write_files(files);
  std::printf("\nchosen: weights %s, activations %s (logit MSE on the calibration images %.3g%s)\n",
              chosen.configuration.weights.c_str(), chosen.configuration.activations.c_str(), chosen.calibration_mse,
              chosen.candidates > 1 ? ", the lowest" : "");
  for (const xquant::io::file_content& f : files) std::printf("wrote %s\n", f.path.c_str());
}

bool all_frozen(const simulation& s) {
  for (const model::activation_quantizer& q : s.activations())
    if (!q.frozen) return false;
  return true;
}

// What the job is given, read and found fit for each other.
struct material {
  std::vector<std::byte> file;  // the network's
  model::graph network;
  model::tensor test;
  model::tensor calibration;
  std::optional<labels> classes;
  std::optional<xquant::io::encodings> encodings;
  std::size_t batch = 0;
};

material read(const arguments& a) {
  material m;
  m.file = xquant::io::read_file(a.network);
  m.network = xquant::io::parse_onnx(m.file, a.network, xquant::io::folder_of(a.network));
  if (m.network.inputs().size() != 1)
    throw std::runtime_error(a.network + ": " + std::to_string(m.network.inputs().size()) +
                             " inputs; expected one, the images");
  m.test = read_images(a.images);
  m.calibration = read_images(a.calibration);
  if (!a.load.empty()) m.encodings = xquant::io::read_encodings(a.load);
  m.batch = batch_size(m.network, a.batch);
  model::executor network = about(a.network, 0, [&] { return model::executor(m.network); });
  about(a.network + ", images of " + a.calibration, 0,
        [&] { network.prepare({batches(m.calibration, m.batch).shape()}); });
  about(a.network + ", images of " + a.images, 0, [&] { network.prepare({batches(m.test, m.batch).shape()}); });
  const model::value_id output = m.network.outputs().at(0);
  if (!a.labels.empty())
    m.classes = read_labels(a.labels, m.test.shape()[0], m.network.name_of(output), network.shape_of(output), m.batch);
  return m;
}

// The float network and the quantized one as evaluate() runs them.
struct float_runner {
  model::executor& executor;
  const model::graph& network() const { return executor.network(); }
  std::vector<model::tensor> run(const std::vector<model::tensor>& inputs, const model::value_observer& watch) {
    model::run_options options;
    options.observer = watch;
    return executor.run(inputs, options).outputs;
  }
};
struct quantized_runner {
  simulation& quantized;
  const model::graph& network() const { return quantized.network(); }
  std::vector<model::tensor> run(const std::vector<model::tensor>& inputs, const model::value_observer& watch) {
    return quantized.run(inputs, {}, watch).outputs;
  }
};

template <class Runner>
logits logits_of(const char* what, const std::string& file, const model::tensor& images, std::size_t batch,
                 Runner runner) {
  const batches data(images, batch);
  progress bar(what, data.count());
  return evaluate(file, data, runner, bar);
}

// The float network and every configuration of the quantized one, judged one after the other.
class trials {
 public:
  trials(const arguments& a, const material& m, outcome& found) : arguments_(a), material_(m), found_(found) {
    stopwatch floating;
    model::executor network(m.network);
    reference_ = logits_of("float", a.images, m.test, m.batch, float_runner{network});
    if (!a.out.empty())
      calibration_reference_ = logits_of("float", a.calibration, m.calibration, m.batch, float_runner{network});
    found_.float_accuracy = accuracy_of(reference_);
    found_.seconds_float = floating.seconds();
  }

  // One pass of the calibration images for each kind of weights: all range rules read the same statistics.
  void run() {
    const model::graph folded = model::fold_batch_norms(material_.network).network;
    for (const bool per_channel : {false, true}) {
      simulation quantized = calibrated(folded, per_channel);
      const bool weights_loaded = material_.encodings && !arguments_.load_partial;
      weights_ = weights_loaded ? "loaded" : per_channel ? "per_channel" : "per_tensor";
      const bool nothing_left = material_.encodings && all_frozen(quantized);
      if (nothing_left || (material_.encodings && arguments_.load_as_start)) judge("loaded", quantized);
      if (!nothing_left) {
        for (const xquant::named_calibrator& rule : arguments_.calibrators) judge_with(rule, quantized);
        if (arguments_.automatic) judge_automatic(quantized);
      }
      if (weights_loaded) break;  // the file has decided about all weights
    }
  }

  std::optional<choice>& chosen() { return chosen_; }

 private:
  std::optional<double> accuracy_of(const logits& l) const {
    if (!material_.classes) return std::nullopt;
    return accuracy(l, *material_.classes);
  }

  simulation calibrated(const model::graph& folded, bool per_channel) {
    const arguments& a = arguments_;
    stopwatch calibrating;
    const xquant::quantizer_description activation = {
        .format = xquant::unsigned_integer, .bits = a.bits, .scheme = xquant::id_of<xquant::affine>};
    const xquant::quantizer_description weight = {.bits = a.bits};
    const batches images(material_.calibration, material_.batch);
    simulation quantized = about(a.network, 0, [&] {
      return simulation(folded, {activation, weight, per_channel, a.integer_biases, a.calibrators}, {images.shape()});
    });
    if (material_.encodings) {
      try {
        xquant::io::load_encodings(quantized, *material_.encodings,
                                   {.partial = a.load_partial, .frozen = !a.load_as_start});
      } catch (const xquant::io::io_error& e) {
        throw std::runtime_error(a.load + ": " + e.what());
      }
    }
    progress bar("calibrate", images.count());
    for (std::size_t i = 0; i < images.count(); ++i, bar.step())
      about(a.calibration, images.first(i), [&] { quantized.observe({images[i]}); });
    found_.seconds_calibrate += calibrating.seconds();
    return quantized;
  }

  void judge_with(const xquant::named_calibrator& rule, simulation& quantized) {
    stopwatch ranging;
    about(arguments_.network, 0, [&] { quantized.set_ranges(rule); });
    found_.seconds_calibrate += ranging.seconds();
    judge(rule.text(), quantized);
  }

  // It is chosen by runs of one image where the network leaves the batch free, so that no image is hidden by others; a
  // network that fixes its batch takes whole batches only.
  void judge_automatic(simulation& quantized) {
    stopwatch ranging;
    const bool is_free = !model::declared_batch(quantized.network());
    const batches images(material_.calibration, is_free ? 1 : material_.batch);
    std::vector<std::vector<model::tensor>> samples;
    for (std::size_t i = 0; i < images.count(); ++i)
      if (is_free || images.first(i) + material_.batch <= material_.calibration.shape()[0])
        samples.push_back({images[i]});
    about(arguments_.network, 0, [&] { model::choose_ranges(quantized, samples); });
    found_.seconds_calibrate += ranging.seconds();
    judge("automatic", quantized);
  }

  void judge(const std::string& ranges, simulation& quantized) {
    const arguments& a = arguments_;
    stopwatch evaluating;
    const std::string name = weights_ + " " + ranges;
    const logits l =
        logits_of("evaluate", name + ": " + a.images, material_.test, material_.batch, quantized_runner{quantized});
    const result r{weights_, ranges, accuracy_of(l), mean_squared_difference(l, reference_), bias_notes_of(quantized)};
    found_.results.push_back(r);
    if (!a.out.empty() && (a.weights.empty() || a.weights == r.weights)) {
      const double mse = mean_squared_difference(logits_of("choose", name + ": " + a.calibration, material_.calibration,
                                                           material_.batch, quantized_runner{quantized}),
                                                 calibration_reference_);
      const std::size_t candidates = chosen_ ? chosen_->candidates + 1 : 1;
      if (!chosen_ || mse < chosen_->calibration_mse) {
        chosen_.emplace(choice{r, mse, quantized, candidates});
        found_.left_float = model::left_float(quantized);
      }
      chosen_->candidates = candidates;
      found_.chosen = chosen_->configuration;
    }
    if (a.out.empty()) found_.left_float = model::left_float(quantized);
    found_.seconds_evaluate += evaluating.seconds();
  }

  const arguments& arguments_;
  const material& material_;
  outcome& found_;
  logits reference_;
  logits calibration_reference_;
  std::string weights_;
  std::optional<choice> chosen_;
};

int run(const arguments& a) {
  stopwatch reading;
  const material m = read(a);
  outcome found;
  found.network = a.network;
  found.test_images = m.test.shape()[0];
  found.calibration_images = m.calibration.shape()[0];
  found.output = m.network.name_of(m.network.outputs().at(0));
  found.outputs = m.network.outputs().size();
  found.seconds_read = reading.seconds();
  std::printf("%s: %zu test images, %zu calibration images\n", a.network.c_str(), found.test_images,
              found.calibration_images);
  trials all(a, m, found);
  all.run();
  print_table(found);
  std::optional<choice>& chosen = all.chosen();
  if (!a.out.empty() && !chosen)
    throw std::runtime_error("no configuration with weights '" + a.weights + "' to write; the encodings of " + a.load +
                             " decide");
  try {
    if (chosen) write_chosen(a, m.file, *chosen, report_of(a, *chosen, found, m.calibration));
    if (!a.json.empty()) xquant::io::write_file(a.json, xquant::io::bytes_of(json_text(found)));
  } catch (const xquant::io::io_error& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return e.code() == xquant::errc::input_output ? exit_not_written : exit_unusable;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "Quantizes a convolutional network and says what that costs: accuracy and mean squared difference of the first "
      "output for weights per tensor and per channel, activations by the ranges of several rules. "
      "With --out it writes the quantized network.\n"
      "Exit codes: 0 done; 1 the network, the data or the encodings cannot be used; 2 wrong command line; 3 a file "
      "cannot be written.");
  arguments a;
  app.add_option("MODEL", a.network, "ONNX file, opset 11 to 21, float32")->required();
  app.add_option("--images", a.images, ".npy [N, ...] to evaluate on; uint8 is divided by 255, float32 taken as it is")
      ->required();
  app.add_option("--labels", a.labels,
                 ".npy [N], the class of each image, or [N, ...], the class of each position of the first output "
                 "[N, classes, ...]; without it there is no accuracy");
  app.add_option("--calibration", a.calibration, ".npy [N, ...] to calibrate with")->required();
  app.add_option("--bits", a.bits, "bits of weights and activations")->check(CLI::Range(2, 16))->capture_default_str();
  app.add_option("--batch", a.batch, "images in a run, where the network leaves that free")
      ->check(CLI::Range(1, 1 << 20));
  app.add_option("--json", a.json, "also write the results to this file");
  CLI::Option* out = app.add_option("--out", a.out,
                                    "write NAME.encodings.json, NAME.qdq.onnx and report.html to this folder: the "
                                    "configuration with the lowest logit MSE on the "
                                    "calibration images, among those that --weights and --calibrator leave");
  app.add_option("--weights", a.weights, "weights of the configuration to write")
      ->check(CLI::IsMember({"per_tensor", "per_channel"}))
      ->needs(out);
  std::vector<std::string> calibrators{"min_max", "entropy", "percentile"};
  app.add_option("--calibrator,--activations", calibrators,
                 "calibrators of activations, NAME or NAME=NUMBER, with commas between; each is tried:" +
                     calibrators_in_words())
      ->delimiter(',')
      ->capture_default_str();
  app.add_option("--schema", a.schema, "schema of the encodings file")
      ->check(CLI::IsMember({"0.6.1", "1.0.0", "2.0.0"}))
      ->capture_default_str()
      ->needs(out);
  app.add_flag("--integer-biases", a.integer_biases, "round biases to int32, scale input * weight");
  CLI::Option* load = app.add_option("--load", a.load,
                                     "encodings file (AIMET's, any schema) to quantize with; what it does not name "
                                     "stays float, and nothing is calibrated");
  app.add_flag("--load-partial", a.load_partial, "calibrate what the encodings file does not name")->needs(load);
  app.add_flag("--load-as-start", a.load_as_start, "calibrate what it names too, after evaluating it as loaded")
      ->needs(load);
  try {
    app.parse(argc, argv);
    a.calibrators = calibrators_named(calibrators, a.automatic);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : exit_usage;
  }
  use_one_blas_thread();
  try {
    return run(a);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return exit_unusable;
  }
}

// Training with quantizers: digits_cnn learns its weights again with 4 and with 2 bits, and with them its scales (LSQ)
// or its ranges (AIMET's range learning). Prints the accuracy on the test images, mean and spread over the seeds, and
// draws loss and ranges of the first seed:
//   example_learn_ranges [--data FOLDER] [--seeds N] [--epochs N] [--chart FILE.svg] [--short]
// The layers are in learn_ranges_layers.hpp, the network and its quantizers in learn_ranges_network.hpp, the loop in
// learn_ranges_training.hpp. Ends with 1 where the loss does not fall or 4 bits lose more than 2.1 points (--short: 3).
#include <xquant/io/file.hpp>
#include <xquant/io/onnx_reader.hpp>
#include <xquant/model/batch_norm_fold.hpp>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "learn_ranges_chart.hpp"
#include "learn_ranges_network.hpp"
#include "learn_ranges_training.hpp"
#include "quantize_network_blas.hpp"
#include "quantize_network_progress.hpp"

namespace {

using namespace learn_ranges;

struct arguments {
  std::string folder = XQUANT_SOURCE_DIR "/examples/data";
  std::string chart;
  std::size_t seeds = 3;
  std::size_t epochs = 8;
  bool is_short = false;
};

data read_data(const arguments& a) {
  const auto graph = xquant::io::read_onnx(a.folder + "/digits_cnn.onnx");
  return {xquant::model::fold_batch_norms(graph).network, read_samples(a.folder, "hard_train"),
          read_samples(a.folder, "hard_calib"), read_samples(a.folder, "hard_test", a.is_short ? 1000 : SIZE_MAX)};
}

// The runs of one choice of bits and method, one for each seed: a line of the table. Whether they are as they should
// be.
bool print_line(const std::vector<run>& runs, std::size_t steps_per_epoch, double least_accuracy) {
  double mean = 0;
  double before = 0;
  double first_loss = 0;
  double last_loss = 0;
  bool is_falling = true;
  std::string each;
  const auto count = static_cast<double>(runs.size());
  double lowest = 100;
  double highest = 0;
  for (const run& r : runs) {
    const std::size_t part = std::min(steps_per_epoch, r.loss.size() / 4);  // of one epoch, its quarters
    const double first = mean_of(r.loss, 0, part);
    const double last = mean_of(r.loss, r.loss.size() - part, part);
    is_falling = is_falling && last < first;
    first_loss += first / count;
    last_loss += last / count;
    before += r.before / count;
    mean += r.after / count;
    lowest = std::min(lowest, r.after);
    highest = std::max(highest, r.after);
  }
  const settings& s = runs[0].of;
  std::printf("W%dA%d %-15s %8.2f %8.2f   %.2f .. %.2f   %.3f -> %.3f\n", s.bits, s.bits, s.how->name, before, mean,
              lowest, highest, first_loss, last_loss);
  return is_falling && mean >= least_accuracy;
}

void write_chart(const std::string& path, const std::vector<run>& runs) {
  std::ofstream file(path, std::ios::binary);
  file << chart_of(runs);
  file.close();
  if (!file) throw std::runtime_error("cannot write " + path);
  std::printf("drawn in %s\n", path.c_str());
}

bool learn(const arguments& a) {
  quantize_network::use_one_blas_thread();
  const quantize_network::stopwatch clock;
  const data d = read_data(a);
  network untouched(d.graph, 4, methods[0]);
  const double float_accuracy = accuracy(untouched, d.test);
  std::printf("digits_cnn, %zu parameters with its batch norms folded: float %.2f %% of %zu test images\n",
              untouched.parameters(), float_accuracy, d.test.count());
  std::printf("epochs: %zu, of %zu images in batches of %zu; seeds: %zu\n\n", a.epochs, d.train.count(), batch_size,
              a.seeds);
  std::printf("%-20s %8s %8s   %s   %s\n", "", "before", "after", "lowest .. highest", "loss, first epoch -> last");

  const std::size_t steps = steps_of(d, 1);
  quantize_network::progress bar("training", 4 * a.seeds * a.epochs * steps);
  std::vector<run> drawn;
  bool is_good = true;
  for (const int bits : {4, 2})
    for (const method& how : methods) {
      std::vector<run> runs;
      for (std::uint64_t seed = 1; seed <= a.seeds; ++seed) runs.push_back(train(d, {bits, &how, seed, a.epochs}, bar));
      const double least = bits == 4 ? float_accuracy - (a.is_short ? 3 : 2.1) : 0;
      is_good = print_line(runs, steps, least) && is_good;
      drawn.push_back(runs[0]);
    }
  std::printf("\n%.0f s\n", clock.seconds());
  if (!a.chart.empty()) write_chart(a.chart, drawn);
  return is_good;
}

}  // namespace

int main(int count, char** values) {
  arguments a;
  CLI::App app("Trains digits_cnn with 4 and 2 bits, by LSQ and by range learning.");
  app.add_option("--data", a.folder, "folder of digits_cnn.onnx and the images and labels hard_{train,calib,test}");
  app.add_option("--seeds", a.seeds, "how many orders of the images")->check(CLI::PositiveNumber);
  app.add_option("--epochs", a.epochs, "passes over the images")->check(CLI::PositiveNumber);
  app.add_option("--chart", a.chart, "where to draw loss and ranges (SVG)");
  app.add_flag("--short", a.is_short, "one seed, one epoch, 1000 test images");
  try {
    app.parse(count, values);
    if (a.is_short) a.seeds = a.epochs = 1;
    if (learn(a)) return 0;
    std::fprintf(stderr, "learn_ranges: a loss that does not fall, or 4 bits that lose too much\n");
    return 1;
  } catch (const CLI::ParseError& e) {
    return app.exit(e);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "learn_ranges: %s\n", e.what());
    return 1;
  }
}

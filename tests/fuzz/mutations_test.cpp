// Real files with damage: each either loads or is refused, and a network that loads is quantized and run, or refused.
// XQUANT_MUTATIONS: how many of each file (60 by default; the target `mutations` makes ten thousand).
#include "hostile.hpp"

#include <xquant/calibration/min_max.hpp>
#include <xquant/io/encodings.hpp>
#include <xquant/io/file.hpp>
#include <xquant/io/onnx_reader.hpp>
#include <xquant/io/onnx_writer.hpp>
#include <xquant/io/simulation_encodings.hpp>
#include <xquant/model/executor.hpp>
#include <xquant/model/simulation.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace {

namespace model = xquant::model;
using file_bytes = std::vector<std::byte>;

// The same numbers everywhere, which std::mt19937's distributions are not.
class generator {
 public:
  explicit generator(std::uint64_t seed) : state_(seed) {}
  std::uint64_t operator()() {
    state_ += 0x9E3779B97F4A7C15u;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }
  std::size_t below(std::size_t n) { return n == 0 ? 0 : static_cast<std::size_t>((*this)() % n); }

 private:
  std::uint64_t state_;
};

// One to four wounds: most of them in the first kilobytes or the last, where the structure is.
file_bytes damaged(const file_bytes& original, generator& random) {
  file_bytes bytes = original;
  for (std::size_t wounds = 1 + random.below(4); wounds > 0 && !bytes.empty(); --wounds) {
    const std::size_t near = std::min<std::size_t>(bytes.size(), 4096);
    const std::size_t where = random.below(3);
    const std::size_t at = where == 0   ? random.below(near)
                           : where == 1 ? bytes.size() - 1 - random.below(near)
                                        : random.below(bytes.size());
    const auto to = bytes.begin() + static_cast<std::ptrdiff_t>(at);
    const std::size_t length = std::min(1 + random.below(64), bytes.size() - at);
    const auto from = original.begin() + static_cast<std::ptrdiff_t>(random.below(original.size() - length + 1));
    switch (random.below(9)) {
      case 0: *to ^= static_cast<std::byte>(1u << random.below(8)); break;
      case 1: *to = static_cast<std::byte>(random.below(256)); break;
      case 2: {  // what lengths and counts fear
        static constexpr std::uint8_t edges[] = {0x00, 0x01, 0x7F, 0x80, 0xFF, 0xFE, '0', '9', '-', '[', '{', '"', '}'};
        *to = static_cast<std::byte>(edges[random.below(sizeof edges)]);
        break;
      }
      case 3: {  // a length or a digit, more or less by a little
        *to = static_cast<std::byte>(static_cast<unsigned>(*to) + 1 + random.below(4) - (random.below(2) != 0 ? 5 : 0));
        break;
      }
      case 4: bytes.resize(at); break;                                           // cut short
      case 5: bytes.erase(to, to + static_cast<std::ptrdiff_t>(length)); break;  // a gap
      case 6: std::copy_n(from, length, to); break;                              // a piece of the file, elsewhere
      case 7: {                                                                  // the same, between
        const file_bytes piece(from, from + static_cast<std::ptrdiff_t>(length));
        bytes.insert(to, piece.begin(), piece.end());
        break;
      }
      default: std::fill_n(to, length, static_cast<std::byte>(random.below(2) != 0 ? 0xFF : random.below(256)));
    }
  }
  return bytes;
}

struct tally {
  std::size_t files = 0;
  std::size_t mutations = 0;
  std::size_t loaded = 0;
  std::size_t ran = 0;
};

// Everything a caller does with a network: run it, quantize it, write it. Anything but a documented error fails.
bool runs(const file_bytes& file) {
  const model::graph g = xquant::io::parse_onnx(file, "file.onnx");
  try {
    std::vector<xquant::shape> shapes;
    std::vector<model::tensor> inputs;
    for (const model::value_id id : g.inputs()) {
      xquant::shape s;
      for (const model::dimension& d : g.value(id).dimensions)
        s[s.rank++] = d.extent < 0 ? 1 : static_cast<std::size_t>(d.extent);
      if (!s.valid().ok() || s.size() > 100000) return false;
      const model::element_type type = g.value(id).type;
      inputs.emplace_back(type == model::element_type::undefined ? model::element_type::float32 : type, s);
      std::memset(inputs.back().mutable_bytes(), 0, inputs.back().byte_size());
      shapes.push_back(s);
    }
    model::executor e(g, {.most_elements = 1000000});
    e.prepare(shapes);
    (void)e.run(inputs);
    model::simulation<> s(g, {}, shapes);
    s.observe(inputs);
    s.set_ranges(xquant::full_range{});
    (void)s.run(inputs);
    (void)xquant::io::quantized_onnx(file, xquant::io::quantized_network_of(s));
    return true;
  } catch (const model::model_error&) {
  } catch (const xquant::io::io_error&) {
  } catch (const xquant::error&) {
  }
  return false;
}

tally mutate(const hostile::loader& l, const std::vector<std::string>& paths, std::size_t share) {
  const char* asked = std::getenv("XQUANT_MUTATIONS");
  const std::size_t count = asked == nullptr ? share : static_cast<std::size_t>(std::atoll(asked));
  const bool is_network = std::string(l.name) == "onnx";
  tally all;
  for (const std::string& path : paths) {
    const file_bytes original = xquant::io::read_file(path);
    CAPTURE(path);
    tally one;
    const std::clock_t start = std::clock();
    for (std::size_t i = 0; i < count; ++i) {
      generator random(i);
      const file_bytes file = damaged(original, random);
      hostile::answer a;
      const std::string fault = hostile::fault_of(l, file, &a);
      ++one.mutations;
      if (!fault.empty()) {
        CAPTURE(i);
        CHECK(fault == "");
      }
      if (!a.message.empty()) continue;
      ++one.loaded;
      if (!is_network) continue;
      try {
        if (runs(file)) ++one.ran;
      } catch (const std::exception& e) {
        CAPTURE(i);
        FAIL_CHECK(std::string(e.what()));
      }
    }
    if (asked != nullptr) {
      const std::string line = std::filesystem::path(path).filename().string() + ": " + std::to_string(one.mutations) +
                               " mutations, " + std::to_string(one.loaded) + " loaded, " + std::to_string(one.ran) +
                               " ran, " + std::to_string((std::clock() - start) / CLOCKS_PER_SEC) + " s";
      std::puts(line.c_str());
    }
    ++all.files;
    all.mutations += one.mutations;
    all.loaded += one.loaded;
    all.ran += one.ran;
  }
  return all;
}

std::vector<std::string> files_in(const std::string& folder, const std::string& ending) {
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator(std::string(XQUANT_SOURCE_DIR) + "/" + folder)) {
    const std::string path = entry.path().string();
    if (path.size() >= ending.size() && path.compare(path.size() - ending.size(), ending.size(), ending) == 0)
      paths.push_back(path);
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}
std::vector<std::string> both(std::vector<std::string> a, const std::vector<std::string>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

TEST_CASE("mutations of every network") {
  const tally t = mutate(hostile::onnx,
                         both(both(files_in("examples/data", ".onnx"), files_in("tests/data", ".onnx")),
                              files_in("tests/data/aimet", ".onnx")),
                         20);
  CHECK(t.files >= 8);
  CHECK(t.loaded > t.mutations / 20);  // weights with damage are weights
  CHECK(t.ran > 0);
}

TEST_CASE("mutations of every array") {
  const tally t =
      mutate(hostile::npy, both(files_in("examples/data", ".npy"), files_in("tests/data/aimet", ".npy")), 20);
  CHECK(t.files >= 10);
  CHECK(t.loaded > 0);
  CHECK(t.loaded < t.mutations);
}

TEST_CASE("mutations of every encodings file") {
  const tally t = mutate(hostile::encodings, files_in("tests/data/aimet", ".json"), 60);
  CHECK(t.files >= 10);
  CHECK(t.loaded > 0);
  CHECK(t.loaded < t.mutations);
}

}  // namespace

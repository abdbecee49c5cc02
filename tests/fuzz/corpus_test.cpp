// What the fuzzers kept: every input that took another way through a loader, and whatever they found.
#include "hostile.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <string>
#include <vector>

namespace {

void replay(const hostile::loader& l) {
  const std::string path = std::string(XQUANT_SOURCE_DIR) + "/tests/data/fuzz/" + l.name + ".corpus";
  const std::vector<std::vector<std::byte>> files = hostile::read_corpus(path);
  CHECK(files.size() >= 100);
  std::size_t loaded = 0;
  for (const std::vector<std::byte>& file : files) {
    hostile::answer a;
    CHECK(hostile::fault_of(l, file, &a) == "");
    if (a.message.empty()) ++loaded;
  }
  CHECK(loaded > 0);
  CHECK(loaded < files.size());
}

TEST_CASE("the fuzzers' corpus: onnx") { replay(hostile::onnx); }
TEST_CASE("the fuzzers' corpus: npy") { replay(hostile::npy); }
TEST_CASE("the fuzzers' corpus: encodings") { replay(hostile::encodings); }

}  // namespace

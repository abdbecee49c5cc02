// What a loader may do with bytes nobody vouches for: give a value or a clear error, in memory bounded by the bytes.
// Shared by the fuzzers, the replay of their findings, the mutations and the tests by name.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace hostile {

using bytes = std::span<const std::byte>;

/// What came of loading: the error's message, or "" when there is a value.
struct answer {
  std::string message;
};

/// A loader, and the memory it may use: `multiple` times the size of the file, and `least` bytes besides.
struct loader {
  const char* name;
  /// Throws whatever the loader throws that is not its documented errors.
  answer (*load)(bytes);
  std::size_t multiple;
};
inline constexpr std::size_t least = 64 * 1024;

extern const loader onnx;
extern const loader npy;
extern const loader encodings;

/// What is wrong with how `l` takes a file: an exception it does not document, an error without or with an endless
/// message, more memory than it may use. "" when nothing is. `answered` gets the answer.
std::string fault_of(const loader& l, bytes file, answer* answered = nullptr);

/// For fuzzers: aborts, after saying why, when there is a fault.
void require_no_fault(const loader& l, bytes file);

/// Bytes from the heap, of the whole program, beyond what it had when begin() was called: the most at any time.
namespace heap {
void begin();
std::size_t peak();
}  // namespace heap

/// The parts of a corpus file: for each, four bytes of length (little-endian) and that many bytes.
std::vector<std::vector<std::byte>> read_corpus(const std::string& path);

}  // namespace hostile

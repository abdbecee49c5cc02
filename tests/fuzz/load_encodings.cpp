// The loader of encodings files, as the fuzzers see it: each entry it gives is a quantizer or is refused.
#include "hostile.hpp"

#include <xquant/io/encodings.hpp>

#include <cstdlib>

namespace {

hostile::answer load(hostile::bytes file) {
  try {
    const xquant::io::encodings all = xquant::io::parse_encodings(file, "file.json");
    for (const xquant::io::encoding_entry& e : all.entries) {
      try {
        const auto q = xquant::io::encoding_of(e);
        if (q.encoding.parameters.count() != e.scale.size()) std::abort();
      } catch (const xquant::io::io_error&) {
      }
    }
    return {};
  } catch (const xquant::io::io_error& e) {
    return {e.what()};
  }
}

}  // namespace

const hostile::loader hostile::encodings{"encodings", load, 128};

// AIMET's encodings files (schemas 0.6.1, 1.0.0 and 2.0.0), read and written.
#pragma once

#include <xquant/io/encoding_entry.hpp>
#include <xquant/io/encoding_quantizer.hpp>
#include <xquant/io/encodings_formatter.hpp>
#include <xquant/io/encodings_parser.hpp>
#include <xquant/io/file.hpp>

#include <cstddef>
#include <span>
#include <string>

namespace xquant::inline XQUANT_ABI::io {

/// The encodings in the bytes of a file; `where` names it in messages. The schema is the file's "version", or for a
/// file without one what its form says, as AIMET does. Reads integers of 2 to 32 bits per tensor and per channel, float
/// tensors, and (2.0.0) float8e4m3fn.
///
/// Where an entry gives minimum and maximum beside scale and offset (0.6.1 always does, the others may), all four must
/// agree: (max - min) / scale is a whole number N from 1 to 2^bits - 1, and min / scale is the offset, within the half
/// step by which ranges are rounded to their offsets (and a tenth of a step for numbers cut short). Then the grid is
/// that of scale and offset, as AIMET's C++ core rounds to it, and has N + 1 codes: real = scale * (q + offset), q in
/// 0 .. N. Both 0 counts as not given. Without them N is 2^bits - 1, or one less for symmetric entries all of whose
/// offsets are 1 - 2^(bits-1).
///
/// Throws io_error: malformed for what is not JSON, is nested more than 32 deep, repeats a key or a tensor, has a
/// scale, offset, bit width or flag that no encoding has, or four numbers that contradict each other; unsupported for
/// block, LPBQ and VECTOR encodings, other data types and other versions. 0.6.1 flattens blocks to a list that looks
/// like channels: those are refused when they are matched with the network. Memory: at most 128 times the file's size
/// and 64 KiB besides, time at most in proportion to n log n.
inline encodings parse_encodings(std::span<const std::byte> bytes, const std::string& where = "encodings") {
  return detail::encodings_parser(bytes, where).take();
}

/// The encodings in a file; errors as parse_encodings, and input_output when the file cannot be read.
inline encodings read_encodings(const std::string& path) { return parse_encodings(read_file(path), path); }

/// The text of a file in schema `all.schema`. Scales are written as the shortest decimals that give the same double, so
/// reading gives the same float32 bits. Throws io_error (unsupported) for an entry that the schema cannot express:
/// float8e4m3fn, or a role left unknown, before 2.0.0; a bit width without data type, or channels without axis, in
/// 2.0.0; user-set codes in any but 0.6.1, which says where they end. Integer biases (32 bits) are written by 2.0.0
/// alone, float tensors by the others alone, as by AIMET.
inline std::string format_encodings(const encodings& all) {
  return detail::encodings_formatter(all).root().dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

/// Writes (replaces) a file of encodings, in one step (write_file). Throws io_error.
inline void write_encodings(const std::string& path, const encodings& all) {
  write_file(path, bytes_of(format_encodings(all)));
}

}  // namespace xquant::io

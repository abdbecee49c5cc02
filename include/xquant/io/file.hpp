// Whole files to and from memory.
#pragma once

#include <xquant/io/error.hpp>

#include <cstddef>
#include <fstream>
#include <ios>
#include <span>
#include <string>
#include <vector>

namespace xquant::io {

/// The bytes of a file. Throws io_error (input_output).
inline std::vector<std::byte> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw io_error(errc::input_output, "cannot open '" + path + "' for reading");
  std::vector<std::byte> bytes;
  char block[65536];
  while (file.read(block, sizeof block) || file.gcount() > 0) {
    const auto* first = reinterpret_cast<const std::byte*>(block);
    bytes.insert(bytes.end(), first, first + file.gcount());
  }
  if (file.bad() || !file.eof()) throw io_error(errc::input_output, "cannot read '" + path + "'");
  return bytes;
}

/// Writes (replaces) a file. Throws io_error (input_output).
inline void write_file(const std::string& path, std::span<const std::byte> bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  if (!file) throw io_error(errc::input_output, "cannot open '" + path + "' for writing");
  file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  file.close();
  if (!file) throw io_error(errc::input_output, "cannot write '" + path + "'");
}

}  // namespace xquant::io

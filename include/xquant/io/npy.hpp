// numpy's .npy files: header versions 1 to 3, little-endian, C order; float32, float64, integers of 8 to 32 bits,
// int64, bool.
#pragma once

#include <xquant/io/error.hpp>
#include <xquant/io/file.hpp>
#include <xquant/model/tensor.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace xquant::inline XQUANT_ABI::io {

static_assert(std::endian::native == std::endian::little, "xquant::io: .npy and ONNX bytes are used as they lie");

namespace detail {

struct npy_type {
  model::element_type type;
  std::string_view name;
};
inline constexpr npy_type npy_types[] = {
    {model::element_type::float32, "<f4"}, {model::element_type::float64, "<f8"}, {model::element_type::uint8, "|u1"},
    {model::element_type::int8, "|i1"},    {model::element_type::uint16, "<u2"},  {model::element_type::int16, "<i2"},
    {model::element_type::uint32, "<u4"},  {model::element_type::int32, "<i4"},   {model::element_type::int64, "<i8"},
    {model::element_type::boolean, "|b1"},
};

// Reads the header: a Python dictionary with the keys descr, fortran_order and shape.
class npy_header {
 public:
  npy_header(std::string_view text, const std::string& where) : text_(text), where_(where) {
    expect('{');
    while (!take('}')) {
      const std::string_view key = quoted();
      expect(':');
      if (key == "descr" && !seen_descr_)
        read_descr();
      else if (key == "fortran_order" && !seen_order_)
        read_order();
      else if (key == "shape" && !seen_shape_)
        read_shape();
      else
        fail("header key " + model::in_quotes(std::string(key.substr(0, 100))));
      if (!take(',') && !peek('}')) fail("header");
    }
    if (!seen_descr_ || !seen_order_ || !seen_shape_) fail("header without descr, fortran_order and shape");
    skip_space();
    if (at_ != text_.size()) fail("text after the header's dictionary");
  }

  model::element_type type = model::element_type::undefined;
  xquant::shape shape;

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw io_error(errc::malformed, where_ + ": not a .npy file that can be read: " + what);
  }
  void skip_space() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t')) ++at_;
  }
  bool peek(char c) {
    skip_space();
    return at_ < text_.size() && text_[at_] == c;
  }
  bool take(char c) {
    if (!peek(c)) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (!take(c)) fail(std::string("header, '") + c + "' expected");
  }
  std::string_view quoted() {
    skip_space();
    if (at_ >= text_.size() || (text_[at_] != '\'' && text_[at_] != '"')) fail("header, a string expected");
    const char quote = text_[at_++];
    const std::size_t end = text_.find(quote, at_);
    if (end == std::string_view::npos) fail("header, a string without end");
    const std::string_view text = text_.substr(at_, end - at_);
    at_ = end + 1;
    return text;
  }
  void read_descr() {
    seen_descr_ = true;
    skip_space();
    if (peek('[')) throw io_error(errc::unsupported, where_ + ": structured elements; expected one number type");
    std::string name(quoted().substr(0, 100));
    if (name.size() == 3 && name[2] == '1') name[0] = '|';
    for (const npy_type& known : npy_types)
      if (known.name == name) type = known.type;
    if (type == model::element_type::undefined)
      throw io_error(errc::unsupported, where_ + ": elements of type '" + name + "'" +
                                            (name.substr(name.empty() ? 0 : 1) == "f2" ? " (float16)" : "") +
                                            "; expected little-endian f4, f8, u1, i1, u2, i2, u4, i4, i8 or b1");
  }
  void read_order() {
    seen_order_ = true;
    skip_space();
    if (text_.substr(at_, 4) == "True") throw io_error(errc::unsupported, where_ + ": Fortran order; expected C order");
    if (text_.substr(at_, 5) != "False") fail("header, True or False expected");
    at_ += 5;
  }
  void read_shape() {
    seen_shape_ = true;
    expect('(');
    while (!take(')')) {
      skip_space();
      std::size_t extent = 0;
      const std::size_t start = at_;
      for (; at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_) {
        if (at_ - start >= 19) fail("header, an extent of more than 19 digits");
        extent = extent * 10 + static_cast<std::size_t>(text_[at_] - '0');
      }
      if (at_ == start) fail("header, an extent expected");
      if (shape.rank == max_rank) throw io_error(errc::unsupported, where_ + ": more than 8 dimensions");
      shape[shape.rank++] = extent;
      if (!take(',') && !peek(')')) fail("header, ',' or ')' expected");
    }
  }

  std::string_view text_;
  const std::string& where_;
  std::size_t at_ = 0;
  bool seen_descr_ = false;
  bool seen_order_ = false;
  bool seen_shape_ = false;
};

}  // namespace detail

/// The array in the bytes of a .npy file. `where` names it in messages. Throws io_error: malformed for a wrong magic,
/// version, header or number of data bytes; unsupported for big-endian, Fortran order and other element types. Memory:
/// at most the size of `bytes` and 64 KiB besides.
inline model::tensor parse_npy(std::span<const std::byte> bytes, const std::string& where = ".npy") {
  const auto byte = [&](std::size_t i) { return static_cast<std::size_t>(bytes[i]); };
  if (bytes.size() < 10 || std::memcmp(bytes.data(), "\x93NUMPY", 6) != 0)
    throw io_error(errc::malformed, where + ": not a .npy file");
  const std::size_t version = byte(6);
  if (version < 1 || version > 3)
    throw io_error(errc::unsupported, where + ": .npy version " + std::to_string(version) + "; expected 1, 2 or 3");
  const std::size_t start = version == 1 ? 10 : 12;
  if (bytes.size() < start) throw io_error(errc::malformed, where + ": ends inside its header");
  std::size_t length = byte(8) | byte(9) << 8;
  if (version > 1) length |= byte(10) << 16 | byte(11) << 24;
  if (bytes.size() - start < length) throw io_error(errc::malformed, where + ": ends inside its header");
  const detail::npy_header header({reinterpret_cast<const char*>(bytes.data()) + start, length}, where);
  const std::span<const std::byte> data = bytes.subspan(start + length);
  const status bad = header.shape.valid();
  if (!bad.ok() || header.shape.size() * model::size_of(header.type) != data.size())
    throw io_error(errc::malformed, where + ": " + std::to_string(data.size()) + " bytes of data; expected " +
                                        model::to_text(header.shape) + " of " + model::name_of(header.type));
  model::tensor result(header.type, header.shape);
  if (!data.empty()) std::memcpy(result.mutable_bytes(), data.data(), data.size());
  return result;
}

/// The array in a .npy file; errors as parse_npy, and input_output when the file cannot be read.
inline model::tensor read_npy(const std::string& path) { return parse_npy(read_file(path), path); }

/// The bytes of a .npy file (version 1) with that array. Throws io_error (unsupported) for other element types.
inline std::vector<std::byte> format_npy(const model::tensor& t) {
  std::string_view descr;
  for (const detail::npy_type& known : detail::npy_types)
    if (known.type == t.type()) descr = known.name;
  if (descr.empty()) throw io_error(errc::unsupported, std::string("writes no .npy of ") + model::name_of(t.type()));
  std::string header = "{'descr': '" + std::string(descr) + "', 'fortran_order': False, 'shape': (";
  for (std::size_t d = 0; d < t.shape().rank; ++d)
    header += (d ? ", " : "") + std::to_string(t.shape()[d]) + (t.shape().rank == 1 ? "," : "");
  header += "), }";
  header.append(63 - (10 + header.size()) % 64, ' ');
  header += '\n';
  std::string file = "\x93NUMPY";
  file += '\1';
  file += '\0';
  file += static_cast<char>(header.size() & 0xFF);
  file += static_cast<char>(header.size() >> 8);
  file += header;
  std::vector<std::byte> bytes(file.size() + t.byte_size());
  std::memcpy(bytes.data(), file.data(), file.size());
  if (t.byte_size() != 0) std::memcpy(bytes.data() + file.size(), t.bytes(), t.byte_size());
  return bytes;
}

/// Writes (replaces) a .npy file. Throws io_error.
inline void write_npy(const std::string& path, const model::tensor& t) { write_file(path, format_npy(t)); }

}  // namespace xquant::io

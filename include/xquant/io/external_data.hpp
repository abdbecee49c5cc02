// Tensor data that an ONNX model keeps in files beside it: which files it may name, and what part of them it gets.
#pragma once

#include <xquant/core/shape.hpp>
#include <xquant/io/error.hpp>
#include <xquant/io/memory_map.hpp>
#include <xquant/model/error.hpp>
#include <xquant/model/tensor.hpp>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace xquant::inline XQUANT_ABI::io {

/// TensorProto.external_data as the model has it.
struct external_location {
  std::string file;    ///< relative to the model's folder
  std::string offset;  ///< decimal; "" is 0
  std::string length;  ///< decimal; "" is what the tensor needs
};

/// Files beside a model. A model names them by paths relative to its folder that neither begin with "/" nor hold "..",
/// and links among them must stay in the folder: a model that somebody sent cannot make the program read other files.
/// Tensors are views of the mapped files, so memory is used as they are read; those that do not lie at a multiple of
/// their element's size are copied, no more bytes of a file than it has.
class external_files {
 public:
  /// No folder: everything external is refused.
  external_files() = default;
  explicit external_files(std::string folder) : folder_(std::move(folder)) {}

  /// The tensor at a location; `where` names it in messages. Throws io_error: unsupported without a folder; malformed
  /// for a path that leaves the folder, an offset or length that is no number, is not what the tensor needs, or goes
  /// beyond the file; input_output when the file cannot be read.
  model::tensor load(const external_location& location, model::element_type type, const shape& s,
                     const std::string& where) {
    const std::string who = where + ": external data " + model::in_quotes(location.file);
    if (folder_.empty())
      throw io_error(errc::unsupported, who + ": the folder of the model is not known; load it by its path");
    file& from = open(location.file, who);
    const std::size_t needed = s.size() * model::size_of(type);
    const std::size_t offset = number(location.offset, 0, "offset", who);
    const std::size_t length = number(location.length, needed, "length", who);
    if (length != needed)
      throw io_error(errc::malformed, who + ": length " + std::to_string(length) + "; expected " +
                                          std::to_string(needed) + " for " + model::to_text(s) + " of " +
                                          model::name_of(type));
    const std::size_t size = from.map.size();
    if (offset > size || needed > size - offset)
      throw io_error(errc::malformed, who + ": " + std::to_string(needed) + " bytes at offset " +
                                          std::to_string(offset) + " of a file of " + std::to_string(size));
    if (needed == 0) return model::tensor(type, s);
    if (offset % model::size_of(type) == 0) return model::tensor::over(type, s, from.map.part(offset));
    if (needed > size - from.copied)
      throw io_error(errc::malformed, who + ": tensors at odd offsets share bytes of the file");
    from.copied += needed;
    model::tensor t(type, s);
    std::memcpy(t.mutable_bytes(), from.map.bytes().data() + offset, needed);
    return t;
  }

 private:
  struct file {
    memory_map map;
    std::size_t copied = 0;
  };

  [[noreturn]] static void refuse(const std::string& who, const std::string& problem) {
    throw io_error(errc::malformed, who + ": " + problem);
  }

  static std::size_t number(const std::string& text, std::size_t otherwise, const char* what, const std::string& who) {
    if (text.empty()) return otherwise;
    std::size_t value = 0;
    bool good = text.size() <= 18;
    for (const char c : text) {
      good = good && c >= '0' && c <= '9';
      if (good) value = value * 10 + static_cast<std::size_t>(c - '0');
    }
    if (!good) refuse(who, std::string(what) + " " + model::in_quotes(text) + "; expected a number of bytes");
    return value;
  }

  // Absolute, free of links; "" when there is no such file.
  static std::string real_path(const std::string& path) {
    const std::unique_ptr<char, void (*)(void*)> real(::realpath(path.c_str(), nullptr), std::free);
    return real ? real.get() : "";
  }

  file& open(const std::string& name, const std::string& who) {
    if (const auto known = by_name_.find(name); known != by_name_.end()) return *known->second;
    if (name.empty() || name.find('\0') != std::string::npos) refuse(who, "names no file");
    if (name.front() == '/') refuse(who, "is an absolute path; expected one inside the model's folder");
    for (std::size_t at = 0; at <= name.size();) {
      const std::size_t end = std::min(name.find('/', at), name.size());
      if (std::string_view(name).substr(at, end - at) == "..")
        refuse(who, "leaves the model's folder by '..'; expected a path inside it");
      at = end + 1;
    }
    const std::string folder = real_path(folder_);
    if (folder.empty())
      throw io_error(errc::input_output,
                     who + ": no folder '" + folder_ + "' (" + std::generic_category().message(errno) + ")");
    const std::string path = real_path(folder + "/" + name);
    if (path.empty())
      throw io_error(errc::input_output,
                     who + ": cannot open for reading (" + std::generic_category().message(errno) + ")");
    const std::string inside = folder == "/" ? folder : folder + "/";
    if (path.compare(0, inside.size(), inside) != 0)
      refuse(who, "leaves the model's folder by a link, to " + model::in_quotes(path) + "; expected a file inside it");
    auto found = files_.find(path);
    if (found == files_.end()) found = files_.emplace(path, file{memory_map(path)}).first;
    by_name_.emplace(name, &found->second);
    return found->second;
  }

  std::string folder_;
  std::map<std::string, file> files_;  // by real path
  std::map<std::string, file*> by_name_;
};

}  // namespace xquant::io

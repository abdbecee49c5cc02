// A file seen as memory, through POSIX mmap: read as it is used, by as many bytes as are looked at.
#pragma once

#include <xquant/io/error.hpp>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <system_error>

namespace xquant::inline XQUANT_ABI::io {

/// The bytes of a file, mapped: nothing is read before it is looked at, and nothing is allocated. Copies share the map,
/// and so does what part() hands out; the last one gone unmaps. Whoever makes the file shorter meanwhile takes pages
/// away: reading those ends the program (SIGBUS), as with every map.
class memory_map {
 public:
  /// Maps a regular file, which is not a link itself. Throws io_error (input_output) naming the path and the reason.
  explicit memory_map(const std::string& path) {
    const auto fail = [&](const std::string& problem, int reason) {
      throw io_error(errc::input_output, "'" + path + "': " + problem +
                                             (reason == 0 ? "" : " (" + std::generic_category().message(reason) + ")"));
    };
    // A pipe would wait for its writer.
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (file < 0) fail("cannot open for reading", errno);
    struct stat about = {};
    const bool known = ::fstat(file, &about) == 0;
    const int unknown_for = known ? 0 : errno;
    if (!known || !S_ISREG(about.st_mode)) {
      ::close(file);
      fail(known ? "is no regular file" : "cannot read", unknown_for);
    }
    const auto length = static_cast<std::uintmax_t>(about.st_size);
    if (length > PTRDIFF_MAX) {
      ::close(file);
      fail("is too large for this machine's addresses", 0);
    }
    size_ = static_cast<std::size_t>(length);
    if (size_ == 0) {
      ::close(file);
      return;
    }
    void* memory = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file, 0);
    const int reason = memory == MAP_FAILED ? errno : 0;
    ::close(file);
    if (memory == MAP_FAILED) fail("cannot be mapped", reason);
    const std::size_t size = size_;
    memory_ = std::shared_ptr<const std::byte>(static_cast<const std::byte*>(memory), [size](const std::byte* first) {
      ::munmap(const_cast<std::byte*>(first), size);
    });
  }

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return {memory_.get(), size_}; }
  /// The bytes from `offset` on, which must be in the file. They keep the map alive.
  [[nodiscard]] std::shared_ptr<const std::byte> part(std::size_t offset) const {
    return {memory_, memory_.get() + offset};
  }

 private:
  std::shared_ptr<const std::byte> memory_;  // null: an empty file
  std::size_t size_ = 0;
};

}  // namespace xquant::io

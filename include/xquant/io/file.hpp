// Whole files to and from memory. What is written replaces the old file in one step: whoever looks, and whatever fails,
// finds the old file or the new one.
#pragma once

#include <xquant/io/error.hpp>

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <ios>
#include <memory>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace xquant::inline XQUANT_ABI::io {

/// The folder that `path` lies in, as it is written there, with the slash; "." when it names none.
inline std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash + 1);
}

/// The bytes of a file; devices and pipes are read to their end. Throws io_error (input_output). Memory: the file's
/// size.
inline std::vector<std::byte> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw io_error(errc::input_output, "cannot open '" + path + "' for reading");
  std::vector<std::byte> bytes;
  struct stat about = {};
  if (::stat(path.c_str(), &about) == 0 && S_ISREG(about.st_mode) && about.st_size > 0) {
    try {
      bytes.reserve(static_cast<std::size_t>(about.st_size));
    } catch (const std::exception&) {
      throw io_error(errc::input_output,
                     "cannot read '" + path + "': no memory for its " + std::to_string(about.st_size) + " bytes");
    }
  }
  char block[65536];
  while (file.read(block, sizeof block) || file.gcount() > 0) {
    const auto* first = reinterpret_cast<const std::byte*>(block);
    bytes.insert(bytes.end(), first, first + file.gcount());
  }
  if (file.bad() || !file.eof()) throw io_error(errc::input_output, "cannot read '" + path + "'");
  return bytes;
}

/// A file to be written: where, and what.
struct file_content {
  std::string path;
  std::vector<std::byte> bytes;
};

namespace detail {

// Called before each request to the system that changes something, with its name: where a test ends the program.
struct unobserved {
  void operator()(const char*) const noexcept {}
};

// A new file beside `target`, which takes its place in commit() and is gone again if that never comes. While it is
// being written it is locked, so that what a killed program left behind can be told from it.
template <class Observer = unobserved>
class replacement {
 public:
  // Writes everything and waits until the disk has it. `target` is named in messages as `path`.
  replacement(const std::string& path, std::span<const std::byte> bytes, const Observer& before = {})
      : path_(path), target_(path), before_(before) {
    struct stat old = {};
    const bool exists = ::stat(path.c_str(), &old) == 0;
    if (exists && S_ISDIR(old.st_mode)) fail("is a folder", 0);
    if (exists && !S_ISREG(old.st_mode)) {
      // A device or a pipe holds nothing to be replaced.
      const int device = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
      if (device < 0) fail("cannot open for writing", errno);
      write_all(device, bytes);
      if (::close(device) != 0) fail("cannot write", errno);
      return;
    }
    if (exists) resolve_links();
    // A file its owner protected stays, although its folder would allow replacing it.
    if (exists && ::access(target_.c_str(), W_OK) != 0) fail("cannot write", errno);
    remove_leftovers();
    const int file = create();
    if (exists && ::fchmod(file, old.st_mode & 07777) != 0) abandon(file, "cannot write");
    try {
      // In two halves, so that there is a middle to end in.
      write_all(file, bytes.first(bytes.size() / 2));
      write_all(file, bytes.subspan(bytes.size() / 2));
    } catch (...) {
      ::close(file);
      discard();
      throw;
    }
    before_("fsync");
    if (::fsync(file) != 0) abandon(file, "cannot write");
    lock_ = ::dup(file);
    before_("close");
    if (::close(file) != 0) {
      const int reason = errno;
      discard();
      fail("cannot write", reason);
    }
  }
  replacement(const replacement&) = delete;
  replacement& operator=(const replacement&) = delete;
  replacement(replacement&& other) noexcept
      : path_(std::move(other.path_)),
        target_(std::move(other.target_)),
        temporary_(std::move(other.temporary_)),
        lock_(std::exchange(other.lock_, -1)),
        before_(std::move(other.before_)) {
    other.temporary_.clear();
  }
  ~replacement() { discard(); }

  void commit() {
    if (temporary_.empty()) return;
    before_("rename");
    if (::rename(temporary_.c_str(), target_.c_str()) != 0) fail("cannot replace", errno);
    temporary_.clear();
    discard();
    before_("fsync of the folder");
    // The new name is on the disk only once the folder is; some file systems cannot be asked for that.
    const int folder = ::open(folder_of(target_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) return;
    ::fsync(folder);
    ::close(folder);
  }

 private:
  [[noreturn]] void fail(const std::string& problem, int reason) const {
    throw io_error(errc::input_output, "'" + path_ + "': " + problem +
                                           (reason == 0 ? "" : " (" + std::generic_category().message(reason) + ")"));
  }
  [[noreturn]] void abandon(int file, const char* problem) {
    const int reason = errno;
    ::close(file);
    discard();
    fail(problem, reason);
  }
  void discard() noexcept {
    if (!temporary_.empty()) ::unlink(temporary_.c_str());
    temporary_.clear();
    if (lock_ >= 0) ::close(lock_);
    lock_ = -1;
  }
  // A link stays a link: the file it names is replaced.
  void resolve_links() {
    const std::unique_ptr<char, void (*)(void*)> real(::realpath(path_.c_str(), nullptr), std::free);
    if (!real) fail("cannot open for writing", errno);
    target_ = real.get();
  }
  // The temporary file's folder, and what its name begins with. A short name: the target's own may be as long as the
  // file system allows.
  [[nodiscard]] std::string temporary_folder() const { return folder_of(target_) == "." ? "" : folder_of(target_); }
  [[nodiscard]] std::string temporary_prefix() const {
    const std::size_t slash = target_.rfind('/');
    const std::string name = slash == std::string::npos ? target_ : target_.substr(slash + 1);
    if (name.empty()) fail("names no file", 0);
    return "." + name.substr(0, 64) + ".";
  }

  // What a program that was killed while writing this file left: temporary files that nobody has locked.
  void remove_leftovers() const {
    const std::string prefix = temporary_prefix();
    const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(folder_of(target_).c_str()), ::closedir);
    if (!folder) return;  // create() says why
    while (const dirent* entry = ::readdir(folder.get())) {
      const std::string name = entry->d_name;
      if (name.size() < prefix.size() + 7 || name.compare(0, prefix.size(), prefix) != 0 || !is_temporary(name))
        continue;
      const std::string path = temporary_folder() + name;
      const int file = ::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
      if (file < 0) continue;
      if (::flock(file, LOCK_EX | LOCK_NB) == 0) {
        before_("unlink of a leftover");
        ::unlink(path.c_str());
      }
      ::close(file);
    }
  }
  // "....PID.ATTEMPT.new"
  static bool is_temporary(const std::string& name) {
    std::size_t at = name.size() - 4;
    if (name.compare(at, 4, ".new") != 0) return false;
    for (int number = 0; number < 2; ++number) {
      const std::size_t end = at;
      while (at > 0 && name[at - 1] >= '0' && name[at - 1] <= '9') --at;
      if (at == end || at == 0 || name[--at] != '.') return false;
    }
    return true;
  }

  int create() {
    const std::string start = temporary_folder() + temporary_prefix() + std::to_string(::getpid()) + ".";
    for (unsigned attempt = 0;; ++attempt) {
      std::string wish = start + std::to_string(attempt) + ".new";
      before_("open");
      const int file = ::open(wish.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
      if (file >= 0) {
        // Between the two calls another program may take the file for a leftover. Where there are no locks nobody does.
        before_("flock");
        struct stat mine = {};
        if (::flock(file, LOCK_EX) != 0 || ::fstat(file, &mine) != 0 || mine.st_nlink != 0) {
          temporary_ = std::move(wish);
          return file;
        }
        ::close(file);
      } else if (errno != EEXIST) {
        fail("cannot open for writing", errno);
      }
      if (attempt == 1000) fail("cannot open for writing", EEXIST);
    }
  }
  void write_all(int file, std::span<const std::byte> bytes) const {
    while (!bytes.empty()) {
      before_("write");
      const ssize_t written = ::write(file, bytes.data(), std::min<std::size_t>(bytes.size(), 1u << 30));
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) fail("cannot write", written < 0 ? errno : ENOSPC);
      bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
  }

  std::string path_;
  std::string target_;
  std::string temporary_;  // empty: nothing to commit
  int lock_ = -1;          // holds the temporary file's lock
  [[no_unique_address]] Observer before_;
};

template <class Observer = unobserved>
void write_files(const std::vector<file_content>& files, const Observer& before = {}) {
  std::vector<replacement<Observer>> ready;
  ready.reserve(files.size());
  for (const file_content& f : files) ready.emplace_back(f.path, f.bytes, before);
  for (replacement<Observer>& r : ready) r.commit();
}

}  // namespace detail

/// Writes a set of files that belong together: all of them are on the disk under temporary names, beside their targets,
/// before the first takes its place, in the order given. So the last one is the commit point: when it is new, all are.
/// Each file is at every moment the old one or the new one, also if the program is killed (which can leave a
/// ".NAME.PID.N.new" behind; the next time the file is written that is removed). Devices and pipes are written to
/// directly. Throws io_error (input_output) that names the path and the system's reason; nothing has been replaced
/// unless it was a replacement that failed, and never a later one.
inline void write_files(const std::vector<file_content>& files) { detail::write_files(files); }

/// Writes (replaces) one file, in one step as write_files. Throws io_error (input_output).
inline void write_file(const std::string& path, std::span<const std::byte> bytes) {
  detail::replacement<>(path, bytes).commit();
}

/// Text as bytes.
inline std::vector<std::byte> bytes_of(const std::string& text) {
  const auto* first = reinterpret_cast<const std::byte*>(text.data());
  return {first, first + text.size()};
}

}  // namespace xquant::io

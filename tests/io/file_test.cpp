// Files replaced in one step: what is found afterwards is the old file or the new one, whatever failed.
#include <xquant/io/file.hpp>

#include <doctest/doctest.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;
using xquant::io::bytes_of;
using xquant::io::read_file;
using xquant::io::write_file;
using xquant::io::write_files;

// A folder of its own, gone afterwards.
class folder {
 public:
  folder() {
    std::string name = (fs::temp_directory_path() / "xquant_files_XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path = name;
  }
  folder(const folder&) = delete;
  folder& operator=(const folder&) = delete;
  ~folder() { fs::remove_all(path); }
  std::string operator/(const std::string& name) const { return (path / name).string(); }
  std::size_t files() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(path), fs::directory_iterator()));
  }
  fs::path path;
};

std::string text_in(const std::string& path) {
  const std::vector<std::byte> bytes = read_file(path);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// The message of the io_error (input_output) that f ends in; "" if it does not.
template <class F>
std::string refusal(const F& f) {
  try {
    f();
  } catch (const xquant::io::io_error& e) {
    CHECK(e.code() == xquant::errc::input_output);
    return e.what();
  }
  return "";
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST_CASE("a file is written, replaced and leaves nothing beside it") {
  const folder f;
  write_file(f / "a", bytes_of("first"));
  CHECK(text_in(f / "a") == "first");
  fs::permissions(f / "a", fs::perms::owner_read | fs::perms::owner_write | fs::perms::group_read);
  write_file(f / "a", bytes_of(std::string(1 << 20, 'x')));
  CHECK(text_in(f / "a") == std::string(1 << 20, 'x'));
  CHECK(fs::status(f / "a").permissions() == (fs::perms::owner_read | fs::perms::owner_write | fs::perms::group_read));
  write_file(f / "a", {});
  CHECK(text_in(f / "a").empty());
  CHECK(f.files() == 1);
}

TEST_CASE("a link stays a link, and a name of the greatest length works") {
  const folder f;
  write_file(f / "real", bytes_of("old"));
  fs::create_symlink("real", f / "link");
  write_file(f / "link", bytes_of("new"));
  CHECK(fs::is_symlink(f / "link"));
  CHECK(text_in(f / "real") == "new");
  const std::string longest(255, 'n');
  write_file(f / longest, bytes_of("x"));
  write_file(f / longest, bytes_of("y"));
  CHECK(text_in(f / longest) == "y");
}

TEST_CASE("a full disk: the message says so") {
  if (!fs::exists("/dev/full")) return;
  const std::string message = refusal([] { write_file("/dev/full", bytes_of("x")); });
  CHECK(has(message, "'/dev/full'"));
  CHECK(has(message, "No space left on device"));
  CHECK(fs::is_character_file("/dev/full"));
}

TEST_CASE("targets that cannot be written are refused by path and reason") {
  const folder f;
  const auto message = [](const std::string& path) { return refusal([&] { write_file(path, bytes_of("x")); }); };
  CHECK(has(message(f / "missing/a"), "missing/a': cannot open for writing (No such file or directory)"));
  fs::create_directory(f / "d");
  CHECK(has(message(f / "d"), "d': is a folder"));
  write_file(f / "plain", bytes_of("x"));
  CHECK(has(message(f / "plain/a"), "(Not a directory)"));
  CHECK(has(message(f / std::string(300, 'n')), "(File name too long)"));
  CHECK(has(message(""), "''"));
  if (::geteuid() != 0) {  // root may write anything
    fs::permissions(f / "plain", fs::perms::owner_read);
    CHECK(has(message(f / "plain"), "(Permission denied)"));
    CHECK(text_in(f / "plain") == "x");
    fs::permissions(f / "d", fs::perms::owner_read | fs::perms::owner_exec);
    CHECK(has(message(f / "d/a"), "(Permission denied)"));
    fs::permissions(f / "d", fs::perms::owner_all);
  }
}

// Calls f in another process, for what changes a process for good; true when it ended well.
template <class F>
bool in_child(const F& f) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(f() ? 0 : 1);
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TEST_CASE("a disk that fills up in the middle: the old files stay, all of them") {
  const folder f;
  write_files({{f / "data", bytes_of("old data")}, {f / "model", bytes_of("old model")}});
  CHECK(in_child([&] {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{65536, 65536};
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return false;
    try {
      write_files({{f / "data", bytes_of("new data")}, {f / "model", bytes_of(std::string(100000, 'm'))}});
    } catch (const xquant::io::io_error& e) {
      return has(e.what(), f / "model") && has(e.what(), "File too large");
    }
    return false;
  }));
  CHECK(text_in(f / "data") == "old data");
  CHECK(text_in(f / "model") == "old model");
  CHECK(f.files() == 2);
}

TEST_CASE("a set of files: when one cannot be written none is replaced") {
  const folder f;
  write_file(f / "data", bytes_of("old"));
  const std::string message = refusal([&] {
    write_files({{f / "data", bytes_of("new")}, {f / "missing/model", bytes_of("model")}});
  });
  CHECK(has(message, "missing/model"));
  CHECK(text_in(f / "data") == "old");
  CHECK(f.files() == 1);
  write_files({{f / "data", bytes_of("new")}, {f / "model", bytes_of("model")}});
  CHECK(text_in(f / "data") == "new");
  CHECK(text_in(f / "model") == "model");
}

TEST_CASE("killed in the middle: each file is whole, and a new model has its new data") {
  const folder f;
  const auto set = [&](char c) {
    // Different sizes, so that a mixture would show.
    const auto size = static_cast<std::size_t>(200000 + 1000 * (c - 'a'));
    return std::vector<xquant::io::file_content>{{f / "data", bytes_of(std::string(size, c))},
                                                 {f / "model", bytes_of(std::string(size / 2, c))}};
  };
  for (unsigned round = 0; round < 12; ++round) {
    write_files(set('a'));
    const pid_t child = ::fork();
    if (child == 0) {
      for (char c = 'b'; c <= 'z'; ++c) write_files(set(c));
      ::_exit(0);
    }
    ::usleep(round * 1500);
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    const std::string data = text_in(f / "data");
    const std::string model = text_in(f / "model");
    REQUIRE(!data.empty());
    CHECK(data == std::string(static_cast<std::size_t>(200000 + 1000 * (data[0] - 'a')), data[0]));
    REQUIRE(!model.empty());
    CHECK(model == std::string(static_cast<std::size_t>(200000 + 1000 * (model[0] - 'a')) / 2, model[0]));
    CHECK((data[0] == model[0] || data[0] == model[0] + 1));
  }
}

}  // namespace

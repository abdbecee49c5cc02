// Files replaced in one step: what is found afterwards is the old file or the new one, whatever failed.
#include <xquant/io/file.hpp>

#include <doctest/doctest.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <set>
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
  explicit folder(const fs::path& where = fs::temp_directory_path()) {
    std::string name = (where / "xquant_files_XXXXXX").string();
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

// Memory, where there is such a file system: what a hundred kills need not wait for is a disk.
fs::path quick_folder() { return ::access("/dev/shm", W_OK) == 0 ? "/dev/shm" : fs::temp_directory_path(); }

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

// Ends the process before its `left`-th request to the system; notes which that was.
struct killer {
  int* left;
  int report;
  void operator()(const char* step) const {
    if (--*left != 0) return;
    (void)!::write(report, step, std::strlen(step));
    ::raise(SIGKILL);
  }
};

TEST_CASE("killed before every single step: old or new, never half; the model last; the next run cleans up") {
  const folder f(quick_folder());
  // The first round makes the files, the second replaces them.
  for (const bool existed : {false, true}) {
    std::set<std::string> steps;
    bool ended = false;
    for (int step = 1; !ended; ++step) {
      REQUIRE(step < 200);
      for (const char* name : {"data", "report", "model"}) fs::remove(f.path / name);
      const auto set = [&](char c) {
        return std::vector<xquant::io::file_content>{{f / "data", bytes_of(std::string(5000, c))},
                                                     {f / "report", bytes_of(std::string(1000, c))},
                                                     {f / "model", bytes_of(std::string(3000, c))}};
      };
      if (existed) write_files(set('o'));
      int report[2];
      REQUIRE(::pipe(report) == 0);
      const pid_t child = ::fork();
      if (child == 0) {
        int left = step;
        xquant::io::detail::write_files(set('n'), killer{&left, report[1]});
        ::_exit(0);
      }
      int status = 0;
      ::waitpid(child, &status, 0);
      ::close(report[1]);
      char text[64] = {};
      (void)!::read(report[0], text, sizeof text - 1);
      ::close(report[0]);
      ended = WIFEXITED(status);
      CAPTURE(step);
      CAPTURE(text);
      if (!ended) steps.insert(text);
      // '-' where there is no file.
      const auto state = [&](const char* name, std::size_t size) {
        if (!fs::exists(f.path / name)) return '-';
        const std::string found = text_in(f / name);
        REQUIRE(found.size() == size);
        CHECK(found == std::string(size, found[0]));
        return found[0];
      };
      const std::string states = {state("data", 5000), state("report", 1000), state("model", 3000)};
      // In the order given: the model is new only when all is.
      const std::string old = existed ? "ooo" : "---";
      bool in_order = false;
      for (std::size_t done = 0; done <= 3; ++done)
        in_order = in_order || states == std::string(done, 'n') + old.substr(done);
      CHECK(in_order);
      if (ended) CHECK(states == "nnn");
      // Whatever was left is gone once the files are written again.
      write_files(set('x'));
      CHECK(f.files() == 3);
    }
    for (const char* expected : {"open", "flock", "write", "fsync", "close", "rename", "fsync of the folder"})
      CHECK(steps.count(expected) == 1);
  }
}

TEST_CASE("leftovers are removed, other programs' files are not") {
  const folder f;
  for (const char* leftover : {".model.1.0.new", ".model.4194305.12.new"}) write_file(f / leftover, bytes_of("half"));
  const char* others[] = {".model.1.new",    ".model.a.0.new", ".model.1.0.old",
                          ".models.1.0.new", "model.1.0.new",  ".model..0.new"};
  for (const char* other : others) write_file(f / other, bytes_of("kept"));
  fs::create_symlink("model.1.0.new", f.path / ".model.2.0.new");
  // One that a living program is writing.
  const int file = ::open((f / ".model.3.0.new").c_str(), O_RDWR | O_CREAT, 0600);
  REQUIRE(::flock(file, LOCK_EX) == 0);
  write_file(f / "model", bytes_of("new"));
  CHECK(!fs::exists(f.path / ".model.1.0.new"));
  CHECK(!fs::exists(f.path / ".model.4194305.12.new"));
  CHECK(fs::exists(f.path / ".model.3.0.new"));
  CHECK(text_in(f / ".model.2.0.new") == "kept");
  for (const char* other : others) CHECK(text_in(f / other) == "kept");
  ::close(file);
  write_file(f / "model", bytes_of("newer"));
  CHECK(!fs::exists(f.path / ".model.3.0.new"));
  CHECK(text_in(f / "model") == "newer");
}

TEST_CASE("two programs that write one file at once: one of them is last, and nothing is left") {
  const folder f(quick_folder());
  pid_t children[2] = {};
  for (int c = 0; c < 2; ++c) {
    children[c] = ::fork();
    if (children[c] != 0) continue;
    try {
      for (int i = 0; i < 100; ++i) write_file(f / "file", bytes_of(std::string(20000, static_cast<char>('a' + c))));
    } catch (const std::exception&) {
      ::_exit(1);
    }
    ::_exit(0);
  }
  for (const pid_t child : children) {
    int status = 0;
    ::waitpid(child, &status, 0);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
  }
  const std::string found = text_in(f / "file");
  CHECK(found == std::string(20000, found[0]));
  CHECK(f.files() == 1);
}

}  // namespace

// Tensors in files beside the model: read where they lie, and never from anywhere else.
#include "hostile.hpp"
#include "messages.hpp"

#include <xquant/io/file.hpp>
#include <xquant/io/memory_map.hpp>
#include <xquant/io/onnx_reader.hpp>
#include <xquant/io/onnx_writer.hpp>
#include <xquant/model/executor.hpp>

#include <doctest/doctest.h>

#include <sys/stat.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

namespace {

namespace fs = std::filesystem;
using namespace hostile;
using xquant::io::bytes_of;
using xquant::io::write_file;

// A folder "model" with files, and one beside it that is none of the model's business; gone afterwards.
class folders {
 public:
  folders() {
    std::string name = (fs::temp_directory_path() / "xquant_external_XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    root = name;
    fs::create_directories(root / "model/sub");
    fs::create_directory(root / "modelling");
    const float values[4] = {1, 2, 3, 4};
    const std::string data(reinterpret_cast<const char*>(values), sizeof values);
    for (const char* file : {"model/w", "model/sub/w", "secret", "modelling/w"})
      write_file((root / file).string(), bytes_of(data));
  }
  folders(const folders&) = delete;
  folders& operator=(const folders&) = delete;
  ~folders() { fs::remove_all(root); }
  [[nodiscard]] std::string model() const { return (root / "model").string(); }
  fs::path root;
};

xquant::model::graph load(const std::string& file, const std::string& folder) {
  return xquant::io::parse_onnx(as_bytes(file), "m", folder);
}
// What loading ends in; "" when it does not fail.
std::string refusal(const std::string& file, const std::string& folder) {
  try {
    (void)load(file, folder);
  } catch (const xquant::io::io_error& e) {
    return e.what();
  }
  return "";
}
bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

using entries = std::vector<std::pair<std::string, std::string>>;
std::string two_floats(const entries& at) { return with_initializer(external("w", 1, {2}, at)); }

const float* floats_of(const xquant::model::graph& g) { return g.initializer(g.find("w"))->data<float>(); }

TEST_CASE("external data: where it may lie") {
  const folders f;
  CHECK(floats_of(load(two_floats({{"location", "w"}}), f.model()))[1] == 2);
  CHECK(floats_of(load(two_floats({{"location", "sub/w"}, {"offset", "8"}, {"length", "8"}}), f.model()))[0] == 3);
  CHECK(floats_of(load(two_floats({{"location", "./w"}}), f.model() + "/sub/.."))[0] == 1);
  fs::create_symlink("../w", f.root / "model/sub/link");
  CHECK(floats_of(load(two_floats({{"location", "sub/link"}}), f.model()))[1] == 2);
  fs::create_symlink("model", f.root / "alias");
  CHECK(floats_of(load(two_floats({{"location", "w"}}), (f.root / "alias").string()))[1] == 2);
  // A model by its path finds what is beside it; its bytes alone find nothing.
  write_file((f.root / "model/m.onnx").string(), bytes_of(two_floats({{"location", "w"}})));
  CHECK(floats_of(xquant::io::read_onnx((f.root / "model/m.onnx").string()))[0] == 1);
  CHECK(has(refusal(two_floats({{"location", "w"}}), ""),
            "'w': external data 'w': the folder of the model is not known"));
}

TEST_CASE("external data: absolute paths, '..' and links that leave the folder are refused") {
  const folders f;
  const auto message = [&](const std::string& location) {
    return refusal(two_floats({{"location", location}}), f.model());
  };
  const std::string secret = (f.root / "secret").string();
  CHECK(has(message(secret), "initializer 'w': external data '" + secret + "': is an absolute path"));
  CHECK(has(message("/etc/passwd"), "'/etc/passwd': is an absolute path"));
  for (const char* location : {"../secret", "sub/../../secret", "..", "sub/..", "./../secret", "../model/w", "w/.."})
    CHECK(has(message(location), "leaves the model's folder by '..'"));
  fs::create_symlink("../secret", f.root / "model/link");
  CHECK(has(message("link"), "external data 'link': leaves the model's folder by a link, to '" + secret + "'"));
  fs::create_symlink(f.root, f.root / "model/up");
  CHECK(has(message("up/secret"), "by a link"));
  // The folder's name as a prefix is not the folder.
  fs::create_symlink("../modelling/w", f.root / "model/near");
  CHECK(has(message("near"), "by a link"));
  fs::create_symlink("link2", f.root / "model/link1");
  fs::create_symlink("link1", f.root / "model/link2");
  CHECK(has(message("link1"), "cannot open for reading (Too many levels of symbolic links)"));
}

TEST_CASE("external data: what is no file is refused, by path and reason") {
  const folders f;
  const auto message = [&](const std::string& location) {
    return refusal(two_floats({{"location", location}}), f.model());
  };
  CHECK(has(message("missing"), "external data 'missing': cannot open for reading (No such file or directory)"));
  CHECK(has(message("w/x"), "(Not a directory)"));
  CHECK(has(message("sub"), "is no regular file"));
  CHECK(has(message("."), "expected a file inside it"));
  CHECK(has(message(""), "names no file"));
  CHECK(has(message(std::string("w\0../x", 6)), "external data 'w?../x': names no file"));
  CHECK(has(refusal(two_floats({{"offset", "0"}}), f.model()), "names no file"));
  REQUIRE(::mkfifo((f.root / "model/pipe").c_str(), 0600) == 0);
  CHECK(has(message("pipe"), "pipe': is no regular file"));  // and does not wait for a writer
  CHECK(has(refusal(two_floats({{"location", "w"}}), f.model() + "/none"), "no folder '"));
  if (::geteuid() != 0) {
    fs::permissions(f.root / "model/sub/w", fs::perms::none);
    CHECK(has(message("sub/w"), "(Permission denied)"));
  }
}

TEST_CASE("external data: offsets and lengths are checked against the tensor and the file") {
  const folders f;
  const auto message = [&](const entries& at) {
    entries all = {{"location", "w"}};
    all.insert(all.end(), at.begin(), at.end());
    return refusal(two_floats(all), f.model());
  };
  CHECK(has(message({{"offset", "12"}}), "8 bytes at offset 12 of a file of 16"));
  for (const char* offset : {"16", "17", "4294967296", "999999999999999999"})
    CHECK(has(message({{"offset", offset}}), "of a file of 16"));
  for (const char* number :
       {"-1", "+1", " 1", "1 ", "0x1", "1e3", "18446744073709551616", "9999999999999999999", "a"}) {
    CHECK(has(message({{"offset", number}}), "expected a number of bytes"));
    CHECK(has(message({{"length", number}}), "expected a number of bytes"));
  }
  for (const char* length : {"0", "7", "16", "999999999999999999"})
    CHECK(has(message({{"length", length}}), "; expected 8 for [2] of float32"));
  CHECK(has(message({{"location", "w"}}), "'location' is given twice"));
  CHECK(message({{"checksum", "abc"}, {"prepacked_0", "x"}}).empty());
  const auto shaped = [&](const std::vector<std::int64_t>& dims) {
    return refusal(with_initializer(external("w", 1, dims, {{"location", "w"}})), f.model());
  };
  CHECK(has(shaped({std::int64_t{1} << 58}), "of a file of 16"));
  CHECK(has(shaped({std::int64_t{1} << 60}), "too large"));
  CHECK(has(shaped({-1}), "extent -1"));
  CHECK(shaped({0}).empty());
  CHECK(has(refusal(with_initializer(tensor("w", 1, {2},
                                            [](pbf_writer& t) {
                                              t.add_bytes(9, "12345678");
                                              t.add_message(13, hostile::message([](pbf_writer& e) {
                                                              e.add_string(1, "location");
                                                              e.add_string(2, "w");
                                                            }));
                                              t.add_int32(14, 1);
                                            })),
                    f.model()),
            "more than one field"));
}

TEST_CASE("external data: odd offsets are copied, once") {
  const folders f;
  const auto at = [&](const std::string& offset) { return two_floats({{"location", "w"}, {"offset", offset}}); };
  const xquant::model::graph g = load(at("3"), f.model());
  float expected = 0;
  const std::vector<std::byte> file = xquant::io::read_file(f.model() + "/w");
  std::memcpy(&expected, file.data() + 3, sizeof expected);
  CHECK(std::memcmp(floats_of(g), &expected, sizeof expected) == 0);
  // A hundred tensors of the same bytes would be a file of any size in memory.
  const std::string bomb = with_many(100, [](pbf_writer& m, std::size_t i) {
    m.add_message(5, external("w" + std::to_string(i), 1, {3}, {{"location", "w"}, {"offset", "1"}}));
  });
  CHECK(has(refusal(bomb, f.model()), "tensors at odd offsets share bytes"));
  const std::string views = with_many(100, [](pbf_writer& m, std::size_t i) {
    m.add_message(5, external("w" + std::to_string(i), 1, {4}, {{"location", "w"}}));
  });
  CHECK(refusal(views, f.model()).empty());
}

TEST_CASE("external data: a tensor of a mapped file is read-only, and stays when the file is gone") {
  const folders f;
  xquant::model::graph g = load(two_floats({{"location", "w"}}), f.model());
  const std::vector<std::byte> before = xquant::io::read_file(f.model() + "/w");
  xquant::model::tensor t = *g.initializer(g.find("w"));
  CHECK(t.bytes() == g.initializer(g.find("w"))->bytes());
  g = xquant::model::graph();
  t.mutable_data<float>()[0] = 7;  // alone with its bytes, and yet they are not written to
  CHECK(t.data<float>()[0] == 7);
  CHECK(t.data<float>()[1] == 2);
  CHECK(xquant::io::read_file(f.model() + "/w") == before);
  // Replaced in one step as the library writes, a file in use stays as it was.
  const xquant::model::graph again = load(two_floats({{"location", "w"}}), f.model());
  write_file(f.model() + "/w", bytes_of("new"));
  CHECK(floats_of(again)[1] == 2);
}

std::size_t resident_bytes() {
  std::ifstream status("/proc/self/statm");
  std::size_t total = 0;
  std::size_t resident = 0;
  status >> total >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

TEST_CASE("external data: a sparse file of 3 GB is read by memory map") {
  const folders f;
  const std::string path = f.model() + "/large";
  constexpr std::uintmax_t size = 3u << 30;
  { std::ofstream created(path, std::ios::binary); }
  if (::truncate(path.c_str(), static_cast<off_t>(size)) != 0) return;  // a file system without large files
  {
    std::fstream ends(path, std::ios::in | std::ios::out | std::ios::binary);
    const float first = 1.5f;
    const float last = -2.5f;
    ends.write(reinterpret_cast<const char*>(&first), 4);
    ends.seekp(static_cast<std::streamoff>(size - 4));
    ends.write(reinterpret_cast<const char*>(&last), 4);
    REQUIRE(ends.good());
  }
  // A tensor of all of it, and one of its last two floats.
  const std::int64_t count = static_cast<std::int64_t>(size / 4);
  const std::string model_file = model([&](pbf_writer& g) {
    g.add_message(5, external("all", 1, {count}, {{"location", "large"}, {"length", std::to_string(size)}}));
    g.add_message(5, external("w", 1, {2}, {{"location", "large"}, {"offset", std::to_string(size - 8)}}));
    g.add_message(1, node("Add", {"y", "w"}, {"z"}));
    g.add_message(12, value("z", {2}));
  });
  const std::size_t before = resident_bytes();
  heap::begin();
  const xquant::model::graph g = load(model_file, f.model());
  const xquant::model::tensor& all = *g.initializer(g.find("all"));
  CHECK(all.byte_size() == size);
  CHECK(all.data<float>()[0] == 1.5f);
  CHECK(all.data<float>()[static_cast<std::size_t>(count) / 2] == 0);
  CHECK(all.data<float>()[count - 1] == -2.5f);
  xquant::model::executor e(g);
  const auto result = e.run({xquant::model::tensor::of(xquant::shape(1), std::vector<float>{1.0f})});
  CHECK(result.outputs.at(1).data<float>()[1] == -1.5f);
  CHECK(heap::peak() < 128 * model_file.size() + 65536);
  CHECK(resident_bytes() < before + (32u << 20));

  // It cannot become part of a protocol buffer; that is said before there is memory for it.
  heap::begin();
  try {
    (void)xquant::io::quantized_onnx(as_bytes(model_file), {&g, {}, {}}, {.folder = f.model()}, "m");
    FAIL_CHECK("written");
  } catch (const xquant::io::io_error& refused) {
    CHECK(has(refused.what(), "expected less than 2 GiB"));
  }
  CHECK(heap::peak() < 1u << 20);
}

TEST_CASE("external data becomes part of what is written") {
  const folders f;
  const std::string file = model([](pbf_writer& g) {
    g.add_message(5, external("w", 1, {2}, {{"location", "w"}}));
    g.add_message(1, node("Constant", {}, {"c"}, [](pbf_writer& n) {
                    n.add_message(5, message([](pbf_writer& a) {
                                    a.add_string(1, "value");
                                    a.add_message(5, external("", 1, {2}, {{"location", "w"}, {"offset", "8"}}));
                                    a.add_int32(20, 4);
                                  }));
                  }));
    g.add_message(1, node("Add", {"w", "c"}, {"z"}));
    g.add_message(12, value("z", {2}));
  });
  const xquant::model::graph g = load(file, f.model());
  const std::vector<std::byte> written =
      xquant::io::quantized_onnx(as_bytes(file), {&g, {}, {}}, {.folder = f.model()}, "m");
  const xquant::model::graph alone = xquant::io::parse_onnx(written);
  CHECK(floats_of(alone)[1] == 2);
  CHECK(alone.constant(alone.find("c"))->data<float>()[1] == 4);
  CHECK(has(
      [&]() -> std::string {
        try {
          (void)xquant::io::quantized_onnx(as_bytes(file), {&g, {}, {}}, {}, "m");
        } catch (const xquant::io::io_error& e) {
          return e.what();
        }
        return "";
      }(),
      "the folder of the model is not known"));
  // By paths, into another folder.
  const std::string from = f.model() + "/m.onnx";
  const std::string to = (f.root / "q.onnx").string();
  write_file(from, bytes_of(file));
  xquant::io::write_quantized_onnx(to, from, {&g, {}, {}});
  CHECK(floats_of(xquant::io::read_onnx(to))[0] == 1);
}

TEST_CASE("an executor refuses sizes that only attributes ask for") {
  const auto padded = [](std::int64_t by) {
    const std::int64_t pads[2] = {by, by};
    return xquant::io::parse_onnx(as_bytes(model([&](pbf_writer& g) {
      g.add_message(5, tensor("pads", 7, {2}, [&](pbf_writer& t) { t.add_packed_int64(7, pads, pads + 2); }));
      g.add_message(1, node("Pad", {"y", "pads"}, {"z"}));
      g.add_message(12, value("z", {2 * by + 1}));
    })));
  };
  const auto refused = [&](std::int64_t by, const xquant::model::executor_limits& limits) -> std::string {
    heap::begin();
    try {
      xquant::model::executor e(padded(by), limits);
      e.prepare({xquant::shape(1)});
    } catch (const xquant::model::model_error& error) {
      CHECK(error.code() == xquant::errc::size_overflow);
      return error.what();
    }
    return "";
  };
  CHECK(has(refused(1 << 30, {}), "(Pad, opset 21): output 0 would have shape [2147483649]; expected at most"));
  CHECK(has(refused(1 << 30, {.most_elements = 1 << 20}), "expected at most 1048576 elements"));
  CHECK(heap::peak() < 65536);
  CHECK(refused(1000, {}).empty());
  // No elements, but 2^58 times.
  xquant::model::graph g =
      xquant::io::parse_onnx(as_bytes(with_initializer(tensor("w", 1, {std::int64_t{1} << 58, 0}))));
  xquant::model::executor e(std::move(g));
  CHECK_THROWS_AS(e.prepare({xquant::shape(1)}), xquant::model::model_error);
}

}  // namespace

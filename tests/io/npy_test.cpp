// .npy files: what numpy writes is read, what it would not write is refused.
#include <xquant/io/npy.hpp>

#include <doctest/doctest.h>

#include <cstdio>
#include <cstring>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace {

using xquant::shape;
using xquant::io::io_error;
using xquant::model::element_type;
using xquant::model::tensor;

std::vector<std::byte> file(int version, const std::string& header, const std::string& data) {
  std::string text = "\x93NUMPY";
  text += static_cast<char>(version);
  text += '\0';
  const std::size_t n = header.size();
  for (int i = 0; i < (version == 1 ? 2 : 4); ++i) text += static_cast<char>((n >> (8 * i)) & 0xFF);
  text += header + data;
  std::vector<std::byte> bytes(text.size());
  std::memcpy(bytes.data(), text.data(), text.size());
  return bytes;
}

std::string refusal(const std::vector<std::byte>& bytes) {
  try {
    (void)xquant::io::parse_npy(bytes, "file");
  } catch (const io_error& e) {
    return e.what();
  }
  return "";
}

bool contains(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

TEST_CASE("io npy: headers of all versions and the element types") {
  // The bytes numpy.save writes for numpy.array([[1, 2]], dtype='<i4'), padded as numpy pads.
  for (const int version : {1, 2, 3}) {
    const tensor t =
        xquant::io::parse_npy(file(version, "{'descr': '<i4', 'fortran_order': False, 'shape': (1, 2), }   \n",
                                   std::string("\1\0\0\0\2\0\0\0", 8)));
    CHECK(t.type() == element_type::int32);
    CHECK(t.shape() == shape(1, 2));
    CHECK(t.data<std::int32_t>()[1] == 2);
  }
  const auto type_of = [](const std::string& descr, std::size_t width) {
    const auto bytes =
        file(1, "{'descr': '" + descr + "', 'fortran_order': False, 'shape': (2,), }\n", std::string(2 * width, '\0'));
    return xquant::io::parse_npy(bytes).type();
  };
  CHECK(type_of("<f4", 4) == element_type::float32);
  CHECK(type_of("<f8", 8) == element_type::float64);
  CHECK(type_of("|u1", 1) == element_type::uint8);
  CHECK(type_of("<u1", 1) == element_type::uint8);
  CHECK(type_of("|i1", 1) == element_type::int8);
  CHECK(type_of("|b1", 1) == element_type::boolean);
  CHECK(type_of("<i8", 8) == element_type::int64);
  CHECK(type_of("<u2", 2) == element_type::uint16);
  CHECK(type_of("<i2", 2) == element_type::int16);
  CHECK(type_of("<u4", 4) == element_type::uint32);
  const tensor patterns = xquant::io::parse_npy(
      file(1, "{'descr': '<u2', 'fortran_order': False, 'shape': (2,), }\n", std::string("\x80\x3F\xFF\xFF", 4)));
  CHECK(patterns.data<std::uint16_t>()[0] == 0x3F80);
  CHECK(patterns.data<std::uint16_t>()[1] == 0xFFFF);
  CHECK(xquant::io::parse_npy(file(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (), }\n", "\1\2\3\4"))
            .shape()
            .rank == 0);
  CHECK(xquant::io::parse_npy(file(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 0), }\n", "")).size() ==
        0);
}

TEST_CASE("io npy: what cannot be read is refused, and said") {
  const std::string good = "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }\n";
  CHECK(contains(refusal({}), "file: not a .npy file"));
  CHECK(contains(refusal(file(1, good, "123")), "3 bytes of data; expected [1] of float32"));
  CHECK(contains(refusal(file(1, good, "12345")), "5 bytes of data"));
  CHECK(contains(refusal(file(4, good, "1234")), "version 4"));
  CHECK(contains(refusal(file(0, good, "1234")), "version 0"));
  const auto bad = [](const std::string& header) { return refusal(file(1, header, "1234")); };
  CHECK(contains(bad("{'descr': '<f2', 'fortran_order': False, 'shape': (1,), }"), "'<f2' (float16); expected"));
  CHECK(contains(bad("{'descr': '>f4', 'fortran_order': False, 'shape': (1,), }"), "'>f4'"));
  CHECK(contains(bad("{'descr': '<c8', 'fortran_order': False, 'shape': (1,), }"), "'<c8'"));
  CHECK(contains(bad("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }"), "structured"));
  CHECK(contains(bad("{'descr': '<f4', 'fortran_order': True, 'shape': (1,), }"), "Fortran"));
  CHECK(contains(bad("{'descr': '<f4', 'fortran_order': Maybe, 'shape': (1,), }"), "True or False"));
  CHECK(contains(bad("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }"), "an extent expected"));
  CHECK(contains(bad("{'descr': '<f4', 'fortran_order': False, 'shape': (1, }"), "expected"));
  CHECK(contains(bad("{'descr': '<f4', 'fortran_order': False}"), "without descr, fortran_order and shape"));
  CHECK(contains(bad("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,)}"), "key 'descr'"));
  CHECK(contains(bad("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), } x"), "after the header"));
  CHECK(contains(bad("{'descr': '<f4', 'fortran_order': False, 'shape': (1099511627776, 1099511627776)}"),
                 "4 bytes of data"));
  CHECK(contains(bad("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}"), "19 digits"));
  CHECK(contains(bad("{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1)}"), "8 dimensions"));
  CHECK(contains(bad("{'descr': '<f4"), "without end"));
  CHECK(contains(bad(""), "'{' expected"));
  std::vector<std::byte> lies = file(1, good, "1234");
  lies[9] = std::byte{0xFF};  // a header longer than the file
  CHECK(contains(refusal(lies), "ends inside its header"));
  const std::vector<std::byte> whole = file(2, good, "1234");
  for (std::size_t n = 0; n < whole.size(); ++n)
    CHECK(!refusal(std::vector<std::byte>(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n))).empty());
}

TEST_CASE("io npy: what is written is read back, with data aligned to 64 bytes") {
  const auto path = std::filesystem::temp_directory_path() / "xquant_npy_test.npy";
  for (const shape& s : {shape(), shape(3), shape(2, 3), shape(1, 2, 3, 4), shape(0, 5)}) {
    std::vector<double> values(s.size());
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = 0.5 * static_cast<double>(i);
    const tensor t = tensor::of(s, values);
    const auto bytes = xquant::io::format_npy(t);
    CHECK((bytes.size() - t.byte_size()) % 64 == 0);
    xquant::io::write_npy(path.string(), t);
    const tensor back = xquant::io::read_npy(path.string());
    CHECK(back.shape() == s);
    CHECK(std::memcmp(back.bytes(), t.bytes(), t.byte_size()) == 0);
  }
  const tensor wide = tensor::of(shape(2), std::vector<std::uint32_t>{1, 0xFFFFFFFF});
  const tensor back = xquant::io::parse_npy(xquant::io::format_npy(wide));
  CHECK(back.type() == element_type::uint32);
  CHECK(back.data<std::uint32_t>()[1] == 0xFFFFFFFF);
  std::filesystem::remove(path);
  CHECK_THROWS_AS((void)xquant::io::read_npy(path.string()), io_error);
  CHECK_THROWS_AS((void)xquant::io::read_file("/"), io_error);
  CHECK_THROWS_AS(xquant::io::write_npy("/no/such/folder/x.npy", tensor::of(shape(1), std::vector<float>{1})),
                  io_error);
  CHECK_THROWS_AS((void)xquant::io::format_npy(tensor(element_type::float16, shape(1))), io_error);
}

}  // namespace

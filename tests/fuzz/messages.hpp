// Protocol buffers written by hand, for files that no exporter writes.
#pragma once

#include <protozero/pbf_writer.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace hostile {

using protozero::pbf_writer;
using fill = std::function<void(pbf_writer&)>;

inline std::span<const std::byte> as_bytes(const std::string& text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

inline std::string message(const fill& write) {
  std::string data;
  pbf_writer writer(data);
  write(writer);
  return data;
}

inline std::string value(const std::string& name, const std::vector<std::int64_t>& dims = {1}) {
  return message([&](pbf_writer& v) {
    v.add_string(1, name);
    v.add_message(2, message([&](pbf_writer& t) {
                    t.add_message(1, message([&](pbf_writer& tensor) {
                                    tensor.add_int64(1, 1);
                                    tensor.add_message(
                                        2, message([&](pbf_writer& s) {
                                          for (const std::int64_t d : dims)
                                            s.add_message(1, message([&](pbf_writer& dim) { dim.add_int64(1, d); }));
                                        }));
                                  }));
                  }));
  });
}

inline std::string node(const std::string& op, const std::vector<std::string>& in, const std::vector<std::string>& out,
                        const fill& more = {}) {
  return message([&](pbf_writer& n) {
    for (const std::string& v : in) n.add_string(1, v);
    for (const std::string& v : out) n.add_string(2, v);
    n.add_string(4, op);
    if (more) more(n);
  });
}

inline std::string tensor(const std::string& name, std::int64_t type, const std::vector<std::int64_t>& dims,
                          const fill& data = {}) {
  return message([&](pbf_writer& t) {
    t.add_packed_int64(1, dims.begin(), dims.end());
    t.add_int64(2, type);
    t.add_string(8, name);
    if (data) data(t);
  });
}

/// A tensor whose data is elsewhere; pairs of key and value.
inline std::string external(const std::string& name, std::int64_t type, const std::vector<std::int64_t>& dims,
                            const std::vector<std::pair<std::string, std::string>>& entries) {
  return tensor(name, type, dims, [&](pbf_writer& t) {
    for (const auto& [key, text] : entries)
      t.add_message(13, message([&, k = key, v = text](pbf_writer& e) {
                      e.add_string(1, k);
                      e.add_string(2, v);
                    }));
    t.add_int32(14, 1);
  });
}

/// x -> Relu -> y, and whatever `more` adds to the graph.
inline std::string model(const fill& more = {}) {
  return message([&](pbf_writer& m) {
    m.add_int64(1, 8);
    m.add_message(7, message([&](pbf_writer& g) {
                    g.add_message(11, value("x"));
                    g.add_message(1, node("Relu", {"x"}, {"y"}));
                    g.add_message(12, value("y"));
                    if (more) more(g);
                  }));
    m.add_message(8, message([](pbf_writer& o) { o.add_int64(2, 21); }));
  });
}
inline std::string with_initializer(const std::string& initializer) {
  return model([&](pbf_writer& g) { g.add_message(5, initializer); });
}
/// The same fields `count` times, as they would lie in the graph.
inline std::string with_many(std::size_t count, const std::function<void(pbf_writer&, std::size_t)>& one) {
  return model([&](pbf_writer& g) {
    for (std::size_t i = 0; i < count; ++i) one(g, i);
  });
}

/// A .npy file, version 1 or 2, with that header and that many bytes of data.
inline std::string npy_file(const std::string& header, std::size_t data = 0, int version = 1) {
  std::string file = "\x93NUMPY";
  file += static_cast<char>(version);
  file += '\0';
  for (int i = 0; i < (version == 1 ? 2 : 4); ++i) file += static_cast<char>((header.size() >> (8 * i)) & 0xFF);
  return file + header + std::string(data, '\1');
}
inline std::string npy_header(const std::string& descr, const std::string& shape) {
  return "{'descr': '" + descr + "', 'fortran_order': False, 'shape': " + shape + ", }\n";
}

}  // namespace hostile

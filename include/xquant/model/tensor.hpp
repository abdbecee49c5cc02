// A tensor a network owns: element type, shape and 64-byte aligned bytes, or bytes of somebody else's that stay (a
// mapped file). Copies share the bytes until one of them is written to.
#pragma once

#include <xquant/core/view.hpp>
#include <xquant/exception.hpp>
#include <xquant/model/error.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace xquant::inline XQUANT_ABI::model {

/// Element types, with ONNX's numbers (TensorProto.DataType).
enum class element_type : std::int32_t {
  undefined = 0,
  float32 = 1,
  uint8 = 2,
  int8 = 3,
  uint16 = 4,
  int16 = 5,
  int32 = 6,
  int64 = 7,
  boolean = 9,
  float16 = 10,
  float64 = 11,
  uint32 = 12,
  uint64 = 13,
};

/// Bytes of one element; 0 for a type the library does not store.
constexpr std::size_t size_of(element_type type) noexcept {
  switch (type) {
    case element_type::uint8:
    case element_type::int8:
    case element_type::boolean: return 1;
    case element_type::uint16:
    case element_type::int16:
    case element_type::float16: return 2;
    case element_type::float32:
    case element_type::int32:
    case element_type::uint32: return 4;
    case element_type::int64:
    case element_type::float64:
    case element_type::uint64: return 8;
    case element_type::undefined: break;
  }
  return 0;
}

constexpr const char* name_of(element_type type) noexcept {
  switch (type) {
    case element_type::float32: return "float32";
    case element_type::uint8: return "uint8";
    case element_type::int8: return "int8";
    case element_type::uint16: return "uint16";
    case element_type::int16: return "int16";
    case element_type::int32: return "int32";
    case element_type::int64: return "int64";
    case element_type::boolean: return "bool";
    case element_type::float16: return "float16";
    case element_type::float64: return "float64";
    case element_type::uint32: return "uint32";
    case element_type::uint64: return "uint64";
    case element_type::undefined: break;
  }
  return "undefined";
}

/// The name of the element type with that number in ONNX files, also of those the library does not store:
/// "bfloat16", or "number 99" for one that ONNX does not have.
inline std::string element_type_name(std::int64_t number) {
  struct entry {
    std::int64_t number;
    const char* name;
  };
  constexpr entry others[] = {{8, "string"},        {14, "complex64"},      {15, "complex128"}, {16, "bfloat16"},
                              {17, "float8e4m3fn"}, {18, "float8e4m3fnuz"}, {19, "float8e5m2"}, {20, "float8e5m2fnuz"},
                              {21, "uint4"},        {22, "int4"},           {23, "float4e2m1"}, {24, "float8e8m0"}};
  for (const entry& e : others)
    if (e.number == number) return e.name;
  const bool known = number > 0 && number <= static_cast<std::int64_t>(element_type::uint64);
  return known ? name_of(static_cast<element_type>(number)) : "number " + std::to_string(number);
}

/// What messages add where a type is met that would do if networks did not have to be float32: "" for the others.
inline const char* float32_only(std::int64_t number) {
  const bool real = number == 10 || number == 11 || (number >= 16 && number <= 20) || number == 23;
  return real ? " (networks must be float32)" : "";
}
inline const char* float32_only(element_type type) { return float32_only(static_cast<std::int64_t>(type)); }

/// The element type that holds a C++ type. bool and float16 have no C++ type here: their bytes are read as uint8 and
/// uint16 (tensor::bytes).
template <class T>
inline constexpr element_type element_type_of = element_type::undefined;
template <>
inline constexpr element_type element_type_of<float> = element_type::float32;
template <>
inline constexpr element_type element_type_of<double> = element_type::float64;
template <>
inline constexpr element_type element_type_of<std::uint8_t> = element_type::uint8;
template <>
inline constexpr element_type element_type_of<std::int8_t> = element_type::int8;
template <>
inline constexpr element_type element_type_of<std::uint16_t> = element_type::uint16;
template <>
inline constexpr element_type element_type_of<std::int16_t> = element_type::int16;
template <>
inline constexpr element_type element_type_of<std::uint32_t> = element_type::uint32;
template <>
inline constexpr element_type element_type_of<std::int32_t> = element_type::int32;
template <>
inline constexpr element_type element_type_of<std::uint64_t> = element_type::uint64;
template <>
inline constexpr element_type element_type_of<std::int64_t> = element_type::int64;

/// "[3, 1, 16]", for messages.
inline std::string to_text(const xquant::shape& s) {
  std::string text = "[";
  for (std::size_t d = 0; d < s.rank && d < max_rank; ++d) text += (d ? ", " : "") + std::to_string(s[d]);
  return text + "]";
}

/// Dense, last dimension fastest. A value: copying shares the bytes (cheap), writing through a copy leaves the others
/// as they were. Two threads may read one tensor; a writer needs its own copy.
class tensor {
 public:
  tensor() = default;

  /// Elements are not initialised. Throws model_error for an invalid shape or an undefined type, std::bad_alloc.
  tensor(element_type type, const xquant::shape& s) : type_(type), shape_(s) {
    if (const status bad = s.valid(); !bad.ok())
      throw model_error(bad.code, "tensor of shape " + to_text(s) + ": " + describe(bad.code));
    if (size_of(type) == 0) throw model_error(errc::unsupported, "tensor of an undefined element type");
    bytes_ = allocate(byte_size());
  }

  /// A tensor holding copies of `values`, which must be as many as the shape asks for.
  template <class T>
  static tensor of(const xquant::shape& s, std::span<const T> values) {
    tensor t(element_type_of<T>, s);
    if (values.size() != s.size())
      throw model_error(errc::shape_mismatch, "tensor of shape " + to_text(s) + " made from " +
                                                  std::to_string(values.size()) + " values; expected " +
                                                  std::to_string(s.size()));
    if (!values.empty()) std::memcpy(t.bytes_.get(), values.data(), values.size_bytes());
    return t;
  }
  template <class T>
  static tensor of(const xquant::shape& s, const std::vector<T>& values) {
    return of(s, std::span<const T>(values));
  }

  /// A tensor of bytes that are somebody else's and kept alive by `bytes` (a mapped file); they are never written to:
  /// writing makes a copy first. Throws model_error as the constructor does, and for bytes not aligned to an element.
  static tensor over(element_type type, const xquant::shape& s, std::shared_ptr<const std::byte> bytes) {
    if (bytes == nullptr || size_of(type) == 0 || !s.valid().ok()) return tensor(type, s);
    if (reinterpret_cast<std::uintptr_t>(bytes.get()) % size_of(type) != 0)
      throw model_error(errc::value_out_of_range, std::string("bytes not aligned to ") + name_of(type));
    tensor t;
    t.type_ = type;
    t.shape_ = s;
    t.bytes_ = std::const_pointer_cast<std::byte>(std::move(bytes));
    t.borrowed_ = true;
    return t;
  }

  [[nodiscard]] element_type type() const noexcept { return type_; }
  [[nodiscard]] const xquant::shape& shape() const noexcept { return shape_; }
  [[nodiscard]] std::size_t size() const noexcept { return shape_.size(); }
  [[nodiscard]] std::size_t byte_size() const noexcept { return size() * size_of(type_); }
  /// Whether the tensor holds anything: a default-constructed one does not, one with a zero extent does.
  [[nodiscard]] bool has_value() const noexcept { return bytes_ != nullptr; }

  /// First element. Throws model_error when T is not the element type.
  template <class T>
  [[nodiscard]] const T* data() const {
    check(element_type_of<T>);
    return reinterpret_cast<const T*>(bytes_.get());
  }
  template <class T>
  [[nodiscard]] std::span<const T> values() const {
    return {data<T>(), size()};
  }
  /// First element, for writing: other tensors that share the bytes are separated first.
  template <class T>
  [[nodiscard]] T* mutable_data() {
    check(element_type_of<T>);
    return reinterpret_cast<T*>(mutable_bytes());
  }

  [[nodiscard]] const std::byte* bytes() const noexcept { return bytes_.get(); }
  [[nodiscard]] std::byte* mutable_bytes() {
    if (bytes_ && (borrowed_ || bytes_.use_count() > 1)) {
      std::shared_ptr<std::byte> own = allocate(byte_size());
      std::memcpy(own.get(), bytes_.get(), byte_size());
      bytes_ = std::move(own);
      borrowed_ = false;
    }
    return bytes_.get();
  }

  /// A dense view of float32 elements.
  [[nodiscard]] tensor_view<const float> view() const { return {data<float>(), shape_}; }
  [[nodiscard]] tensor_view<float> mutable_view() { return {mutable_data<float>(), shape_}; }

  /// The same elements under another shape of as many elements; shares the bytes.
  [[nodiscard]] tensor reshaped(const xquant::shape& s) const {
    if (!s.valid().ok() || s.size() != size())
      throw model_error(errc::shape_mismatch, "tensor of shape " + to_text(shape_) + " cannot become " + to_text(s));
    tensor t = *this;
    t.shape_ = s;
    return t;
  }

 private:
  static constexpr std::align_val_t alignment{64};

  static std::shared_ptr<std::byte> allocate(std::size_t size) {
    auto* memory = static_cast<std::byte*>(::operator new(size == 0 ? 1 : size, alignment));
    return {memory, [](std::byte* p) { ::operator delete(p, alignment); }};
  }

  void check(element_type wanted) const {
    if (wanted != type_)
      throw model_error(errc::value_out_of_range,
                        std::string("tensor of ") + name_of(type_) + " read as " + name_of(wanted));
  }

  element_type type_ = element_type::undefined;
  xquant::shape shape_{0};
  std::shared_ptr<std::byte> bytes_;
  bool borrowed_ = false;  // the bytes must not be written to, however few share them
};

}  // namespace xquant::model

// A quantized tensor whose quantizer is a value: codes in memory of its own or of somebody else's, the encoding that
// they are read with, and the shape. The form for files, networks and interfaces; quantized_tensor.hpp has the one
// whose quantizer is a type.
#pragma once

#include <xquant/calls/default_engine.hpp>
#include <xquant/core/adapt.hpp>
#include <xquant/core/packed_view.hpp>
#include <xquant/core/type_list.hpp>
#include <xquant/dense_tensor.hpp>
#include <xquant/encoding.hpp>
#include <xquant/exception.hpp>
#include <xquant/runtime.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

namespace xquant::inline XQUANT_ABI {

/// How the codes of a dense tensor lie in memory: as integers of 8, 16 or 32 bits (codes of small floats as unsigned
/// ones), or packed, 1 to 7 bits each, in one string of bits (core/packed.hpp).
struct code_layout {
  int bits = 8;
  bool is_signed = true;                   ///< of integers of 8, 16 or 32 bits; packed codes are what their format is
  bit_order order = bit_order::low_first;  ///< of packed codes

  [[nodiscard]] constexpr bool is_packed() const noexcept { return bits < 8; }
  [[nodiscard]] constexpr status valid() const noexcept {
    if ((bits >= 1 && bits <= 8) || bits == 16 || bits == 32) return {};
    return fault(errc::bits_out_of_range, "layout.bits", bits, "8, 16 or 32, or 1 to 7 packed bits");
  }
  /// Of a tensor of that many elements.
  [[nodiscard]] constexpr std::size_t bytes(std::size_t elements) const noexcept {
    if (!is_packed()) return elements * static_cast<std::size_t>(bits / 8);
    const auto each = static_cast<std::size_t>(bits);
    return elements / 8 * each + (elements % 8 * each + 7) / 8;
  }
  [[nodiscard]] constexpr std::size_t alignment() const noexcept {
    return is_packed() ? 1 : static_cast<std::size_t>(bits / 8);
  }
  friend constexpr bool operator==(const code_layout& a, const code_layout& b) noexcept {
    return a.bits == b.bits && (a.is_packed() ? a.order == b.order : a.is_signed == b.is_signed);
  }
};

/// Element types of codes that a program compiles: what members of encoded_tensor take besides the quantizer's choices
/// (runtime/choices.hpp). Each is a kernel for each format that it can hold.
using common_code_elements = type_list<std::int8_t, std::uint8_t>;
using whole_code_elements =
    type_list<std::int8_t, std::uint8_t, std::int16_t, std::uint16_t, std::int32_t, std::uint32_t>;
template <int... Bits>
using packed_code_elements = type_list<packed<Bits>...>;

namespace detail {

template <class Element>
constexpr code_layout layout_of_element() noexcept {
  if constexpr (is_packed<Element>)
    return {Element::bits, true, Element::order};
  else
    return {8 * static_cast<int>(sizeof(Element)), Element(-1) < Element(0), bit_order::low_first};
}

template <class Element>
tensor_view<Element> codes_at(unsigned char* bytes, const shape& s) noexcept {
  if constexpr (is_packed<Element>)
    return {bytes, s};
  else
    return {reinterpret_cast<Element*>(bytes), s};
}
template <class Element>
tensor_view<const Element> codes_at(const unsigned char* bytes, const shape& s) noexcept {
  if constexpr (is_packed<Element>)
    return {bytes, s};
  else
    return {reinterpret_cast<const Element*>(bytes), s};
}

// Names what of a layout is not as expected.
constexpr status other_layout(const code_layout& layout, const code_layout& expected, errc code, const char* what) {
  if (layout.bits != expected.bits) return fault(code, "layout.bits", layout.bits, what);
  if (layout.is_packed()) return fault(code, "layout.order", static_cast<double>(layout.order), what);
  return fault(code, "layout.is_signed", layout.is_signed ? 1 : 0, what);
}

template <class Code, class Format, int... Bits>
constexpr bool packed_bits_hold(int bits, std::int64_t lower, std::int64_t upper, type_list<packed<Bits>...>) {
  bool result = false;
  ((result = bits == Bits ? packed_coding<Code, Format, packed<Bits>>::holds(lower, upper) : result), ...);
  return result;
}

// Whether a layout is one that the codes of a described quantizer can have.
template <class Choices>
status validate_layout(const quantizer_description& d, const code_layout& layout) {
  return with_format_and_scheme<Choices>(d, [&](auto format, auto scheme) -> status {
    using format_type = remove_cvref<decltype(format)>;
    using code = typename format_type::code_type;
    constexpr code_layout own = layout_of_element<code>();
    if (!layout.is_packed())
      return layout == own
                 ? status{}
                 : other_layout(layout, own, errc::unsupported, "the layout of the codes of the encoding's format");
    if constexpr (sizeof(code) == 1) {
      const basic_quantizer<format_type, per_tensor, remove_cvref<decltype(scheme)>, nearest_even, divide_by_scale> q(
          format, {}, scheme);
      if (packed_bits_hold<code, format_type>(layout.bits, q.lower_code(), q.upper_code(),
                                              packed_code_elements<1, 2, 3, 4, 5, 6, 7>{}))
        return {};
    }
    return fault(errc::bits_out_of_range, "layout.bits", layout.bits,
                 "packed bits that hold every code of the quantizer");
  });
}

// f(type_of<Element>) of the element of that layout among those of the list.
template <class... Elements, class F>
status with_code_element(type_list<Elements...>, const code_layout& layout, const F& f) {
  // Names the sign or the order where there is an element of as many bits.
  code_layout nearest{0};
  ((nearest = layout_of_element<Elements>().bits == layout.bits ? layout_of_element<Elements>() : nearest), ...);
  status result = other_layout(layout, nearest, errc::not_compiled, "one of the code elements of this call");
  const auto visit = [&]<class Element>(type_of<Element> element) {
    if (layout_of_element<Element>() == layout) result = f(element);
  };
  (visit(type_of<Elements>{}), ...);
  return result;
}

}  // namespace detail

/// Codes, their encoding and their shape; row-major, dense. A regular value: a copy of one that owns its codes owns a
/// copy of them, a copy of one that borrows borrows the same memory, which must outlive both; owned() makes one that
/// owns. Equal are those of equal encodings, shapes, layouts and codes, whoever owns them. Const members may run on
/// several threads.
///
/// `Choices` names the formats and policies that a call compiles, and `Elements` the element types of codes; a layout
/// or a quantizer that is not among them is refused (errc::not_compiled). Data are float.
class encoded_tensor {
 public:
  encoded_tensor() = default;
  encoded_tensor(const encoded_tensor&) = default;
  encoded_tensor& operator=(const encoded_tensor&) = default;
  /// What is moved from is empty.
  encoded_tensor(encoded_tensor&& other) noexcept { swap(other); }
  encoded_tensor& operator=(encoded_tensor&& other) noexcept {
    encoded_tensor taken(std::move(other));
    swap(taken);
    return *this;
  }
  ~encoded_tensor() = default;

  /// The codes of x under an encoding, as quantize has them. Refuses what quantize refuses; `out` is written only where
  /// the answer is ok.
  template <class Choices = runtime_choices<>, class Elements = common_code_elements, TensorLike In,
            class Engine = default_engine>
  [[nodiscard]] static status try_quantize(const xquant::encoding& e, const In& x, const code_layout& layout,
                                           encoded_tensor& out, const Engine& engine = {}) {
    if (const status bad = layout.valid(); !bad.ok()) return bad;
    auto&& held = evaluated(x);
    const auto view = as_view(held);
    if (const status bad = e.valid<Choices>(view.shape); !bad.ok()) return bad;
    encoded_tensor made;
    made.encoding_ = e;
    made.shape_ = view.shape;
    made.layout_ = layout;
    made.owned_.resize(layout.bytes(view.shape.size()));
    const status answer = detail::with_code_element(Elements{}, layout, [&]<class Element>(detail::type_of<Element>) {
      return xquant::try_quantize(Choices(e.quantizer), e.parameters, view,
                                  detail::codes_at<Element>(made.owned_.data(), made.shape_), engine);
    });
    if (answer.ok()) out = std::move(made);
    return answer;
  }

  /// Codes that somebody else owns and keeps, `bytes` of them. Refuses an encoding that does not fit the shape, a
  /// layout that there is not or that codes of this quantizer cannot have, memory that is not aligned for it, and
  /// another number of bytes than the tensor has. The codes themselves are not looked at: one that the format does not
  /// use dequantizes as dequantize says.
  template <class Choices = standard_choices>
  [[nodiscard]] static status try_borrow(const xquant::encoding& e, const xquant::shape& s, const code_layout& layout,
                                         const void* codes, std::size_t bytes, encoded_tensor& out) {
    if (const status bad = validate<Choices>(e, s, layout, bytes); !bad.ok()) return bad;
    if (codes == nullptr && bytes != 0) return fault(errc::null_pointer, "codes", 0, "memory of that many bytes");
    if (reinterpret_cast<std::uintptr_t>(codes) % layout.alignment() != 0)
      return fault(errc::value_out_of_range, "codes",
                   static_cast<double>(reinterpret_cast<std::uintptr_t>(codes) % layout.alignment()),
                   "memory aligned for its elements");
    encoded_tensor made;
    made.encoding_ = e;
    made.shape_ = s;
    made.layout_ = layout;
    made.borrowed_ = static_cast<const unsigned char*>(codes);
    out = std::move(made);
    return {};
  }

  /// The same of bytes that it owns.
  template <class Choices = standard_choices>
  [[nodiscard]] static status try_own(const xquant::encoding& e, const xquant::shape& s, const code_layout& layout,
                                      std::vector<unsigned char> codes, encoded_tensor& out) {
    if (const status bad = validate<Choices>(e, s, layout, codes.size()); !bad.ok()) return bad;
    encoded_tensor made;
    made.encoding_ = e;
    made.shape_ = s;
    made.layout_ = layout;
    made.owned_ = std::move(codes);
    out = std::move(made);
    return {};
  }

  [[nodiscard]] const xquant::encoding& encoding() const noexcept { return encoding_; }
  [[nodiscard]] const xquant::shape& shape() const noexcept { return shape_; }
  [[nodiscard]] const code_layout& layout() const noexcept { return layout_; }
  /// Whether the codes are somebody else's.
  [[nodiscard]] bool borrows() const noexcept { return borrowed_ != nullptr; }
  [[nodiscard]] std::span<const unsigned char> bytes() const noexcept {
    return {borrowed_ != nullptr ? borrowed_ : owned_.data(), layout_.bytes(shape_.size())};
  }
  /// The codes as elements of that type. Refuses another type than the layout's.
  template <class Element>
  [[nodiscard]] status try_codes(tensor_view<const Element>& out) const {
    if (!(detail::layout_of_element<Element>() == layout_))
      return detail::other_layout(layout_, detail::layout_of_element<Element>(), errc::unsupported,
                                  "the layout of the element type asked for");
    out = detail::codes_at<Element>(bytes().data(), shape_);
    return {};
  }
  /// The same codes in memory of its own.
  [[nodiscard]] encoded_tensor owned() const {
    encoded_tensor made = *this;
    if (borrows()) {
      made.owned_.assign(bytes().begin(), bytes().end());
      made.borrowed_ = nullptr;
    }
    return made;
  }

  /// What the codes stand for, into x, which has the shape of the tensor and elements of float, float16 or bfloat16.
  /// Refuses what dequantize refuses.
  template <class Choices = runtime_choices<>, class Elements = common_code_elements, TensorInMemory Out,
            class Engine = default_engine>
  [[nodiscard]] status try_dequantize(Out&& x, const Engine& engine = {}) const {
    return detail::with_code_element(Elements{}, layout_, [&]<class Element>(detail::type_of<Element>) {
      return xquant::try_dequantize(Choices(encoding_.quantizer), encoding_.parameters,
                                    detail::codes_at<Element>(bytes().data(), shape_), x, engine);
    });
  }

#if XQUANT_HAS_EXCEPTIONS
  /// The same; they throw xquant::error.
  template <class Choices = runtime_choices<>, class Elements = common_code_elements, TensorLike In,
            class Engine = default_engine>
  [[nodiscard]] static encoded_tensor quantize(const xquant::encoding& e, const In& x, const code_layout& layout = {},
                                               const Engine& engine = {}) {
    encoded_tensor out;
    throw_if(try_quantize<Choices, Elements>(e, x, layout, out, engine));
    return out;
  }
  template <class Choices = standard_choices>
  [[nodiscard]] static encoded_tensor borrow(const xquant::encoding& e, const xquant::shape& s,
                                             const code_layout& layout, const void* codes, std::size_t bytes) {
    encoded_tensor out;
    throw_if(try_borrow<Choices>(e, s, layout, codes, bytes, out));
    return out;
  }
  template <class Choices = standard_choices>
  [[nodiscard]] static encoded_tensor own(const xquant::encoding& e, const xquant::shape& s, const code_layout& layout,
                                          std::vector<unsigned char> codes) {
    encoded_tensor out;
    throw_if(try_own<Choices>(e, s, layout, std::move(codes), out));
    return out;
  }
  template <class Element>
  [[nodiscard]] tensor_view<const Element> codes() const {
    tensor_view<const Element> out;
    throw_if(try_codes(out));
    return out;
  }
  template <class Choices = runtime_choices<>, class Elements = common_code_elements, TensorInMemory Out,
            class Engine = default_engine>
  void dequantize(Out&& x, const Engine& engine = {}) const {
    throw_if(try_dequantize<Choices, Elements>(x, engine));
  }
  /// A tensor that becomes the container it is assigned to: xt::xarray<float> x = t.dequantize().
  template <class Choices = runtime_choices<>, class Elements = common_code_elements>
  [[nodiscard]] dense_tensor<float> dequantize() const {
    dense_tensor<float> x(shape_);
    dequantize<Choices, Elements>(x);
    return x;
  }
#endif

  friend bool operator==(const encoded_tensor& a, const encoded_tensor& b) {
    if (!(a.encoding_ == b.encoding_ && a.shape_ == b.shape_ && a.layout_ == b.layout_)) return false;
    // The bits behind the last packed code are nobody's.
    const std::size_t used =
        a.layout_.is_packed() ? a.shape_.size() % 8 * static_cast<std::size_t>(a.layout_.bits) % 8 : 0;
    const std::size_t whole = a.bytes().size() - (used != 0 ? 1 : 0);
    if (whole != 0 && std::memcmp(a.bytes().data(), b.bytes().data(), whole) != 0) return false;
    if (used == 0) return true;
    const unsigned mask = a.layout_.order == bit_order::low_first ? (1u << used) - 1 : 0xffu & ~(0xffu >> used);
    return ((a.bytes()[whole] ^ b.bytes()[whole]) & mask) == 0;
  }

 private:
  void swap(encoded_tensor& other) noexcept {
    std::swap(encoding_, other.encoding_);
    std::swap(shape_, other.shape_);
    std::swap(layout_, other.layout_);
    owned_.swap(other.owned_);
    std::swap(borrowed_, other.borrowed_);
  }
  template <class Choices>
  static status validate(const xquant::encoding& e, const xquant::shape& s, const code_layout& layout,
                         std::size_t bytes) {
    if (const status bad = layout.valid(); !bad.ok()) return bad;
    if (const status bad = e.valid<Choices>(s); !bad.ok()) return bad;
    if (const status bad = detail::validate_layout<Choices>(e.quantizer, layout); !bad.ok()) return bad;
    if (bytes != layout.bytes(s.size()))
      return fault(errc::shape_mismatch, "codes", static_cast<double>(bytes), "as many bytes as the tensor has", 0,
                   layout.bytes(s.size()));
    return {};
  }

  xquant::encoding encoding_;
  xquant::shape shape_{0};
  code_layout layout_;
  std::vector<unsigned char> owned_;
  const unsigned char* borrowed_ = nullptr;
};

}  // namespace xquant

// Codes of one quantizer to codes of another, without a tensor of real numbers between.
#pragma once

#include <xquant/calls/call.hpp>
#include <xquant/calls/default_engine.hpp>
#include <xquant/calls/kernel_of.hpp>
#include <xquant/core/adapt.hpp>
#include <xquant/core/nest.hpp>
#include <xquant/core/qualifiers.hpp>
#include <xquant/engines/engine.hpp>
#include <xquant/exception.hpp>
#include <xquant/ops/dequantize.hpp>
#include <xquant/ops/quantize.hpp>
#include <xquant/quantizer.hpp>

namespace xquant::inline XQUANT_ABI {

namespace detail {

// A box of a tensor: whole inner dimensions, a piece of one, single indices of the outer ones. Its elements are
// consecutive in row-major order.
struct box {
  std::size_t first[max_rank] = {};
  shape extents{};
  std::size_t index = 0;  // row-major, of its first element
};

// The parameters of one side of a conversion, and how boxes must lie for its blocks.
template <class View>
struct conversion_side {
  parameter_map map{};
  View parameters{};

  constexpr bool is_blocked(std::size_t d) const { return map.stride[d] != 0 && map.block[d] > 1; }

  // The most of `wanted` elements of dimension d, from `first` on, that lie in one block or begin one.
  constexpr std::size_t fitting(std::size_t d, std::size_t first, std::size_t wanted, bool to_end) const {
    if (!is_blocked(d)) return wanted;
    const std::size_t block = map.block[d];
    const std::size_t within = first % block;
    if (within != 0) return wanted < block - within ? wanted : block - within;
    return wanted > block && !to_end ? wanted - wanted % block : wanted;
  }

  // The map of a box, and the parameters its slots are counted from.
  constexpr parameter_map map_of(const box& b, View& own) const {
    parameter_map result = map;
    std::size_t slot = 0;
    std::size_t reach = 0;
    for (std::size_t d = 0; d < b.extents.rank; ++d) {
      const auto stride = static_cast<std::size_t>(map.stride[d]);
      const std::size_t block = map.block[d];
      slot += b.first[d] / block * stride;
      const std::size_t steps = (b.first[d] % block + b.extents.extent[d] - 1) / block;
      reach += steps * stride;
      if (steps == 0) {  // within one block
        result.block[d] = 1;
        result.stride[d] = 0;
      }
    }
    result.count = reach + 1;
    own = parameters;
    own.scale += slot;
    if constexpr (!is_coded<View>)
      if (own.reciprocal != nullptr) own.reciprocal += slot;
    if (own.zero_point != nullptr) own.zero_point += slot;
    if (own.real_zero_point != nullptr) own.real_zero_point += slot;
    own.count = result.count;
    return result;
  }
};

// Visits all boxes of at most `limit` elements, in order. Of the dimensions taken whole or in pieces at most two are
// blocked on either side, so that the nests of a box are few.
template <class A, class B, class Visit>
constexpr void for_each_box(const shape& s, const conversion_side<A>& a, const conversion_side<B>& b, std::size_t limit,
                            Visit&& visit) {
  if (s.size() == 0) return;
  box own;
  own.extents = s;
  std::size_t inner = s.rank;  // dimensions from here on are whole
  std::size_t size = 1;
  unsigned blocked_a = 0;
  unsigned blocked_b = 0;
  while (inner > 0) {
    const std::size_t d = inner - 1;
    const unsigned next_a = blocked_a + (a.is_blocked(d) ? 1 : 0);
    const unsigned next_b = blocked_b + (b.is_blocked(d) ? 1 : 0);
    if (s.extent[d] > limit / size || next_a > 2 || next_b > 2) break;
    blocked_a = next_a;
    blocked_b = next_b;
    size *= s.extent[d];
    --inner;
  }
  if (inner == 0) return visit(own);
  const std::size_t cut = inner - 1;  // this one goes in pieces
  const bool in_pieces = blocked_a + (a.is_blocked(cut) ? 1 : 0) <= 2 && blocked_b + (b.is_blocked(cut) ? 1 : 0) <= 2;
  const std::size_t most = in_pieces && limit / size > 1 ? limit / size : 1;
  for (std::size_t d = 0; d <= cut; ++d) own.extents.extent[d] = 1;
  for (;;) {
    std::size_t n = s.extent[cut] - own.first[cut];
    const bool to_end = n <= most;
    if (!to_end) n = most;
    n = a.fitting(cut, own.first[cut], n, to_end);
    n = b.fitting(cut, own.first[cut], n, to_end && n == s.extent[cut] - own.first[cut]);
    own.extents.extent[cut] = n;
    visit(own);
    own.index += n * size;
    own.first[cut] += n;
    std::size_t d = cut;
    for (; own.first[d] == s.extent[d]; --d) {
      own.first[d] = 0;
      if (d == 0) return;
      ++own.first[d - 1];
    }
  }
}

// What is wrong with the parameters of the second quantizer, told apart from the first one's.
constexpr status of_target(status s) noexcept {
  switch (s.code) {
    case errc::ok: break;
    case errc::parameter_count: s.argument = "target parameters"; break;
    case errc::scale_not_finite:
    case errc::scale_not_positive:
    case errc::scale_out_of_range: s.argument = "target scale"; break;
    case errc::zero_point_not_zero:
    case errc::zero_point_range: s.argument = "target zero_point"; break;
    default: break;
  }
  return s;
}

template <class Real, class From, class In, class To, class Out, class Source, class Target>
status validate_conversion(const From& from, const To& to, const tensor_view<In>& in, const tensor_view<Out>& out,
                           conversion_side<Source>& source, conversion_side<Target>& target) noexcept {
  static_assert(is_same<remove_const<In>, typename From::code_type> || is_packed<remove_const<In>>,
                "xquant::convert: the input has another element type than the first quantizer stores");
  static_assert(is_same<Out, typename To::code_type> || is_packed<Out>,
                "xquant::convert: the output has another element type than the second quantizer stores, or is const");
  using first = dequantize_kernel<From, Real, remove_const<In>>;
  using second = quantize_kernel<To, Real, Out>;
  call<streams_only<Real, typename first::input_0_type, typename second::output_0_type>> c;
  c.input_0(in, "codes").output_0(out, "converted");
  c.template check_packing<input_0>(from.lower_code(), from.upper_code());
  c.template check_packing<output_0>(to.lower_code(), to.upper_code());
  if (const status s = c.validate(from, source.parameters, source.map); !s.ok()) return s;
  if (const status s = to.format.valid(); !s.ok()) return s;
  if (const status s = to.granularity.map(in.shape, target.map); !s.ok()) return s;
  return of_target(validate_parameters(target.parameters, rules_of(to, target.map.count)));
}

// Reals between the two halves of a conversion, on the stack: 8 or 16 KiB.
inline constexpr std::size_t conversion_limit = 2048;

// Where a tensor's elements begin and how far they are apart, in what strides count.
struct conversion_strides {
  std::ptrdiff_t first = 0;
  std::ptrdiff_t stride[max_rank] = {};

  template <class T>
  void assign(const tensor_view<T>& v) {
    first = first_bit_of(v);
    for (std::size_t d = 0; d < v.shape.rank && d < max_rank; ++d) stride[d] = v.stride[d];
  }
  [[nodiscard]] std::ptrdiff_t first_of(const box& b) const {
    std::ptrdiff_t begin = first;
    for (std::size_t d = 0; d < b.extents.rank; ++d) begin += stride[d] * static_cast<std::ptrdiff_t>(b.first[d]);
    return begin;
  }
};

// The nests of one half of the work on a box; its elements have the logical indices of the whole.
template <class View>
void lay_out_box(const box& b, const conversion_side<View>& side, const std::ptrdiff_t* in_stride,
                 std::ptrdiff_t in_first, const std::ptrdiff_t* out_stride, std::ptrdiff_t out_first, View& own,
                 nest_list& nests) {
  const parameter_map map = side.map_of(b, own);
  const std::ptrdiff_t* const strides[4] = {in_stride, nullptr, out_stride, nullptr};
  make_nests(b.extents, strides, map, nests);  // a box of a valid shape, with at most two ragged dimensions
  move_base(nests, element_index, static_cast<std::ptrdiff_t>(b.index));
  move_base(nests, input_0, in_first);
  move_base(nests, output_0, out_first);
}

template <class Op, class Engine>
void run_half(const Op& operation, const nest_list& nests, const parameters_view_of<Op>& p,
              const stream_element<typename Op::input_0_type>* in, stream_element<typename Op::output_0_type>* out,
              const Engine& engine) {
  operation_streams<Op> streams;
  streams.parameters = p;
  streams.input_0 = in;
  streams.output_0 = out;
  engine.run(operation, nests, streams);
}

// A conversion that has been validated, but for the addresses: operations, parameters, shape and strides. `In` and
// `Out` are the element types of the codes, `Source` and `Target` the views of the parameters.
template <class From, class To, class Real, class In, class Out, class Source, class Target>
struct conversion {
  using first_plain = dequantize_kernel<From, Real, In>;
  using second_plain = quantize_kernel<To, Real, Out>;
  using first = operation_with<first_plain, Source>;
  using second = operation_with<second_plain, Target>;
  using in_element = stream_element<typename first::input_0_type>;
  using out_element = stream_element<typename second::output_0_type>;
  first dequantization{};
  second quantization{};
  conversion_side<Source> source{};
  conversion_side<Target> target{};
  shape extents = shape(0);  // until it is made: nothing to do
  conversion_strides in{};
  conversion_strides out{};

  template <class View>
  status make(const From& from, const Source& p, const tensor_view<View>& codes, const To& to, const Target& target_p,
              const tensor_view<Out>& converted) {
    conversion_side<Source> own_source{{}, p};
    conversion_side<Target> own_target{{}, target_p};
    if (const status s = validate_conversion<Real>(from, to, codes, converted, own_source, own_target); !s.ok())
      return s;
    source = own_source;
    target = own_target;
    dequantization = first(make_operation<first_plain>(from));
    quantization = second(make_operation<second_plain>(to));
    extents = codes.shape;
    in.assign(codes);
    out.assign(converted);
    return {};
  }

  void lay_out(const box& b, const std::ptrdiff_t* dense, Source& own_source, Target& own_target, nest_list& first_half,
               nest_list& second_half) const {
    lay_out_box(b, source, in.stride, in.first_of(b), dense, 0, own_source, first_half);
    lay_out_box(b, target, dense, 0, out.stride, out.first_of(b), own_target, second_half);
  }

  // Box by box, each laid out as it comes.
  template <class Engine>
  void run(const Engine& engine, const in_element* codes, out_element* converted) const {
    alignas(64) Real values[conversion_limit];
    for_each_box(extents, source, target, conversion_limit, [&](const box& b) {
      const tensor_view<Real> dense(values, b.extents);
      Source own_source;
      Target own_target;
      nest_list nests[2];
      lay_out(b, dense.stride, own_source, own_target, nests[0], nests[1]);
      run_half(dequantization, nests[0], own_source, codes, values, engine);
      run_half(quantization, nests[1], own_target, values, converted, engine);
    });
  }
};

template <class Conversion, class Engine>
struct check_conversion_engine {
  static_assert(EngineFor<Engine, typename Conversion::first> && EngineFor<Engine, typename Conversion::second>,
                "xquant: this engine does not support this operation");
  static_assert(memory_of<Engine> == memory_space::host,
                "xquant::convert: goes through memory of the host; dequantize and quantize on a device");
  static constexpr bool ok = true;
};

}  // namespace detail

/// What would be wrong with convert(from, p, codes, to, target_p, converted); ok when nothing is. Reads no element.
template <class From, class FromParameters, TensorLike In, class To, class ToParameters, TensorInMemory Out>
[[nodiscard]] status validate_convert(const From& from, const FromParameters& p, const In& codes, const To& to,
                                      const ToParameters& target_p, Out&& converted) {
  using real = detail::real_type_of<FromParameters>;
  static_assert(is_same<real, detail::real_type_of<ToParameters>>,
                "xquant::convert: the scales of both quantizers must have one type, float or double");
  auto&& input = evaluated(codes);
  detail::conversion_side<detail::view_of_parameters<FromParameters>> source{{}, as_parameters(p)};
  detail::conversion_side<detail::view_of_parameters<ToParameters>> target{{}, as_parameters(target_p)};
  return detail::validate_conversion<real>(from, to, as_view(input), as_view(converted), source, target);
}

/// The same without exceptions: does the work and returns ok, or returns what is wrong and has written nothing.
template <class From, class FromParameters, TensorLike In, class To, class ToParameters, TensorInMemory Out,
          class Engine = default_engine>
[[nodiscard]] status try_convert(const From& from, const FromParameters& p, const In& codes, const To& to,
                                 const ToParameters& target_p, Out&& converted, const Engine& engine = {}) {
  using real = detail::real_type_of<FromParameters>;
  static_assert(is_same<real, detail::real_type_of<ToParameters>>,
                "xquant::convert: the scales of both quantizers must have one type, float or double");
  using conversion =
      detail::conversion<From, To, real, element_of<In>, element_of<Out>, detail::view_of_parameters<FromParameters>,
                         detail::view_of_parameters<ToParameters>>;
  static_assert(detail::check_conversion_engine<conversion, Engine>::ok);
  auto&& input = evaluated(codes);
  const auto in = as_view(input);
  const auto out = as_view(converted);
  conversion made;
  if (const status s = made.make(from, as_parameters(p), in, to, as_parameters(target_p), out); !s.ok()) return s;
  made.run(engine, in.data, out.data);
  return {};
}

/// A plan of convert: run(engine, codes, converted), addresses of tensors of the shapes and strides it was made for
/// (engines/plan.hpp). What is at most 2048 elements is laid out once; of more, each piece is laid out as it comes.
template <class From, class To, class In, class Out, class Source, class Target>
class conversion_plan {
  using real = typename detail::real_of_parameters<Source>::type;
  using conversion = detail::conversion<From, To, real, In, Out, Source, Target>;

 public:
  template <class Engine>
  void run(const Engine& engine, const typename conversion::in_element* codes,
           typename conversion::out_element* converted) const {
    static_assert(detail::check_conversion_engine<conversion, Engine>::ok);
    if (!is_one_box_) return conversion_.run(engine, codes, converted);
    alignas(64) real values[detail::conversion_limit];
    detail::run_half(conversion_.dequantization, nests_[0], source_, codes, values, engine);
    detail::run_half(conversion_.quantization, nests_[1], target_, values, converted, engine);
  }

  /// For plan_convert.
  template <class View>
  status make(const From& from, const Source& p, const tensor_view<View>& codes, const To& to, const Target& target_p,
              const tensor_view<Out>& converted) {
    if (const status s = conversion_.make(from, p, codes, to, target_p, converted); !s.ok()) return s;
    is_one_box_ = false;
    if (conversion_.extents.size() > detail::conversion_limit) return {};
    std::size_t boxes = 0;
    detail::for_each_box(conversion_.extents, conversion_.source, conversion_.target, detail::conversion_limit,
                         [&](const detail::box& b) {
                           const tensor_view<real> dense(nullptr, b.extents);
                           if (++boxes == 1)
                             conversion_.lay_out(b, dense.stride, source_, target_, nests_[0], nests_[1]);
                         });
    is_one_box_ = boxes == 1;
    return {};
  }

 private:
  conversion conversion_{};
  bool is_one_box_ = false;
  nest_list nests_[2]{};
  Source source_{};
  Target target_{};
};

/// The plan of two quantizers, which decltype may give as const, with float scales; `In` and `Out` are the element
/// types of codes that are packed, `Source` and `Target` the views of other parameters.
template <class From, class To, class In = typename From::code_type, class Out = typename To::code_type,
          class Source = parameters_view<float>, class Target = Source>
using convert_plan = conversion_plan<remove_const<From>, remove_const<To>, In, Out, Source, Target>;

/// Lays the call out once. Refuses what convert refuses; `out` is as it was then.
template <class From, class FromParameters, TensorLike In, class To, class ToParameters, TensorInMemory Out>
[[nodiscard]] status plan_convert(
    const From& from, const FromParameters& p, const In& codes, const To& to, const ToParameters& target_p,
    Out&& converted,
    conversion_plan<From, To, element_of<In>, element_of<Out>, detail::view_of_parameters<FromParameters>,
                    detail::view_of_parameters<ToParameters>>& out) {
  static_assert(is_same<detail::real_type_of<FromParameters>, detail::real_type_of<ToParameters>>,
                "xquant::convert: the scales of both quantizers must have one type, float or double");
  auto&& input = evaluated(codes);
  return out.make(from, as_parameters(p), as_view(input), to, as_parameters(target_p), as_view(converted));
}

#if XQUANT_HAS_EXCEPTIONS
/// converted = quantize(to, target_p, dequantize(from, p, codes)), bit for bit, through 2048 reals at a time on the
/// stack: another format, granularity, rounding or set of parameters. `codes` holds from's code_type and `converted`
/// to's, of one shape; both may be the same memory where code types have one size. The reals between are of the type of
/// the scales, which is one for both quantizers. Random roundings see the element's index in the whole tensor. Errors:
/// what dequantize refuses of from, p and codes, what quantize refuses of to, target_p ("target scale") and converted.
template <class From, class FromParameters, TensorLike In, class To, class ToParameters, TensorInMemory Out,
          class Engine = default_engine>
void convert(const From& from, const FromParameters& p, const In& codes, const To& to, const ToParameters& target_p,
             Out&& converted, const Engine& engine = {}) {
  throw_if(try_convert(from, p, codes, to, target_p, converted, engine));
}
#endif

}  // namespace xquant

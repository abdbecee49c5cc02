// A call: its streams collected and checked, laid out, and given to an engine. Every operation on tensors goes through
// here, whatever its streams and its parameters.
#pragma once

#include <xquant/calls/coded_scale_operation.hpp>
#include <xquant/calls/kernel_of.hpp>
#include <xquant/core/assert.hpp>
#include <xquant/core/nest.hpp>
#include <xquant/core/qualifiers.hpp>
#include <xquant/core/validation.hpp>
#include <xquant/engines/engine.hpp>
#include <xquant/engines/operation.hpp>
#include <xquant/engines/plan.hpp>
#include <xquant/engines/reduction.hpp>

namespace xquant::inline XQUANT_ABI::detail {

/// Streams of these types and no operation: for calls that run something else on them. Packed elements that come
/// without a coding are checked and not read.
template <class Stream>
struct unread_stream {
  using type = Stream;
};
template <int Bits, bit_order Order>
struct unread_stream<packed<Bits, Order>> {
  using type = packed_codes<packed<Bits, Order>, none>;
};
template <class Real, class In, class Out>
struct streams_only {
  using real = Real;
  using input_0_type = typename unread_stream<In>::type;
  using input_1_type = none;
  using output_0_type = typename unread_stream<Out>::type;
  using output_1_type = none;
};

/// The element type of views of a stream.
template <class Stream>
struct view_element_trait {
  using type = stream_element<Stream>;
};
template <class P, class Coding>
struct view_element_trait<packed_codes<P, Coding>> {
  using type = P;
};
template <class Stream>
using view_element = typename view_element_trait<Stream>::type;

/// What must be equal for one tensor to be in the place of another: the size of elements, or how they are packed.
template <class T>
inline constexpr std::size_t element_kind = sizeof(T);
template <int Bits, bit_order Order>
inline constexpr std::size_t element_kind<packed<Bits, Order>> = (Order == bit_order::low_first ? 0x100 : 0x200) + Bits;

// Scales of the type of the operation's lanes.
template <class Scale, class Real>
struct check_scales {
  static constexpr bool ok = is_same<Scale, Real>;
  static_assert(ok,
                "xquant: scales and data must have one type, float or double (float for 16-bit data); write "
                "basic_parameters<double>(scale) for double data");
};

/// Collects the streams of one call and remembers the first fault; what is asked last (validate, run, make_plan,
/// lay_out) checks the rest and answers. Streams come in the order of their operands. The first input sets the shape;
/// an output must be apart from every other stream, but the first may lie exactly in the place of an input.
template <class Op>
class call {
 public:
  using real = typename Op::real;
  using operation_type = Op;

  /// One stream of the operation; faults call it `name`.
  template <operand Which, class T>
  call& stream(const tensor_view<T>& v, const char* name) {
    using element = view_element<stream_at<Op, Which>>;
    constexpr bool is_output = Which == xquant::output_0 || Which == xquant::output_1;
    if constexpr (is_bits<Which>) {
      static_assert(is_same<remove_const<T>, element>, "xquant: a packed mask is made of std::uint8_t");
      if (fault_.ok()) check(validate_bits(v, name));
    } else if constexpr (is_output) {
      static_assert(
          is_same<T, element>,
          "xquant: the output has another element type than this operation of this quantizer writes, or is const: "
          "codes are of its code_type (std::int8_t for int8), reals of the type of the scales or of 16 bits");
      if (fault_.ok()) check(validate_output(v, shape_, name));  // else the shape may not be one
    } else {
      static_assert(
          is_same<remove_const<T>, element>,
          "xquant: the input has another element type than this operation of this quantizer reads: codes are of "
          "its code_type (std::int8_t for int8), reals of the type of the scales or of 16 bits");
      if constexpr (Which != xquant::input_0)
        if (fault_.ok()) check(validate_same_shape(v.shape, shape_, name));
      if (fault_.ok()) check(validate_input(v, name));
      if constexpr (Which == xquant::input_0) shape_.assign(v.shape);
    }
    // Where the types differ the assertion above has said so.
    if constexpr (is_same<remove_const<T>, element> && !(is_output && is_const<T>)) {
      if constexpr (Which == xquant::input_0) streams_.input_0 = v.data;
      if constexpr (Which == xquant::input_1) streams_.input_1 = v.data;
      if constexpr (Which == xquant::output_0) streams_.output_0 = v.data;
      if constexpr (Which == xquant::output_1) streams_.output_1 = v.data;
    }
    if (fault_.ok()) remember(places_[Which], v, name);
    return *this;
  }
  template <class T>
  call& input_0(const tensor_view<T>& v, const char* name) {
    return stream<xquant::input_0>(v, name);
  }
  template <class T>
  call& input_1(const tensor_view<T>& v, const char* name) {
    return stream<xquant::input_1>(v, name);
  }
  template <class T>
  call& output_0(const tensor_view<T>& v, const char* name) {
    return stream<xquant::output_0>(v, name);
  }
  template <class T>
  call& output_1(const tensor_view<T>& v, const char* name) {
    return stream<xquant::output_1>(v, name);
  }

  /// For checks of the caller's own, reported like the others.
  call& check(const status& s) {
    if (!s.ok() && fault_.ok()) fault_ = s;
    return *this;
  }
  /// Memory that is written besides the streams, all of which have been given: apart from them, and from each other. At
  /// most four.
  template <class T>
  call& apart(const tensor_view<T>& v, const char* name) {
    if (fault_.ok()) check(validate_input(v, name));
    if (!fault_.ok() || v.shape.size() == 0) return *this;
    place& own = places_[4 + results_];
    remember(own, v, name);
    for (unsigned k = 0; k < 4 + results_; ++k)
      if (k >= 4 || is_present[k]) check(validate_disjoint(own.bytes, places_[k], name));
    if (results_ + 1 < most_results) ++results_;
    return *this;
  }

  /// What is wrong with the call; ok when nothing is. Reads the parameters and no element.
  template <class Quantizer, class View>
  status validate(const Quantizer& q, const View& p) {
    parameter_map map;
    return validate(q, p, map);
  }
  /// The same; fills `map`. On a device parameters are counted and not read.
  template <memory_space Memory = memory_space::host, class Quantizer, class View>
  status validate(const Quantizer& q, const View& p, parameter_map& map) {
    static_assert(check_scales<typename real_of_parameters<View>::type, real>::ok);
    if (const status s = q.format.valid(); !s.ok()) return s;
    if constexpr (has_packed_streams<Op>)
      check_packing<xquant::input_0>(q.lower_code(), q.upper_code())
          .template check_packing<xquant::output_0>(q.lower_code(), q.upper_code());
    if (const status s = mapped(q.granularity, map); !s.ok()) return s;
    if constexpr (Memory == memory_space::device)
      return validate_parameter_count(p, map.count);
    else
      return validate_parameters(p, rules_of(q, map.count));
  }
  status validate_without_parameters() { return finished(); }

  /// Of a packed stream: that its bits hold the codes from `lower` to `upper`.
  template <operand Which>
  call& check_packing(std::int64_t lower, std::int64_t upper) {
    using own = stream_at<Op, Which>;
    if constexpr (is_packed_stream<own>)
      if (fault_.ok() && !own::coding::holds(lower, upper))
        fault_ = fault(errc::bits_out_of_range, places_[Which].name, own::element::bits,
                       "packed bits that hold every code of the quantizer");
    return *this;
  }

  /// Does the work, or says what is wrong and has written nothing.
  template <class Quantizer, class View, class Engine>
  status run(const Quantizer& q, const View& p, const Engine& engine) {
    return run(q, p, make_operation<Op>(q), engine);
  }
  /// The same with an operation that holds more than the quantizer says.
  template <class Quantizer, class View, class Engine>
  status run(const Quantizer& q, const View& p, const Op& operation, const Engine& engine) {
    if constexpr (check_scales<typename real_of_parameters<View>::type, real>::ok) {
      parameter_map map;
      if (const status s = validate<memory_of<Engine>>(q, p, map); !s.ok()) return s;
      nest_list nests;
      lay_out(map, nests);
      if constexpr (is_coded<View>) {
        using coded = coded_scale_operation<Op, View>;
        return run_on(engine, coded(operation), nests, coded::streams(streams_, p));
      } else {
        streams_.parameters = p;
        return run_on(engine, operation, nests, streams_);
      }
    } else {
      return {};  // does not compile
    }
  }
  template <class Engine>
  status run_without_parameters(const Op& operation, const Engine& engine) {
    if (const status s = finished(); !s.ok()) return s;
    nest_list nests;
    lay_out(parameter_map{}, nests);
    streams_.parameters = unit_parameters<real>;
    for_memory_of<Engine>(streams_);
    return run_on(engine, operation, nests, streams_);
  }

  /// The work laid out, to be done later with other addresses.
  template <class Quantizer, class View, class Planned>
  status make_plan(const Quantizer& q, const View& p, plan<Planned>& out) {
    return make_plan(q, p, make_operation<Op>(q), out);
  }
  template <class Quantizer, class View, class Planned>
  status make_plan(const Quantizer& q, const View& p, const Op& operation, plan<Planned>& out) {
    if constexpr (check_scales<typename real_of_parameters<View>::type, real>::ok) {
      parameter_map map;
      if (const status s = validate(q, p, map); !s.ok()) return s;
      lay_out(map, out.loops_for(Planned(operation), p));
    }
    return {};
  }
  status make_plan_without_parameters(const Op& operation, plan<Op>& out) {
    if (const status s = finished(); !s.ok()) return s;
    lay_out(parameter_map{}, out.loops_for(operation, unit_parameters<real>));
    return {};
  }

  /// For calls whose parameters obey rules of their own, or that run something else: everything but them, and the
  /// loops. `streams_with` then gives what an engine runs.
  template <class Granularity, class Loops>
  status lay_out(const Granularity& granularity, parameter_map& map, Loops& loops) {
    if (const status s = mapped(granularity, map); !s.ok()) return s;
    lay_out(map, loops);
    return {};
  }
  /// Streams and granularity alone.
  template <class Granularity>
  status mapped(const Granularity& granularity, parameter_map& map) {
    if (const status s = finished(); !s.ok()) return s;
    if (const status s = granularity.map(shape_, map); !s.ok()) return s;
    XQUANT_ASSERT(is_consistent(map, shape_));
    return {};
  }

  [[nodiscard]] operation_streams<Op> streams_with(const parameters_view<real>& p) const {
    operation_streams<Op> all = streams_;
    all.parameters = p;
    return all;
  }

  /// The loops over the streams, which have been found in order, for this map.
  void lay_out(const parameter_map& map, nest_list& nests) const {
    bool is_row = map.count == 1;
    for (unsigned k = 0; k < 4; ++k) is_row = is_row && (!has_elements[k] || places_[k].dense);
    if (is_row) {  // the common case needs no search
      const std::size_t size = shape_.size();
      nests.count = size != 0;
      nests.parts = 1;
      nests.item[0].depth = 1;
      nest_dimension& row = nests.item[0].dimension[0];
      row.extent = size;
      for (unsigned k = 0; k < operand_count; ++k) {
        row.stride[k] = k == element_index ? 1 : k < 4 ? step[k] : 0;
        nests.item[0].base[k] = 0;
      }
      move_to_first_bits(nests);
      return;
    }
    const std::ptrdiff_t* strides[4];
    for (unsigned k = 0; k < 4; ++k) strides[k] = has_elements[k] ? places_[k].stride : nullptr;
    const std::ptrdiff_t* const fixed[4] = {strides[0], strides[1], strides[2], strides[3]};
    make_nests(shape_, fixed, map, nests);
    move_to_first_bits(nests);
  }
  void lay_out(const parameter_map& map, reduction_walk& walk) const {
    static_assert(!has_packed_streams<Op>, "xquant: reductions read no packed codes");
    const std::ptrdiff_t* strides[4] = {};
    bool dense[4] = {true, true, true, true};
    for (unsigned k = 0; k < 4; ++k) {
      if (!is_present[k]) continue;
      strides[k] = places_[k].stride;
      dense[k] = places_[k].dense;
    }
    const std::ptrdiff_t* const fixed[4] = {strides[0], strides[1], strides[2], strides[3]};
    make_reduction(shape_, map, fixed, dense, walk);
  }

 private:
  template <unsigned Which>
  static constexpr bool is_bits = is_same<stream_at<Op, Which>, bit>;
  static constexpr bool is_present[4] = {
      !is_same<typename Op::input_0_type, none>, !is_same<typename Op::input_1_type, none>,
      !is_same<typename Op::output_0_type, none>, !is_same<typename Op::output_1_type, none>};
  // Addressed by element, and not by bit.
  static constexpr bool has_elements[4] = {
      element_size<typename Op::input_0_type> != 0, element_size<typename Op::input_1_type> != 0,
      element_size<typename Op::output_0_type> != 0, element_size<typename Op::output_1_type> != 0};

  // From one element to the next, in what strides count.
  static constexpr std::ptrdiff_t step[4] = {
      has_elements[0] ? stride_unit<view_element<typename Op::input_0_type>> : 0,
      has_elements[1] ? stride_unit<view_element<typename Op::input_1_type>> : 0,
      has_elements[2] ? stride_unit<view_element<typename Op::output_0_type>> : 0,
      has_elements[3] ? stride_unit<view_element<typename Op::output_1_type>> : 0};

  void move_to_first_bits(nest_list& nests) const {
    if constexpr (has_packed_streams<Op>)
      for (unsigned k = 0; k < 4; ++k)
        if (is_present[k]) move_base(nests, static_cast<operand>(k), places_[k].first_bit);
  }

  // Of use once its stream has been given and was in order. (Compilers do not see that, and warn of what has no value.)
  struct place {
    const char* name = nullptr;
    byte_interval bytes{};
    std::size_t element = 0;  // its size, or its packing
    std::ptrdiff_t first_bit = 0;
    bool dense = true;
    std::ptrdiff_t stride[max_rank];
  };

  template <class T>
  static void remember(place& p, const tensor_view<T>& v, const char* name) {
    p.name = name;
    p.element = element_kind<remove_const<T>>;
    p.first_bit = first_bit_of(v);
    p.dense = v.dense();
    for (std::size_t d = 0; d < v.shape.rank; ++d) p.stride[d] = v.stride[d];
    p.bytes = v.shape.size() != 0 ? extent_in_memory(v) : byte_interval{0, 0};
  }

  template <class T>
  status validate_bits(const tensor_view<T>& v, const char* name) const {
    if (v.shape.rank != 1 || v.shape.extent[0] != (shape_.size() + 7) / 8 || !v.dense())
      return fault(errc::shape_mismatch, name, static_cast<double>(v.shape.size()),
                   "one dense row of (elements + 7) / 8 bytes", 0, (shape_.size() + 7) / 8);
    return validate_input(v, name);
  }

  static status validate_disjoint(const byte_interval& a, const place& b, const char* name) {
    if (a.last <= b.bytes.first || b.bytes.last <= a.first) return {};
    return fault(errc::overlap, name, static_cast<double>(a.first) - static_cast<double>(b.bytes.first),
                 "memory apart from the other streams, or exactly in the place of an input");
  }

  // Asked of two places that share bytes, which have been remembered: strides have values then. g++ does not see that.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
  [[nodiscard]] bool is_in_place(const place& out, const place& in) const {
    bool same =
        out.element == in.element && out.bytes.first == in.bytes.first && ((out.first_bit ^ in.first_bit) & 7) == 0;
    for (std::size_t d = 0; d < shape_.rank; ++d)
      same = same && (shape_.extent[d] <= 1 || out.stride[d] == in.stride[d]);
    return same;
  }
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

  template <unsigned Out, unsigned Other>
  void check_apart() {
    if constexpr (is_present[Out] && is_present[Other]) {
      const status apart = validate_disjoint(places_[Out].bytes, places_[Other], places_[Out].name);
      const bool may_be_in_place = Out == xquant::output_0;
      if (!apart.ok() && !(may_be_in_place && is_in_place(places_[Out], places_[Other]))) check(apart);
    }
  }
  // The streams, together.
  status finished() {
    if (!fault_.ok() || shape_.size() == 0) return fault_;
    check_apart<xquant::output_0, xquant::input_0>();
    check_apart<xquant::output_0, xquant::input_1>();
    check_apart<xquant::output_1, xquant::input_0>();
    check_apart<xquant::output_1, xquant::input_1>();
    check_apart<xquant::output_1, xquant::output_0>();
    return fault_;
  }

  static constexpr unsigned most_results = 4;
  shape shape_{};
  place places_[4 + most_results];
  unsigned results_ = 0;
  operation_streams<Op> streams_{};
  status fault_{};
};

}  // namespace xquant::detail

// A call: its streams collected and checked, laid out and given to an engine.
#pragma once

#include <xquant/calls/kernel_of.hpp>
#include <xquant/core/nest.hpp>
#include <xquant/core/qualifiers.hpp>
#include <xquant/core/validation.hpp>
#include <xquant/engines/engine.hpp>
#include <xquant/engines/operation.hpp>
#include <xquant/engines/reduction.hpp>

namespace xquant::inline XQUANT_ABI::detail {

/// Collects the streams of one call and remembers the first fault; `run` and `reduce` check the rest and do the work.
/// The first input sets the shape. Outputs must be apart from every other stream, or exactly in the place of an input.
template <class Op>
class call {
 public:
  using real = typename Op::real;

  template <class T>
  call& input_0(const tensor_view<T>& v, const char* name) {
    check(validate_input(v, name));
    shape_ = v.shape;
    return add(0, v, streams_.input_0, name);
  }
  template <class T>
  call& input_1(const tensor_view<T>& v, const char* name) {
    check(same_shape(v.shape, name));
    if (fault_.ok()) check(validate_input(v, name));
    return add(1, v, streams_.input_1, name);
  }
  template <class T>
  call& output_0(const tensor_view<T>& v, const char* name) {
    if (fault_.ok()) check(validate_output(v, shape_, name));  // else the shape may be none
    return add(2, v, streams_.output_0, name);
  }
  template <class T>
  call& mask_input(const tensor_view<T>& v, const char* name) {
    mask(v, name);
    streams_.input_1 = v.data;
    remember(1, v, name);
    return *this;
  }
  template <class T>
  call& mask_output(const tensor_view<T>& v, const char* name) {
    mask(v, name);
    streams_.output_1 = v.data;
    remember(3, v, name);
    return *this;
  }

  /// Everything that can be wrong, without the work.
  template <class Quantizer>
  status validate(const Quantizer& q, const parameters_view<real>& p) {
    parameter_map map;
    return checked(q, p, map);
  }
  status validate_without_parameters() { return finished(); }

  template <class Quantizer, class Engine>
  status run(const Quantizer& q, const parameters_view<real>& p, const Op& operation, const Engine& engine) {
    static_assert(EngineFor<Engine, Op>, "xquant: this engine does not support this operation");
    parameter_map map;
    if (const status s = checked(q, p, map); !s.ok()) return s;
    return run_laid_out(p, map, operation, engine);
  }

  template <class Engine>
  status run_without_parameters(const Op& operation, const Engine& engine) {
    static_assert(EngineFor<Engine, Op>, "xquant: this engine does not support this operation");
    if (const status s = finished(); !s.ok()) return s;
    const real one = 1;
    return run_laid_out({&one, &one, nullptr, 1}, parameter_map{}, operation, engine);
  }

  /// Everything but the work; `walk` is laid out and `map` filled.
  template <class Quantizer>
  status prepare_reduction(const Quantizer& q, const parameters_view<real>& p, parameter_map& map,
                           reduction_walk& walk) {
    if (const status s = checked(q, p, map); !s.ok()) return s;
    return lay_out_reduction(map, walk);
  }
  /// For an engine whose parameters this host cannot read: everything but them, and but the work.
  template <class Granularity>
  status prepare_without_parameters(const Granularity& granularity, parameter_map& map, nest_list& nests) {
    if (const status s = finished(); !s.ok()) return s;
    if (const status s = granularity.map(shape_, map); !s.ok()) return s;
    return lay_out(map, nests);
  }
  template <class Granularity>
  status prepare_reduction_without_parameters(const Granularity& granularity, parameter_map& map,
                                              reduction_walk& walk) {
    if (const status s = finished(); !s.ok()) return s;
    if (const status s = granularity.map(shape_, map); !s.ok()) return s;
    return lay_out_reduction(map, walk);
  }

  [[nodiscard]] operation_streams<Op> streams_with(const parameters_view<real>& p) const {
    operation_streams<Op> c = streams_;
    c.parameters = p;
    return c;
  }

  /// For checks of the caller's own, reported like the others.
  call& check(const status& s) {
    if (fault_.ok()) fault_ = s;
    return *this;
  }
  /// Memory that is written besides the streams: apart from all of them.
  template <class T>
  call& apart(const tensor_view<T>& v, const char* name) {
    if (fault_.ok()) check(validate_input(v, name));
    for (const place& other : places_)
      if (other.name != nullptr && fault_.ok() && v.shape.size() != 0)
        check(disjoint(extent_in_memory(v), other, name));
    return *this;
  }

 private:
  struct place {
    const char* name = nullptr;
    byte_interval bytes{};
    std::size_t element = 0;
    std::ptrdiff_t stride[max_rank] = {};
    bool dense = true;
  };

  template <class T, class Pointer>
  call& add(unsigned k, const tensor_view<T>& v, Pointer& to, const char* name) {
    static_assert(is_same<remove_const<T>, remove_const<remove_pointer<Pointer>>>,
                  "xquant: a stream has another element type than this operation of this quantizer has");
    to = v.data;
    remember(k, v, name);
    return *this;
  }

  template <class T>
  void remember(unsigned k, const tensor_view<T>& v, const char* name) {
    if (!fault_.ok()) return;
    place& p = places_[k];
    p.name = name;
    p.element = sizeof(T);
    p.dense = v.dense();
    for (std::size_t d = 0; d < v.shape.rank; ++d) p.stride[d] = v.stride[d];
    if (v.shape.size() != 0) p.bytes = extent_in_memory(v);
  }

  status same_shape(const shape& s, const char* name) const {
    if (s.rank != shape_.rank)
      return fault(errc::shape_mismatch, name, static_cast<double>(s.rank), "the rank of the first input");
    for (std::size_t d = 0; d < s.rank && d < max_rank; ++d)
      if (s.extent[d] != shape_.extent[d])
        return fault(errc::shape_mismatch, name, static_cast<double>(s.extent[d]), "the extent of the first input", d);
    return {};
  }

  template <class T>
  void mask(const tensor_view<T>& v, const char* name) {
    static_assert(is_same<remove_const<T>, std::uint8_t>, "xquant: a packed mask is made of std::uint8_t");
    if (!fault_.ok()) return;
    const std::size_t bytes = (shape_.size() + 7) / 8;
    if (v.shape.rank != 1 || v.shape.extent[0] != bytes || !v.dense())
      return void(check(fault(errc::shape_mismatch, name, static_cast<double>(v.shape.size()),
                              "one dense row of (elements + 7) / 8 bytes")));
    check(validate_input(v, name));
  }

  static status disjoint(const byte_interval& a, const place& b, const char* name) {
    if (a.last <= b.bytes.first || b.bytes.last <= a.first) return {};
    return fault(errc::overlap, name, static_cast<double>(a.first) - static_cast<double>(b.bytes.first),
                 "memory apart from the other streams");
  }

  status finished() {
    if (!fault_.ok() || shape_.size() == 0) return fault_;
    for (unsigned out = 2; out < 4; ++out)
      for (unsigned k = 0; k < out; ++k) {
        const place& a = places_[out];
        const place& b = places_[k];
        if (a.name == nullptr || b.name == nullptr) continue;
        bool in_place = k < 2 && out == 2 && a.element == b.element && a.bytes.first == b.bytes.first;
        for (std::size_t d = 0; d < shape_.rank; ++d)
          in_place = in_place && (shape_.extent[d] <= 1 || a.stride[d] == b.stride[d]);
        if (!in_place) check(disjoint(a.bytes, b, a.name));
      }
    return fault_;
  }

  template <class Quantizer>
  status checked(const Quantizer& q, const parameters_view<real>& p, parameter_map& map) {
    if (const status s = finished(); !s.ok()) return s;
    if (const status s = q.format.valid(); !s.ok()) return s;
    if (const status s = q.granularity.map(shape_, map); !s.ok()) return s;
    return validate_parameters(p, rules_of(q, map.count));
  }

  template <class Engine>
  status run_laid_out(const parameters_view<real>& p, const parameter_map& map, const Op& operation,
                      const Engine& engine) {
    nest_list nests;
    if (const status s = lay_out(map, nests); !s.ok()) return s;
    engine.run(operation, nests, streams_with(p));
    return {};
  }

  status lay_out(const parameter_map& map, nest_list& nests) const {
    const std::ptrdiff_t* strides[4];
    for (unsigned k = 0; k < 4; ++k) strides[k] = is_elements(k) ? places_[k].stride : nullptr;
    const std::ptrdiff_t* const fixed[4] = {strides[0], strides[1], strides[2], strides[3]};
    return make_nests(shape_, fixed, map, nests);
  }

  status lay_out_reduction(const parameter_map& map, reduction_walk& walk) const {
    const std::ptrdiff_t* const strides[4] = {places_[0].stride, places_[1].stride, places_[2].stride,
                                              places_[3].stride};
    const bool dense[4] = {places_[0].dense, places_[1].dense, places_[2].dense, places_[3].dense};
    return make_reduction(shape_, map, strides, dense, walk);
  }

  [[nodiscard]] bool is_elements(unsigned k) const {
    constexpr bool present[4] = {
        element_size<typename Op::input_0_type> != 0, element_size<typename Op::input_1_type> != 0,
        element_size<typename Op::output_0_type> != 0, element_size<typename Op::output_1_type> != 0};
    return present[k];
  }

  shape shape_{};
  place places_[4];
  operation_streams<Op> streams_{};
  status fault_{};
};

}  // namespace xquant::detail

// Functions of two (Min, Max: one or more) broadcast tensors: Add, Sub, Mul, Div, Min, Max, PRelu.
#pragma once

#include <xquant/model/op/definition.hpp>
#include <xquant/model/op/op.hpp>
#include <xquant/model/op/strided_loops.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace xquant::inline XQUANT_ABI::model {

namespace detail {

// Integers wrap around, as they do in every runtime, without C++'s undefined overflow.
struct addition {
  template <class T>
  T operator()(T a, T b) const {
    if constexpr (std::is_integral_v<T>) {
      using U = std::make_unsigned_t<T>;
      return static_cast<T>(static_cast<U>(a) + static_cast<U>(b));
    } else {
      return a + b;
    }
  }
};
struct subtraction {
  template <class T>
  T operator()(T a, T b) const {
    if constexpr (std::is_integral_v<T>) {
      using U = std::make_unsigned_t<T>;
      return static_cast<T>(static_cast<U>(a) - static_cast<U>(b));
    } else {
      return a - b;
    }
  }
};
struct multiplication {
  template <class T>
  T operator()(T a, T b) const {
    if constexpr (std::is_integral_v<T>) {
      using U = std::make_unsigned_t<T>;
      return static_cast<T>(static_cast<U>(a) * static_cast<U>(b));
    } else {
      return a * b;
    }
  }
};
struct division {
  template <class T>
  T operator()(T a, T b) const {
    if constexpr (std::is_integral_v<T>) {
      if (b == 0) throw node_fault{errc::value_out_of_range, "an integer is divided by 0"};
      if (b == T(-1)) return subtraction{}(T(0), a);
      return static_cast<T>(a / b);
    } else {
      return a / b;
    }
  }
};
// NaN wins, as in numpy and onnxruntime.
struct minimum {
  template <class T>
  T operator()(T a, T b) const {
    return a < b || a != a ? a : b;
  }
};
struct maximum {
  template <class T>
  T operator()(T a, T b) const {
    return a > b || a != a ? a : b;
  }
};
struct parametric_relu {
  template <class T>
  T operator()(T x, T slope) const {
    return x < 0 ? slope * x : x;
  }
};

template <class T, class Function>
void combine(const strided_loops<3>& loops, const T* left, const T* right, T* out, Function function) {
  loops.for_each_run([&](const std::ptrdiff_t* offset, std::size_t count, const std::ptrdiff_t* step) {
    T* o = out + offset[0];
    const T* a = left + offset[1];
    const T* b = right + offset[2];
    // Only float32 is worth loops of its own: integers are shapes, and those are short.
    if constexpr (!std::is_same_v<T, float>) {
      for (std::size_t i = 0; i < count; ++i, a += step[1], b += step[2]) o[i] = function(*a, *b);
    } else if (step[1] == 1 && step[2] == 1) {
      for (std::size_t i = 0; i < count; ++i) o[i] = function(a[i], b[i]);
    } else if (step[1] == 1 && step[2] == 0) {
      const T fixed = *b;
      for (std::size_t i = 0; i < count; ++i) o[i] = function(a[i], fixed);
    } else if (step[1] == 0 && step[2] == 1) {
      const T fixed = *a;
      for (std::size_t i = 0; i < count; ++i) o[i] = function(fixed, b[i]);
    } else {
      for (std::size_t i = 0; i < count; ++i, a += step[1], b += step[2]) o[i] = function(*a, *b);
    }
  });
}

inline strided_loops<3> broadcast_loops(const shape& out, const shape& left, const shape& right) {
  strided_loops<3> loops;
  loops.extents = out;
  dense_steps(out, loops.step[0]);
  broadcast_steps(left, out, loops.step[1]);
  broadcast_steps(right, out, loops.step[2]);
  loops.collapse();
  return loops;
}

// Calls with a value of the C++ type behind float32, float64, int32 or int64.
template <class Call>
void with_number_type(const node_context& context, element_type type, Call call) {
  switch (type) {
    case element_type::float32: return call(float{});
    case element_type::float64: return call(double{});
    case element_type::int32: return call(std::int32_t{});
    case element_type::int64: return call(std::int64_t{});
    default:
      context.unsupported(context.input_name(0) + " is " + name_of(type) +
                          "; expected float32, float64, int32 or int64" + float32_only(type));
  }
}

template <class Function>
node_function binary(node_context& context, Function function) {
  context.expect_arity(2, 2);
  const element_type type = context.input_type(0);
  context.expect_type(1, type);
  const shape out = broadcast_shape(context, context.input_shape(0), context.input_shape(1));
  context.set_output(0, type, out);
  const strided_loops<3> loops = broadcast_loops(out, context.input_shape(0), context.input_shape(1));
  node_function result;
  with_number_type(context, type, [&](auto number) {
    using T = decltype(number);
    result = [loops, function](node_arguments& arguments) {
      combine(loops, arguments.input<T>(0), arguments.input<T>(1), arguments.output<T>(0), function);
    };
  });
  return result;
}

template <class Function>
node_function variadic(node_context& context, Function function) {
  context.expect_arity(1, static_cast<std::size_t>(-1));
  const element_type type = context.input_type(0);
  shape out = context.input_shape(0);
  for (std::size_t i = 1; i < context.input_count(); ++i) {
    if (!context.has_input(i)) context.malformed("input " + std::to_string(i) + " is left out");
    context.expect_type(i, type);
    out = broadcast_shape(context, out, context.input_shape(i));
  }
  context.set_output(0, type, out);
  // The first step copies input 0 (a function of equal arguments is the argument), the others fold into the output.
  std::vector<strided_loops<3>> steps;
  steps.push_back(broadcast_loops(out, context.input_shape(0), context.input_shape(0)));
  for (std::size_t i = 1; i < context.input_count(); ++i)
    steps.push_back(broadcast_loops(out, out, context.input_shape(i)));
  node_function result;
  with_number_type(context, type, [&](auto number) {
    using T = decltype(number);
    result = [steps, function](node_arguments& arguments) {
      T* o = arguments.output<T>(0);
      combine(steps[0], arguments.input<T>(0), arguments.input<T>(0), o, function);
      for (std::size_t i = 1; i < steps.size(); ++i)
        combine(steps[i], static_cast<const T*>(o), arguments.input<T>(i), o, function);
    };
  });
  return result;
}

}  // namespace detail

/// a + b, a - b, a * b, a / b with numpy's broadcasting; float32, float64, int32, int64. Integer division truncates.
inline node_function prepare_add(node_context& context) { return detail::binary(context, detail::addition{}); }
inline node_function prepare_sub(node_context& context) { return detail::binary(context, detail::subtraction{}); }
inline node_function prepare_mul(node_context& context) { return detail::binary(context, detail::multiplication{}); }
inline node_function prepare_div(node_context& context) { return detail::binary(context, detail::division{}); }
/// Smallest (largest) of one or more broadcast tensors; NaN where any of them is NaN.
inline node_function prepare_min(node_context& context) { return detail::variadic(context, detail::minimum{}); }
inline node_function prepare_max(node_context& context) { return detail::variadic(context, detail::maximum{}); }

/// x < 0 ? slope x : x, the slope broadcast to the input's shape.
inline node_function prepare_parametric_relu(node_context& context) {
  context.expect_arity(2, 2);
  context.expect_float(0);
  context.expect_float(1);
  if (!(broadcast_shape(context, context.input_shape(0), context.input_shape(1)) == context.input_shape(0)))
    context.malformed("slope has shape " + to_text(context.input_shape(1)) + "; expected one that broadcasts to " +
                      to_text(context.input_shape(0)));
  return detail::binary(context, detail::parametric_relu{});
}

inline constexpr op_definition add_definition{
    .name = "Add", .since = 11, .prepare = prepare_add, .fuses = epilogue::bias};
inline constexpr op_definition sub_definition{.name = "Sub", .since = 11, .prepare = prepare_sub};
inline constexpr op_definition mul_definition{.name = "Mul", .since = 11, .prepare = prepare_mul};
inline constexpr op_definition div_definition{.name = "Div", .since = 11, .prepare = prepare_div};
inline constexpr op_definition min_definition{.name = "Min", .since = 11, .prepare = prepare_min};
inline constexpr op_definition max_definition{.name = "Max", .since = 11, .prepare = prepare_max};
inline constexpr op_definition parametric_relu_definition{.name = "PRelu",
                                                          .since = 11,
                                                          .prepare = prepare_parametric_relu,
                                                          .inputs = {input_role::data, input_role::parameter}};

}  // namespace xquant::model

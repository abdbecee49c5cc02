// An operator by value: its name, how the executor prepares it, and what it is to those who quantize a network: the
// roles of its inputs, where a weight has its channels, whether it passes values on, whether it joins the sums before
// it. Passes over a graph ask here and name no operator themselves.
#pragma once

#include <xquant/core/shape.hpp>
#include <xquant/model/graph.hpp>
#include <xquant/model/op/op.hpp>
#include <xquant/ptq/batch_norm_fold.hpp>

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <vector>

namespace xquant::inline XQUANT_ABI::model {

/// What an operator does with one of its inputs.
enum class input_role : unsigned char {
  data,       ///< computes with it
  factor,     ///< multiplies it with another input and sums the products: a constant there is a weight
  bias,       ///< adds it to such sums
  table,      ///< weights that are read in another way: rows that indices choose, the matrices of a recurrent layer
  parameter,  ///< of a function of one element or channel: a bound, a mean, a value to pad with
  shape,      ///< integers: extents, axes, positions
};

/// The roles of an operator's inputs in order; the last one stands for all that follow.
struct input_roles {
  static constexpr std::size_t most = 8;
  input_role role[most] = {};

  constexpr input_roles() = default;
  constexpr input_roles(std::initializer_list<input_role> roles) {
    input_role last = input_role::data;
    const input_role* next = roles.begin();
    for (input_role& r : role) {
      if (next != roles.end()) last = *next++;
      r = last;
    }
  }
  constexpr input_role operator[](std::size_t i) const { return role[i < most ? i : most - 1]; }
};

/// What of input 0 an output holds. Values that are passed on need no quantizer of their own: they lie on the grid they
/// were on.
enum class values_passed : unsigned char {
  none,     ///< new values, computed
  no_data,  ///< nothing computed with either: constants, extents
  some,     ///< elements of input 0, some left out or repeated, or others (zeros) beside them
  all,      ///< every element of input 0 once
};

/// Whether an operator after sums of products can be computed on the accumulator, so that nothing is rounded between.
enum class epilogue : unsigned char {
  none,
  bias,        ///< adds a constant
  affine,      ///< a factor and a shift per channel
  activation,  ///< a function of each element that bounds it
};

/// A layer's weight as the arrays of ptq/ see it: output = gain (sum of products with the weight) + bias_gain bias.
struct weighted_sum {
  ptq::weight_layout outputs;               ///< where each output channel lies in the weight
  std::optional<ptq::input_layout> inputs;  ///< where each input channel lies; nothing where an input channel does not
                                            ///< count alike for every output (groups, padding, a transposed input)
  double gain = 1;
  float bias_gain = 1;
  const char* bias_gain_attribute = nullptr;  ///< the attribute that holds bias_gain, if there is one
};

/// Where the slices of each dimension of a tensor are after a node has moved its elements; nothing for a dimension that
/// was split, joined with another or dropped.
using moved_dimensions = std::vector<std::optional<std::size_t>>;

/// Dimension a of `from` is dimension b of `to`, the same elements in the same order, when as many elements lie before
/// and behind.
inline moved_dimensions reshaped_dimensions(const shape& from, const shape& to) {
  moved_dimensions result(from.rank);
  std::size_t before_a = 1;
  for (std::size_t a = 0; a < from.rank; before_a *= from[a], ++a) {
    std::size_t before_b = 1;
    for (std::size_t b = 0; b < to.rank; before_b *= to[b], ++b)
      if (before_a == before_b && from[a] == to[b] && from[a] != 1) result[a] = b;
  }
  return result;
}

/// An operator of ONNX's default domain. Functions are null where they do not apply.
struct op_definition {
  const char* name;
  std::int64_t since;  ///< first opset that has the operator as `prepare` knows it
  prepare_function prepare;
  input_roles inputs = {};
  values_passed passes = values_passed::none;
  /// Instead of `passes`, where it depends on the attributes.
  values_passed (*passes_of)(const node&) = nullptr;
  /// Of an operator that passes all values: where the dimensions go (reshaped_dimensions, when null).
  moved_dimensions (*moves)(const node&, const shape& from, const shape& to) = nullptr;
  epilogue fuses = epilogue::none;
  /// The dimension of factor `i`, of shape s, that the node does not sum over, so that a scale for each of its slices
  /// is a factor of whole output channels; nothing where every dimension is summed over.
  std::optional<std::size_t> (*channel_axis)(const node&, std::size_t i, const shape& s) = nullptr;
  /// The layer for a weight (input 1) of that shape; nothing for a shape that it does not take.
  std::optional<weighted_sum> (*sum)(const node&, const shape& weight) = nullptr;

  [[nodiscard]] bool has_role(input_role wanted) const {
    for (const input_role r : inputs.role)
      if (r == wanted) return true;
    return false;
  }
  /// Whether its outputs are sums of products of its inputs.
  [[nodiscard]] bool accumulates() const { return has_role(input_role::factor); }
  [[nodiscard]] values_passed passed_by(const node& n) const { return passes_of != nullptr ? passes_of(n) : passes; }
};

}  // namespace xquant::model

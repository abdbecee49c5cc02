// A granularity by value. Parameter strides are data, so this costs no second kernel.
#pragma once

#include <xquant/core/bits.hpp>
#include <xquant/core/policy_id.hpp>
#include <xquant/granularity/granularity.hpp>
#include <xquant/granularity/per_axes.hpp>
#include <xquant/granularity/per_axis.hpp>
#include <xquant/granularity/per_block.hpp>
#include <xquant/granularity/per_expert.hpp>
#include <xquant/granularity/per_group.hpp>
#include <xquant/granularity/per_tensor.hpp>
#include <xquant/granularity/per_token.hpp>
#include <xquant/runtime/id.hpp>

namespace xquant::inline XQUANT_ABI {

namespace detail {
template <class G>
struct check_granularity_by_value {
  static_assert(HasId<G>, "xquant::granularity_description: this granularity has no id (core/policy_id.hpp)");
  static_assert(__is_trivially_copyable(G) && (__is_empty(G) || __has_unique_object_representations(G)),
                "xquant::granularity_description: a granularity by value is trivially copyable and has no padding");
  static constexpr bool ok = true;
};
}  // namespace detail

/// Any granularity as a value of one type, itself a granularity: per_tensor{}, per_axis<>{1}, per_group<>{32, -1}, with
/// per_expert<...> around it, or one of the user's own that has an id, is trivially copyable and has at most as many
/// bytes as per_axes<>. Axes and sizes fixed in a type become values: per_axis<1>{} equals per_axis<>{1}. Parameter
/// shapes and refusals are those of what it was made of. A regular value.
class granularity_description {
 public:
  using policy_category = category::granularity;

  /// per_tensor.
  constexpr granularity_description() noexcept = default;
  template <Granularity G>
  requires(!is_same<G, granularity_description>) constexpr granularity_description(const G& g) noexcept {  // NOLINT
    if constexpr (requires { by_value(g); })
      assign(by_value(g));
    else
      assign(g);
  }
  template <class Inner>
  constexpr granularity_description(const per_expert<Inner>& g) noexcept : granularity_description(g.inner) {  // NOLINT
    ++experts_;
  }

  /// Which granularity; with experts() that of an expert's own tensor.
  [[nodiscard]] constexpr granularity_id id() const noexcept { return id_; }
  /// How often per_expert is around it.
  [[nodiscard]] constexpr std::size_t experts() const noexcept { return experts_; }
  /// Whether it is G, without experts: is<per_axis<>>().
  template <class G>
  [[nodiscard]] constexpr bool is() const noexcept {
    return experts_ == 0 && names<G>(id_);
  }
  /// Itself as G, of which it `is` one: as<per_axis<>>().axis.
  template <class G>
  [[nodiscard]] constexpr G as() const noexcept {
    return from_bytes<G>(bytes_);
  }

  /// Its axes and sizes as words, for files: two descriptions are equal where id, experts and words are.
  static constexpr std::size_t words = sizeof(per_axes<>) / sizeof(std::size_t);
  [[nodiscard]] constexpr std::uint64_t word(std::size_t i) const noexcept {
    some_bytes<sizeof(std::size_t)> own{};
    for (std::size_t j = 0; j < sizeof(std::size_t); ++j) own.at[j] = bytes_.at[i * sizeof(std::size_t) + j];
    return bit_cast<std::size_t>(own);
  }

  constexpr status map(const shape& s, parameter_map& out) const noexcept {
    if (experts_ == 0) return map_(bytes_, s, out);
    granularity_description inner = *this;
    --inner.experts_;
    return per_expert<granularity_description>{inner}.map(s, out);
  }

  friend constexpr bool operator==(const granularity_description& a, const granularity_description& b) noexcept {
    if (!(a.id_ == b.id_) || a.experts_ != b.experts_) return false;
    for (std::size_t i = 0; i < sizeof(bytes); ++i)
      if (a.bytes_.at[i] != b.bytes_.at[i]) return false;
    return true;
  }

 private:
  struct bytes {
    unsigned char at[sizeof(per_axes<>)] = {};
  };
  template <std::size_t N>
  struct some_bytes {
    unsigned char at[N];
  };

  template <class G>
  static constexpr G from_bytes(const bytes& all) noexcept {
    if constexpr (__is_empty(G)) {
      return G{};
    } else {
      some_bytes<sizeof(G)> own{};
      for (std::size_t i = 0; i < sizeof(G); ++i) own.at[i] = all.at[i];
      return bit_cast<G>(own);
    }
  }
  template <class G>
  static constexpr status map_as(const bytes& all, const shape& s, parameter_map& out) noexcept {
    return from_bytes<G>(all).map(s, out);
  }
  template <class G>
  constexpr void assign(const G& g) noexcept {
    static_assert(detail::check_granularity_by_value<G>::ok);
    static_assert(sizeof(G) <= sizeof(bytes), "xquant::granularity_description: a granularity has at most 72 bytes");
    id_ = id_of<G>;
    map_ = &map_as<G>;
    if constexpr (!__is_empty(G)) {
      const auto own = bit_cast<some_bytes<sizeof(G)>>(g);
      for (std::size_t i = 0; i < sizeof(G); ++i) bytes_.at[i] = own.at[i];
    }
  }

  granularity_id id_ = id_of<per_tensor>;
  status (*map_)(const bytes&, const shape&, parameter_map&) noexcept = &map_as<per_tensor>;
  bytes bytes_{};
  std::size_t experts_ = 0;
};

/// Whether it is per_tensor or per_axis, without experts: what most files know.
constexpr bool is_per_tensor_or_axis(const granularity_description& g) noexcept {
  return g.is<per_tensor>() || g.is<per_axis<>>();
}

/// The axis of a per_axis, counted from the front in a tensor of `rank` dimensions. Not checked.
constexpr std::ptrdiff_t axis_of(const granularity_description& g, std::size_t rank = 0) noexcept {
  const std::ptrdiff_t axis = g.as<per_axis<>>().axis;
  return axis < 0 ? axis + static_cast<std::ptrdiff_t>(rank) : axis;
}

}  // namespace xquant

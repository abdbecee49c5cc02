// Granularities and shapes to try them on, each with the multi-index of the parameters of an element, told by the
// definition alone.
#pragma once

#include <xquant/granularity/per_axes.hpp>
#include <xquant/granularity/per_axis.hpp>
#include <xquant/granularity/per_block.hpp>
#include <xquant/granularity/per_expert.hpp>
#include <xquant/granularity/per_group.hpp>
#include <xquant/granularity/per_tensor.hpp>
#include <xquant/granularity/per_token.hpp>

#include <functional>
#include <string>
#include <vector>

namespace granularity_test {

using multi_index = std::vector<std::size_t>;

/// Any granularity as one type, so that operations are made once.
struct any_granularity {
  using policy_category = xquant::category::granularity;
  std::function<xquant::status(const xquant::shape&, xquant::parameter_map&)> mapper;
  xquant::status map(const xquant::shape& s, xquant::parameter_map& out) const { return mapper(s, out); }
};

struct granularity_case {
  std::string name;
  any_granularity granularity;
  std::vector<std::size_t> parameter_shape;
  std::function<multi_index(const multi_index&)> parameter_index;
};

inline std::size_t ceil_of(std::size_t n, std::size_t block) { return (n + block - 1) / block; }

/// Blocks of block[d] along dimension d, 0 for all of it.
inline granularity_case of_blocks(std::string name, any_granularity g, const xquant::shape& s,
                                  const std::vector<std::size_t>& block) {
  granularity_case c{std::move(name), std::move(g), {}, {}};
  for (std::size_t d = 0; d < s.rank; ++d)
    if (block[d] != 0) c.parameter_shape.push_back(ceil_of(s[d], block[d]));
  c.parameter_index = [block](const multi_index& i) {
    multi_index p;
    for (std::size_t d = 0; d < i.size(); ++d)
      if (block[d] != 0) p.push_back(i[d] / block[d]);
    return p;
  };
  return c;
}

template <class G>
any_granularity any(const G& g) {
  return {[g](const xquant::shape& s, xquant::parameter_map& out) { return g.map(s, out); }};
}

/// All that fit the shape.
inline std::vector<granularity_case> cases_of(const xquant::shape& s) {
  using namespace xquant;  // NOLINT: every line names several
  std::vector<granularity_case> all;
  const std::size_t r = s.rank;
  const std::vector<std::size_t> none(r, 0);
  const std::vector<std::size_t> each(r, 1);
  const auto with = [](std::vector<std::size_t> blocks, std::size_t d, std::size_t size) {
    blocks[d] = size;
    return blocks;
  };
  all.push_back(of_blocks("per_tensor", any(per_tensor{}), s, none));
  for (std::size_t d = 0; d < r; ++d) {
    const auto axis = static_cast<std::ptrdiff_t>(d);
    const auto back = axis - static_cast<std::ptrdiff_t>(r);
    all.push_back(of_blocks("per_axis", any(per_axis<>{axis}), s, with(none, d, 1)));
    all.push_back(of_blocks("per_axes, one", any(per_axes<>{back}), s, with(none, d, 1)));
    for (std::size_t e = 0; e < d; ++e)
      all.push_back(of_blocks("per_axes, two", any(per_axes<>{back, static_cast<std::ptrdiff_t>(e)}), s,
                              with(with(none, d, 1), e, 1)));
    for (const std::size_t size : {1u, 2u, 3u, 16u, 64u, 1000u})
      all.push_back(of_blocks("per_group " + std::to_string(size), any(per_group<>{size, d % 2 == 0 ? axis : back}), s,
                              with(each, d, size)));
  }
  if (r == 0) return all;
  all.push_back(of_blocks("per_group<3>", any(per_group<3>{}), s, with(each, r - 1, 3)));
  all.push_back(of_blocks("per_group<2, 0>", any(per_group<2, 0>{}), s, with(each, 0, 2)));
  all.push_back(of_blocks("per_axis<-1>", any(per_axis<-1>{}), s, with(none, r - 1, 1)));
  all.push_back(of_blocks("per_token", any(per_token{}), s, with(each, r - 1, 0)));
  all.push_back(of_blocks("per_expert", any(per_expert<>{}), s, with(none, 0, 1)));
  all.push_back(of_blocks("per_block<4>", any(per_block<4>{}), s, with(each, r - 1, 4)));
  if (r >= 2) {
    all.push_back(of_blocks("per_axes<0, -1>", any(per_axes<0, -1>{}), s, with(with(none, 0, 1), r - 1, 1)));
    all.push_back(of_blocks("per_block<2, 3>", any(per_block<2, 3>{}), s, with(with(each, r - 1, 3), r - 2, 2)));
    all.push_back(
        of_blocks("per_block<128, 128>", any(per_block<128, 128>{}), s, with(with(each, r - 1, 128), r - 2, 128)));
    all.push_back(
        of_blocks("per_block<whole, 2>", any(per_block<whole_axis, 2>{}), s, with(with(each, r - 1, 2), r - 2, 0)));
    all.push_back(
        of_blocks("per_block<2, whole>", any(per_block<2, whole_axis>{}), s, with(with(each, r - 1, 0), r - 2, 2)));
    all.push_back(
        of_blocks("per_expert<per_axis<0>>", any(per_expert<per_axis<0>>{}), s, with(with(none, 0, 1), 1, 1)));
    all.push_back(of_blocks("per_expert<per_group<2>>", any(per_expert<per_group<2>>{}), s, with(each, r - 1, 2)));
    all.push_back(of_blocks("per_expert<per_token>", any(per_expert<per_token>{}), s, with(each, r - 1, 0)));
  }
  if (r >= 3) {
    all.push_back(of_blocks("per_block<2, 2, 2>", any(per_block<2, 2, 2>{}), s,
                            with(with(with(each, r - 1, 2), r - 2, 2), r - 3, 2)));
    all.push_back(of_blocks("per_expert<per_block<2, 3>>", any(per_expert<per_block<2, 3>>{}), s,
                            with(with(each, r - 1, 3), r - 2, 2)));
    all.push_back(of_blocks("per_block<2, whole, 3>", any(per_block<2, whole_axis, 3>{}), s,
                            with(with(with(each, r - 1, 3), r - 2, 0), r - 3, 2)));
  }
  if (r >= 4)
    all.push_back(of_blocks("per_block<2, 4, 2, 3>", any(per_block<2, 4, 2, 3>{}), s,
                            with(with(with(with(each, r - 1, 3), r - 2, 2), r - 3, 4), r - 4, 2)));
  if (r == 5) all.push_back(of_blocks("per_block<2, 2, 4, 2, 3>", any(per_block<>{2, 2, 4, 2, 3}), s, {2, 2, 4, 2, 3}));
  return all;
}

/// Row-major places of all multi-indices of a shape, as (multi-index, place).
template <class Visit>
void for_each_index(const xquant::shape& s, const Visit& visit) {
  if (s.size() == 0) return;
  multi_index i(s.rank, 0);
  for (std::size_t place = 0; place < s.size(); ++place) {
    visit(static_cast<const multi_index&>(i), place);
    for (std::size_t d = s.rank; d-- > 0;) {
      if (++i[d] < s[d]) break;
      i[d] = 0;
    }
  }
}

inline std::size_t row_major(const multi_index& i, const std::vector<std::size_t>& extents) {
  std::size_t at = 0;
  for (std::size_t d = 0; d < i.size(); ++d) at = at * extents[d] + i[d];
  return at;
}

inline std::size_t product(const std::vector<std::size_t>& extents) {
  std::size_t n = 1;
  for (const std::size_t e : extents) n *= e;
  return n;
}

inline std::vector<xquant::shape> shapes() {
  using xquant::shape;
  return {shape(),
          shape(1),
          shape(7),
          shape(200),
          shape(0),
          shape(3, 5),
          shape(5, 70),
          shape(130, 3),
          shape(3, 0, 5),
          shape(4, 3, 2),
          shape(3, 5, 7),
          shape(2, 65, 3),
          shape(1, 33, 1),
          shape(3, 5, 1, 9),
          shape(3, 5, 7, 4),
          shape(2, 3, 4, 5),
          shape(3, 3, 5, 3, 7),
          shape(4, 256)};
}

}  // namespace granularity_test

// What engines of one thread and one type of lane are: the shared walk (walk.hpp) with the row kernels of that lane.
#pragma once

#include <xquant/engines/packed_walk.hpp>
#include <xquant/engines/reduction_walk.hpp>
#include <xquant/engines/row_by_scale.hpp>
#include <xquant/engines/walk.hpp>

namespace xquant::inline XQUANT_ABI::detail {

/// Runs operations on float data in values of `Lane`.
template <class Lane>
struct lane_engine {
  using lane = Lane;

  template <class Op>
  static constexpr bool supports = is_same<typename Op::real, float>;

  template <class Op>
  static void run(const Op& operation, const nest_list& nests, const operation_streams<Op>& streams) {
    if constexpr (has_packed_streams<Op> || has_coded_scales<Op>)
      run_packed(operation, nests, streams,
                 [](const auto& plain, const nest_list& loops, const auto& own) { run(plain, loops, own); });
    else
      run_unpacked(operation, nests, streams);
  }

 private:
  template <class Op>
  static void run_unpacked(const Op& operation, const nest_list& nests, const operation_streams<Op>& streams) {
    if constexpr (needs_ordinary_scales<Op>)
      if (!are_ordinary<Op>(streams.parameters.scale, streams.parameters.count)) {
        const operation_by_scale<Op> both(operation);
        return walk(row_kernel_by_scale<Op, lane>, nests, erase<Op>(both, streams));
      }
    walk(row_kernel_of<Op, lane>, nests, erase<Op>(operation, streams));
  }

 public:
  /// A reduction; see scalar_engine::reduce.
  template <class Op>
  static void reduce(const Op& operation, const reduction_walk& walk, const operation_streams<Op>& streams,
                     double* results) {
    constexpr const reduction_kernel& kernel = reduction_kernel_of<Op, lane>;
    // The end of a piece takes a tenth as long as 4096 elements of a reduction as short as that of extremes.
    const bool is_one_piece_a_row = is_order_free<Op> && walk.all_dense();
    bool owes_fence = false;
    for_each_piece(
        walk.nests,
        [&](const piece& p) {
          owes_fence |= detail::reduce_piece(kernel, walk, erase<Op>(operation, streams), p,
                                             results + p.slot * (Op::accumulators + 1));
        },
        is_one_piece_a_row ? endless_segment : segment_size);
    if (owes_fence) kernel.stream_fence();
  }

  /// One piece of it; see scalar_engine::reduce_piece.
  template <class Op>
  static void reduce_piece(const Op& operation, const reduction_walk& walk, const operation_streams<Op>& streams,
                           const piece& p, double* results) {
    constexpr const reduction_kernel& kernel = reduction_kernel_of<Op, lane>;
    if (detail::reduce_piece(kernel, walk, erase<Op>(operation, streams), p, results)) kernel.stream_fence();
  }
};

}  // namespace xquant::detail

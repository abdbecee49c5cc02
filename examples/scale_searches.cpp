// Scales of a network's weights by every search of ptq/scale_search/: the squared error of each over that of the exact
// optimum, and its time. Prints the tables of docs/optimum.md:
//   example_scale_searches [--short] [file.onnx ...]     the networks of examples/data where no file is given
#include <xquant/formats/float4.hpp>
#include <xquant/formats/float8.hpp>
#include <xquant/granularity/per_axis.hpp>
#include <xquant/granularity/per_group.hpp>
#include <xquant/io/onnx_reader.hpp>
#include <xquant/model/channel_axis.hpp>
#include <xquant/ptq/scale_search/alternating_least_squares.hpp>
#include <xquant/ptq/scale_search/fibonacci.hpp>
#include <xquant/ptq/scale_search/golden_section.hpp>
#include <xquant/ptq/scale_search/half_quadratic.hpp>
#include <xquant/ptq/scale_search/least_squares.hpp>
#include <xquant/ptq/scale_search/range_grid.hpp>
#include <xquant/ptq/scale_search/scale_offset_grid.hpp>
#include <xquant/ptq/scale_search/search_parameters.hpp>

#include <cstdio>
#include <cstring>
#include <ctime>
#include <exception>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

namespace {

using namespace xquant;

// A weight as rows, one for each output channel.
struct weight {
  std::vector<float> x;
  std::size_t channels;
  double squares;
};

void add_weights(const std::string& path, std::vector<weight>& all) {
  const model::graph g = io::read_onnx(path);
  for (const model::node& n : g.nodes())
    for (std::size_t input = 0; input < n.inputs.size(); ++input) {
      if (n.inputs[input] == model::no_value || !model::is_factor(n, input)) continue;
      const model::tensor* t = g.constant(n.inputs[input]);
      if (t == nullptr || t->type() != model::element_type::float32) continue;
      const auto axis = model::channel_axis(n, input, t->shape());
      if (!axis) continue;
      const shape s = t->shape();
      std::size_t inner = 1;
      for (std::size_t d = *axis + 1; d < s.rank; ++d) inner *= s[d];
      weight w{std::vector<float>(s.size()), s[*axis], 0};
      const std::size_t length = s.size() / w.channels;
      for (std::size_t i = 0; i < s.size(); ++i) {
        const std::size_t channel = i / inner % w.channels;
        const float value = t->data<float>()[i];
        w.x[channel * length + i / (inner * w.channels) * inner + i % inner] = value;
        w.squares += static_cast<double>(value) * static_cast<double>(value);
      }
      if (w.squares > 0) all.push_back(std::move(w));
    }
}

// The scheme's own answer.
struct min_max_range {
  static status valid() { return {}; }
  static status try_find(const ptq::searched_quantizer& q, const ptq::weight_group& group, ptq::slot& out) {
    out = q.parameters_for(group.extremes());
    return {};
  }
};

using search = std::variant<ptq::least_squares, min_max_range, ptq::range_grid, ptq::scale_offset_grid,
                            ptq::golden_section, ptq::fibonacci, ptq::alternating_least_squares, ptq::half_quadratic>;
struct named_search {
  const char* name;
  search method;
};
const std::vector<named_search> searches = {
    {"exact optimum (`least_squares`)", ptq::least_squares{}},
    {"min-max", min_max_range{}},
    {"`range_grid::modelopt_mse`", ptq::range_grid::modelopt_mse()},
    {"`range_grid::awq_clip`", ptq::range_grid::awq_clip()},
    {"`range_grid::gptq_mse`", ptq::range_grid::gptq_mse()},
    {"`range_grid::brevitas`", ptq::range_grid::brevitas()},
    {"`fibonacci` (brevitas)", ptq::fibonacci{}},
    {"`golden_section`", ptq::golden_section{}},
    {"`scale_offset_grid` (AIMET)", ptq::scale_offset_grid{}},
    {"`alternating_least_squares` (torchao)", ptq::alternating_least_squares{}},
    {"`half_quadratic` (HQQ), z rounded", ptq::half_quadratic{}},
};

struct result {
  double error = 0;        // squared error over squares, mean of the weights
  double nanoseconds = 0;  // for each element
  bool is_answered = true;
};

template <class Quantizer>
result run(const Quantizer& q, const search& method, const std::vector<weight>& weights) {
  result r;
  double seconds = 0;
  std::size_t elements = 0;
  for (const weight& w : weights) {
    const tensor_view<const float> x(w.x.data(), shape{w.channels, w.x.size() / w.channels});
    parameters p;
    const std::clock_t start = std::clock();  // of the processor, not of the wall
    const status done = std::visit([&](const auto& m) { return ptq::try_search_parameters(q, m, x, p); }, method);
    seconds += static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
    if (!done.ok()) return {0, 0, false};
    double error = 0;
    for (const double e : ptq::slot_errors(q, p, x)) error += e;
    r.error += error / w.squares / static_cast<double>(weights.size());
    elements += w.x.size();
  }
  r.nanoseconds = seconds * 1e9 / static_cast<double>(elements);
  return r;
}

using codes = stored_integer<std::int8_t>;

template <class Scheme, class Granularity>
void add_columns(const std::vector<weight>& weights, const search& method, bool is_short, std::vector<result>& row) {
  for (const int bits : {2, 3, 4, 8})
    if (!is_short || bits == 4)
      row.push_back(run(quantizer<codes, Scheme, Granularity>(integer_of_bits<std::int8_t>(bits)), method, weights));
  if constexpr (!Scheme::has_zero_point) {
    if (!is_short) row.push_back(run(quantizer<e4m3fn, Scheme, Granularity>{}, method, weights));
    row.push_back(run(quantizer<e2m1, Scheme, Granularity>{}, method, weights));
  }
}

template <class Scheme, class Granularity>
bool print_table(const char* title, const std::vector<weight>& weights, bool is_short) {
  std::printf("\n%s\n\n| search |", title);
  for (const char* bits : {"2", "3", "4", "8"})
    if (!is_short || *bits == '4') std::printf(" %s bits |", bits);
  if (!Scheme::has_zero_point) std::printf("%s e2m1 |", is_short ? "" : " e4m3 |");
  std::printf(" ns for each element |\n|---|");
  std::vector<result> optimum;
  bool is_never_better = true;
  for (const named_search& s : searches) {
    std::vector<result> row;
    add_columns<Scheme, Granularity>(weights, s.method, is_short, row);
    if (!row[0].is_answered) continue;
    if (optimum.empty()) {
      optimum = row;
      for (std::size_t i = 0; i <= row.size(); ++i) std::printf("---|");
    }
    std::printf("\n| %s |", s.name);
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (&s == searches.data())
        std::printf(" %.3g |", row[i].error);
      else
        std::printf(" %.3f |", row[i].error / optimum[i].error);
      is_never_better = is_never_better && row[i].error >= optimum[i].error;
    }
    for (std::size_t i = 0; i < row.size(); ++i) std::printf("%s%.0f", i == 0 ? " " : ", ", row[i].nanoseconds);
    std::printf(" |");
  }
  std::printf("\n");
  return is_never_better;
}

}  // namespace

int main(int count, char** arguments) {
  bool is_short = false;
  std::vector<weight> weights;
  try {
    for (int i = 1; i < count; ++i) {
      if (std::strcmp(arguments[i], "--short") == 0)
        is_short = true;
      else
        add_weights(arguments[i], weights);
    }
    if (weights.empty())
      for (const char* name : {"digits_cnn", "digits_mobilenet", "digits_mobilenet_plain"})
        if (!is_short || weights.empty())
          add_weights(XQUANT_SOURCE_DIR "/examples/data/" + std::string(name) + ".onnx", weights);
    std::size_t elements = 0;
    for (const weight& w : weights) elements += w.x.size();
    std::printf(
        "%zu weights of %zu elements. First row: squared error over the sum of squares, mean of the weights; the "
        "others: how many times that.\n",
        weights.size(), elements);
    bool is_never_better = print_table<symmetric<>, per_axis<0>>("Symmetric, per channel", weights, is_short);
    is_never_better &= print_table<symmetric<>, per_group<32, 1>>("Symmetric, groups of 32", weights, is_short);
    is_never_better &= print_table<affine, per_axis<0>>("Affine, per channel", weights, is_short);
    is_never_better &= print_table<affine, per_group<32, 1>>("Affine, groups of 32", weights, is_short);
    if (!is_never_better) std::fprintf(stderr, "a search was better than the optimum\n");
    return is_never_better ? 0 : 1;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}

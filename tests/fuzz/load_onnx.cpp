// The ONNX loader, as the fuzzers see it: the graph it gives answers every question of a graph.
#include "hostile.hpp"

#include <xquant/io/onnx_reader.hpp>
#include <xquant/model/placement.hpp>

#include <cstdlib>

namespace {

namespace model = xquant::model;

hostile::answer load(hostile::bytes file) {
  try {
    const model::graph g = xquant::io::parse_onnx(file, "file.onnx");
    unsigned sum = 0;
    for (model::value_id id = 0; id < g.values().size(); ++id) {
      if (g.find(g.name_of(id)) != id) std::abort();
      const model::node_id from = g.producer(id);
      for (const model::node_id reader : g.consumers(id))
        if (from != model::no_node && reader <= from) std::abort();
      if (const model::tensor* t = g.constant(id))
        for (std::size_t i = 0; i < t->byte_size(); ++i) sum |= static_cast<unsigned>(t->bytes()[i]);
    }
    for (const model::value_id id : g.outputs())
      if (g.producer(id) == model::no_node && g.initializer(id) == nullptr && !g.is_input(id)) std::abort();
    const model::placement places = model::place_quantizers(g);
    if (places.weights.size() > g.values().size() || sum > 255) std::abort();
    return {};
  } catch (const xquant::io::io_error& e) {
    return {e.what()};
  } catch (const model::model_error& e) {
    return {e.what()};
  }
}

}  // namespace

const hostile::loader hostile::onnx{"onnx", load, 128};

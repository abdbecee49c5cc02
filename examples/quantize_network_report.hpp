// The report of the main job: which layers the quantized network has, and what quantization does to each of them.
#pragma once

#include <xquant/calibration/named_calibrator.hpp>
#include <xquant/calibration/runtime.hpp>
#include <xquant/exception.hpp>
#include <xquant/model/executor.hpp>
#include <xquant/model/graph.hpp>
#include <xquant/model/samples.hpp>
#include <xquant/model/simulation.hpp>
#include <xquant/report/network_report.hpp>

#include <algorithm>
#include <cstddef>
#include <map>
#include <numeric>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "quantize_network_data.hpp"
#include "quantize_network_progress.hpp"

namespace quantize_network {

namespace report = xquant::report;

// A layer of the report: the nodes between values that are rounded. Runs them alone.
template <class Simulation>
class reported_layer {
 public:
  // `end` is a value of the network that is rounded or an output; `is_end` says which others are.
  template <class IsEnd>
  reported_layer(const Simulation& s, const model::executor& floating, const model::constant_substitutes& constants,
                 model::value_id end, const IsEnd& is_end, const std::vector<xquant::named_calibrator>& rules = {})
      : end_(end) {
    const model::graph& g = s.network();
    for (const model::activation_quantizer& a : s.activations())
      if (a.value == end && a.ready()) quantizer_ = &a;
    collect(g, floating, end, is_end);
    std::sort(nodes_.begin(), nodes_.end());
    std::sort(starts_.begin(), starts_.end());
    describe(s);
    prepare(g, floating, constants);
    for (const model::weight_quantizer& w : s.weights())
      if (w.ready() && reads(g, w.site.value)) report_weight(g, w, constants);
    result_.output.emplace(g.name_of(end), quantizer_ == nullptr ? xquant::encoding{} : quantizer_->encoding,
                           floating.shape_of(end).rank < 2 ? -1 : 1);
    if (quantizer_ != nullptr && !quantizer_->frozen) result_.output->compare(ranges_by(s, rules, *quantizer_));
  }

  const std::vector<model::value_id>& starts() const { return starts_; }
  model::value_id end() const { return end_; }
  const report::layer_report& result() const { return result_; }

  // For batches as `floating` is prepared for: what the nodes read may follow from the shape of the inputs.
  void prepare(const model::graph& g, const model::executor& floating, const model::constant_substitutes& constants) {
    alone_.clear();
    if (!nodes_.empty()) alone_.emplace_back(network_alone(g, floating, constants));
  }

  // A batch, in float and in the quantized network.
  void observe(const std::map<model::value_id, model::tensor>& floating, const model::tensor& quantized) {
    const model::tensor& original = floating.at(end_);
    const std::size_t n = original.size();
    const model::tensor rounding = rounded(original);
    result_.output->observe(original.values<float>(), rounding.values<float>(), original.shape());
    model::tensor alone = rounding;
    if (!alone_.empty()) {
      std::vector<model::tensor> inputs;
      for (const model::value_id id : starts_) inputs.push_back(floating.at(id));
      alone = rounded(alone_.front().run(inputs).outputs.at(0));
    }
    for (std::size_t i = 0; i < n; ++i) {
      result_.alone.add(original.data<float>()[i], alone.data<float>()[i]);
      result_.network.add(original.data<float>()[i], quantized.data<float>()[i]);
    }
  }

 private:
  // What the rules answer for an activation with one scale, of all that the calibration has seen.
  static std::vector<report::named_range> ranges_by(const Simulation& s,
                                                    const std::vector<xquant::named_calibrator>& rules,
                                                    const model::activation_quantizer& a) {
    std::vector<report::named_range> found;
    for (const xquant::named_calibrator& rule : rules) {
      std::vector<xquant::range<float>> ranges;
      const xquant::status bad = s.try_ranges_of_activation(a, rule, ranges);
      if (bad.ok() && ranges.size() == 1) found.push_back({rule.text(), ranges[0].minimum, ranges[0].maximum});
    }
    return found;
  }

  template <class IsEnd>
  void collect(const model::graph& g, const model::executor& floating, model::value_id id, const IsEnd& is_end) {
    std::vector<model::value_id> open{id};
    while (!open.empty()) {
      const model::value_id value = open.back();
      open.pop_back();
      const model::node_id from = g.producer(value);
      if (from == model::no_node) continue;
      if (std::find(nodes_.begin(), nodes_.end(), from) != nodes_.end()) continue;
      nodes_.push_back(from);
      for (const model::value_id input : g.node_at(from).inputs) {
        if (input == model::no_value || floating.constant(input) != nullptr) continue;
        if (!is_end(input) && !g.is_input(input)) {
          open.push_back(input);
        } else if (std::find(starts_.begin(), starts_.end(), input) == starts_.end()) {
          starts_.push_back(input);
        }
      }
    }
  }

  bool reads(const model::graph& g, model::value_id id) const {
    for (const model::node_id n : nodes_) {
      const std::vector<model::value_id>& inputs = g.node_at(n).inputs;
      if (std::find(inputs.begin(), inputs.end(), id) != inputs.end()) return true;
    }
    return false;
  }

  // Named by the first node that has a weight, or else by the last.
  void describe(const Simulation& s) {
    const model::graph& g = s.network();
    if (nodes_.empty()) {
      result_.name = g.name_of(end_);
      result_.kind = "network input";
      return;
    }
    model::node_id named = nodes_.back();
    for (std::size_t i = nodes_.size(); i-- > 0;)
      for (const model::weight_quantizer& w : s.weights())
        if (w.site.layer == nodes_[i]) named = nodes_[i];
    const model::node& n = g.node_at(named);
    result_.name = n.name.empty() ? g.name_of(end_) : n.name;
    for (std::size_t i = 0; i < nodes_.size(); ++i) result_.kind += (i == 0 ? "" : ", ") + g.node_at(nodes_[i]).op_type;
    result_.kind = report::shortened(result_.kind, 90);
  }

  model::executor network_alone(const model::graph& g, const model::executor& floating,
                                const model::constant_substitutes& constants) const {
    model::graph alone;
    alone.set_opset(g.opset());
    for (const model::value_id id : starts_) {
      const model::value_id input = alone.value_named(g.name_of(id));
      alone.mutable_value(input).type = floating.type_of(id);
      alone.add_input(input);
    }
    for (const model::node_id id : nodes_) {
      model::node n = g.node_at(id);
      for (model::value_id& input : n.inputs) {
        if (input == model::no_value) continue;
        const model::value_id original = input;
        input = alone.value_named(g.name_of(original));
        const auto substitute = constants.find(original);
        if (substitute != constants.end())
          alone.set_initializer(input, substitute->second);
        else if (const model::tensor* constant = floating.constant(original))
          alone.set_initializer(input, *constant);
      }
      for (model::value_id& output : n.outputs)
        if (output != model::no_value) output = alone.value_named(g.name_of(output));
      alone.add_node(std::move(n));
    }
    alone.add_output(alone.find(g.name_of(end_)));
    alone.finish();
    return model::executor(std::move(alone));
  }

  void report_weight(const model::graph& g, const model::weight_quantizer& w,
                     const model::constant_substitutes& constants) {
    const model::tensor& original = *g.constant(w.site.value);
    const auto substitute = constants.find(w.site.value);
    const model::tensor& rounding = substitute == constants.end() ? original : substitute->second;
    report::quantized_tensor t(g.name_of(w.site.value), w.encoding, w.site.has_channels ? w.site.axis : -1);
    t.observe(original.values<float>(), rounding.values<float>(), original.shape());
    result_.weights.push_back(std::move(t));
  }

  model::tensor rounded(const model::tensor& x) const {
    if (quantizer_ == nullptr) return x;
    model::tensor y = x;
    const xquant::tensor_view<float> in_place = y.mutable_view();
    xquant::throw_if(xquant::try_fake_quantize<typename Simulation::choices>(quantizer_->encoding.quantizer,
                                                                             quantizer_->encoding.parameters, in_place,
                                                                             in_place, typename Simulation::engine{}));
    return y;
  }

  model::value_id end_;
  const model::activation_quantizer* quantizer_ = nullptr;  // of the simulation, which outlives this
  std::vector<model::node_id> nodes_;
  std::vector<model::value_id> starts_;
  std::vector<model::executor> alone_;  // one, or none for an input of the network
  report::layer_report result_;
};

// How many of `images` images the report looks at: all, each equally often, but where a network fixes its batch those
// that fill batches, if that is at least one.
inline std::size_t reported_images(const model::graph& g, std::size_t images) {
  const auto fixed = model::declared_batch(g);
  return fixed && images >= *fixed ? images / *fixed * *fixed : images;
}

// Their batches, as numbers of images. Images that do not fill a fixed batch take turns until each was seen equally
// often.
inline std::vector<std::vector<std::size_t>> reported_batches(const model::sample_set& all, std::size_t batch) {
  std::vector<std::vector<std::size_t>> result;
  if (all.is_fixed() && all.count() < batch) {
    for (std::size_t i = 0; i < all.count() / std::gcd(all.count(), batch); ++i)
      result.push_back(all.filled(0, all.count(), i * batch));
    return result;
  }
  for (std::size_t first = 0; first < all.count(); first += batch) {
    const std::size_t n = std::min(batch, all.count() - first);
    if (all.is_fixed() && n < batch) break;
    result.emplace_back(n);
    std::iota(result.back().begin(), result.back().end(), first);
  }
  return result;
}

// The layers of a simulated network and what these images (reported_images of them) show of them: three runs of the
// network's size for a batch; and beneath each distribution the ranges that these rules would choose.
template <class Simulation>
std::vector<report::layer_report> reported_layers(Simulation& s, const model::tensor& images,
                                                  const std::vector<xquant::named_calibrator>& rules = {}) {
  const model::graph& g = s.network();
  model::executor floating(g);
  const model::sample_set all(g, {images});
  std::size_t batch = batch_size(g);
  std::vector<model::value_id> ends;
  for (;;) {
    floating.prepare({batches(images, batch).shape()});
    std::vector<bool> is_end(g.values().size(), false);
    for (const model::activation_quantizer& a : s.activations()) is_end[a.value] = a.ready();
    for (const model::value_id id : g.outputs()) is_end[id] = true;
    ends.clear();
    const auto add = [&](model::value_id id) {
      if (id != model::no_value && is_end[id] && floating.constant(id) == nullptr &&
          floating.type_of(id) == model::element_type::float32)
        ends.push_back(id);
    };
    for (const model::value_id id : g.inputs()) add(id);
    for (const model::node& n : g.nodes())
      for (const model::value_id id : n.outputs) add(id);
    // All ends of a batch are in memory, twice.
    std::size_t elements = 0;
    for (const model::value_id id : ends) elements += floating.shape_of(id).size();
    if (elements <= 64u << 20 || all.is_fixed() || batch == 1) break;
    batch /= 2;
  }

  model::constant_substitutes constants = s.quantized_biases();
  constants.insert(s.quantized_weights().begin(), s.quantized_weights().end());
  const auto is_end = [&](model::value_id id) { return std::find(ends.begin(), ends.end(), id) != ends.end(); };
  std::vector<reported_layer<Simulation>> layers;
  std::vector<model::value_id> keep = ends;
  for (const model::value_id id : ends) {
    layers.emplace_back(s, floating, constants, id, is_end, rules);
    for (const model::value_id start : layers.back().starts())
      if (std::find(keep.begin(), keep.end(), start) == keep.end()) keep.push_back(start);
  }
  const std::vector<std::vector<std::size_t>> data = reported_batches(all, batch);
  progress bar("report", data.size());
  std::size_t prepared = batch;
  for (const std::vector<std::size_t>& samples : data) {
    const std::vector<model::tensor> inputs = all.pick(samples);
    if (samples.size() != prepared) {
      prepared = samples.size();
      floating.prepare({inputs.at(0).shape()});
      for (reported_layer<Simulation>& l : layers) l.prepare(g, floating, constants);
    }
    model::run_options options;
    options.keep = keep;
    const model::run_result original = floating.run(inputs, options);
    const model::run_result quantized = s.run(inputs, ends);
    for (reported_layer<Simulation>& l : layers) l.observe(original.kept, quantized.kept.at(l.end()));
    bar.step();
  }
  std::vector<report::layer_report> result;
  for (const reported_layer<Simulation>& l : layers) result.push_back(l.result());
  return result;
}

// "int8, symmetric, per channel": the different quantizers of some tensors.
template <class Quantizers>
std::string quantizers_in_words(const Quantizers& all) {
  std::vector<std::string> names;
  for (const auto& q : all) {
    const std::string name =
        !q.ready()
            ? "float32"
            : report::format_name(q.encoding.quantizer) + " " + report::scheme_name(q.encoding.quantizer) +
                  (q.encoding.quantizer.granularity.template is<xquant::per_axis<>>() ? " per channel" : " per tensor");
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : "; ") + name;
  return text;
}

}  // namespace quantize_network

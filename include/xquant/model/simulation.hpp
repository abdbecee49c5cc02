// Quantization simulated on a float network: weights rounded to their grids, activations rounded as they are produced.
#pragma once

#include <xquant/adapt/span.hpp>
#include <xquant/calibration/any_calibrator.hpp>
#include <xquant/calibration/calibrator.hpp>
#include <xquant/calibration/histogram.hpp>
#include <xquant/calibration/min_max.hpp>
#include <xquant/calibration/named_calibrator.hpp>
#include <xquant/calibration/observer.hpp>
#include <xquant/calibration/range_rule.hpp>
#include <xquant/calibration/runtime.hpp>
#include <xquant/calls/default_engine.hpp>
#include <xquant/encoding.hpp>
#include <xquant/granularity/parameter_shape.hpp>
#include <xquant/model/bias_scale.hpp>
#include <xquant/model/biased_layer.hpp>
#include <xquant/model/constant_fold.hpp>
#include <xquant/model/error.hpp>
#include <xquant/model/executor.hpp>
#include <xquant/model/fault.hpp>
#include <xquant/model/finite_trace.hpp>
#include <xquant/model/integer_bias.hpp>
#include <xquant/model/placement.hpp>
#include <xquant/model/samples.hpp>
#include <xquant/parameters.hpp>
#include <xquant/runtime.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <numeric>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace xquant::inline XQUANT_ABI::model {

/// The quantizers a simulation places, as values; the defaults are AIMET's (default_config.json).
struct simulation_options {
  quantizer_description activation = {.format = unsigned_integer, .scheme = id_of<affine>};
  quantizer_description weight = {.format = signed_integer, .scheme = id_of<symmetric<>>};
  bool per_channel_weights = false;  ///< of weights that have channels (weight_site); the others have one scale
  /// Round biases to int32 steps of scale of input times scale of weight, as integer_bias.hpp says and io/ writes them;
  /// otherwise they stay float.
  bool integer_biases = false;
  /// Calibrators that observe every activation, per tensor, beside the common statistics, sample by sample: those with
  /// a state of their own (moving averages, NNCF's estimators ...). Range rules need no line here.
  std::vector<named_calibrator> calibrators = {};
};

/// A quantized constant: what its layer reads instead of it.
struct weight_quantizer {
  weight_site site;
  xquant::encoding encoding;  ///< the one in use
  std::vector<range<float>> ranges;
  bool frozen = false;  ///< given from outside, to be kept
  /// Its encoding before the biases of its layers had a say (bias_scale.hpp).
  xquant::encoding own = {};

  /// Whether the constant is quantized at all.
  [[nodiscard]] bool ready() const noexcept { return encoding.ready(); }
};

/// A quantized value: what its readers see is fake-quantized, once it has parameters.
struct activation_quantizer {
  value_id value = no_value;
  xquant::encoding encoding;
  observer<histogram> statistics;
  std::vector<range<float>> ranges;
  bool frozen = false;                           ///< given from outside: set_ranges leaves it as it is
  std::vector<any_calibrator> calibrators = {};  ///< of simulation_options::calibrators, in their order

  [[nodiscard]] bool ready() const noexcept { return encoding.ready(); }
};

/// A bias that stays float although integers are asked for.
struct float_bias {
  node_id layer = no_node;
  value_id value = no_value;
  std::string why;
};

/// The formats a simulation can be asked for at run time: integers of 2 to 16 bits, rounded to nearest even.
using simulation_choices = narrowed_choices<standard_choices, keep_integers<16>>;

/// A network with simulated quantization.
///   simulation s(graph, options, {input shape});   weights are quantized here, from their exact ranges
///   s.observe(inputs);                             for calibration batches: quantized weights, float activations
///   s.set_ranges(rule);                            ranges of all activations by a range rule, or by one of
///                                                  options.calibrators; repeat with others
///   s.run(inputs);                                 the quantized network's outputs
/// A regular value; copies share the weights' memory. `Engine` does the rounding.
template <class Engine = default_engine, class Choices = simulation_choices>
class simulation {
 public:
  using engine = Engine;
  using choices = Choices;

  /// Folds the constants that nodes compute (fold_constants) and places quantizers by place_quantizers. Weights may
  /// have any granularity that fits their shapes; an activation has one scale here (set_activation gives it others).
  /// Throws model_error for a network that cannot run on inputs of these shapes, for activations with more than one
  /// scale, options no compiled quantizer has, a calibrator that is not valid, and, naming the weight, its node and the
  /// element, for a granularity that does not fit it and for NaN or infinity.
  simulation(graph network, const simulation_options& options, const std::vector<shape>& input_shapes)
      : executor_(options.integer_biases ? separate_biases(fold_constants(network).network)
                                         : fold_constants(network).network),
        integer_biases_(options.integer_biases) {
    for (const named_calibrator& c : options.calibrators) {
      if (c.rule() != nullptr) continue;
      calibrators_.push_back(c);
      require(c.try_make(per_tensor{}, unused_.emplace_back()), [] { return std::string("simulation_options"); });
    }
    const quantizer_description& a = options.activation;
    if (!a.granularity.is<per_tensor>())
      throw model_error(errc::unsupported,
                        "simulation_options.activation has more than one scale; expected per tensor, which is what "
                        "calibration gives (set_activation gives a value other parameters)");
    executor_.prepare(input_shapes);
    const graph& g = executor_.network();
    for (node_id i = 0; i < g.nodes().size(); ++i)
      if (auto layer = biased_layer_of(g, i); layer && layer->obstacle.empty()) biased_.push_back(std::move(*layer));
    const placement places = place_quantizers(g);
    for (const weight_site& site : places.weights) {
      weight_quantizer w{site, {options.weight, {}}, {}};
      if (is_per_tensor_or_axis(options.weight.granularity)) {
        w.encoding.quantizer.granularity = per_tensor{};
        if (options.per_channel_weights && site.has_channels) w.encoding.quantizer.granularity = per_axis<>{site.axis};
      }
      weights_.push_back(std::move(w));
      quantize_weight(weights_.back());
    }
    for (const value_id id : places.activations) {
      index_[id] = activations_.size();
      activations_.push_back({id, {options.activation, {}}, {}, {}, false, unused_});
    }
  }

  [[nodiscard]] const graph& network() const noexcept { return executor_.network(); }
  /// The tensor of a value that does not depend on the inputs' data, also where it follows from their shapes; or null.
  [[nodiscard]] const tensor* constant(value_id id) const { return executor_.constant(id); }
  [[nodiscard]] const std::vector<weight_quantizer>& weights() const noexcept { return weights_; }
  [[nodiscard]] const std::vector<activation_quantizer>& activations() const noexcept { return activations_; }
  /// Those of simulation_options::calibrators that keep a state of their own.
  [[nodiscard]] const std::vector<named_calibrator>& calibrators() const noexcept { return calibrators_; }
  /// The weights as their layers see them.
  [[nodiscard]] const constant_substitutes& quantized_weights() const noexcept { return substitutes_; }
  /// The biases as their layers see them, when they are asked for as integers; they depend on the scales of activations
  /// and weights. Throws model_error for one that int32 does not hold (integer_bias_of).
  [[nodiscard]] constant_substitutes quantized_biases() const {
    constant_substitutes result;
    if (!integer_biases_) return result;
    const graph& g = executor_.network();
    const auto weight = [this](value_id id) { return weight_quantized_by(id); };
    const auto activation = [this](value_id id) { return activation_quantized_by(id); };
    for (const biased_layer& layer : biased_)
      if (const auto bias = integer_bias_of(g, layer.layer, weight, activation))
        result[bias->value] = bias->dequantized(g.constant(bias->value)->shape());
    return result;
  }

  /// The weight scales that the biases of their layers moved (bias_scale.hpp): what was wider than the weights ask for
  /// so that int32 holds the bias, and what weights of zero were given. As of the parameters there are now.
  [[nodiscard]] const std::vector<moved_scale>& moved_scales() const noexcept { return moved_; }

  /// The biases that stay float although integers are asked for, and why.
  [[nodiscard]] std::vector<float_bias> float_biases() const {
    std::vector<float_bias> result;
    if (!integer_biases_) return result;
    const graph& g = executor_.network();
    const auto weight = [this](value_id id) { return weight_quantized_by(id); };
    const auto activation = [this](value_id id) { return activation_quantized_by(id); };
    for (node_id i = 0; i < g.nodes().size(); ++i)
      if (std::string why = why_bias_is_float(g, i, weight, activation); !why.empty())
        result.push_back({i, g.node_at(i).inputs[2], std::move(why)});
    return result;
  }

  /// Runs samples with quantized weights and float activations and biases, and adds what it sees to every activation's
  /// statistics: each sample once, whatever the batch, so that any split of the samples over calls gives the same.
  /// A network whose batch is free takes them as one batch. One that fixes its batch (sample_set says what that is) to
  /// B takes any number of samples and runs B at a time; n samples that are left run in batches filled with them in
  /// turn until each was seen equally often, B / gcd(n, B) times, which their statistics are then relieved of
  /// (histogram::keep_one_in; no axis of a value need be known for that).
  /// With calibrators a free network takes one sample to a run, in their order, each of which is one tensor to a
  /// calibrator; of a fixed one a tensor is what a run gives, the last one filled with the samples that are left.
  /// Throws model_error: for inputs that do not fit, and, as sample_error, for an activation with NaN or infinity,
  /// naming sample, node, value and element, the node being the one that made it so. Nothing has been added then.
  void observe(const std::vector<tensor>& inputs) {
    const sample_set samples(executor_.network(), inputs);
    if (samples.is_fixed() && samples.count() == 0)
      throw model_error(errc::shape_mismatch, "no samples; the network's batch is " + std::to_string(samples.batch()));
    observations seen(activations_);
    const bool is_one_by_one = !calibrators_.empty() && !samples.is_fixed() && samples.count() > 1;
    const std::size_t batch = is_one_by_one ? 1 : samples.batch();
    std::size_t done = 0;
    do {
      const std::size_t left = samples.count() - done;
      if (!samples.is_fixed() || left >= batch) {
        add_statistics(samples, samples.filled(done, batch), seen);
        done += batch;
      } else {
        observations repeated(activations_);
        repeated.calibrators = seen.calibrators;
        const std::size_t common = std::gcd(left, batch);
        for (std::size_t i = 0; i < left / common; ++i) {
          add_statistics(samples, samples.filled(done, left, i * batch), repeated);
          if (i == 0) seen.calibrators = repeated.calibrators;
        }
        for (std::size_t i = 0; i < activations_.size(); ++i) {
          repeated.statistics[i].keep_one_in(batch / common);
          seen.statistics[i].merge(repeated.statistics[i]);
        }
        done += left;
      }
    } while (done < samples.count());
    for (std::size_t i = 0; i < activations_.size(); ++i)
      require(seen.statistics[i].try_merge(activations_[i].statistics),
              [&] { return described(activations_[i].value); });
    for (std::size_t i = 0; i < activations_.size(); ++i) {
      activations_[i].statistics = std::move(seen.statistics[i]);
      activations_[i].calibrators = std::move(seen.calibrators[i]);
    }
  }

  /// Gives every observed activation that is not frozen the range `rule` reads off its statistics, for the activation's
  /// own quantizer. Throws model_error:
  /// no_samples when nothing was observed at all (a value that was never computed stays float), and what the rule or
  /// the quantizer refuses, naming the value; nothing has changed then.
  template <RangeRule<histogram> Rule>
  void set_ranges(const Rule& rule) {
    set_ranges_by([&](std::size_t, const activation_quantizer& a, std::vector<range<float>>& out) {
      return try_ranges_of<Choices>(a.statistics, rule, a.encoding.quantizer, out);
    });
  }

  /// The same by a calibrator: one of calibrators(), or a rule. Refuses (value_out_of_range) one that observed nothing
  /// here.
  void set_ranges(const named_calibrator& calibrator) {
    set_ranges_by([&](std::size_t, const activation_quantizer& a, std::vector<range<float>>& out) {
      return try_ranges_of_activation(a, calibrator, out);
    });
  }

  /// What a rule or one of calibrators() answers for one of activations() and its quantizer: one range per slot.
  [[nodiscard]] status try_ranges_of_activation(const activation_quantizer& a, const named_calibrator& calibrator,
                                                std::vector<range<float>>& out) const {
    if (const named_rule* const rule = calibrator.rule())
      return try_ranges_of<Choices>(a.statistics, *rule, a.encoding.quantizer, out);
    const auto found = std::find(calibrators_.begin(), calibrators_.end(), calibrator);
    if (found == calibrators_.end())
      return fault(errc::value_out_of_range, "calibrator", calibrator.number(),
                   "a rule, or one of the calibrators that the simulation was made with");
    const any_calibrator& own = a.calibrators[static_cast<std::size_t>(found - calibrators_.begin())];
    return with_code_grid<Choices>(a.encoding.quantizer,
                                   [&](const code_grid& codes) { return own.try_ranges(codes, out); });
  }

  /// The same as set_ranges, each by a rule of its own: ask(i, activations()[i], ranges) gives one range per slot of
  /// its statistics, or says what is wrong.
  template <class Ask>
  void set_ranges_by(const Ask& ask) {
    bool any = false;
    std::vector<std::vector<range<float>>> ranges(activations_.size());
    std::vector<xquant::parameters> parameters(activations_.size());
    for (std::size_t i = 0; i < activations_.size(); ++i) {
      const activation_quantizer& a = activations_[i];
      if (a.statistics.slots() == 0) continue;
      any = true;
      if (a.frozen) continue;
      const auto where = [&] { return described(a.value); };
      require(ask(i, a, ranges[i]), where);
      parameters[i] = parameters_for(a.encoding.quantizer, ranges[i], where);
    }
    require(any ? status{} : fault(errc::no_samples, "activations", 0, "observe() before set_ranges()"),
            [] { return std::string("simulation"); });
    for (std::size_t i = 0; i < activations_.size(); ++i) {
      if (ranges[i].empty()) continue;
      activations_[i].ranges = std::move(ranges[i]);
      activations_[i].encoding.parameters = std::move(parameters[i]);
    }
    fit_weight_scales();
  }

  /// Gives a value the encoding `e`, whatever a calibration says. Frozen: set_ranges will keep
  /// them; otherwise they are a start, until set_ranges. A value that had no quantizer gets one. The parameters are
  /// checked against the value's shape for the inputs that ran last, or that the simulation was made for. Other batches
  /// may follow unless the granularity has slots along the first axis (axis 0, groups, tokens): run() refuses those.
  /// Throws model_error for a value that is a constant or no float32 tensor, and for a description or parameters that
  /// do not fit it; nothing has changed then.
  void set_activation(value_id id, const encoding& e, bool frozen = true) {
    std::vector<range<float>> ranges;
    activation_quantizer& a = activation_of(id, [&] {
      check_parameters(e, id);
      ranges = ranges_of(e, id);
    });
    a.encoding = e;
    a.ranges = std::move(ranges);
    a.frozen = frozen;
    fit_weight_scales();
  }

  /// Leaves a value float: set_ranges will not give it parameters. One without quantizer stays as it is.
  void leave_activation_float(value_id id) {
    const auto found = index_.find(id);
    if (found == index_.end()) return;
    activation_quantizer& a = activations_[found->second];
    a.encoding.parameters = {};
    a.ranges.clear();
    a.frozen = true;
    fit_weight_scales();
  }

  /// Gives a constant the encoding `e` instead of those of its exact range, and rounds it again. A
  /// constant that was no weight by place_quantizers becomes one. Throws model_error for a value that is no float32
  /// constant, and for a description or parameters that do not fit it; nothing has changed then.
  void set_weight(value_id id, const encoding& e) {
    const graph& g = executor_.network();
    const tensor* original = id < g.values().size() ? g.constant(id) : nullptr;
    if (original == nullptr || original->type() != element_type::float32)
      throw model_error(errc::unsupported, "weight encoding for " + called(id) + ", which is no float32 constant");
    tensor rounded = *original;
    const tensor_view<float> in_place = rounded.mutable_view();
    require(
        try_fake_quantize<Choices>(e.quantizer, e.parameters, in_place, in_place, Engine{}),
        [&] { return described(id); }, rounded.shape());
    std::vector<range<float>> ranges = ranges_of(e, id);
    weight_quantizer& w = weight_of(id);
    w.encoding = e;
    w.own = e;
    w.ranges = std::move(ranges);
    w.frozen = true;
    substitutes_[id] = std::move(rounded);
    fit_weight_scales();
  }

  /// Leaves a constant float. One that was no weight stays as it is.
  void leave_weight_float(value_id id) {
    for (weight_quantizer& w : weights_)
      if (w.site.value == id) {
        w.encoding.parameters = {};
        w.own = w.encoding;
        w.ranges.clear();
        w.frozen = true;
      }
    substitutes_.erase(id);
    fit_weight_scales();
  }

  /// The quantized network's outputs for a batch. Activations without parameters stay float. A weight that is an output
  /// of the network comes out rounded, as every value that is quantized. `watch` is shown every value as its readers
  /// see it. Throws as quantized_biases, and for inputs that do not fit.
  run_result run(const std::vector<tensor>& inputs, const std::vector<value_id>& keep = {},
                 const value_observer& watch = {}) {
    run_options options;
    constant_substitutes constants = quantized_biases();
    constants.insert(substitutes_.begin(), substitutes_.end());
    options.substitutes = &constants;
    options.keep = keep;
    options.observer = [&](value_id id, tensor_view<float> x) {
      if (const auto found = index_.find(id); found != index_.end()) {
        const activation_quantizer& a = activations_[found->second];
        if (a.ready())
          require(
              try_fake_quantize<Choices>(a.encoding.quantizer, a.encoding.parameters, x, x, Engine{}),
              [&] { return described(id); }, x.shape);
      }
      if (watch) watch(id, x);
    };
    return executor_.run(inputs, options);
  }

 private:
  [[nodiscard]] std::string described(value_id id) const { return described_value(executor_.network(), id); }
  [[nodiscard]] std::string called(value_id id) const {
    const graph& g = executor_.network();
    return id < g.values().size() ? "'" + g.name_of(id) + "'" : "value number " + std::to_string(id);
  }

  // What activations have observed; calibrators go on from where they are, as the order may be part of their answers.
  struct observations {
    explicit observations(const std::vector<activation_quantizer>& activations) : statistics(activations.size()) {
      for (const activation_quantizer& a : activations) calibrators.push_back(a.calibrators);
    }
    std::vector<observer<histogram>> statistics;
    std::vector<std::vector<any_calibrator>> calibrators;
  };

  // One run on these samples of `all`, its values added to `seen`, which has a place for each activation quantizer.
  void add_statistics(const sample_set& all, const std::vector<std::size_t>& samples, observations& seen) {
    naming_sample(all, samples, [&](const std::vector<tensor>& inputs, bool is_alone) {
      finite_trace trace(executor_.network());
      run_options options;
      options.substitutes = &substitutes_;
      options.observer = [&](value_id id, tensor_view<float> x) {
        if (is_alone) trace.see(id, x);
        const auto found = index_.find(id);
        if (found == index_.end()) return;
        const status bad = seen.statistics[found->second].try_observe(x, Engine{});
        if (is_alone && bad.code == errc::not_finite) trace.require_finite(id);
        const auto where = [&] { return described(id); };
        require(bad, where, x.shape);
        for (any_calibrator& c : seen.calibrators[found->second]) require(c.try_observe(x), where, x.shape);
      };
      executor_.run(inputs, options);
    });
  }

  // The quantizer of a value, made when there is none; `check` is called before anything is made.
  template <class Check>
  activation_quantizer& activation_of(value_id id, const Check& check) {
    const graph& g = executor_.network();
    if (id >= g.values().size() || executor_.constant(id) != nullptr || g.constant(id) != nullptr ||
        (g.producer(id) == no_node && !g.is_input(id)) || executor_.type_of(id) != element_type::float32)
      throw model_error(errc::unsupported, "activation encoding for " + called(id) +
                                               ", which is no float32 value that the network computes");
    check();
    const auto found = index_.find(id);
    if (found != index_.end()) return activations_[found->second];
    index_[id] = activations_.size();
    activations_.push_back({id, {}, {}, {}, false, unused_});
    return activations_.back();
  }

  weight_quantizer& weight_of(value_id id) {
    for (weight_quantizer& w : weights_)
      if (w.site.value == id) return w;
    const std::vector<node_id>& readers = executor_.network().consumers(id);
    weights_.push_back({{id, readers.empty() ? no_node : readers.front(), 0}, {}, {}});
    return weights_.back();
  }

  // Throws model_error unless e can quantize the value.
  void check_parameters(const encoding& e, value_id id) const {
    tensor same_shape(element_type::float32, executor_.shape_of(id));
    const tensor_view<float> in_place = same_shape.mutable_view();
    require(validate_fake_quantize<Choices>(e.quantizer, e.parameters, in_place, in_place),
            [&] { return described(id); });
  }

  std::vector<range<float>> ranges_of(const encoding& e, value_id id) const {
    std::vector<range<float>> ranges;
    require(e.try_ranges<Choices>(ranges), [&] { return described(id); });
    return ranges;
  }

  template <class Where>
  static xquant::parameters parameters_for(const quantizer_description& q, const std::vector<range<float>>& ranges,
                                           const Where& where) {
    std::vector<scale_and_zero_point<float>> slots(ranges.size());
    for (std::size_t i = 0; i < ranges.size(); ++i) require(try_parameters_for<Choices>(q, ranges[i], slots[i]), where);
    return xquant::parameters(slots);
  }

  void quantize_weight(weight_quantizer& w) {
    const tensor& original = *executor_.network().constant(w.site.value);
    const granularity_description& granularity = w.encoding.quantizer.granularity;
    xquant::shape ignored;
    if (const status bad = try_parameter_shape(granularity, original.shape(), ignored); !bad.ok())
      throw model_error(bad.code, "weight " + called(w.site.value) + " of shape " + to_text(original.shape()) +
                                      ", read by " +
                                      executor_.network().describe(executor_.network().node_at(w.site.layer)) + ": " +
                                      unprefixed(xquant::error(bad).what()));
    min_max<granularity_description> extremes_of_weight(granularity);
    const auto where = [&] { return described(w.site.value); };
    require(extremes_of_weight.try_observe(original.view(), Engine{}), where, original.shape());
    require(extremes_of_weight.try_ranges(w.ranges), where);
    w.encoding.parameters = parameters_for(w.encoding.quantizer, w.ranges, where);
    w.own = w.encoding;
    round_weight(w);
  }

  void round_weight(const weight_quantizer& w) {
    tensor rounded = *executor_.network().constant(w.site.value);
    const tensor_view<float> in_place = rounded.mutable_view();
    require(
        try_fake_quantize<Choices>(w.encoding.quantizer, w.encoding.parameters, in_place, in_place, Engine{}),
        [&] { return described(w.site.value); }, rounded.shape());
    substitutes_[w.site.value] = std::move(rounded);
  }

  const encoding* weight_quantized_by(value_id id) const {
    for (const weight_quantizer& w : weights_)
      if (w.site.value == id && w.ready()) return &w.encoding;
    return nullptr;
  }
  const encoding* activation_quantized_by(value_id id) const {
    const auto found = index_.find(id);
    return found == index_.end() || !activations_[found->second].ready() ? nullptr
                                                                         : &activations_[found->second].encoding;
  }

  // Gives every weight the scales that hold the biases of its layers, from its own ones and the activations' as they
  // are now; what was moved before and need not be any more goes back.
  void fit_weight_scales() {
    const graph& g = executor_.network();
    std::unordered_map<value_id, std::vector<weight_reader>> readers;
    for (const biased_layer& layer : biased_)
      readers[layer.weight].push_back({&layer, detail::quantizer_behind(g, layer.input, [this](value_id id) {
                                         return activation_quantized_by(id);
                                       })});
    moved_.clear();
    for (weight_quantizer& w : weights_) {
      if (!w.ready()) continue;
      fitted_parameters fitted = fit_weight_scale(g, w.site.value, w.own, readers[w.site.value], integer_biases_);
      moved_.insert(moved_.end(), fitted.moved.begin(), fitted.moved.end());
      if (fitted.parameters == w.encoding.parameters) continue;
      w.encoding.parameters = std::move(fitted.parameters);
      round_weight(w);
    }
  }

  executor executor_;
  bool integer_biases_ = false;
  std::vector<weight_quantizer> weights_;
  std::vector<named_calibrator> calibrators_;  // with a state of their own
  std::vector<any_calibrator> unused_;         // those, before any data
  std::vector<activation_quantizer> activations_;
  std::unordered_map<value_id, std::size_t> index_;
  constant_substitutes substitutes_;
  std::vector<biased_layer> biased_;  // whose bias may be integers
  std::vector<moved_scale> moved_;
};

}  // namespace xquant::model

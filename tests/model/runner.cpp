#include "runner.hpp"

#include <xquant/model/executor.hpp>

namespace test {

std::vector<tensor> run(const graph& g, const std::vector<tensor>& inputs) {
  return xquant::model::executor(g).run(inputs).outputs;
}

std::string refusal(const graph& g, const std::vector<tensor>& inputs) {
  try {
    (void)xquant::model::executor(g).run(inputs);
  } catch (const xquant::model::model_error& e) {
    return e.what();
  }
  return "";
}

std::string preparation_refusal(const graph& g, const std::vector<shape>& inputs) {
  try {
    xquant::model::executor(g).prepare(inputs);
  } catch (const xquant::model::model_error& e) {
    return e.what();
  }
  return "";
}

}  // namespace test

// A run-time form over a type that no description can name. As it stands, everything here is right.
#include <xquant/parameters.hpp>
#include <xquant/runtime.hpp>

using namespace xquant;  // NOLINT: every line names several

#ifdef XQUANT_BAD_LINE
using format = int8;
#else
using format = stored_integer<std::int8_t>;
#endif

status use(float* x) {
  const tensor_view<float> view(x, shape(4));
  return try_fake_quantize<runtime_choices<type_list<format>>>(quantizer_description{}, parameters(1.0f), view, view);
}

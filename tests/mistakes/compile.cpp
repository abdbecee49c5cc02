// Mistakes that do not compile, each with what the first error says, which is what to write instead
// (cmake/check_mistakes.cmake compiles them one at a time). As it stands, everything here is right.
#include <xquant/xquant.hpp>

#include <cstdint>
#include <list>
#include <vector>

#ifndef XQUANT_BAD_LINE
#define XQUANT_BAD_LINE 0
#endif

using namespace xquant;  // NOLINT: every line names several

void use(const std::vector<float>& x, const std::vector<double>& wide, const std::vector<int>& integers,
         std::vector<std::int8_t>& codes, std::vector<float>& y, const float* pointer) {
  const quantizer<int8> q;
  const parameters p(0.5f);
  const auto t = quantize<int8>(x);
#if XQUANT_BAD_LINE == 1
  (void)quantize<std::int8_t>(x);
// says: the first argument is not a format; write xquant::int8 for std::int8_t
#elif XQUANT_BAD_LINE == 2
  quantize(quantizer<std::uint8_t>{}, p, x, codes);
// says: the first argument is not a format; write xquant::int8 for std::int8_t
#elif XQUANT_BAD_LINE == 3
  (void)quantize<int8>(integers);
// says: integers where reals are read or written: float, double, float16 or bfloat16; convert the data
#elif XQUANT_BAD_LINE == 4
  quantize(q, p, integers, codes);
// says: integers where reals are read or written: float, double, float16 or bfloat16; convert the data
#elif XQUANT_BAD_LINE == 5
  (void)quantize<int8>(std::list<float>{1, 2});
// says: a type that is no tensor here; include xquant/adapt/span.hpp (ranges), adapt/mdspan.hpp
#elif XQUANT_BAD_LINE == 6
  (void)quantize<int8>(pointer);
// says: a pointer has no shape; write tensor_view(pointer, shape{rows, columns})
#elif XQUANT_BAD_LINE == 7
  quantize(q, p, pointer, codes);
// says: a pointer has no shape; write tensor_view(pointer, shape{rows, columns})
#elif XQUANT_BAD_LINE == 8
  (void)quantize(x);
// says: name a format: quantize<xquant::int8>(x)
#elif XQUANT_BAD_LINE == 9
  (void)quantize<int8>(x, codes);
// says: the second argument, if any, is an engine; the codes are returned
#elif XQUANT_BAD_LINE == 10
  quantize(scalar_engine{}, q, p, x, codes);
// says: an engine among the other arguments; it comes last: quantize(q, p, x, codes, engine)
#elif XQUANT_BAD_LINE == 11
  quantize(q, p, scalar_engine{}, x, codes);
// says: an engine among the other arguments; it comes last: quantize(q, p, x, codes, engine)
#elif XQUANT_BAD_LINE == 12
  fake_quantize(q, scalar_engine{}, p, x, y);
// says: an engine among the other arguments; it comes last: quantize(q, p, x, codes, engine)
#elif XQUANT_BAD_LINE == 13
  quantize(p, q, x, codes);
// says: the quantizer comes first, its parameters second: quantize(q, p, x, codes)
#elif XQUANT_BAD_LINE == 14
  quantize(x, codes, q, p);
// says: the quantizer comes first, its parameters second: quantize(q, p, x, codes)
#elif XQUANT_BAD_LINE == 15
  quantize(q, x, p, codes);
// says: parameters stand before the tensors: quantize(q, parameters(scale), x, codes)
#elif XQUANT_BAD_LINE == 16
  quantize(q, p, codes, x);
// says: integers where reals are read or written
#elif XQUANT_BAD_LINE == 17
  quantize(q, 0.5f, x, codes);
// says: a number is no set of parameters; write xquant::parameters(scale)
#elif XQUANT_BAD_LINE == 18
  quantize(q, std::vector<float>{0.5f}, x, codes);
// says: a range of scales is written parameters(scales)
#elif XQUANT_BAD_LINE == 19
  quantize(int8{}, p, x, codes);
// says: a format is no quantizer; write quantizer<int8>{} for int8{}
#elif XQUANT_BAD_LINE == 20
  quantize(q, x);
// says: parameters are missing: quantize(q, parameters(scale), x); dynamic_quantize(q, x, codes)
#elif XQUANT_BAD_LINE == 21
  (void)dequantize(q, codes);
// says: parameters are missing: dequantize(q, parameters(scale), codes), or dequantize(t)
#elif XQUANT_BAD_LINE == 22
  fake_quantize(q, x, y);
// says: parameters stand before the tensors: quantize(q, parameters(scale), x, codes)
#elif XQUANT_BAD_LINE == 23
  std::vector<int> whole(x.size());
  dequantize(t, whole);
// says: integers where reals are read or written
#elif XQUANT_BAD_LINE == 24
  std::vector<double> doubles(x.size());
  dequantize(t, doubles);
// says: scales and data must have one type, float or double (float for 16-bit data)
#elif XQUANT_BAD_LINE == 25
  quantize(q, p, wide, codes);
// says: write basic_parameters<double>(scale) for double data
#elif XQUANT_BAD_LINE == 26
  std::vector<std::uint8_t> other(x.size());
  quantize(q, p, x, other);
// says: codes are of its code_type (std::int8_t for int8)
#elif XQUANT_BAD_LINE == 27
  dequantize(q, p, x, y);
// says: codes are of its code_type (std::int8_t for int8)
#elif XQUANT_BAD_LINE == 28
  const std::vector<std::int8_t> constant = codes;
  quantize(q, p, x, constant);
// says: or is const
#elif XQUANT_BAD_LINE == 29
  quantize(q, p, x, codes, 4);
// says: the last argument is no engine; write scalar_engine{}, vector_engine<>{}, or leave it out
#elif XQUANT_BAD_LINE == 30
  (void)fake_quantize(q, t, x);
// says: the second argument is no set of parameters; write parameters(scale)
#elif XQUANT_BAD_LINE == 31
  quantize(quantizer<affine, uint8>{}, p, x, codes);
// says: the first argument is not a format
#elif XQUANT_BAD_LINE == 32
  quantize(quantizer<int8, uint8>{}, p, x, codes);
// says: this argument is not a policy (it has no policy_category); the format comes first
#elif XQUANT_BAD_LINE == 33
  quantize(quantizer<e4m3fn, affine>{}, p, x, codes);
// says: a scheme with a zero point needs a format of integers; use symmetric<>
#elif XQUANT_BAD_LINE == 34
  quantize(quantizer<int8, per_axis<0>, per_tensor>{}, p, x, codes);
// says: two policies of this category; give at most one
#elif XQUANT_BAD_LINE == 35
  quantize(q, p, x, p);
// says: parameters, or a number, where a tensor stands; the order is quantize(q, p, x, codes)
#elif XQUANT_BAD_LINE == 36
  (void)quantize<int8>(std::vector<std::vector<float>>{{1, 2}, {3, 4}});
// says: a tensor of more dimensions is one range and a shape: tensor_view(range, shape{rows, columns})
#else
  quantize(q, p, x, codes, scalar_engine{});
  dequantize(t, y);
#endif
  (void)q;
  (void)p;
  (void)t;
  (void)x;
  (void)wide;
  (void)integers;
  (void)codes;
  (void)y;
  (void)pointer;
}

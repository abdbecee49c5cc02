#!/bin/sh
# run.sh SOURCE_DIR BUILD_DIR COMPILER EMULATOR: compiles the tests of the vector engines for NEON and runs them.
# BUILD_DIR/headers has the header-only libraries they need.
set -eu

source=$1
build=$2
compiler=$3
emulator=$4

if ! root=$("$compiler" -print-sysroot) || [ -z "$root" ] || [ "$root" = / ]; then
  root=/usr/$("$compiler" -dumpmachine)
fi
if [ ! -e "$root/lib/ld-linux-aarch64.so.1" ]; then
  echo "skipped: no C library for the emulator under $root"
  exit 77
fi

simd="-DXQUANT_TEST_ARCHITECTURE=xsimd::neon64 -DXQUANT_TEST_WIDTH=4"
vector="-DXQUANT_TEST_ENGINE=xquant::vector_engine<> -DXQUANT_TEST_ENGINE_HEADER=<xquant/engines/vector.hpp>"

# program NAME WITH FILE...: compiles tests/FILE... with the definitions WITH, links the main and runs it.
program() {
  name=$1
  with=$2
  shift 2
  mkdir -p "$build/$name"
  objects=""
  for file in main.cpp "$@"; do
    [ -e "$source/tests/$file" ] || continue
    object=$build/$name/$(basename "$file" .cpp).o
    objects="$objects $object"
    # shellcheck disable=SC2086 # definitions
    "$compiler" -std=c++20 -O1 -pthread -Wall -Wextra -Wconversion -Wshadow -Werror $with \
      "-DXQUANT_SOURCE_DIR=\"$source\"" \
      "-I$source/include" "-I$source/tests" -isystem "$build/headers" -c "$source/tests/$file" -o "$object"
  done
  # shellcheck disable=SC2086 # a list of files
  "$compiler" -pthread $objects -o "$build/$name/$name"
  (cd "$source" && "$emulator" -L "$root" "$build/$name/$name")
}

# A batch of xsimd has the operations of a vector (engines/vector/lane.hpp): of the SIMD engine, what reaches memory.
lanes="engines/harness.cpp engines/dequantize_test.cpp engines/quantize_divide_test.cpp engines/elements_test.cpp
  engines/store_test.cpp"
tests="$lanes engines/quantize_multiply_test.cpp engines/fake_quantize_divide_test.cpp
  engines/fake_quantize_multiply_test.cpp engines/granularity_test.cpp engines/hash_test.cpp
  engines/zero_points_test.cpp engines/convert_test.cpp"
# shellcheck disable=SC2086 # a list of files
program engines_simd "$simd" $lanes
# shellcheck disable=SC2086 # a list of files
program engines_vector "$vector" $tests
program gradients_vector "$vector" gradients/harness.cpp gradients/signed_test.cpp gradients/minifloat_test.cpp \
  gradients/pieces_test.cpp
program formats_vector "$vector" formats/lanes_test.cpp
program rounding_vector "" rounding/lanes_test.cpp

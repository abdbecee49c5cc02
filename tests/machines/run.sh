#!/bin/sh
# run.sh SOURCE_DIR BUILD_DIR MACHINE COMPILER EMULATOR few|all: compiles tests for another machine and runs them.
# BUILD_DIR/headers has doctest.
set -eu

source=$1
build=$2
machine=$3
compiler=$4
emulator=$5
which=$6

root=/usr/$("$compiler" -dumpmachine)
if [ ! -e "$root/lib/libc.so.6" ]; then
  echo "skipped: no C library under $root"
  exit 77
fi
flags=""
[ "$machine" != i386 ] || flags="-msse2 -mfpmath=sse"
vector="-DXQUANT_TEST_ENGINE=xquant::vector_engine<> -DXQUANT_TEST_ENGINE_HEADER=<xquant/engines/vector.hpp>"

# program NAME FILE...: compiles tests/FILE..., links the main and runs it.
program() {
  name=$1
  shift
  mkdir -p "$build/$machine/$name"
  objects=""
  for file in main.cpp "$@"; do
    object=$build/$machine/$name/$(basename "$file" .cpp).o
    objects="$objects $object"
    # shellcheck disable=SC2086 # lists of flags
    "$compiler" -std=c++20 -O1 -pthread -Wall -Wextra -Wconversion -Wshadow -Wsign-conversion -Wpedantic -Werror $flags $vector \
      "-DXQUANT_SOURCE_DIR=\"$source\"" "-I$source/include" "-I$source/tests" -isystem "$build/headers" \
      -c "$source/tests/$file" -o "$object"
  done
  # shellcheck disable=SC2086 # a list of files
  "$compiler" -pthread $objects -o "$build/$machine/$name/$name"
  (cd "$source" && "$emulator" -L "$root" "$build/$machine/$name/$name")
}

program core core/packed_test.cpp core/random_test.cpp
program engines engines/harness.cpp engines/store_test.cpp engines/convert_test.cpp engines/granularity_test.cpp
[ "$machine" = i386 ] || program gradients gradients/harness.cpp gradients/pieces_test.cpp
if [ "$which" = all ]; then
  program engines_all engines/harness.cpp engines/dequantize_test.cpp engines/quantize_divide_test.cpp \
    engines/quantize_multiply_test.cpp engines/fake_quantize_divide_test.cpp engines/fake_quantize_multiply_test.cpp \
    engines/elements_test.cpp engines/hash_test.cpp engines/zero_points_test.cpp
  program gradients_all gradients/harness.cpp gradients/signed_test.cpp gradients/minifloat_test.cpp \
    gradients/pieces_test.cpp
  program ops ops/quantize_test.cpp ops/convert_test.cpp ops/requantize_test.cpp ops/cast_test.cpp
  program half core/half_test.cpp
fi

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

# program NAME FILE...: compiles tests/FILE... with the tests' main and runs the program.
program() {
  name=$1
  shift
  mkdir -p "$build/$name"
  objects=""
  for file in main.cpp "$@"; do
    [ -e "$source/tests/$file" ] || continue
    object=$build/$name/$(basename "$file" .cpp).o
    objects="$objects $object"
    "$compiler" -std=c++20 -O1 -pthread -Wall -Wextra -Wconversion -Wshadow -Werror \
      -DXQUANT_TEST_ARCHITECTURE=xsimd::neon64 -DXQUANT_TEST_WIDTH=4 "-DXQUANT_SOURCE_DIR=\"$source\"" \
      "-I$source/include" "-I$source/tests" -isystem "$build/headers" -c "$source/tests/$file" -o "$object"
  done
  # shellcheck disable=SC2086 # a list of files
  "$compiler" -pthread $objects -o "$build/$name/$name"
  (cd "$source" && "$emulator" -L "$root" "$build/$name/$name")
}

program engines engines/harness.cpp engines/dequantize_test.cpp engines/quantize_divide_test.cpp \
  engines/quantize_multiply_test.cpp engines/fake_quantize_divide_test.cpp engines/fake_quantize_multiply_test.cpp \
  engines/elements_test.cpp engines/granularity_test.cpp engines/hash_test.cpp engines/zero_points_test.cpp \
  engines/convert_test.cpp engines/store_test.cpp
program gradients gradients/harness.cpp gradients/signed_test.cpp gradients/minifloat_test.cpp gradients/pieces_test.cpp
program formats formats/lanes_test.cpp

#!/bin/sh
# versions.sh COMPILER XTENSOR XSIMD XTL: by hand, for checkouts of these three that are not installed: compiles the tests
# of the adapter for xtensor and of the SIMD engine with their include folders first, and runs them. doctest is the
# system's. docs/install.md lists what was tried.
set -eu
compiler=$1
here=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
includes="-isystem $2/include -isystem $3/include -isystem $4/include"
simd="-DXQUANT_TEST_ARCHITECTURE=xsimd::fma3<xsimd::avx2> -DXQUANT_TEST_WIDTH=8"
cd "$here"
# shellcheck disable=SC2086 # lists of flags
for test in adapt/xtensor_test.cpp "engines/harness.cpp engines/store_test.cpp engines/convert_test.cpp"; do
  sources="tests/main.cpp"
  for file in $test; do sources="$sources tests/$file"; done
  "$compiler" -std=c++20 -O1 -march=x86-64-v3 -Wall -Wextra -Wconversion -Wshadow -Wsign-conversion -Wpedantic -Werror $simd \
    "-DXQUANT_SOURCE_DIR=\"$here\"" -Iinclude -Itests $includes $sources -o "$work/test"
  "$work/test"
done

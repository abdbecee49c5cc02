#!/bin/sh
# language.sh REPOSITORY WORK COMPILER 20|23 [FLAG...]: every header in one source, and tests that call most of them,
# are accepted by a compiler in a version of the language; no warning of -Wsign-conversion and -Wpedantic, beside the usual
# ones, lies in the library's headers. Nothing is linked or run.
set -eu
repository=$1
work=$2
compiler=$3
standard=$4
[ "$standard" != 23 ] || standard=2b # what clang 16 calls it
shift 4
cd "$repository"
mkdir -p "$work"
for header in $(cd include && find xquant -name '*.hpp' | sort); do
  case $header in
  xquant/engines/cuda/* | xquant/adapt/eigen* | xquant/adapt/mdspan*) ;; # their libraries may not be here
  *) echo "#include <$header>" ;;
  esac
done >"$work/all_headers.cpp"
status=0
for source in "$work/all_headers.cpp" tests/error_test.cpp tests/ops/quantize_test.cpp tests/runtime_test.cpp \
  tests/ops/requantize_test.cpp tests/conformance/presets_test.cpp tests/conformance/preset_operations_test.cpp \
  tests/calibration/errors_test.cpp tests/gradients/errors_test.cpp tests/granularity/conventions_test.cpp \
  tests/adapt/span_test.cpp tests/adapt/xtensor_test.cpp tests/report/report_test.cpp examples/first_steps.cpp; do
  "$compiler" "-std=c++$standard" -fsyntax-only -Wall -Wextra -Wconversion -Wshadow -Wsign-conversion -Wpedantic "$@" \
    "-DXQUANT_SOURCE_DIR=\"$repository\"" -Iinclude -Itests "$source" >"$work/said" 2>&1 || {
    echo "$compiler -std=c++$standard does not accept $source:"
    cat "$work/said"
    status=1
  }
  if grep -E '^include/xquant/.*warning:' "$work/said"; then
    echo "... in $source with $compiler -std=c++$standard"
    status=1
  fi
done
exit $status

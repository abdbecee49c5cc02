#!/bin/sh
# tests/run.sh: installs what the tests need, builds them and runs them all; ends with ctest's summary.
# tests/run.sh conformance ARGUMENT...: builds and runs the conformance program alone.
# XQUANT_BUILD_DIR: where to build (build/ by default). XQUANT_CMAKE_ARGS: more arguments for CMake.
# XQUANT_INSTALL_PACKAGES=0: install nothing. XQUANT_CTEST_ARGS: more arguments for ctest.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
build=${XQUANT_BUILD_DIR:-$root/build}
jobs=$(nproc 2>/dev/null || echo 2)

configure() {
  [ "${XQUANT_INSTALL_PACKAGES:-1}" = 0 ] || sh "$root/cmake/install_dependencies.sh" core tests
  set -- -S "$root" -B "$build"
  if [ ! -f "$build/CMakeCache.txt" ] && command -v ninja >/dev/null 2>&1; then set -- "$@" -G Ninja; fi
  # -O2 without debug information: the quickest to compile of what runs the tests in time.
  # shellcheck disable=SC2086 # several arguments in one variable
  cmake "$@" -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_FLAGS_RELEASE=-O2 -DXQUANT_BUILD_TESTS=ON \
    -DXQUANT_BUILD_EXAMPLES=ON -DXQUANT_NATIVE=ON ${XQUANT_CMAKE_ARGS:-}
}

if [ "${1:-}" = conformance ]; then
  shift
  # What the program prints is all that goes to standard output.
  { configure && cmake --build "$build" --parallel "$jobs" --target conformance; } >&2
  exec "$build/bin/conformance" "$@"
fi
if [ $# -gt 0 ]; then
  echo "tests/run.sh: unknown argument '$1'; expected nothing, or conformance ARGUMENT..." >&2
  exit 2
fi

configure
cmake --build "$build" --parallel "$jobs"
cd "$build"
# shellcheck disable=SC2086
exec ctest --output-on-failure --no-tests=error --parallel "$jobs" ${XQUANT_CTEST_ARGS:-}

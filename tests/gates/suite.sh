#!/bin/sh
# suite.sh REPOSITORY BUILD_DIR [-t TARGET]... [CMAKE_ARGUMENT...]: configures the repository into BUILD_DIR, builds it
# and runs its tests. With -t, builds that target too. XQUANT_CTEST_ARGS: more arguments for ctest. Used for the gates
# that need a build of their own.
set -eu
root=$1
build=$2
shift 2
targets="all"
while [ "${1:-}" = -t ]; do
  targets="$targets $2"
  shift 2
done
jobs=$(nproc 2>/dev/null || echo 2)
if [ ! -f "$build/CMakeCache.txt" ] && command -v ninja >/dev/null 2>&1; then set -- -G Ninja "$@"; fi
cmake -S "$root" -B "$build" -DCMAKE_BUILD_TYPE=Release -DXQUANT_GATES=OFF -DXQUANT_CI_GATES=OFF "$@"
# shellcheck disable=SC2086
cmake --build "$build" --parallel "$jobs" --target $targets
cd "$build"
# shellcheck disable=SC2086
exec ctest --output-on-failure --no-tests=error --parallel "$jobs" ${XQUANT_CTEST_ARGS:-}

#!/bin/sh
# benchmarks/run.sh [--filter REGEX] [--json FILE]: installs what the benchmarks need, builds them at -O3 for this
# machine, runs those whose name matches, and writes their rows into the tables of benchmarks/README.md.
# XQUANT_BUILD_DIR: where to build (build/benchmarks by default). XQUANT_INSTALL_PACKAGES=0: install nothing.
# XQUANT_BENCHMARK_README: the file whose tables are written (benchmarks/README.md by default; empty: none).
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
build=${XQUANT_BUILD_DIR:-$root/build/benchmarks}
readme=${XQUANT_BENCHMARK_README-$root/benchmarks/README.md}
filter=.
json=""
while [ $# -gt 0 ]; do
  case "$1" in
    --filter | --json)
      if [ $# -lt 2 ]; then
        echo "benchmarks/run.sh: $1 needs a value" >&2
        exit 2
      fi
      if [ "$1" = --filter ]; then filter=$2; else json=$2; fi
      shift 2
      ;;
    -h | --help)
      sed -n '2,5s/^# \{0,1\}//p' "$0"
      exit 0
      ;;
    *)
      echo "benchmarks/run.sh: unknown argument '$1'; expected --filter REGEX or --json FILE" >&2
      exit 2
      ;;
  esac
done

[ "${XQUANT_INSTALL_PACKAGES:-1}" = 0 ] || sh "$root/cmake/install_dependencies.sh" core benchmarks
{
  generator=""
  if [ ! -f "$build/CMakeCache.txt" ] && command -v ninja >/dev/null 2>&1; then generator="-G Ninja"; fi
  # shellcheck disable=SC2086
  cmake -S "$root" -B "$build" $generator -DCMAKE_BUILD_TYPE=Release -DXQUANT_BUILD_TESTS=OFF \
    -DXQUANT_BUILD_EXAMPLES=OFF -DXQUANT_BUILD_BENCHMARKS=ON -DXQUANT_NATIVE=ON ${XQUANT_CMAKE_ARGS:-}
  cmake --build "$build" --parallel "$(nproc 2>/dev/null || echo 2)" --target xquant_benchmarks
} >&2

# What was measured: the commit, marked when the library or the benchmarks differ from it.
commit=unknown
if command -v git >/dev/null 2>&1 && git -C "$root" rev-parse --short HEAD >/dev/null 2>&1; then
  commit=$(git -C "$root" rev-parse --short HEAD)
  changed=$(git -C "$root" status --porcelain -- include benchmarks ':!benchmarks/README.md' 2>/dev/null || true)
  if [ -n "$changed" ]; then commit="$commit+"; fi
fi
XQUANT_BENCHMARK_COMMIT=$commit
export XQUANT_BENCHMARK_COMMIT

set -- "--benchmark_filter=$filter"
[ -z "$json" ] || set -- "$@" "--benchmark_out=$json" --benchmark_out_format=json
[ -z "$readme" ] || set -- "$@" "--readme=$readme"
exec "$build/bin/xquant_benchmarks" "$@"

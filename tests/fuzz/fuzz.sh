#!/bin/sh
# fuzz.sh REPOSITORY BUILD_DIR [LOADER...]: builds the libFuzzer targets with clang, AddressSanitizer and
# UndefinedBehaviorSanitizer and runs each on the stored corpus and the small real files. LOADER: onnx, npy, encodings;
# all when none is named.
#   RUNS=10000000 SECONDS_EACH=3600   whichever comes first
#   CLANG=clang++-16                  the compiler
#   STORE=1                           afterwards puts the minimized corpus into tests/data/fuzz
# Findings lie in BUILD_DIR/findings, figures in BUILD_DIR/LOADER.log; the status is 1 when something was found.
set -eu
root=$1
build=$2
shift 2
[ $# -gt 0 ] || set -- npy encodings onnx
clang=${CLANG:-}
for candidate in clang++-16 clang++; do
  if [ -z "$clang" ] && command -v "$candidate" >/dev/null 2>&1; then clang=$candidate; fi
done
if [ -z "$clang" ]; then
  echo "fuzz.sh: no clang++; set CLANG" >&2
  exit 77
fi
mkdir -p "$build/findings" "$build/seeds"
python3 "$root/tests/fuzz/corpus.py" seeds "$root" "$build/seeds"

flags="-std=c++20 -O1 -g1 -I$root/include -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all"
status=0
loaders=$*
for loader in $loaders; do
  for unit in hostile "load_$loader" "${loader}_fuzzer"; do
    # shellcheck disable=SC2086 # several flags in one variable
    "$clang" $flags -c "$root/tests/fuzz/$unit.cpp" -o "$build/$unit.o"
  done
  fuzzer=$build/${loader}_fuzzer
  "$clang" -fsanitize=fuzzer,address,undefined "$build/hostile.o" "$build/load_$loader.o" "$fuzzer.o" -o "$fuzzer"
  corpus=$build/corpus/$loader
  mkdir -p "$corpus"
  python3 "$root/tests/fuzz/corpus.py" unpack "$root/tests/data/fuzz/$loader.corpus" "$corpus"
  set -- -max_len=4096 -timeout=5 -rss_limit_mb=2048 -print_final_stats=1 "-artifact_prefix=$build/findings/$loader-"
  [ ! -f "$root/tests/fuzz/$loader.dict" ] || set -- "$@" "-dict=$root/tests/fuzz/$loader.dict"
  "$fuzzer" "$@" "-runs=${RUNS:-10000000}" "-max_total_time=${SECONDS_EACH:-3600}" "$corpus" "$build/seeds/$loader" \
    2>"$build/$loader.log" || status=1
  grep -E 'INITED|^Done|^stat::|SUMMARY' "$build/$loader.log" || true
  grep -E ' cov: ' "$build/$loader.log" | tail -n 1
  if [ "${STORE:-0}" = 1 ]; then
    rm -rf "$build/minimized"
    mkdir "$build/minimized"
    "$fuzzer" -merge=1 -max_len=4096 "$build/minimized" "$corpus" "$build/seeds/$loader" 2>>"$build/$loader.log"
    python3 "$root/tests/fuzz/corpus.py" pack "$build/minimized" "$root/tests/data/fuzz/$loader.corpus"
  fi
done
exit $status

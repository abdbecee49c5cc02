#!/bin/sh
# measure.sh [--check] [COMPILER]: what including quantizer.hpp or xquant.hpp and instantiating one more kernel cost, as
# ratios to compiling a file that includes only <vector>: the least of three processor times each, measured in turn in one
# run. What else runs on the machine adds to these times only, so with --check they are measured up to twelve times before
# they are too much.
# Prints a table; with --check fails above the limits: quantizer.hpp 0.3 and 1,300 preprocessed lines, xquant.hpp 6, a
# kernel 2.3.
# Sources, beside this script: empty_vector.cpp, quantizer.cpp, umbrella.cpp, kernels_1.cpp, kernels_2.cpp (one kernel
# more).
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
check=no
if [ "${1:-}" = --check ]; then
  check=yes
  shift
fi
compiler=${1:-${CXX:-g++}}
rounds=${XQUANT_COST_ROUNDS:-3}
flags="-std=c++20 -O2 -march=x86-64-v3 -I$here/../../include"
case $(uname -m) in
  x86_64 | amd64) ;;
  *) flags="-std=c++20 -O2 -I$here/../../include" ;;
esac
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for name in empty_vector quantizer; do
  [ -f "$here/$name.cpp" ] || { echo "skipped: no $name.cpp"; exit 77; }
done
units="empty_vector quantizer umbrella"
if [ -f "$here/kernels_1.cpp" ] && [ -f "$here/kernels_2.cpp" ]; then
  units="$units default_1 default_2"
  # Without xsimd the kernels cannot be compiled; the headers still can.
  # shellcheck disable=SC2086
  if echo '#include <xsimd/xsimd.hpp>' | "$compiler" $flags -x c++ -fsyntax-only - 2>/dev/null; then
    units="$units kernels_1 kernels_2"
  else
    echo "SIMD kernels are left out: no xsimd"
  fi
fi

# The milliseconds of processor time that the commands of this script have taken; not in $(...), which has commands of
# its own.
now() {
  times >"$work/times"
  spent=$(tail -n 1 "$work/times" | awk -F '[ ms]+' '{ printf "%d", 1000 * (60 * ($1 + $3) + $2 + $4) }')
}
least() { sort -n "$1" | head -n 1; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", a / b }'; }

round=0
measure() {
  until_round=$((round + rounds))
  while [ "$round" -lt "$until_round" ]; do
    for unit in $units; do
      case $unit in
        default_*) source=kernels_${unit#default_}.cpp defines=-DXQUANT_COST_DEFAULT ;;
        *) source=$unit.cpp defines="" ;;
      esac
      now
      begin=$spent
      # shellcheck disable=SC2086
      "$compiler" $flags $defines -c "$here/$source" -o "$work/$unit.o"
      now
      echo $((spent - begin)) >>"$work/$unit.times"
    done
    round=$((round + 1))
  done
}
# shellcheck disable=SC2086
lines=$("$compiler" $flags -E -P "$here/quantizer.cpp" | wc -l)

# cost_of FIRST SECOND LABEL: what SECOND costs more than FIRST, as `kernel`; the dearest of all stays in `worst`.
cost_of() {
  one=$(least "$work/$1.times")
  two=$(least "$work/$2.times")
  kernel=$(ratio $((two - one)) "$base")
  printf '%-34s %8d %8s %8s\n' "$3" $((two - one)) "$kernel" 2.3
  worst=$(awk -v a="$worst" -v b="$kernel" 'BEGIN { print (a > b) ? a : b }')
}
report() {
  base=$(least "$work/empty_vector.times")
  printf '%-34s %8s %8s %8s\n' "" "ms" "ratio" "limit"
  printf '%-34s %8d %8s %8s\n' "<vector>" "$base" 1.00 ""
  time=$(least "$work/quantizer.times")
  header=$(ratio "$time" "$base")
  printf '%-34s %8d %8s %8s\n' "xquant/quantizer.hpp" "$time" "$header" 0.3
  printf '%-34s %8d %8s %8s\n' "xquant/quantizer.hpp, lines" "$lines" "" 1300
  time=$(least "$work/umbrella.times")
  umbrella=$(ratio "$time" "$base")
  printf '%-34s %8d %8s %8s\n' "xquant/xquant.hpp" "$time" "$umbrella" 6
  worst=0
  case $units in *default_2*) cost_of default_1 default_2 "one more kernel, default engine" ;; esac
  case $units in *" kernels_2"*) cost_of kernels_1 kernels_2 "one more SIMD kernel" ;; esac
}

measure
report
[ $check = no ] && exit 0
until awk -v h="$header" -v u="$umbrella" -v k="$worst" -v l="$lines" \
  'BEGIN { exit !(h <= 0.3 && u <= 6 && k <= 2.3 && l <= 1300) }'; do
  if [ "$round" -ge 12 ] || [ "$lines" -gt 1300 ]; then
    echo "above the limit"
    exit 1
  fi
  echo "above the limit; once more"
  measure
  report
done

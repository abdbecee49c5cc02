#!/bin/sh
# mirror_test.sh ROOT WORK: the mirror gate finds each planted fault, and nothing in a sound tree.
set -eu
gate=$1/tests/gates/mirror.sh
work=$2
plant() {
  rm -rf "$work"
  mkdir -p "$work/include/xquant/core" "$work/tests/core"
  : >"$work/include/xquant/core/view.hpp"
  : >"$work/include/xquant/core/bits.hpp"
  : >"$work/tests/core/view_test.cpp"
  echo 'core/bits.hpp | core/view_test.cpp | with views' >"$work/tests/mirror.txt"
}
# finds TEXT: the gate complains with that text.
finds() {
  if sh "$gate" "$work" >"$work/log" 2>&1 || ! grep -q -F -e "$1" "$work/log"; then
    echo "mirror_test.sh: not found: $1"
    cat "$work/log"
    exit 1
  fi
}

plant
sh "$gate" "$work"
: >"$work/include/xquant/core/lane.hpp"
finds 'core/lane.hpp: no test tests/core/lane_test.cpp'
plant
: >"$work/tests/core/bits_test.cpp"
finds "'core/bits.hpp' is the line of no header"
plant
echo 'core/* | core/nothing_test.cpp | for nothing' >"$work/tests/mirror.txt"
finds 'tests/core/nothing_test.cpp is not there'
plant
echo 'core/bits.hpp | | none' >"$work/tests/mirror.txt"
finds 'names no test'
plant
echo 'core/bits.hpp | core/view_test.cpp | ' >"$work/tests/mirror.txt"
finds 'gives no reason'

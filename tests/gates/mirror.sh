#!/bin/sh
# mirror.sh ROOT: every header of include/xquant has its test where tests/ mirrors it, tests/FOLDER/NAME_test.cpp, or a
# line of tests/mirror.txt that says where else. No line is idle, and what lines name is there.
set -eu
cd "$1"
lines=tests/mirror.txt
failed=0
complain() {
  echo "mirror.sh: $*" >&2
  failed=1
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

grep -v -e '^#' -e '^ *$' "$lines" >"$work/lines"
find include/xquant -name '*.hpp' -o -name '*.cuh' | sed 's|^include/xquant/||' | sort >"$work/headers"
while read -r header; do
  [ -f "tests/${header%.*}_test.cpp" ] || echo "$header"
done <"$work/headers" >"$work/elsewhere"

# The first line that fits a header is its line.
: >"$work/used"
while read -r header; do
  found=no
  while IFS='|' read -r pattern _; do
    pattern=${pattern% }
    # shellcheck disable=SC2254 # a pattern
    case $header in
      $pattern)
        found=yes
        echo "$pattern" >>"$work/used"
        break
        ;;
    esac
  done <"$work/lines"
  [ $found = yes ] || complain "$header: no test tests/${header%.*}_test.cpp, and no line in $lines"
done <"$work/elsewhere"

while IFS='|' read -r pattern tests reason; do
  pattern=${pattern% }
  grep -q -x -F -e "$pattern" "$work/used" || complain "$lines: '$pattern' is the line of no header"
  named=0
  for test in $tests; do
    named=1
    [ -e "tests/$test" ] || complain "$lines: '$pattern': tests/$test is not there"
  done
  [ $named = 1 ] || complain "$lines: '$pattern' names no test"
  [ -n "${reason# }" ] || complain "$lines: '$pattern' gives no reason"
done <"$work/lines"
exit $failed

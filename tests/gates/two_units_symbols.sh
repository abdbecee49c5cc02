#!/bin/sh
# two_units_symbols.sh A.o B.o: no function of the library may be in both objects, or the linker would merge the two and
# run one of them on a processor it was not compiled for.
set -eu
weak() { nm --defined-only "$1" | awk '$2 ~ /^[VWu]$/ && $3 ~ /6xquant/ { print $3 }' | sort -u; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
weak "$1" >"$work/a"
weak "$2" >"$work/b"
[ -s "$work/a" ] && [ -s "$work/b" ] || { echo "no functions of the library found"; exit 1; }
comm -12 "$work/a" "$work/b" >"$work/both"
if [ -s "$work/both" ]; then
  echo "shared by units for different processors:"
  c++filt <"$work/both" | head -20
  exit 1
fi
echo "$(wc -l <"$work/a") and $(wc -l <"$work/b") functions, none shared"

#!/bin/sh
# abi.sh COMPILER WORK INCLUDES SOURCE [DEFINITION...]: compiles SOURCE with many sets of flags; no two objects may share a function of
# the library, or the linker would keep one of the two and run it where its code does not belong: on a processor that
# lacks its instructions, or with an arithmetic that promises less (include/xquant/abi.hpp). INCLUDES are folders, with
# "@@" between them. Flags that the compiler does not know are left out and said; so is `native` where it is one of the
# named sets.
set -eu
compiler=$1 work=$2 includes=$3 source=$4
shift 4
definitions=$*
rm -rf "$work"
mkdir -p "$work"
include_flags=$(printf '%s' "$includes" | sed 's/@@/ -isystem /g; s/^/-isystem /')

compile() { # NAME FLAG...
  name=$1
  shift
  # shellcheck disable=SC2086
  if ! echo 'int main() {}' | "$compiler" "$@" -x c++ -c -o "$work/probe.o" - 2>/dev/null; then
    echo "left out, unknown to the compiler: $*"
    return
  fi
  # shellcheck disable=SC2086
  "$compiler" -std=c++20 -O1 $include_flags $definitions "$@" -c -o "$work/$name.o" "$source"
  nm --defined-only "$work/$name.o" | awk '$2 ~ /^[VWu]$/ && $3 ~ /6xquant/ { print $3 }' | sort -u >"$work/$name.symbols"
  [ -s "$work/$name.symbols" ] || { echo "no functions of the library found in the object of: $*"; exit 1; }
  echo | "$compiler" "$@" -dM -E -x c++ - | sort >"$work/$name.macros"
}

compile plain
compile no_exceptions -fno-exceptions
compile fast_math -ffast-math -DXQUANT_ALLOW_FAST_MATH
compile checked -DXQUANT_ENABLE_ASSERT=1
case $("$compiler" -dumpmachine) in
  x86_64*)
    compile ssse3 -mssse3
    compile v2 -march=x86-64-v2
    compile avx -mavx
    compile avx2_fma -mavx2 -mfma
    compile v3 -march=x86-64-v3
    compile v4 -march=x86-64-v4
    compile v4_fast_math -march=x86-64-v4 -ffast-math -DXQUANT_ALLOW_FAST_MATH
    ;;
  aarch64*)
    compile dotprod -march=armv8.2-a+dotprod
    compile sve -march=armv8.2-a+sve
    ;;
esac
compile native -march=native
for named in "$work"/*.macros; do
  [ "$named" = "$work/native.macros" ] || ! cmp -s "$named" "$work/native.macros" || rm -f "$work/native.symbols"
done

failed=0
units=0
for a in "$work"/*.symbols; do
  units=$((units + 1))
  for b in "$work"/*.symbols; do
    [ "$a" \< "$b" ] || continue
    comm -12 "$a" "$b" >"$work/both"
    if [ -s "$work/both" ]; then
      echo "shared by $(basename "$a" .symbols) and $(basename "$b" .symbols): $(wc -l <"$work/both") functions, such as"
      c++filt <"$work/both" | head -5
      failed=1
    fi
  done
done
[ $failed = 0 ] && echo "$units units, no function of the library shared"
exit $failed

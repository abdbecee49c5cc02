#!/bin/sh
# older_language.sh REPOSITORY COMPILER HEADER...: compiled as C++17, each header says one sentence that names what is
# needed, and the compiler stops there: no second fault but the header that does not exist.
set -eu
include=$1/include
compiler=$2
shift 2
status=0
for header in "$@"; do
  output=$(echo "#include <xquant/$header>" | "$compiler" -std=c++17 -x c++ -fsyntax-only "-I$include" - 2>&1) && {
    echo "$header compiles as C++17"
    status=1
  }
  errors=$(printf '%s\n' "$output" | grep -E '(^|: )(fatal )?error: ') || true
  case $(printf '%s\n' "$errors" | head -n 1) in
  *"xquant needs C++20: compile with -std=c++20 or newer, on g++ 12, clang 16 or newer"*) ;;
  *)
    printf '%s as C++17 begins with another error:\n%s\n' "$header" "$output"
    status=1
    ;;
  esac
  if [ "$(printf '%s\n' "$errors" | wc -l)" -gt 2 ]; then
    printf '%s as C++17 has more than one fault:\n%s\n' "$header" "$errors"
    status=1
  fi
done
exit $status

#!/bin/sh
# format.sh REPOSITORY: lists the files that clang-format 14 would change; 77 (skipped) without clang-format 14, since
# other versions disagree about details.
set -u
cd "$1" || exit 2
formatter=""
for candidate in clang-format-14 clang-format; do
  if command -v "$candidate" >/dev/null 2>&1 && "$candidate" --version | grep -q 'version 14\.'; then
    formatter=$candidate
    break
  fi
done
if [ -z "$formatter" ]; then
  echo "skipped: no clang-format 14"
  exit 77
fi
status=0
for file in $(find include tests examples benchmarks -name '*.hpp' -o -name '*.h' -o -name '*.cpp' -o -name '*.cu' -o -name '*.cuh' | sort); do
  if ! "$formatter" --dry-run -Werror "$file" >/dev/null 2>&1; then
    echo "not formatted: $file"
    status=1
  fi
done
[ $status -eq 0 ] || echo "run: $formatter -i FILE"
exit $status

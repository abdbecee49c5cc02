#!/bin/sh
# reference.sh ROOT WORK: the reference is generated from the headers into WORK without a warning, under the names users
# write. 77 where there is no Doxygen.
set -eu
root=$1
work=$2
command -v doxygen >/dev/null 2>&1 || exit 77
command -v awk >/dev/null 2>&1 || exit 77
rm -rf "$work"
mkdir -p "$work"
cd "$root"
{
  cat docs/reference/Doxyfile
  echo "OUTPUT_DIRECTORY = \"$work\""
} | doxygen - >"$work/warnings" 2>&1 || { cat "$work/warnings" >&2 && exit 1; }
if [ -s "$work/warnings" ]; then
  cat "$work/warnings" >&2
  echo "reference.sh: Doxygen warns" >&2
  exit 1
fi
for page in index.html namespacexquant.html; do
  [ -s "$work/html/$page" ] || { echo "reference.sh: no $page" >&2 && exit 1; }
done
grep -q 'xquant::quantize' "$work/html/quantize_8hpp.html" || { echo "reference.sh: no xquant::quantize" >&2 && exit 1; }
if grep -rlq 'XQUANT_ABI' "$work/html" --include='namespace*.html'; then
  echo "reference.sh: the macro XQUANT_ABI stands where the namespace should" >&2
  exit 1
fi
# Every folder has its group and its line of the overview, every header its page.
for folder in include/xquant/*/; do
  name=folder_$(basename "$folder")
  for file in groups.dox overview.md; do
    grep -q "$name " "docs/reference/$file" || { echo "reference.sh: docs/reference/$file has no $name" >&2 && exit 1; }
  done
done
find include/xquant -name '*.hpp' -o -name '*.cuh' | while read -r header; do
  name=$(basename "$header" | sed 's/_/__/g; s/\.\(hpp\|cuh\)$/_8\1/')
  ls "$work/html/" | grep -q "$name.html$" || { echo "reference.sh: $header has no page" >&2 && exit 1; }
done

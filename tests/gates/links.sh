#!/bin/sh
# links.sh ROOT: every relative link of README.md, CONTRIBUTING.md, docs/ and the other pages leads to a file.
set -eu
cd "$1"
missing=0
for page in README.md CONTRIBUTING.md $(find docs benchmarks examples tests/data packaging -name '*.md' 2>/dev/null); do
  folder=$(dirname "$page")
  for target in $(awk '
    /^ *```/ { code = !code; next }
    !code {
      while (match($0, /\]\([^)# ]+/)) {
        print substr($0, RSTART + 2, RLENGTH - 2)
        $0 = substr($0, RSTART + RLENGTH)
      }
    }' "$page"); do
    case "$target" in
      http://* | https://* | mailto:*) continue ;;
    esac
    if [ ! -e "$folder/$target" ]; then
      echo "links.sh: $page: $target is not there" >&2
      missing=1
    fi
  done
done
exit $missing

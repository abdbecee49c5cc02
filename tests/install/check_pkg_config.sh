#!/bin/sh
# check_pkg_config.sh BUILD_DIR WORK COMPILER PKG_CONFIG VERSION PKGCONFIG_DIR: the installed xquant.pc, moved with its
# prefix, gives the version and the flags that compile the consumer, and no others.
set -eu
build=$1
work=$2
compiler=$3
pkg_config=$4
version=$5
folder=$6
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
rm -rf "$work"
cmake --install "$build" --prefix "$work/first" >/dev/null
mv "$work/first" "$work/prefix"
PKG_CONFIG_PATH=$work/prefix/$folder
export PKG_CONFIG_PATH

fail() {
  echo "$1"
  exit 1
}
[ "$("$pkg_config" --modversion xquant)" = "$version" ] || fail "the version is '$("$pkg_config" --modversion xquant)'"
[ -z "$("$pkg_config" --libs xquant | tr -d ' ')" ] || fail "there are libraries: $("$pkg_config" --libs xquant)"
flags=$("$pkg_config" --cflags xquant)
case $flags in
*-D* | *-W* | *-f* | *-m* | *-O* | *-std*) fail "there are other flags than -I: $flags" ;;
esac
# shellcheck disable=SC2086 # a list of flags
"$compiler" -std=c++20 $flags "$here/consumer/main.cpp" -o "$work/consumer"
"$work/consumer"

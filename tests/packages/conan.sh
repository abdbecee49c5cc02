#!/bin/sh
# conan.sh WORK REPOSITORY: with the Conan that follow.sh installed under WORK, creates the package with every option that
# Debian's packages can serve, offline, and builds the user's project of test_package/ with its components; and sees that
# a language older than C++20 is refused.
set -eu
work=$1
repository=$2
cd "$work/folder"
. conan-env/bin/activate
CONAN_HOME=$work/home
export CONAN_HOME

version_of() { dpkg-query -W -f='${Version}' "$1" 2>/dev/null | sed 's/^[0-9]*://; s/[-+~].*//'; }
requires=""
options="-o xquant/*:with_cuda=True"
for line in xsimd=libxsimd-dev=with_xsimd xtensor=libxtensor-dev=with_xtensor protozero=libprotozero-dev=with_protozero \
  eigen=libeigen3-dev=with_eigen nlohmann_json=nlohmann-json3-dev=with_nlohmann_json; do
  name=${line%%=*}
  option=${line##*=}
  package=${line#*=}
  package=${package%=*}
  version=$(version_of "$package")
  if [ -z "$version" ]; then
    echo "without $option: no $package here"
    continue
  fi
  requires="$requires$name/$version
"
  options="$options -o xquant/*:$option=True"
done
[ -z "$(version_of libopenblas-dev)" ] || options="$options -o xquant/*:with_blas=system"
{
  echo "include(default)"
  echo "[settings]"
  echo "compiler.cppstd=20"
  echo "[platform_requires]"
  printf '%s' "$requires"
  echo "[conf]"
  echo "tools.cmake.cmake_layout:test_folder=$work/test_package"
} >profile
# shellcheck disable=SC2086 # options
conan create xquant -pr:a ./profile --no-remote $options >all.log 2>&1 || {
  cat all.log
  exit 1
}
version=$(sed -n 's/^#define XQUANT_VERSION_M[A-Z]* \([0-9]*\)$/\1/p; s/^#define XQUANT_VERSION_PATCH \([0-9]*\)$/\1/p' \
  "$repository/include/xquant/version.hpp" | paste -sd .)
for sentence in "xquant $version: -1.27 is -128 times 0.00992187" "Component target declared 'xquant::xquant'"; do
  grep -qF -- "$sentence" all.log || {
    cat all.log
    echo "expected '$sentence'"
    exit 1
  }
done
if conan create xquant -pr:a ./profile --no-remote -s compiler.cppstd=17 -tf "" >old.log 2>&1; then
  echo "C++17 was not refused"
  exit 1
fi
grep -q "requires at least 20\|lower than the required\|(20)" old.log || {
  cat old.log
  exit 1
}

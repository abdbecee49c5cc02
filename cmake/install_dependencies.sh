#!/bin/sh
# install_dependencies.sh SET...: installs the Debian packages that the named sets need and this machine lacks.
# Sets: core (compiler, CMake), examples, tests, benchmarks, ci. Without apt, without the right to install or without a
# network it lists what stays missing and still succeeds: everything but the compiler and CMake is optional.
set -u

packages=""
for set_name in "$@"; do
  case "$set_name" in
    core) packages="$packages g++ cmake ninja-build" ;;
    examples) packages="$packages libxsimd-dev xtl-dev libxtensor-dev libeigen3-dev libopenblas-dev libprotozero-dev nlohmann-json3-dev libcli11-dev" ;;
    tests) packages="$packages doctest-dev libxsimd-dev xtl-dev libxtensor-dev libeigen3-dev libopenblas-dev libprotozero-dev nlohmann-json3-dev libcli11-dev" ;;
    benchmarks) packages="$packages libbenchmark-dev libxsimd-dev xtl-dev" ;;
    ci) packages="$packages clang-16 clang-format doxygen binutils g++-aarch64-linux-gnu qemu-user g++-s390x-linux-gnu g++-i686-linux-gnu clang-22 python3-venv make pkgconf" ;;
    *)
      echo "install_dependencies.sh: unknown set '$set_name'; expected core, examples, tests, benchmarks or ci" >&2
      exit 2
      ;;
  esac
done

if ! command -v dpkg-query >/dev/null 2>&1 || ! command -v apt-get >/dev/null 2>&1; then
  echo "install_dependencies.sh: no apt here; xquant uses, where it finds them:$packages" >&2
  exit 0
fi

# The packages of the arguments that are not installed.
missing_of() {
  for package in "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || printf ' %s' "$package"
  done
}

# shellcheck disable=SC2086 # package names hold no spaces
missing=$(missing_of $(printf '%s\n' $packages | sort -u))
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -eq 0 ]; then
  as_root=""
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
  as_root="sudo -n"
elif command -v sudo >/dev/null 2>&1 && [ -t 0 ]; then
  as_root="sudo"
else
  echo "install_dependencies.sh: not root and no sudo; left out:$missing" >&2
  exit 0
fi

apt() {
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120 -o Acquire::Retries=1 \
    -o Acquire::http::Timeout=20 -o Acquire::https::Timeout=20 "$@"
}

echo "install_dependencies.sh: installing$missing" >&2
# shellcheck disable=SC2086
if ! apt install -y --no-install-recommends $missing </dev/null >/dev/null 2>&1; then
  apt update </dev/null >&2 || echo "install_dependencies.sh: apt-get update failed" >&2
  # shellcheck disable=SC2086
  if ! apt install -y --no-install-recommends $missing </dev/null >&2; then
    for package in $missing; do # one that does not exist must not take the others with it
      apt install -y --no-install-recommends "$package" </dev/null >/dev/null 2>&1
    done
  fi
fi
# shellcheck disable=SC2086
missing=$(missing_of $missing)
[ -z "$missing" ] || echo "install_dependencies.sh: could not be installed, left out:$missing" >&2
exit 0

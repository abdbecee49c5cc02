#!/bin/sh
# install_script_test.sh REPOSITORY WORK: cmake/install_dependencies.sh on machines that are not this one: without apt,
# without the right to install, without a network, with a package that does not exist. It must say what is left out and
# succeed, and ask apt for nothing that is there.
set -eu
script=$1/cmake/install_dependencies.sh
work=$2
rm -rf "$work"
mkdir -p "$work/bin"
for tool in sh env grep sort cat printf tr; do
  path=$(command -v "$tool") && [ -x "$path" ] && ln -s "$path" "$work/bin/$tool"
done
printf '#!/bin/sh\necho "${FAKE_UID:-0}"\n' >"$work/bin/id"
chmod +x "$work/bin/id"

run() { env -i PATH="$work/bin" "FAKE_UID=${uid:-0}" "STATE=$work" /bin/sh "$script" "$@" </dev/null >"$work/out" 2>&1; }
fail() {
  echo "$1; the script said:"
  cat "$work/out"
  exit 1
}
says() { grep -q -- "$1" "$work/out" || fail "expected '$1'"; }

run core tests || fail "no apt: must succeed"
says "no apt here"
says "doctest-dev"
! run nonsense || fail "an unknown set must be refused"
says "unknown set 'nonsense'"

# dpkg knows what $STATE/installed lists; apt-get does what $STATE/apt says.
cat >"$work/bin/dpkg-query" <<'FAKE'
#!/bin/sh
while [ $# -gt 1 ]; do shift; done
grep -qx -- "$1" "$STATE/installed" && printf 'install ok installed'
FAKE
cat >"$work/bin/apt-get" <<'FAKE'
#!/bin/sh
echo "apt-get $*" >>"$STATE/asked"
[ "$(cat "$STATE/apt")" = works ] || exit 100
found=0
for word in "$@"; do
  case $word in
    update) exit 0 ;;
    install) found=1 ;;
    -*) ;;
    *)
      if [ $found = 1 ]; then
        [ "$word" != libxsimd-dev ] || exit 100
        echo "$word" >>"$STATE/installed"
      fi
      ;;
  esac
done
FAKE
chmod +x "$work/bin/dpkg-query" "$work/bin/apt-get"
printf '%s\n' g++ cmake ninja-build >"$work/installed"

echo works >"$work/apt"
run core || fail "everything there: must succeed"
[ ! -s "$work/asked" ] || fail "asked apt although nothing was missing"

uid=1000
run core tests || fail "no right to install: must succeed"
says "not root and no sudo; left out:.*doctest-dev"
[ ! -s "$work/asked" ] || fail "asked apt without the right to"

uid=0
echo broken >"$work/apt"
run tests || fail "no network: must succeed"
says "could not be installed, left out:.*doctest-dev"

echo works >"$work/apt"
: >"$work/asked"
run core tests || fail "one package missing from the archive: must succeed"
says "could not be installed, left out: libxsimd-dev$"
grep -qx doctest-dev "$work/installed" || fail "a package that does not exist took the others with it"
! grep -q 'cmake' "$work/asked" || fail "asked for a package that is installed"

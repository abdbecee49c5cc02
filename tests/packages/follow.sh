#!/bin/sh
# follow.sh REPOSITORY WORK PAGE WAY: does what a newcomer does who reads PAGE (README.md or docs/install.md): saves the
# program of README.md and the files of the page in an empty folder, puts the repository beside them, and runs the lines
# that follow <!-- follow: WAY -->, as they stand. The program prints what README.md's program prints.
# Ends with 77 (skipped), and says why, where Conan cannot be had.
set -eu
repository=$1
work=$2
page=$3
way=$4
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
rm -rf "$work/$way"
mkdir -p "$work/$way/bin" "$work/$way/home" "$work/$way/folder/xquant"
cd "$work/$way/folder"
for part in include cmake CMakeLists.txt LICENSE conanfile.py test_package packaging vcpkg.json; do
  cp -R "$repository/$part" xquant/
done

# block NAME FILE: the fenced block of FILE that comes after the comment <!-- NAME -->.
block() {
  awk -v "start=<!-- $1 -->" '
    $0 == start { found = 1; next }
    found && /^```/ { if (inside) exit; inside = 1; next }
    inside { print }' "$2"
}
awk '/^```cpp$/ { inside = 1; next } inside && /^```$/ { exit } inside { print }' "$repository/README.md" >main.cpp
for from in README.md docs/install.md; do
  for file in $(sed -n 's/^<!-- file: \(.*\) -->$/\1/p' "$repository/$from"); do
    mkdir -p "$(dirname -- "$file")"
    block "file: $file" "$repository/$from" >"$file"
  done
done
block "follow: $way" "$repository/$page" >lines.sh
[ -s lines.sh ] || {
  echo "$page has no lines for '$way'"
  exit 1
}

# What the lines may not do here: install on this machine, and have vcpkg.
cat >"$work/$way/bin/sudo" <<FAKE
#!/bin/sh
set -eu
[ "\$1 \$2" = "apt install" ] || { echo "sudo \$*: not expected"; exit 1; }
exec dpkg-deb --extract "\$3" "$work/$way/root"
FAKE
cat >"$work/$way/bin/vcpkg" <<FAKE
#!/bin/sh
set -eu
[ "\$*" = "install xquant --overlay-ports=xquant/packaging/vcpkg" ] || { echo "vcpkg \$*: not expected"; exit 1; }
mkdir -p "$work/$way/vcpkg/scripts/buildsystems"
echo 'list(APPEND CMAKE_PREFIX_PATH "$work/$way/vcpkg/installed/x64-linux")' >"$work/$way/vcpkg/scripts/buildsystems/vcpkg.cmake"
exec cmake "-DREPOSITORY=\$PWD/xquant" "-DWORK=$work/$way/vcpkg" "-DINSTALLED=$work/$way/vcpkg/installed/x64-linux" \
  -DFEATURES=threads -P "$here/vcpkg.cmake"
FAKE
chmod +x "$work/$way/bin/sudo" "$work/$way/bin/vcpkg"
PATH=$work/$way/bin:$PATH
VCPKG_ROOT=$work/$way/vcpkg
CONAN_HOME=$work/$way/home
XDG_CACHE_HOME=${XDG_CACHE_HOME:-$HOME/.cache} # pip's downloads are kept
export PATH VCPKG_ROOT CONAN_HOME XDG_CACHE_HOME
if [ "$way" = deb ]; then
  CMAKE_PREFIX_PATH=$work/$way/root/usr
  export CMAKE_PREFIX_PATH
fi

if ! sh -eu lines.sh >output 2>&1; then
  if [ "$way" = conan ] && [ ! -x conan-env/bin/conan ]; then
    echo "skipped: pip cannot install conan here ($(tail -n 1 output))"
    exit 77
  fi
  cat output
  exit 1
fi
said=$(tail -n 1 output)
wanted="-128 -> -1.2700; scale of row 1: 0.0667"
[ "$said" = "$wanted" ] || {
  cat output
  echo "expected '$wanted', got '$said'"
  exit 1
}

if [ "$way" = conan ]; then
  exec sh "$here/conan.sh" "$work/$way" "$repository"
fi

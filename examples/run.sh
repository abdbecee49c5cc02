#!/bin/sh
# examples/run.sh [ARGUMENT...]: installs what the main job needs, builds it, and runs it: on the digits of
# examples/data, or with the arguments given (see --help).
# XQUANT_BUILD_DIR: where to build (build/examples by default). XQUANT_INSTALL_PACKAGES=0: install nothing.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
build=${XQUANT_BUILD_DIR:-$root/build/examples}
data=$root/examples/data

[ "${XQUANT_INSTALL_PACKAGES:-1}" = 0 ] || sh "$root/cmake/install_dependencies.sh" core examples
{
  generator=""
  if [ ! -f "$build/CMakeCache.txt" ] && command -v ninja >/dev/null 2>&1; then generator="-G Ninja"; fi
  # shellcheck disable=SC2086
  cmake -S "$root" -B "$build" $generator -DCMAKE_BUILD_TYPE=Release -DXQUANT_BUILD_TESTS=OFF \
    -DXQUANT_BUILD_EXAMPLES=ON -DXQUANT_NATIVE=ON ${XQUANT_CMAKE_ARGS:-}
  cmake --build "$build" --parallel "$(nproc 2>/dev/null || echo 2)" --target quantize_network
} >&2

if [ $# -eq 0 ]; then
  set -- "$data/digits_cnn.onnx" --images "$data/hard_test_images_u8.npy" --labels "$data/hard_test_labels.npy" \
    --calibration "$data/hard_calib_images_u8.npy"
fi
exec "$build/bin/quantize_network" "$@"

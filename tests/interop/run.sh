#!/bin/sh
# tests/interop/run.sh INTEROP_CASE WORK_FOLDER: onnx and onnxruntime judge the files that the library writes.
# They are installed with pip into a virtual environment in WORK_FOLDER; ends with 77 (skipped), and says why, where that
# cannot be had.
set -eu

program=$1
work=$2
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
environment=$work/environment
packages="numpy==2.2.6 onnx==1.18.0 onnxruntime==1.22.1"
mkdir -p "$work"

if [ "$(cat "$environment/packages" 2>/dev/null || true)" != "$packages" ]; then
  rm -rf "$environment"
  if ! python3 -m venv "$environment" >"$work/pip.log" 2>&1; then
    echo "skipped: python3 has no venv ($(tail -n 1 "$work/pip.log"))"
    exit 77
  fi
  # shellcheck disable=SC2086
  if ! "$environment/bin/pip" install --quiet --disable-pip-version-check --retries 1 --timeout 30 $packages \
    >"$work/pip.log" 2>&1; then
    echo "skipped: pip cannot install $packages ($(tail -n 1 "$work/pip.log"))"
    exit 77
  fi
  echo "$packages" >"$environment/packages"
fi
exec "$environment/bin/python" "$here/check_qdq.py" "$program" "$here/../../examples/data" "$work/files"

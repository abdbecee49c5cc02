#!/bin/sh
# check_files.sh PART QUANTIZE_NETWORK WORK_FOLDER, run in examples/; PART is what is checked of the main job's files:
# written  they are taken back with the same results, in every schema
# refused  what it cannot do ends with the documented exit codes, and what was there stays
# samples  each image counts once, whatever the batch; what is wrong with the data is said with its place
set -eu
part=$1
program=$2
work=$3
rm -rf "$work"
mkdir -p "$work"
data=data

# The header of a .npy file, version 1: TYPE SHAPE.
npy() {
  printf '\223NUMPY\001\000\166\000'
  printf '%-117s\n' "{'descr': '$1', 'fortran_order': False, 'shape': ($2), }"
}
# The first images of the files, and their labels: N TO. The other test of the main job sees all.
first_images() { npy '|u1' "$1, 1, 16, 16" && tail -c +129 "$2" | head -c $(($1 * 256)); }
first_labels() { npy '<i8' "$1," && tail -c +129 "$2" | head -c $(($1 * 8)); }
first_images 300 $data/hard_test_images_u8.npy >"$work/300.npy"
first_labels 300 $data/hard_test_labels.npy >"$work/300.labels.npy"

images=$work/300.npy
labels=$work/300.labels.npy
calibration=$data/hard_calib_images_u8.npy
job() {
  "$program" $data/digits_cnn.onnx --images "$images" --labels "$labels" --calibration "$calibration" "$@"
}
# expect CODE TEXT ARGUMENT...: ends with that code and says that text
expect() {
  code=$1 text=$2
  shift 2
  status=0
  job "$@" >"$work/log" 2>&1 || status=$?
  if [ "$status" -ne "$code" ] || ! grep -q -e "$text" "$work/log"; then
    echo "quantize_network $*: exit code $status, expected $code and '$text'; it said:"
    cat "$work/log"
    exit 1
  fi
}

# lacks FILE PATTERN...: the file has no line of these patterns. ("! grep" would not end the script.)
lacks() {
  file=$1
  shift
  for pattern in "$@"; do
    if grep -e "$pattern" "$file"; then
      echo "$file: has '$pattern'"
      exit 1
    fi
  done
}

written() {
  expect 0 '^chosen: weights .*, the lowest)' --out "$work/first" --json "$work/first.json" --integer-biases
  grep -q '"chosen"' "$work/first.json"
  grep -q 'int32, in steps' "$work/first/report.html"
  for schema in 0.6.1 1.0.0 2.0.0; do
    expect 0 '^chosen: weights per_channel, activations entropy' --out "$work/$schema" --weights per_channel \
      --activations entropy --schema $schema
    grep '^per_channel *entropy' "$work/log" | sed 's/^per_channel *entropy *//' >"$work/expected"
    expect 0 '^loaded *loaded' --load "$work/$schema/digits_cnn.encodings.json" --out "$work/$schema.again" --schema $schema
    grep '^loaded *loaded' "$work/log" | sed 's/^loaded *loaded *//' | cmp - "$work/expected"
    for file in digits_cnn.encodings.json digits_cnn.qdq.onnx; do
      cmp "$work/$schema/$file" "$work/$schema.again/$file"
    done
  done
  cmp "$work/0.6.1/digits_cnn.qdq.onnx" "$work/2.0.0/digits_cnn.qdq.onnx"
  # The report: the same for the same configuration, with each of the 11 layers, nothing from elsewhere.
  cmp "$work/0.6.1/report.html" "$work/2.0.0/report.html"
  [ "$(grep -c '<article ' "$work/1.0.0/report.html")" -eq 11 ]
  lacks "$work/1.0.0/report.html" '<script' 'src=' 'url('
  # Any rules, beside each other: a bracket for each beneath the distribution of each of 11 activations.
  expect 0 '^per_channel  *percentile=99.9 ' --out "$work/rules" --calibrator percentile=99.9,min_max,min_max
  [ "$(grep -c '^per_tensor ' "$work/log")" -eq 2 ]
  [ "$(grep -o '<text class="choice' "$work/rules/report.html" | wc -l)" -eq 22 ]
  if command -v xmllint >/dev/null; then xmllint --noout "$work/1.0.0/report.html"; fi

  # Another tool's file can ask for 8-bit floats, of one tensor alone.
  echo '{"version":"2.0.0","encodings":[{"name":"c2.0.weight","output_dtype":"float8e4m3fn","y_scale":0.0015}]}' \
    >"$work/float8.json"
  expect 0 '^loaded *loaded' --load "$work/float8.json" --out "$work/float8" --schema 2.0.0
  grep -q 'float8e4m3fn' "$work/float8/report.html"
  grep -q '"float8e4m3fn"' "$work/float8/digits_cnn.encodings.json"
  expect 1 "'c2.0.weight': schema 1.0.0 has no float8e4m3fn" --load "$work/float8.json" --out "$work/float8"
}

refused() {
  expect 2 'requires --out' --weights per_tensor
  expect 2 "'nope': expected the name of one of the standard rules" --calibrator min_max,nope
  expect 2 "'min_max=3': expected no number" --calibrator min_max=3
  expect 2 "'percentile=0.99': expected percent" --activations percentile=0.99
  expect 2 'per_row' --out "$work/x" --weights per_row
  echo '{"version":"1.0.0","activation_encodings":[{"name":"nowhere","enc_type":"PER_TENSOR","dtype":"INT","bw":8,
    "is_sym":false,"scale":[1],"offset":[0]}]}' >"$work/strange.json"
  expect 1 "strange.json: .*'nowhere': the network has no tensor" --load "$work/strange.json"
  echo '{' >"$work/cut.json"
  expect 1 'cut.json: not JSON, or cut short' --load "$work/cut.json"
  expect 1 'missing.json' --load "$work/missing.json"
  # The folder is a file: nothing is written, and what was there stays.
  echo old >"$work/file"
  expect 3 'file/digits_cnn.encodings.json.: cannot' --out "$work/file" --weights per_tensor --activations min_max
  [ "$(cat "$work/file")" = old ]
  # The network cannot be replaced: the encodings beside it stay as they were, too.
  mkdir -p "$work/blocked/digits_cnn.qdq.onnx"
  echo old >"$work/blocked/digits_cnn.encodings.json"
  echo old >"$work/blocked/report.html"
  expect 3 'digits_cnn.qdq.onnx.: is a folder' --out "$work/blocked" --weights per_tensor --activations min_max
  [ "$(cat "$work/blocked/digits_cnn.encodings.json" "$work/blocked/report.html")" = "$(printf 'old\nold')" ]
}

samples() {
  # Each of 51 images counts once, whatever the batch. Without labels there is no accuracy.
  first_images 51 $data/hard_calib_images_u8.npy >"$work/51.npy"
  for rule in min_max entropy percentile; do
    for batch in 1 7 50; do
      "$program" $data/digits_cnn.onnx --images "$work/51.npy" --calibration "$work/51.npy" --batch $batch \
        --json "$work/51.json" --out "$work/51.$rule.$batch" --weights per_channel --activations $rule >"$work/log"
      cmp "$work/51.$rule.1/digits_cnn.encodings.json" "$work/51.$rule.$batch/digits_cnn.encodings.json"
    done
  done
  grep -q '^float *float *- *0$' "$work/log"
  grep -q '"accuracy": null' "$work/51.json"
  lacks "$work/51.entropy.7/report.html" 'nan'

  # What is wrong with the data is said with its file, sample and element; the third of these images has a NaN.
  { npy '<f4' '3, 1, 16, 16' && head -c 2056 /dev/zero && printf '\000\000\300\177' && head -c 1012 /dev/zero; } \
    >"$work/nan.npy"
  npy '<f4' '0, 1, 16, 16' >"$work/none.npy"
  : >"$work/empty.npy"
  expect 2 'batch' --batch 0
  calibration=$work/nan.npy
  expect 1 'nan.npy: sample 2: element \[2, 0, 0, 2\] = NaN'
  calibration=$work/none.npy
  expect 1 'none.npy: shape \[0, 1, 16, 16\]; expected'
  calibration=$work/empty.npy
  expect 1 'empty.npy: not a .npy file'
  calibration=$data/hard_calib_images_u8.npy images=$work/nan.npy
  expect 1 'nan.npy: sample 2: element \[2, 0, 0, 2\] = NaN'
  images=$data/hard_test_images_u8.npy labels=$data/hard_calib_labels.npy
  expect 1 'hard_calib_labels.npy: labels of shape \[400\]; expected \[3000\]'
}

case $part in
  written | refused | samples) "$part" ;;
  *) echo "check_files.sh: unknown part '$part'; expected written, refused or samples" >&2 && exit 2 ;;
esac
echo "files of the main job, $part: as expected"

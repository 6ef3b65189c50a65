#!/bin/sh
# Installs the runtimes that `npm run compatibility -- FOLDER` runs, from PyPI and crates.io, into FOLDER: about 1 GB, most
# of it Torch where the system has none. What cannot be installed is left out, and the table says so.
#
# usage: sh install.sh FOLDER
set -u
folder=${1:?usage: sh install.sh FOLDER}
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$folder"

# FOLDER/NAME with the packages named; Torch of the system is seen, if there is one.
environment() {
  name=$1
  shift
  "${PYTHON:-python3}" -m venv "$folder/$name" && "$folder/$name/bin/pip" install -q "$@" || rm -rf "${folder:?}/$name"
}

environment newest onnx onnxruntime openvino opencv-python-headless tract
# The oldest release that PyPI has for Python 3.11.
environment oldest 'numpy<2' onnxruntime==1.15.0
if /usr/bin/python3 -c 'import torch, torchvision' 2> /dev/null; then
  /usr/bin/python3 -m venv --system-site-packages "$folder/torch" &&
    "$folder/torch/bin/pip" install -q --no-deps onnx2torch onnx==1.16.2 'protobuf<5' || rm -rf "$folder/torch"
else
  environment torch onnx2torch torch torchvision
fi
cargo build --release --manifest-path "$here/rten/Cargo.toml" --target-dir "$folder/rten"

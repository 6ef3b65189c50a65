#!/usr/bin/env bash
# Builds @tensorflow/tfjs-node from package registries alone: npm, Maven and PyPI. Its own installer downloads
# TensorFlow's C library from an address that many networks block, and has none for new systems.
# Usage: test/tfjs-node/build.sh [--gpu] [FOLDER]      (x86-64 Linux with g++, unzip, curl, Python's pip)
# FOLDER is .tfjs-node in the repository where none is given. --gpu: @tensorflow/tfjs-node-gpu, for CUDA 11.
# What has been downloaded whole is not fetched again, what broke off is gone on with, and a wrong checksum deletes it.
set -euo pipefail

repository=$(cd "$(dirname "$0")/../.." && pwd)
name=tfjs-node
classifier=linux-x86_64
# sha256 of the jar, and npm's integrity of the package
jar_sum=f394c5be26c8f3b644cdc77e6741b2cfe774caa8aedeb969c50e074444feac55
package_sum=sha512-uHrXeUlfgkMxTZqHkESSV7zSdKdV0LlsBeblqkuKU9nnfxB1pC6DtoyYVaLxznzZy7WQSegjcohxxCjAf6Dc7w==
size="0.4 GB to fetch, 0.8 GB on the disk"
if [ "${1:-}" = --gpu ]; then
  name=tfjs-node-gpu
  classifier=linux-x86_64-gpu
  jar_sum=06298a31706ef94fc6509c490eefb281b756556a02808b222109c33707a72a6f
  package_sum='sha512-p//NN6DGiN4hInUmIkRffaFVMcdTREUMjPyjW04J7OXvB2zBlQimj61eFKSgRrH3f5TnOfKzb0n56he/B6a4bw=='
  size="0.8 GB to fetch, 2 GB on the disk"
  shift
fi
case "${1:-}" in
  -*) echo "usage: $0 [--gpu] [FOLDER]" >&2 && exit 2 ;;
esac
if [ $# -gt 1 ]; then
  echo "usage: $0 [--gpu] [FOLDER]" >&2
  exit 2
fi
if [ "$(uname -sm)" != "Linux x86_64" ]; then
  echo "$0: expected Linux on x86_64, this is $(uname -sm)" >&2
  exit 1
fi
for tool in g++ unzip curl python3 sha256sum; do
  command -v "$tool" > /dev/null || { echo "$0: expected $tool to be installed; install it and run this again" >&2; exit 1; }
done
mkdir -p "${1:-$repository/.tfjs-node}"
folder=$(cd "${1:-$repository/.tfjs-node}" && pwd)
cd "$folder"

tfjs=4.22.0
tensorflow=2.10.1 # what tensorflow-core-api 0.5.0 holds, and the nearest to tfjs-node's own 2.9.1
core_api=0.5.0
node_api=1.9.0
node_api_sum=sha512-2oNILP4jXwRB4ywnYKjVk1YyJ96n2D4EOVJO6S3oYZ5PtbJrw3Yt9TpAuX3nBLMuzn74rnfGQrv13pS9vC+YiA==
headers=tensorflow_cpu-$tensorflow-cp310-cp310-manylinux_2_17_x86_64.manylinux2014_x86_64.whl
headers_sum=0d30c8199b542b7144d7fffa5ee9bd9e539657b15c60a61b7a0ad44a8d1379d2
echo "into $folder: $size"

# check FILE SHA256
check() {
  echo "$2  $1" | sha256sum --check --status && return
  rm -f "$1"
  echo "$0: $1 has another checksum than the one that is known; it was deleted, run this again" >&2
  exit 1
}

echo "npm: @tensorflow/$name $tfjs and node-api-headers $node_api"
echo '{"private": true}' > package.json
npm install --ignore-scripts --no-audit --no-fund --silent --save-exact \
  "@tensorflow/$name@$tfjs" "node-api-headers@$node_api"
# npm has checked that the files are what the registry says; this, that the registry says what is known.
for known in "@tensorflow/$name $package_sum" "node-api-headers $node_api_sum"; do
  node -e '
    const [name, sum] = process.argv[1].split(" ");
    const { packages } = JSON.parse(require("node:fs").readFileSync("node_modules/.package-lock.json", "utf8"));
    const { integrity } = packages[`node_modules/${name}`];
    if (integrity === sum) process.exit(0);
    console.error(`${name}: expected ${sum}, npm installed ${integrity}`);
    process.exit(1);
  ' "$known"
done

echo "Maven: libtensorflow $tensorflow from org.tensorflow:tensorflow-core-api:$core_api ($classifier)"
jar=tensorflow-core-api-$core_api-$classifier.jar
if [ ! -f "$jar" ]; then
  curl -sSfL -C - -o "$jar.part" "https://repo1.maven.org/maven2/org/tensorflow/tensorflow-core-api/$core_api/$jar"
  check "$jar.part" "$jar_sum"
  mv "$jar.part" "$jar"
fi
check "$jar" "$jar_sum"

echo "PyPI: the headers from tensorflow-cpu $tensorflow"
if [ ! -f "$headers" ]; then
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --python-version 3.10 \
    --platform manylinux_2_17_x86_64 --dest . "tensorflow-cpu==$tensorflow"
fi
check "$headers" "$headers_sum"

package=$folder/node_modules/@tensorflow/$name
mkdir -p "$package/deps/lib" "$package/lib/napi-v8"
unzip -q -o "$headers" 'tensorflow/include/tensorflow/c/*' 'tensorflow/include/tensorflow/core/platform/*' -d headers
unzip -q -o -j "$jar" '*/libtensorflow_cc.so.2' '*/libtensorflow_framework.so.2' -d "$package/deps/lib"

echo "g++: the binding"
g++ -std=c++14 -O2 -fPIC -shared -DNAPI_VERSION=8 -DBUILDING_NODE_EXTENSION \
  -I node_modules/node-api-headers/include -I headers/tensorflow/include -I "$package" \
  "$package/binding/tfjs_backend.cc" "$package/binding/tfjs_binding.cc" -o "$package/lib/napi-v8/tfjs_binding.node" \
  -L "$package/deps/lib" -l:libtensorflow_cc.so.2 -l:libtensorflow_framework.so.2 '-Wl,-rpath,$ORIGIN/../../deps/lib'

# It must register its kernels with the TensorFlow.js that the repository trains with, not with a second copy.
for each in tfjs tfjs-core tfjs-converter tfjs-data tfjs-layers tfjs-backend-cpu tfjs-backend-webgl; do
  rm -rf "node_modules/@tensorflow/$each"
  ln -s "$repository/node_modules/@tensorflow/$each" "node_modules/@tensorflow/$each"
done

TF_CPP_MIN_LOG_LEVEL=1 node -e '
  const tf = require(process.argv[1]);
  const product = tf.matMul(tf.ones([2, 3]), tf.ones([3, 2])).dataSync();
  if (tf.getBackend() !== "tensorflow" || product.join() !== "3,3,3,3") throw new Error("it does not compute");
' "$package"
echo "built; use it with: export GENERATRIX_TFJS_NODE=$package"

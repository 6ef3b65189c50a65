#!/usr/bin/env bash
# Builds @tensorflow/tfjs-node from package registries alone: npm, Maven and PyPI. Its own installer downloads
# TensorFlow's C library from an address that many networks block, and has none for new systems.
# Usage: test/tfjs-node/build.sh FOLDER      (x86-64 Linux with g++, unzip, curl, Python's pip; about 1 GB)
set -euo pipefail

if [ $# -ne 1 ]; then
  echo "usage: $0 FOLDER" >&2
  exit 2
fi
repository=$(cd "$(dirname "$0")/../.." && pwd)
mkdir -p "$1"
folder=$(cd "$1" && pwd)
cd "$folder"

tfjs=4.22.0
tensorflow=2.10.1 # what tensorflow-core-api 0.5.0 holds, and the nearest to tfjs-node's own 2.9.1
core_api=0.5.0
node_api=1.9.0

echo "npm: @tensorflow/tfjs-node $tfjs and node-api-headers $node_api"
echo '{"private": true}' > package.json
npm install --ignore-scripts --no-audit --no-fund --silent --save-exact \
  "@tensorflow/tfjs-node@$tfjs" "node-api-headers@$node_api"

echo "Maven: libtensorflow $tensorflow from org.tensorflow:tensorflow-core-api:$core_api"
jar=tensorflow-core-api-$core_api-linux-x86_64.jar
if [ ! -f "$jar" ]; then
  curl -sSfL -o "$jar.part" "https://repo1.maven.org/maven2/org/tensorflow/tensorflow-core-api/$core_api/$jar"
  mv "$jar.part" "$jar"
fi

echo "PyPI: the headers from tensorflow-cpu $tensorflow"
python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --python-version 3.10 \
  --platform manylinux_2_17_x86_64 --dest . "tensorflow-cpu==$tensorflow"

package=$folder/node_modules/@tensorflow/tfjs-node
mkdir -p "$package/deps/lib" "$package/lib/napi-v8"
unzip -q -o tensorflow_cpu-$tensorflow-*.whl 'tensorflow/include/tensorflow/c/*' \
  'tensorflow/include/tensorflow/core/platform/*' -d headers
unzip -q -o -j "$jar" '*/libtensorflow_cc.so.2' '*/libtensorflow_framework.so.2' -d "$package/deps/lib"

echo "g++: the binding"
g++ -std=c++14 -O2 -fPIC -shared -DNAPI_VERSION=8 -DBUILDING_NODE_EXTENSION \
  -I node_modules/node-api-headers/include -I headers/tensorflow/include -I "$package" \
  "$package/binding/tfjs_backend.cc" "$package/binding/tfjs_binding.cc" -o "$package/lib/napi-v8/tfjs_binding.node" \
  -L "$package/deps/lib" -l:libtensorflow_cc.so.2 -l:libtensorflow_framework.so.2 '-Wl,-rpath,$ORIGIN/../../deps/lib'

# It must register its kernels with the TensorFlow.js that the repository trains with, not with a second copy.
for name in tfjs tfjs-core tfjs-converter tfjs-data tfjs-layers tfjs-backend-cpu tfjs-backend-webgl; do
  rm -rf "node_modules/@tensorflow/$name"
  ln -s "$repository/node_modules/@tensorflow/$name" "node_modules/@tensorflow/$name"
done

TF_CPP_MIN_LOG_LEVEL=1 node -e '
  const tf = require(process.argv[1]);
  const product = tf.matMul(tf.ones([2, 3]), tf.ones([3, 2])).dataSync();
  if (tf.getBackend() !== "tensorflow" || product.join() !== "3,3,3,3") throw new Error("it does not compute");
' "$package"
echo "built; use it with: export GENERATRIX_TFJS_NODE=$package"

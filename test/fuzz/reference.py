"""
Runs the programs of a folder in onnx's reference evaluator and prints, one JSON object a line, what differs from the
values recorded beside each.

python3 reference.py FOLDER    FOLDER holds NAME.onnx and NAME.safetensors with in/INPUT and out/OUTPUT
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx.reference import ReferenceEvaluator

sys.path.insert(0, str(Path(__file__).parent.parent / "reference"))
from bundle import read_safetensors

# Relative to the largest magnitude of an output or 1, as where onnxruntime is compared with tfjs.
TOLERANCE = 2e-4


def difference(path):
    tensors = read_safetensors(path.with_suffix(".safetensors"))
    tensors = {name: x.astype(np.float32) if x.dtype == np.float64 else x for name, x in tensors.items()}
    inputs = {name[3:]: value for name, value in tensors.items() if name.startswith("in/")}
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    names = [output.name for output in model.graph.output]
    for name, value in zip(names, ReferenceEvaluator(model).run(None, inputs)):
        expected = tensors[f"out/{name}"]
        value = np.asarray(value)
        if value.shape != expected.shape or value.dtype != expected.dtype:
            return f"{name} is {value.dtype} {value.shape}, in onnxruntime {expected.dtype} {expected.shape}"
        error = np.abs(value.astype(np.float64) - expected.astype(np.float64))
        scale = max(1.0, float(np.max(np.abs(expected.astype(np.float64)), initial=0)))
        if not np.all(error <= TOLERANCE * scale):
            return f"{name} differs by {np.max(error)} (scale {scale})"
    return None


for path in sorted(Path(sys.argv[1]).glob("*.onnx")):
    try:
        message = difference(path)
    except Exception as error:  # the evaluator's own, of any kind
        message = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
    if message is not None:
        print(json.dumps({"name": path.stem, "message": message}), flush=True)

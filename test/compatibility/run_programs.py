"""
Runs ONNX programs with a runtime that is installed for this Python. Reads jobs from a file, one a line,
`MODEL<tab>REFERENCE<tab>PROGRAM<tab>OUT`: the program's inputs are the tensors `PROGRAM/in/NAME` of the safetensors file
REFERENCE, its outputs go to the safetensors file OUT under their names. Prints `start N` before each job, and `ok N` or
`failed N MESSAGE` after it.

usage: python3 run_programs.py RUNTIME version
       python3 run_programs.py RUNTIME JOBS [FIRST]
"""

import importlib.metadata
import json
import struct
import sys
import warnings

import numpy as np

warnings.filterwarnings("ignore")


def read_inputs(path, program):
    """The program's inputs by name, of a safetensors file."""
    with open(path, "rb") as file:
        data = file.read()
    (length,) = struct.unpack("<Q", data[:8])
    types = {"F32": np.float32, "I32": np.int32, "BOOL": np.bool_}
    prefix = f"{program}/in/"
    inputs = {}
    for name, entry in json.loads(data[8 : 8 + length]).items():
        if not name.startswith(prefix):
            continue
        start, end = (8 + length + offset for offset in entry["data_offsets"])
        values = np.frombuffer(data[start:end], types[entry["dtype"]]).reshape(entry["shape"])
        # A copy, since some runtimes take only arrays that can be written to.
        inputs[name[len(prefix) :]] = np.array(values)
    return inputs


def write_outputs(path, outputs):
    """Float32, int32 and bool tensors by name as a safetensors file."""
    header, parts, offset = {}, [], 0
    for name, values in outputs.items():
        values = np.array(values, order="C")
        kind = {"float32": "F32", "int32": "I32", "bool": "BOOL", "int64": "I32", "uint8": "BOOL"}[values.dtype.name]
        if values.dtype.name == "int64":
            values = values.astype(np.int32)
        part = values.tobytes()
        header[name] = {"dtype": kind, "shape": list(values.shape), "data_offsets": [offset, offset + len(part)]}
        parts.append(part)
        offset += len(part)
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(parts))


def names_of(path):
    """The names of a program's inputs and outputs, in order."""
    import onnx

    graph = onnx.load(path).graph
    return [port.name for port in graph.input], [port.name for port in graph.output]


def check(path, inputs):
    """onnx's own checker with strict inference of types and shapes; it computes nothing."""
    import onnx

    onnx.checker.check_model(path, full_check=True)
    return None


def reference(path, inputs):
    from onnx.reference import ReferenceEvaluator

    evaluator = ReferenceEvaluator(path)
    return dict(zip(evaluator.output_names, evaluator.run(None, inputs)))


def onnxruntime(path, inputs):
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, inputs)))


def openvino(path, inputs):
    import openvino as ov

    # Without the hint OpenVINO may compute in bfloat16, where a processor has it.
    model = ov.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1})
    results = model(inputs)
    # A port may have several names, that of the program's output among them.
    return {name: results[port] for port in model.outputs for name in port.get_names()}


def tract(path, inputs):
    import tract

    ins, outs = names_of(path)
    model = tract.onnx().load(path).into_model()
    results = model.into_runnable().run([inputs[name] for name in ins])
    return {name: value.to_numpy() for name, value in zip(outs, results)}


def onnx2torch(path, inputs):
    import torch
    from onnx2torch import convert

    ins, outs = names_of(path)
    torch.set_num_threads(1)
    with torch.no_grad():
        results = convert(path).eval()(*[torch.from_numpy(inputs[name]) for name in ins])
    results = results if isinstance(results, (tuple, list)) else [results]
    return {name: value.numpy() for name, value in zip(outs, results)}


def opencv(path, inputs):
    import cv2

    ins, outs = names_of(path)
    net = cv2.dnn.readNetFromONNX(path)
    for name in ins:
        net.setInput(inputs[name], name)
    return dict(zip(outs, net.forward(outs)))


# Function and package of each runtime.
runtimes = {
    "checker": (check, "onnx"),
    "reference": (reference, "onnx"),
    "onnxruntime": (onnxruntime, "onnxruntime"),
    "openvino": (openvino, "openvino"),
    "tract": (tract, "tract"),
    "onnx2torch": (onnx2torch, "onnx2torch"),
    "opencv": (opencv, "opencv-python-headless"),
}


def one_line(error):
    text = " ".join(f"{type(error).__name__}: {error}".split())
    return text[:2000]


def main():
    run, package = runtimes[sys.argv[1]]
    if sys.argv[2] == "version":
        print(importlib.metadata.version(package))
        return
    first = int(sys.argv[3]) if len(sys.argv) > 3 else 0
    with open(sys.argv[2]) as file:
        jobs = [line.rstrip("\n").split("\t") for line in file]
    for index, (model, values, program, out) in enumerate(jobs):
        if index < first:
            continue
        print("start", index, flush=True)
        try:
            outputs = run(model, read_inputs(values, program))
            if outputs is not None:
                write_outputs(out, outputs)
            print("ok", index, flush=True)
        except (Exception, SystemExit) as error:
            print("failed", index, one_line(error), flush=True)


if __name__ == "__main__":
    main()

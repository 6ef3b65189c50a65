"""Reads bundles without any of the code that wrote them: the manifest, the programs, the weights."""

import json
import struct
from pathlib import Path

import numpy as np
import onnxruntime


def read_safetensors(path):
    """Tensors of a safetensors file by name, floats as doubles."""
    data = Path(path).read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    types = {"F32": np.float32, "I32": np.int32, "BOOL": np.bool_}
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        start, end = (8 + length + offset for offset in entry["data_offsets"])
        values = np.frombuffer(data[start:end], types[entry["dtype"]]).reshape(entry["shape"])
        tensors[name] = values.astype(np.float64) if entry["dtype"] == "F32" else values
    return tensors


class Bundle:
    """A model's folder: its manifest, its programs in onnxruntime, and the weights written beside it."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.manifest = json.loads((self.folder / "model.json").read_text())
        self.name = self.manifest["name"]
        self.family = self.manifest["family"]
        self.options = self.manifest["options"]
        self.spec = self.manifest["data"]
        self.shape = tuple(self.spec["shape"])
        self.programs = self.manifest["programs"]
        self.weights = read_safetensors(self.folder / "state.safetensors")
        self.random = np.random.default_rng(7)
        self._sessions = {}

    def weight(self, name):
        """A parameter as programs use it: its running mean over training, where there is one."""
        averaged = self.weights.get(f"average/{name}")
        return self.weights[name] if averaged is None else averaged

    def has_weight(self, name):
        return name in self.weights

    def path(self, program):
        return self.folder / self.programs[program]["file"]

    def run(self, program, batch=None, **given):
        """The outputs by name. Inputs that are not given: noise by its distribution, scalars by their defaults, labels in turn."""
        entry = self.programs[program]
        count = batch or next(len(np.asarray(value)) for value in given.values() if np.ndim(value) > 0)
        feeds = {}
        for name, spec in entry["inputs"].items():
            value = given[name] if name in given else self._fill(spec, count)
            kind = {"float32": np.float32, "int32": np.int32, "bool": np.bool_}[spec["dtype"]]
            feeds[name] = np.asarray(value, kind)
        if program not in self._sessions:
            self._sessions[program] = onnxruntime.InferenceSession(
                str(self.path(program)), providers=["CPUExecutionProvider"]
            )
        outputs = list(entry["outputs"])
        return dict(zip(outputs, self._sessions[program].run(outputs, feeds)))

    def _fill(self, spec, count):
        shape = (count, *spec["shape"])
        if spec["role"] == "noise":
            return self.noise(spec, count)
        if spec["role"] == "scalar":
            return spec["default"]
        if spec["role"] == "label":
            return np.arange(count) % spec["classes"]
        if spec["role"] == "carry":
            return np.full(shape, spec["initial"])
        if spec["role"] == "latent":
            return self.random.standard_normal(shape)
        return self.examples(count)[:, : spec["shape"][0]]

    def noise(self, spec, count):
        draw = self.random.standard_normal if spec["law"] == "normal" else self.random.random
        return draw((count, *spec["shape"])).astype(np.float32)

    def examples(self, count):
        low, high = self.spec.get("range", (-1.5, 1.5))
        return (low + (high - low) * self.random.random((count, *self.shape))).astype(np.float32)

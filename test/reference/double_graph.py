"""Evaluates an exported program in double precision, by the reference evaluator of the package onnx (NumPy)."""

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper
from onnx.reference import ReferenceEvaluator


def _double(tensor):
    if tensor.data_type != TensorProto.FLOAT:
        return
    values = numpy_helper.to_array(tensor).astype(np.float64)
    tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))


def _widen(graph):
    for tensor in graph.initializer:
        _double(tensor)
    for port in [*graph.input, *graph.output]:
        if port.type.tensor_type.elem_type == TensorProto.FLOAT:
            port.type.tensor_type.elem_type = TensorProto.DOUBLE
    del graph.value_info[:]
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                _double(attribute.t)
            if attribute.HasField("g"):
                _widen(attribute.g)
            if node.op_type == "Cast" and attribute.name == "to" and attribute.i == TensorProto.FLOAT:
                attribute.i = TensorProto.DOUBLE


class DoubleProgram:
    """A program of one input as a function of doubles."""

    def __init__(self, path):
        model = onnx.load(path)
        _widen(model.graph)
        self._evaluator = ReferenceEvaluator(model)
        self._input = model.graph.input[0].name

    def __call__(self, x):
        return np.asarray(self._evaluator.run(None, {self._input: np.asarray(x, np.float64)})[0])

    def jacobian(self, x, step=1e-6):
        """d output / d input of one example by central differences: [outputs, inputs]."""
        flat = np.asarray(x, np.float64).ravel()
        moves = step * np.eye(len(flat))
        both = np.concatenate([flat + moves, flat - moves]).reshape(-1, *np.shape(x))
        values = self(both).reshape(2, len(flat), -1)
        return ((values[0] - values[1]) / (2 * step)).T

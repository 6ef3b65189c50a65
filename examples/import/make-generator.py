"""Writes generator.onnx with the package onnx: x = 2 tanh(z A + b), of codes z [batch, 3] and points x [batch, 2]."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

weights = np.array([[0.5, -1.0], [1.5, 0.25], [-0.75, 2.0]], dtype=np.float32)
bias = np.array([0.1, -0.2], dtype=np.float32)
graph = helper.make_graph(
    [
        helper.make_node("Gemm", ["z", "weights", "bias"], ["h"]),
        helper.make_node("Tanh", ["h"], ["t"]),
        helper.make_node("Mul", ["t", "two"], ["points"]),
    ],
    "generator",
    [helper.make_tensor_value_info("z", TensorProto.FLOAT, ["batch", 3])],
    [helper.make_tensor_value_info("points", TensorProto.FLOAT, ["batch", 2])],
    [
        numpy_helper.from_array(weights, "weights"),
        numpy_helper.from_array(bias, "bias"),
        numpy_helper.from_array(np.array(2, dtype=np.float32), "two"),
    ],
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
onnx.checker.check_model(model)
onnx.save(model, "generator.onnx")

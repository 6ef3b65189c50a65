"""
Runs a program whose loops are left to the caller (`generatrix export --loops host`) in onnxruntime, on the inputs of
the bundle's reference, and prints how far its outputs are from the reference.

usage: python3 host_loops.py BUNDLE PROGRAM
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime

from bundle import read_safetensors


def run_plan(plan, run, tensors):
    """The program's outputs. `run(file, inputs)` runs one part; `tensors` are the program's inputs by name."""
    tensors = dict(tensors)
    for part in plan["parts"]:
        given = {name: tensors[name] for name in part["inputs"]}
        loop = part.get("loop")
        if loop is None:
            outputs = run(part["file"], given)
        else:
            outputs = run_loop(loop, tensors, lambda own: run(part["file"], {**given, **own}))
        tensors.update(outputs)
    return outputs


def run_loop(loop, tensors, step):
    state = {carry["input"]: tensors[carry["from"]] for carry in loop["carries"]}
    stacks = {stack["to"]: [None] * loop["steps"] for stack in loop["stacks"]}
    steps = range(loop["steps"])
    for at in reversed(steps) if loop["reversed"] else steps:
        slices = {each["input"]: tensors[each["from"]][at] for each in loop["slices"]}
        outputs = step({**state, **slices})
        state = {carry["input"]: outputs[carry["output"]] for carry in loop["carries"]}
        for stack in loop["stacks"]:
            stacks[stack["to"]][at] = outputs[stack["output"]]
    last = {carry["to"]: state[carry["input"]] for carry in loop["carries"]}
    return {**last, **{name: np.stack(entries) for name, entries in stacks.items()}}


def main():
    folder, program = Path(sys.argv[1]), sys.argv[2]
    plan = json.loads((folder / "portable" / f"{program}.json").read_text())
    sessions = {}

    def run(file, inputs):
        if file not in sessions:
            sessions[file] = onnxruntime.InferenceSession(
                str(folder / "portable" / file), providers=["CPUExecutionProvider"]
            )
        session = sessions[file]
        types = {"tensor(float)": np.float32, "tensor(int32)": np.int32, "tensor(bool)": np.bool_}
        feeds = {port.name: np.asarray(inputs[port.name], types[port.type]) for port in session.get_inputs()}
        names = [port.name for port in session.get_outputs()]
        return dict(zip(names, session.run(names, feeds)))

    values = read_safetensors(folder / "reference.safetensors")
    given = {key.split("/in/", 1)[1]: x for key, x in values.items() if key.startswith(f"{program}/in/")}
    outputs = run_plan(plan, run, given)
    for name, ours in outputs.items():
        theirs = values[f"{program}/out/{name}"]
        print(json.dumps({"output": name, "shape": ours.shape, "error": float(np.abs(ours - theirs).max())}))


if __name__ == "__main__":
    main()

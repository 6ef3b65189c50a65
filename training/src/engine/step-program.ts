import {
  type Graph,
  type NamedTensors,
  piecewise,
  scan,
  softplusInParts,
  type TraceInput,
  tf,
  trace,
  writeOnnx,
} from '@generatrix/export';
import { type Device, portNames } from '@generatrix/runtime/core';
import type { Model, ModelProgram } from '../model/model.ts';

const statePrefix = portNames.state('');
const noisePrefix = portNames.noise('');
const conditionPrefix = portNames.condition('');
const metricPrefix = portNames.metric('');

/** Inputs of the compiled training step, by name: the state, the batch, the noise and two scalars. */
function stepInputs(
  model: Model,
  batchSize: number,
  dataShape: readonly number[],
): Record<string, TraceInput> {
  const inputs: Record<string, TraceInput> = {
    data: { dtype: 'float32', shape: [batchSize, ...dataShape] },
    label: { dtype: 'int32', shape: [batchSize] },
    weight: { dtype: 'float32', shape: [batchSize] },
    learningRate: { dtype: 'float32', shape: [] },
    epochEnd: { dtype: 'float32', shape: [] },
  };
  for (const [name, { shape }] of Object.entries(model.step.noise)) {
    inputs[portNames.noise(name)] = { dtype: 'float32', shape: [batchSize, ...shape] };
  }
  for (const [name, { dtype, shape }] of Object.entries(model.step.conditions ?? {})) {
    inputs[portNames.condition(name)] = { dtype, shape: [batchSize, ...shape] };
  }
  return { ...stateInputs(model), ...inputs };
}

function stateInputs(model: Model): Record<string, TraceInput> {
  const entries = Object.entries(model.state);
  return Object.fromEntries(
    entries.map(([name, { dtype = 'float32', shape }]) => [portNames.state(name), { dtype, shape }]),
  );
}

/** The entries whose names start with the prefix, under the rest of their names. */
function under(prefix: string, tensors: NamedTensors): NamedTensors {
  const entries = Object.entries(tensors).filter(([name]) => name.startsWith(prefix));
  return Object.fromEntries(entries.map(([name, tensor]) => [name.slice(prefix.length), tensor]));
}

/**
 * The training step on named tensors, state and batch alike, as engines run it: outputs are `next/NAME` for the
 * new state and `metric/NAME` for what to report.
 * @throws when the step returns a state of other names, types or shapes than the model declares.
 */
export function stepFunction(model: Model): (inputs: NamedTensors) => NamedTensors {
  return (inputs) => {
    const { state, metrics } = model.step.run({
      state: under(statePrefix, inputs),
      data: inputs.data!,
      label: inputs.label as tf.Tensor1D,
      weight: inputs.weight as tf.Tensor1D,
      conditions: under(conditionPrefix, inputs),
      noise: under(noisePrefix, inputs),
      learningRate: inputs.learningRate as tf.Scalar,
      epochEnd: inputs.epochEnd as tf.Scalar,
    });
    const outputs: NamedTensors = {};
    for (const [name, { shape, dtype = 'float32' }] of Object.entries(model.state)) {
      const tensor = state[name];
      if (tensor === undefined || tensor.dtype !== dtype || !tf.util.arraysEqual(tensor.shape, [...shape])) {
        const got = tensor === undefined ? 'nothing' : `${tensor.dtype} [${tensor.shape}]`;
        throw new Error(`step: state '${name}' must be ${dtype} [${shape}], the step returned ${got}`);
      }
      outputs[portNames.next(name)] = tensor;
    }
    for (const [name, tensor] of Object.entries(metrics)) outputs[portNames.metric(name)] = tensor;
    return outputs;
  };
}

/** Traces the whole training step at its batch size. */
export function traceStep(model: Model, batchSize: number, dataShape: readonly number[]): Graph {
  return trace(stepFunction(model), stepInputs(model, batchSize, dataShape));
}

/**
 * Traces training steps in a row as one program: a loop that carries the state. Its inputs and outputs are those of
 * one step, but what is not state has a leading axis of steps. Written with `openLoop` it takes any number of them.
 * @param count steps that its ports declare
 */
export function traceSteps(model: Model, batchSize: number, dataShape: readonly number[], count = 2): Graph {
  const inputs = Object.entries(stepInputs(model, batchSize, dataShape)).map(([name, { dtype, shape }]) => [
    name,
    { dtype, shape: name.startsWith(statePrefix) ? shape : [count, ...shape] },
  ]);
  const step = stepFunction(model);
  const next = Object.keys(model.state).map((name) => [portNames.state(name), portNames.next(name)] as const);
  return trace((tensors) => {
    const all = Object.entries(tensors);
    const { carries, outputs } = scan({
      carries: Object.fromEntries(all.filter(([name]) => name.startsWith(statePrefix))),
      sequences: Object.fromEntries(all.filter(([name]) => !name.startsWith(statePrefix))),
      body: (state, slices) => {
        const results = step({ ...state, ...slices });
        const after = next.map(([before, after]) => [before, results[after]!]);
        const metrics = Object.entries(results).filter(([name]) => name.startsWith(metricPrefix));
        return { carries: Object.fromEntries(after), outputs: Object.fromEntries(metrics) };
      },
    });
    return { ...Object.fromEntries(next.map(([before, after]) => [after, carries[before]!])), ...outputs };
  }, Object.fromEntries(inputs));
}

/** The step of `traceStep` as an ONNX program, arranged for a device. */
export function writeStep(
  model: Model,
  batchSize: number,
  dataShape: readonly number[],
  device: Device,
): Uint8Array<ArrayBuffer> {
  const step = traceStep(model, batchSize, dataShape);
  return writeOnnx(device === 'cpu' ? softplusInParts(step) : step, { name: 'step' });
}

/** The loop of `traceSteps` as an ONNX program of any number of steps, of the same numbers as `writeStep`. */
export function writeSteps(
  model: Model,
  batchSize: number,
  dataShape: readonly number[],
  device: Device,
): Uint8Array<ArrayBuffer> {
  const steps = traceSteps(model, batchSize, dataShape);
  const arranged = device === 'cpu' ? piecewise(softplusInParts(steps)) : steps;
  return writeOnnx(arranged, { name: 'steps', openLoop: true });
}

/** A model's program on named tensors with the state among them, as `state/NAME`. */
export function programFunction(program: ModelProgram): (inputs: NamedTensors) => NamedTensors {
  return (inputs) => program.run(under(statePrefix, inputs), inputs);
}

/** Traces a program at one batch size with the state as inputs, for evaluation while training. */
export function traceProgram(model: Model, program: ModelProgram, batchSize: number): Graph {
  const own = Object.entries(program.signature.inputs).map(([name, { dtype, shape, role }]) => [
    name,
    { dtype, shape: role === 'scalar' ? [] : [batchSize, ...shape] },
  ]);
  return trace(programFunction(program), { ...stateInputs(model), ...Object.fromEntries(own) });
}

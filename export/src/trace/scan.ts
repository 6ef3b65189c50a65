import type { Value } from '../graph/ir.ts';
import { tf } from '../tf.ts';
import { currentRecorder, withRecorder } from './backend.ts';
import { TraceError } from './errors.ts';
import { Recorder } from './recorder.ts';
import type { NamedTensors } from './trace.ts';

export interface ScanStep {
  /** The carried tensors after this step: same names, types and shapes as before it. */
  readonly carries: NamedTensors;
  /** What this step contributes to the stacked results. */
  readonly outputs?: NamedTensors;
}

export interface ScanOptions {
  /** Initial carried tensors. */
  readonly carries: NamedTensors;
  /** Tensors whose first axis is walked, one slice a step; at least one, all of the same length. */
  readonly sequences: NamedTensors;
  /** One step; a pure function. It may use tensors of its surroundings. */
  readonly body: (carries: NamedTensors, slices: NamedTensors) => ScanStep;
}

/**
 * A loop over the first axis of some sequences that carries tensors from step to step and stacks what each step
 * returns (`lax.scan` of JAX). Run eagerly it is a loop; traced, it is one ONNX `Scan`; where a gradient is being
 * taken it is unrolled, so that tfjs differentiates through it.
 * @returns the final carries, and the outputs stacked along a new first axis.
 * @throws when a sequence is missing or of another length, or when a carry changes its type or shape.
 */
export function scan(options: ScanOptions): { carries: NamedTensors; outputs: NamedTensors } {
  const recorder = currentRecorder();
  // Inside a custom gradient's forward pass (kernelDepth > 0) nothing is taped, so nothing needs unrolling.
  const { gradientDepth, kernelDepth } = tf.engine().state;
  const differentiating = gradientDepth > 0 && kernelDepth === 0;
  const length = scanLength(options.sequences);
  if (recorder === null || differentiating || length === 0) return unrolled(options, length);
  return recorded(options, length, recorder);
}

function scanLength(sequences: NamedTensors): number {
  const entries = Object.entries(sequences);
  const length = entries[0]?.[1].shape[0];
  if (length === undefined) throw new TraceError('scan: expected at least one sequence of rank 1 or more');
  for (const [name, { shape }] of entries) {
    if (shape[0] !== length) {
      throw new TraceError(
        `scan: sequence '${name}' has length ${shape[0]}, expected ${length} as the first`,
      );
    }
  }
  return length;
}

function checkCarries(before: NamedTensors, after: NamedTensors): void {
  for (const [name, { dtype, shape }] of Object.entries(before)) {
    const next = after[name];
    if (next === undefined) throw new TraceError(`scan: the body does not return the carry '${name}'`);
    if (next.dtype !== dtype || !tf.util.arraysEqual(next.shape, shape)) {
      throw new TraceError(
        `scan: carry '${name}' is ${dtype} [${shape}] but the body returns ${next.dtype} [${next.shape}]`,
      );
    }
  }
}

function unrolled({ carries, sequences, body }: ScanOptions, length: number) {
  const stacks: Record<string, tf.Tensor[]> = {};
  let current = carries;
  for (let i = 0; i < length; i++) {
    const slices = mapTensors(sequences, (x) => tf.reshape(tf.slice(x, i, 1), x.shape.slice(1)));
    const step = body(current, slices);
    checkCarries(carries, step.carries);
    current = step.carries;
    for (const [name, output] of Object.entries(step.outputs ?? {})) {
      stacks[name] = [...(stacks[name] ?? []), output];
    }
  }
  const outputs = Object.fromEntries(Object.entries(stacks).map(([name, list]) => [name, tf.stack(list)]));
  return { carries: current, outputs };
}

function recorded({ carries, sequences, body }: ScanOptions, length: number, outer: Recorder) {
  const inner = new Recorder(outer);
  const carryNames = Object.keys(carries);
  // Ports of a graph have names of their own, but a step may return a carry and stack it under the same name.
  const apart = (name: string) => (carryNames.includes(name) ? `each/${name}` : name);
  let outputNames: string[] = [];
  const graph = withRecorder(inner, () => {
    const before = mapTensors(carries, (x, name) =>
      inner.input(name, { dtype: x.dtype as 'float32', shape: x.shape }),
    );
    const slices = mapTensors(sequences, (x, name) =>
      inner.input(apart(name), { dtype: x.dtype as 'float32', shape: x.shape.slice(1) }),
    );
    const step = body(before, slices);
    checkCarries(carries, step.carries);
    outputNames = Object.keys(step.outputs ?? {});
    const port = (name: string, tensor: tf.Tensor) => ({ name, value: inner.resolve(tensor) });
    const ports = [
      ...carryNames.map((name) => port(name, step.carries[name]!)),
      ...outputNames.map((name) => port(apart(name), step.outputs![name]!)),
    ];
    return inner.finish(ports);
  });
  const inputs: Value[] = [
    ...Object.values(carries).map((x) => outer.resolve(x)),
    ...Object.values(sequences).map((x) => outer.resolve(x)),
    ...inner.captures.map((capture) => capture.outer),
  ];
  const outputs = graph.outputs.map(({ value }, i) =>
    outer.newValue({
      dtype: value.dtype,
      shape: [...(i < carryNames.length ? [] : [length]), ...(value.shape as number[])],
    }),
  );
  const sequenceCount = Object.keys(sequences).length;
  outer.push({
    op: 'scan',
    inputs,
    outputs,
    length,
    carries: carryNames.length,
    sequences: sequenceCount,
    body: graph,
    where: '',
  });
  const named = (names: string[], values: Value[]) =>
    Object.fromEntries(names.map((name, i) => [name, outer.tensor(values[i]!)]));
  return {
    carries: named(carryNames, outputs.slice(0, carryNames.length)),
    outputs: named(outputNames, outputs.slice(carryNames.length)),
  };
}

function mapTensors(tensors: NamedTensors, fn: (x: tf.Tensor, name: string) => tf.Tensor): NamedTensors {
  return Object.fromEntries(Object.entries(tensors).map(([name, x]) => [name, fn(x, name)]));
}

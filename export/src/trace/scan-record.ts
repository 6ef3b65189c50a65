import type { Value } from '../graph/ir.ts';
import { tf } from '../tf.ts';
import { withRecorder } from './backend.ts';
import { at, TraceError, userLocation } from './errors.ts';
import { Recorder } from './recorder.ts';
import type { ScanOptions, ScanResult, ScanStep } from './scan-types.ts';
import { requireTensors } from './signature.ts';
import type { NamedTensors } from './trace.ts';

/** A recorded loop, and the tensors of the surroundings that its body uses, weights included. */
export interface RecordedScan extends ScanResult {
  readonly outsiders: readonly tf.Tensor[];
}

/**
 * Records a loop as one node of `outer`: its body once, by a recorder of its own.
 * @throws TraceError when the body does not return the carries that it was given.
 */
export function recordScan(
  { carries, sequences, body, reverse = false }: ScanOptions,
  length: number,
  outer: Recorder,
): RecordedScan {
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
    const step = checkStep(body(before, slices), carries);
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
  outer.push({
    op: 'scan',
    inputs,
    outputs,
    length,
    carries: carryNames.length,
    sequences: Object.keys(sequences).length,
    reversed: reverse,
    body: graph,
    where: '',
  });
  const named = (names: string[], values: Value[]) =>
    Object.fromEntries(names.map((name, i) => [name, outer.tensor(values[i]!)]));
  return {
    carries: named(carryNames, outputs.slice(0, carryNames.length)),
    outputs: named(outputNames, outputs.slice(carryNames.length)),
    outsiders: [...inner.outsiders.values()],
  };
}

/**
 * What a step of a scan returned.
 * @throws TraceError when it is none, or has other carries than the step was given, or of another type or shape.
 */
export function checkStep(step: ScanStep, before: NamedTensors): ScanStep {
  // The place is looked up for an error alone: at every turn of an eager loop it would take longer than the turn.
  const scan = () => `scan${at(userLocation())}`;
  const returned: unknown = step;
  if (typeof returned !== 'object' || returned === null || !('carries' in returned)) {
    if (returned instanceof Promise) returned.catch(() => {});
    throw new TraceError(
      `${scan()}: the body must return { carries, outputs }, at once; outputs may be left out`,
    );
  }
  const whose = () => `the body of ${scan()}`;
  const after = requireTensors(step.carries, whose);
  if (step.outputs !== undefined) requireTensors(step.outputs, whose);
  for (const [name, { dtype, shape }] of Object.entries(before)) {
    const next = after[name];
    if (next === undefined) throw new TraceError(`${scan()}: the body does not return the carry '${name}'`);
    if (next.dtype !== dtype || !tf.util.arraysEqual(next.shape, shape)) {
      throw new TraceError(
        `${scan()}: carry '${name}' is ${dtype} [${shape}] but the body returns ${next.dtype} [${next.shape}]`,
      );
    }
  }
  return step;
}

function mapTensors(tensors: NamedTensors, fn: (x: tf.Tensor, name: string) => tf.Tensor): NamedTensors {
  return Object.fromEntries(Object.entries(tensors).map(([name, x]) => [name, fn(x, name)]));
}

import { tf } from '../tf.ts';
import { currentRecorder } from './backend.ts';
import { at, TraceError, userLocation } from './errors.ts';
import { tracedScan } from './scan-gradient.ts';
import { checkStep } from './scan-record.ts';
import type { ScanOptions, ScanResult } from './scan-types.ts';
import type { NamedTensors } from './trace.ts';

/**
 * A loop over the first axis of some sequences that carries tensors from step to step and stacks what each step
 * returns (`lax.scan` of JAX). Run eagerly it is a loop; traced, it is one ONNX `Scan`, and its gradient is another
 * that runs the other way, whatever the length.
 * @returns the final carries, and the outputs stacked along a new first axis.
 * @throws when a sequence is missing or of another length, or when a carry changes its type or shape.
 */
export function scan(options: ScanOptions): ScanResult {
  const recorder = currentRecorder();
  const length = scanLength(options.sequences);
  if (length === 0) return withoutSteps(options);
  return recorder === null ? unrolled(options, length) : tracedScan(options, length, recorder);
}

function scanLength(sequences: NamedTensors): number {
  const entries = Object.entries(sequences);
  const length = entries[0]?.[1].shape[0];
  if (length === undefined)
    throw new TraceError(`scan${at(userLocation())}: expected at least one sequence of rank 1 or more`);
  for (const [name, { shape }] of entries) {
    if (shape[0] !== length) {
      throw new TraceError(
        `scan${at(userLocation())}: sequence '${name}' has length ${shape[0]}, expected ${length} as the first`,
      );
    }
  }
  return length;
}

/** The carries as they were, and outputs of no steps: one step on zeros tells their types and shapes. */
function withoutSteps({ carries, sequences, body }: ScanOptions): ScanResult {
  const slices = Object.entries(sequences).map(([name, { shape, dtype }]) => [
    name,
    tf.zeros(shape.slice(1), dtype),
  ]);
  const step = checkStep(body(carries, Object.fromEntries(slices)), carries);
  const outputs = Object.entries(step.outputs ?? {}).map(([name, { shape, dtype }]) => [
    name,
    tf.zeros([0, ...shape], dtype),
  ]);
  return { carries, outputs: Object.fromEntries(outputs) };
}

function unrolled({ carries, sequences, body, reverse = false }: ScanOptions, length: number): ScanResult {
  const stacks: Record<string, tf.Tensor[]> = {};
  const split = Object.entries(sequences).map(([name, x]) => [name, tf.unstack(x)] as const);
  let current = carries;
  for (let turn = 0; turn < length; turn++) {
    const i = reverse ? length - 1 - turn : turn;
    const slices = Object.fromEntries(split.map(([name, slices]) => [name, slices[i]!]));
    const step = checkStep(body(current, slices), carries);
    current = step.carries;
    for (const [name, output] of Object.entries(step.outputs ?? {})) {
      stacks[name] ??= [];
      stacks[name][i] = output;
    }
  }
  const outputs = Object.fromEntries(Object.entries(stacks).map(([name, list]) => [name, tf.stack(list)]));
  return { carries: current, outputs };
}

import type { ProgramSignature } from '@generatrix/runtime/core';
import type { Graph } from '../graph/ir.ts';
import type { tf } from '../tf.ts';
import { TraceError } from '../trace/errors.ts';
import type { ForeignData } from '../trace/recorder.ts';
import { type BatchedInput, traceBatched } from '../trace/symbolic.ts';
import type { NamedTensors } from '../trace/trace.ts';

/** A program to export: its signature and a pure function that closes over the weights. */
export interface ExportedProgram {
  readonly signature: ProgramSignature;
  readonly run: (inputs: NamedTensors) => NamedTensors;
  /**
   * For the program `sample` of a model that draws value after value: what it draws at each step from the noise in
   * `inputs` where the values before it are those of `drawn` (teacher forcing), all steps at once. `complete` and
   * `advance` draw from the same distributions and are judged by it, too.
   * @param drawn examples [batch, ...shape], as the program returns them
   */
  readonly forced?: (inputs: NamedTensors, drawn: tf.Tensor) => ForcedDraws;
}

/** What is drawn given what came before, and how far the noise is from leading to something else. */
export interface ForcedDraws {
  /** [batch, ...shape] */
  readonly data: tf.Tensor;
  /**
   * For each uniform noise input that chooses among values: where each number may lie without another choice being
   * made. In the shape of the noise, whose numbers stand in the order of the values of `data`; outside [0, 1] where
   * there is no bound. `logits` are those of the distribution that it chooses from, in any order of the values.
   */
  readonly bounds: Readonly<
    Record<string, { readonly lower: tf.Tensor; readonly upper: tf.Tensor; readonly logits?: tf.Tensor }>
  >;
}

/**
 * Traces a program for any batch size and checks that what it returns is what its signature promises.
 * @param foreign values of weights that traces of other programs have read
 * @throws TraceError naming the output that differs, or noise that does not say what it belongs to.
 */
export function traceExported(
  name: string,
  { signature, run }: ExportedProgram,
  foreign?: ForeignData,
): Graph {
  const inputs: Record<string, BatchedInput> = {};
  for (const [input, { dtype, shape, role }] of Object.entries(signature.inputs)) {
    inputs[input] = { dtype, shape, batched: role !== 'scalar' };
  }
  checkOwners(name, signature);
  const graph = traceBatched(run, inputs, foreign);
  for (const [output, { dtype, shape }] of Object.entries(signature.outputs)) {
    const value = graph.outputs.find((port) => port.name === output)?.value;
    const [batch, ...rest] = value?.shape ?? [];
    const batched = JSON.stringify(batch) === '{"scale":1,"offset":0}';
    if (value?.dtype !== dtype || !batched || JSON.stringify(rest) !== JSON.stringify(shape)) {
      const got = value === undefined ? 'nothing' : `${value.dtype} ${JSON.stringify(value.shape)}`;
      throw new TraceError(
        `program ${name}: output '${output}' must be ${dtype} [batch,${shape}], got ${got}`,
      );
    }
  }
  return graph;
}

/** Draws of a bound renew some noise and keep the rest: with several inputs of it, each must say. */
function checkOwners(name: string, { inputs, outputs }: ProgramSignature): void {
  if (!Object.values(outputs).some(({ meaning }) => meaning === 'logWeight')) return;
  const noises = Object.entries(inputs).filter(([, { role }]) => role === 'noise');
  const silent = noises.find(([, spec]) => spec.role === 'noise' && spec.belongsTo === undefined);
  if (silent === undefined || noises.length < 2) return;
  throw new TraceError(
    `program ${name}: noise '${silent[0]}' must say what it belongs to (belongsTo): the example, such as its binarisation, or the estimate, drawn anew for each importance sample`,
  );
}

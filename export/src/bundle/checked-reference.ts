import {
  type Bundle,
  compareOutputs,
  type Difference,
  downloadAll,
  type Executor,
  encodeSafetensors,
  type HostTensor,
  type LoadedProgram,
  type Manifest,
  parityTolerance,
  readRunnable,
  sizeOf,
} from '@generatrix/runtime';
import type { Graph } from '../graph/ir.ts';
import { type SettledInputs, settleNoise } from './forced-draws.ts';
import { chunks, followsStream, loopSteps, part, streamedReference } from './long-loops.ts';
import type { ExportedProgram } from './program.ts';
import { referenceInputs, runEagerly } from './reference.ts';

type Parity = NonNullable<Manifest['parity']>['programs'];
type Tensors = Record<string, HostTensor>;

export interface ReferenceRequest {
  readonly programs: Readonly<Record<string, ExportedProgram>>;
  readonly graphs: Readonly<Record<string, Graph>>;
  /** Examples for programs that take data, [batch, ...shape]. */
  readonly examples: HostTensor;
  /** The programs as they were written. */
  readonly bundle: Bundle;
  readonly executor: Executor;
  /** Called before each program is checked, with its number from 0 and how many there are. */
  readonly onProgram?: ((name: string, index: number, of: number) => void) | undefined;
}

export interface CheckedReference {
  readonly parity: Parity;
  /** The reference values, as safetensors. */
  readonly tensors: Uint8Array;
  /** One line for each program that is off. */
  readonly failures: string[];
}

/**
 * Seeds of the reference run. A draw that lies on the boundary between two values, to rounding, may fall on either
 * side, and in a loop everything after it is then another sample: a program that says nothing of its bounds is given
 * other noise before it is called wrong. What computes something else differs for every noise.
 */
const referenceSeeds = [42, 43, 44] as const;

/**
 * Runs every program on reference inputs, compares it with tfjs, and gathers the values to keep.
 *
 * A program that draws value after value is judged step by step, with its own choices so far fed to tfjs, and its
 * reference noise is such that a runtime which computes probabilities to within the tolerance makes the same choices
 * (`forced-draws.ts`). One of a long loop is compared with its model's program for parts besides (`long-loops.ts`).
 */
export async function checkedReference(request: ReferenceRequest): Promise<CheckedReference> {
  const { programs } = request;
  const loaded: Record<string, LoadedProgram> = {};
  const parity: Parity = {};
  const reference: Tensors = {};
  const failures: string[] = [];
  let sampled: SettledInputs | null = null;
  try {
    const names = Object.keys(programs);
    for (const [index, name] of names.entries()) {
      request.onProgram?.(name, index, names.length);
      // One at a time: each holds a copy of its weights.
      loaded[name] ??= await load(name, request);
      if ('advance' in programs) loaded.advance ??= await load('advance', request);
      const found = await checkProgram(name, loaded, sampled, request);
      if (name === 'sample') sampled = found.settled;
      const trouble = troubleOf(name, found);
      if (trouble !== null) failures.push(trouble);
      const { inputs, expected, margins, worst, settled } = found;
      for (const [kind, tensors] of Object.entries({ in: inputs, out: expected, margin: margins })) {
        for (const [port, tensor] of Object.entries(tensors)) reference[`${name}/${kind}/${port}`] = tensor;
      }
      parity[name] = {
        // JSON has no infinity, and a manifest with null in its place could not be read.
        maxAbsoluteError: Math.min(Number.MAX_VALUE, worst.maxAbsoluteError),
        maxRelativeError: Math.min(Number.MAX_VALUE, worst.maxRelativeError),
        batch: request.examples.shape[0]!,
        passed: trouble === null,
        ...(found.follows && { through: 'advance' }),
        ...(settled !== null && { flips: settled.judged.flips }),
      };
      if (name === 'advance') continue;
      await loaded[name].release();
      delete loaded[name];
    }
    return { parity, tensors: encodeSafetensors(reference), failures };
  } finally {
    for (const program of Object.values(loaded)) await program.release();
  }
}

async function load(name: string, { bundle, executor }: ReferenceRequest): Promise<LoadedProgram> {
  const { onnx, weights } = await readRunnable(bundle, name);
  return executor.load(name, onnx, { weights });
}

interface Checked {
  readonly inputs: Tensors;
  readonly expected: Tensors;
  /** For outputs that are drawn value after value, as `compareOutputs` takes them. */
  readonly margins: Tensors;
  readonly worst: Worst;
  /** Whether the expected values come from `advance`. */
  readonly follows: boolean;
  readonly settled: SettledInputs | null;
}

interface Worst extends Difference {
  readonly output: string;
}

async function checkProgram(
  name: string,
  loaded: Readonly<Record<string, LoadedProgram>>,
  sampled: SettledInputs | null,
  { programs, graphs, examples, bundle }: ReferenceRequest,
): Promise<Checked> {
  const program = programs[name]!;
  const run = async (inputs: Tensors) => downloadAll(await loaded[name]!.run(inputs));
  const follows = followsStream(name, graphs[name]!, programs);
  const inputsOf = (seed: number) => referenceInputs(name, program.signature, examples, seed);
  const compared = async (inputs: Tensors, margins: Tensors, settled: SettledInputs | null) => {
    const expected = follows
      ? await streamedReference(bundle, loaded.advance!, inputs)
      : runEagerly(program, inputs);
    const worst = worstOutput(compareOutputs(await run(inputs), expected, margins));
    return { inputs, expected, margins, worst, follows, settled };
  };

  const forced = programs.sample?.forced;
  if (forced !== undefined && (name === 'sample' || name === 'complete')) {
    const output = dataOutput(program);
    const known = knownValues(bundle, inputsOf(referenceSeeds[0]));
    const settled = await settleNoise({ name, output, run, forced, known }, inputsOf(referenceSeeds[0]));
    return compared(settled.inputs, { [output]: settled.margin }, settled);
  }
  if (sampled !== null && name === 'advance' && program.signature.stream !== undefined) {
    const second = await secondChunk(bundle, loaded.advance!, sampled);
    const own = inputsOf(referenceSeeds[0]);
    const output = dataOutput(program);
    const margin = part(sampled.margin, program.signature.outputs[output], second.index);
    // What is known of this part is as in any other reference, nothing; examples stand for what is given.
    return compared({ ...second.inputs, given: own.given! }, { [output]: margin }, null);
  }
  const seeds = loopSteps(graphs[name]!) > 0 ? referenceSeeds : referenceSeeds.slice(0, 1);
  let found = await compared(inputsOf(seeds[0]), {}, null);
  for (const seed of seeds.slice(1)) {
    if (found.worst.passed) break;
    found = await compared(inputsOf(seed), {}, null);
  }
  return found;
}

function dataOutput({ signature: { outputs } }: ExportedProgram): string {
  return Object.keys(outputs).find((output) => outputs[output]!.meaning === 'data')!;
}

/** How many values at the beginning of an example `complete` is given. */
function knownValues({ manifest }: Bundle, inputs: Tensors): number {
  const known = ['rows', 'samples'].find((name) => name in inputs);
  if (known === undefined) return 0;
  return inputs[known]!.data[0]! * sizeOf(manifest.data.shape.slice(1));
}

/** The inputs of `advance` for the second part of what was sampled (or the only one): it has carries to read. */
async function secondChunk(
  bundle: Bundle,
  advance: LoadedProgram,
  { inputs }: SettledInputs,
): Promise<{ readonly index: number; readonly inputs: Tensors }> {
  const last = Math.min(1, bundle.program('advance').stream!.chunks - 1);
  let index = 0;
  for await (const chunk of chunks(bundle, advance, inputs)) {
    if (index === last) return { index, inputs: chunk.inputs };
    index++;
  }
  throw new Error('program advance: its stream has no chunks');
}

/** The output that is furthest off, for what a tolerance allows. */
function worstOutput(differences: Readonly<Record<string, Difference>>): Worst {
  const [first, ...others] = Object.entries(differences).map(([output, found]) => ({ output, ...found }));
  return others.reduce((worst, found) => {
    if (worst.passed !== found.passed) return worst.passed ? found : worst;
    return found.maxRelativeError > worst.maxRelativeError ? found : worst;
  }, first!);
}

/** What is wrong with a program's outputs, in one line, or null. */
function troubleOf(name: string, { worst, expected, settled }: Checked): string | null {
  const empty = Object.entries(expected).find(([, { data }]) => data.some((value) => Number.isNaN(value)));
  if (empty !== undefined) {
    return `program ${name}: output '${empty[0]}' is not a number (NaN): the weights have diverged; train with a lower learning rate`;
  }
  const { absolute, relative, probability } = parityTolerance;
  const allowed = `allowed: ${absolute} and ${relative} of the scale`;
  const off = ({ maxAbsoluteError, maxRelativeError }: Difference) =>
    `${maxAbsoluteError.toExponential(1)}, ${maxRelativeError.toExponential(1)} of its scale`;
  if (settled !== null && !settled.judged.passed) {
    return (
      `program ${name}: onnxruntime draws other values than tfjs given the same values before them, by ` +
      `${off(settled.judged)} (${allowed}; either where the noise is within ${probability} of a threshold)`
    );
  }
  if (worst.passed) return null;
  return `program ${name}: output '${worst.output}' of onnxruntime differs from tfjs by ${off(worst)} (${allowed})`;
}

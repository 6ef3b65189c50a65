import type { Bundle } from './bundle.ts';
import { UserError } from './errors.ts';
import type { Executor } from './executor.ts';
import { decodeSafetensors } from './safetensors.ts';
import { type HostTensor, sizeOf } from './tensor.ts';
import { downloadAll } from './transfer.ts';

/** How far an output of one program is from the bundle's reference. */
export interface ParityRow {
  readonly program: string;
  readonly output: string;
  /** Infinite when a value is not a number on one side only, or the shapes differ. */
  readonly maxAbsoluteError: number;
  /** The largest absolute error over the largest magnitude in the reference. */
  readonly maxRelativeError: number;
  readonly passed: boolean;
}

/** Reference inputs and outputs of a bundle's programs, by name. */
export interface Reference {
  inputs(program: string): Record<string, HostTensor>;
  outputs(program: string): Record<string, HostTensor>;
}

/**
 * Largest error of a float output, relative to the output's scale. Devices sum in other orders and some evaluate
 * transcendental functions less exactly; through the tens of layers of these models that stays well below 1e-4,
 * while an operator that does something else is off by far more.
 */
export const parityTolerance = 1e-4;

/**
 * Reads the reference values that a bundle carries.
 * @throws UserError when it has none, or the file is broken.
 */
export async function readReference(bundle: Bundle): Promise<Reference> {
  const { reference } = bundle.manifest;
  const where = bundle.source.describe();
  if (reference === undefined) {
    throw new UserError(`bundle ${where} has no reference outputs to compare with: export the model again`);
  }
  const { tensors } = decodeSafetensors(await bundle.readFile(reference), `${where}: ${reference.file}`);
  const withPrefix = (prefix: string) => {
    const found = Object.entries(tensors).filter(([key]) => key.startsWith(prefix));
    return Object.fromEntries(found.map(([key, tensor]) => [key.slice(prefix.length), tensor]));
  };
  return {
    inputs: (program) => withPrefix(`${program}/in/`),
    outputs: (program) => withPrefix(`${program}/out/`),
  };
}

/**
 * Runs a bundle's programs on an executor and compares their outputs with the bundle's reference.
 * @param options.programs those to check; all when absent
 * @throws UserError when the bundle has no reference for a program.
 */
export async function checkParity(
  bundle: Bundle,
  executor: Executor,
  { programs = Object.keys(bundle.manifest.programs) }: { readonly programs?: readonly string[] } = {},
): Promise<ParityRow[]> {
  const reference = await readReference(bundle);
  const rows: ParityRow[] = [];
  for (const program of programs) {
    const outputs = Object.keys(bundle.program(program).outputs);
    const expected = reference.outputs(program);
    const missing = outputs.find((output) => !(output in expected));
    if (missing !== undefined) {
      throw new UserError(
        `bundle ${bundle.source.describe()}: no reference for output '${missing}' of program ${program}: export the model again`,
      );
    }
    const loaded = await executor.load(program, await bundle.readProgram(program));
    try {
      const actual = await downloadAll(await loaded.run(reference.inputs(program)));
      rows.push(...compareWithReference(program, actual, expected));
    } finally {
      await loaded.release();
    }
  }
  return rows;
}

/** Compares outputs with reference outputs: a row for each of the latter. Types other than float32 must be equal. */
export function compareWithReference(
  program: string,
  actual: Readonly<Record<string, HostTensor>>,
  expected: Readonly<Record<string, HostTensor>>,
): ParityRow[] {
  return Object.entries(expected).map(([output, reference]) => {
    const { error, scale } = largestError(actual[output], reference);
    const maxRelativeError = error === 0 ? 0 : error / scale;
    const passed = reference.dtype === 'float32' ? maxRelativeError <= parityTolerance : error === 0;
    return { program, output, maxAbsoluteError: error, maxRelativeError, passed };
  });
}

function largestError(
  actual: HostTensor | undefined,
  reference: HostTensor,
): { error: number; scale: number } {
  const fits = actual?.dtype === reference.dtype && String(actual.shape) === String(reference.shape);
  let error = fits && actual.data.length === sizeOf(reference.shape) ? 0 : Number.POSITIVE_INFINITY;
  let scale = 0;
  if (!fits) return { error, scale };
  for (const [i, value] of reference.data.entries()) {
    const got = actual.data[i]!;
    // Equal infinities and NaN on both sides agree; NaN or infinity on one side is infinitely wrong.
    if (Object.is(got, value) || got === value) {
      if (Number.isFinite(value)) scale = Math.max(scale, Math.abs(value));
      continue;
    }
    const difference = Math.abs(got - value);
    error = Math.max(error, Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference);
    if (Number.isFinite(value)) scale = Math.max(scale, Math.abs(value));
  }
  return { error, scale };
}

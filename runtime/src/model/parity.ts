import type { Bundle } from '../bundle/bundle.ts';
import { decodeSafetensors } from '../bundle/safetensors.ts';
import { loadProgram } from '../bundle/signature-check.ts';
import { UserError } from '../errors.ts';
import { compareOutputs, type Difference } from '../program/comparison.ts';
import type { Executor } from '../program/executor.ts';
import { downloadAll } from '../program/executor.ts';
import type { HostTensor } from '../program/tensor.ts';

/** How far an output of one program is from the bundle's reference. */
export interface ParityRow extends Difference {
  readonly program: string;
  readonly output: string;
}

/** Reference inputs and outputs of a bundle's programs, by name. */
export interface Reference {
  inputs(program: string): Record<string, HostTensor>;
  outputs(program: string): Record<string, HostTensor>;
  /** For outputs that are drawn value after value, what `compareOutputs` takes as margins; bundles may have none. */
  margins(program: string): Record<string, HostTensor>;
}

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
    margins: (program) => withPrefix(`${program}/margin/`),
  };
}

/**
 * Runs a bundle's programs on an executor and compares their outputs with the bundle's reference.
 * @param options which `programs` to check; all when absent
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
    const loaded = await loadProgram(bundle, executor, program);
    try {
      const actual = await downloadAll(await loaded.run(reference.inputs(program)));
      rows.push(...compareWithReference(program, actual, expected, reference.margins(program)));
    } finally {
      await loaded.release();
    }
  }
  return rows;
}

/** Compares outputs with reference outputs, as `compareOutputs` says: a row for each of the latter. */
export function compareWithReference(
  program: string,
  actual: Readonly<Record<string, HostTensor>>,
  expected: Readonly<Record<string, HostTensor>>,
  margins: Readonly<Record<string, HostTensor>> = {},
): ParityRow[] {
  const differences = compareOutputs(actual, expected, margins);
  return Object.entries(differences).map(([output, difference]) => ({ program, output, ...difference }));
}

import { createExecutor, fillInputs, type HostTensor, hostTensor } from '@generatrix/runtime';
import type { InputSpec, ProgramSignature } from '@generatrix/runtime/core';
import { type ExportedProgram, traceExported } from '../bundle/program.ts';
import { writeOnnx } from '../onnx/write.ts';
import { tf } from '../tf.ts';

/** A program whose scalars are columns, one value for each row. */
export interface RowScalarProgram {
  readonly program: ExportedProgram;
  /** Whether rows of one batch may have different values; if not, the first row's hold for all. */
  readonly independent: boolean;
}

/** Differences between a row of a batch and the same row alone are sums in another order. */
const tolerance = 1e-4;

/**
 * Servers that batch have no scalars: every input has a row for each sample. This makes a program's scalars inputs of
 * shape [batch, 1]. Most programs only multiply or divide by a scalar, and do as well with a column of them; whether
 * this one does is found out by running it with different values in its rows and comparing with each row alone.
 */
export async function rowScalars(
  name: string,
  program: ExportedProgram,
  examples: HostTensor,
): Promise<RowScalarProgram> {
  const scalars = scalarNames(program.signature);
  if (scalars.length === 0) return { program, independent: true };
  const signature = columnSignature(program.signature);
  const columns: ExportedProgram = { signature, run: program.run };
  if (await isIndependent(name, program, columns, examples)) return { program: columns, independent: true };
  const first = (column: tf.Tensor) => tf.reshape(tf.slice(column, [0, 0], [1, 1]), []);
  return {
    independent: false,
    program: {
      signature,
      run: (inputs) =>
        program.run({ ...inputs, ...Object.fromEntries(scalars.map((key) => [key, first(inputs[key]!)])) }),
    },
  };
}

function scalarNames({ inputs }: ProgramSignature): string[] {
  return Object.keys(inputs).filter((name) => inputs[name]!.role === 'scalar');
}

function columnSignature({ inputs, outputs }: ProgramSignature): ProgramSignature {
  const column = (spec: InputSpec): InputSpec =>
    spec.role === 'scalar' ? { role: 'data', dtype: spec.dtype, shape: [1] } : spec;
  return {
    inputs: Object.fromEntries(Object.entries(inputs).map(([name, spec]) => [name, column(spec)])),
    outputs,
  };
}

/** Runs, in onnxruntime, a batch whose rows differ in their scalars, and each row alone. */
async function isIndependent(
  name: string,
  program: ExportedProgram,
  columns: ExportedProgram,
  examples: HostTensor,
): Promise<boolean> {
  const { inputs: specs } = program.signature;
  const latent = Object.values(specs).find(({ role }) => role === 'latent')?.shape;
  const filled = fillInputs(name, specs, {
    seed: 42,
    firstIndex: 0,
    count: rows,
    data: rowsOf(examples, 0, rows),
    ...(latent === undefined ? {} : { latent: ramp([rows, ...latent]) }),
  });
  const together = await outputsOf(name, columns, [
    mapInputs(specs, filled, (spec) =>
      hostTensor(
        spec.dtype,
        [rows, 1],
        eachRow.map((row) => valueAt(spec, row)),
      ),
    ),
  ]);
  if (together === null) return false; // the shapes do not go together: it needs true scalars
  const alone = await outputsOf(
    name,
    program,
    eachRow.map((row) =>
      mapInputs(
        specs,
        filled,
        (spec) => hostTensor(spec.dtype, [], [valueAt(spec, row)]),
        (x) => rowsOf(x, row, 1),
      ),
    ),
  );
  return (
    alone !== null &&
    eachRow.every((row) =>
      Object.entries(alone[row]!).every(([key, x]) => sameRow(rowsOf(together[0]![key]!, row, 1), x)),
    )
  );
}

const rows = 3;
const eachRow = [0, 1, 2];

/** The default in the first row, less in the others. */
function valueAt({ default: standard, min = Number.NEGATIVE_INFINITY }: ScalarSpec, row: number): number {
  return Math.max(min, standard * (1 - row / 4));
}

type ScalarSpec = InputSpec & { role: 'scalar' };

function mapInputs(
  specs: ProgramSignature['inputs'],
  filled: Record<string, HostTensor>,
  scalar: (spec: ScalarSpec) => HostTensor,
  tensor: (x: HostTensor) => HostTensor = (x) => x,
): Record<string, HostTensor> {
  return Object.fromEntries(
    Object.entries(specs).map(([key, spec]) => [
      key,
      spec.role === 'scalar' ? scalar(spec) : tensor(filled[key]!),
    ]),
  );
}

/** What the program returns for each of the inputs, or null when it cannot be traced or run with them. */
async function outputsOf(
  name: string,
  program: ExportedProgram,
  batches: readonly Record<string, HostTensor>[],
): Promise<Record<string, HostTensor>[] | null> {
  let onnx: Uint8Array;
  try {
    onnx = writeOnnx(traceExported(name, program), { name });
  } catch {
    return null;
  }
  const loaded = await (await createExecutor('cpu')).load(name, onnx);
  try {
    const results: Record<string, HostTensor>[] = [];
    for (const inputs of batches) results.push((await loaded.run(inputs)) as Record<string, HostTensor>);
    return results;
  } finally {
    await loaded.release();
  }
}

function sameRow(actual: HostTensor, expected: HostTensor): boolean {
  if (String(actual.shape) !== String(expected.shape)) return false;
  const scale = Array.from(expected.data).reduce(
    (largest, value) => Math.max(largest, Math.abs(value)),
    1e-3,
  );
  return Array.from(expected.data).every(
    (value, i) => Math.abs(value - actual.data[i]!) <= tolerance * scale,
  );
}

function rowsOf({ dtype, shape, data }: HostTensor, start: number, count: number): HostTensor {
  const size = data.length / shape[0]!;
  return hostTensor(dtype, [count, ...shape.slice(1)], data.slice(start * size, (start + count) * size));
}

/** Codes that differ from row to row. */
function ramp(shape: readonly number[]): HostTensor {
  const size = shape.reduce((product, dim) => product * dim, 1);
  return hostTensor(
    'float32',
    shape,
    Float32Array.from({ length: size }, (_, i) => Math.sin(i)),
  );
}

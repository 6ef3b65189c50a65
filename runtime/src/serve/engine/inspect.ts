import type { FileEntry, Manifest, ProgramEntry } from '../../bundle/manifest-schema.ts';
import { sha256Hex } from '../../bundle/sha256.ts';
import { checkSignature, type RunnableProgram, readRunnable } from '../../bundle/signature-check.ts';
import { messageOf, UserError } from '../../errors.ts';
import { fillInputs, type InputSources } from '../../model/inputs.ts';
import { openFolder } from '../../model/load-node.ts';
import type { Executor, LoadedProgram } from '../../program/executor.ts';
import { checkOutsideValues } from '../../program/outside-values.ts';
import { allocate, hostTensor, sizeOf } from '../../program/tensor.ts';
import { rowBytes } from './accept.ts';
import type { InspectedBundle, SharedProgram } from './messages.ts';

/** A file beyond what a protobuf message can be is no ONNX program. */
const largestFile = 2 ** 31 - 1;
/** One row of all inputs and outputs, bytes: a minute of stereo sound takes a tenth of this. */
const largestRow = 2 ** 28;
/** Rows of the trial run. The server's runs have as many at least, so that one row tells nothing of them. */
const trialRows = 4;

/** A bundle that is looked into before it is served. */
export class Inspection {
  readonly #executor: Executor;
  readonly #programs = new Map<string, { readonly entry: ProgramEntry; readonly program: LoadedProgram }>();
  #folder = '';

  constructor(executor: Executor) {
    this.#executor = executor;
  }

  /**
   * Reads a bundle wholly: every file's size and hash, every program compiled and its ports compared with the manifest.
   * @throws UserError with what is wrong, in one line.
   */
  async inspect(folder: string): Promise<InspectedBundle> {
    this.#folder = folder;
    const bundle = await openFolder(folder);
    const { manifest } = bundle;
    if (Object.keys(manifest.programs).length === 0) throw new UserError(`bundle ${folder} has no programs`);
    const programs: Record<string, SharedProgram> = {};
    const weights: Record<string, Uint8Array> = {};
    for (const entry of manifest.weights ?? []) checkSize(`bundle ${folder}: ${entry.file}`, entry);
    for (const [name, entry] of Object.entries(manifest.programs)) {
      const where = this.#whereIs(entry);
      checkSizes(where, entry);
      const program = await readRunnable(bundle, name);
      this.#programs.set(name, { entry, program: await compile(where, name, program, this.#executor) });
      checkSignature(where, entry, this.#programs.get(name)!.program);
      const files = Object.entries(program.weights).map(([file, bytes]) => {
        weights[file] ??= bytes;
        return [file, weights[file]] as const;
      });
      programs[name] = { inputs: entry.inputs, onnx: program.onnx, weights: Object.fromEntries(files) };
    }
    for (const entry of otherFiles(manifest)) {
      checkSize(`bundle ${folder}: ${entry.file}`, entry);
      await bundle.readFile(entry);
    }
    return { manifest, digest: sha256Hex(new TextEncoder().encode(JSON.stringify(manifest))), programs };
  }

  /**
   * Runs a program once: what a manifest says of its outputs is a claim until then.
   * @throws UserError when it fails, or an output is of another type or shape.
   */
  async tryOut(name: string): Promise<void> {
    const { entry, program } = this.#programs.get(name)!;
    const where = this.#whereIs(entry);
    const inputs = fillInputs(name, entry.inputs, trialSources(entry));
    const outputs = await program.run(inputs).catch((error: unknown) => {
      throw new UserError(`${where} fails on ${trialRows} rows: ${messageOf(error)}`);
    });
    for (const [output, { dtype, shape }] of Object.entries(entry.outputs)) {
      const found = outputs[output]!;
      const expected = [trialRows, ...shape];
      if (found.dtype === dtype && String(found.shape) === String(expected)) continue;
      throw new UserError(
        `${where}: output '${output}' of ${trialRows} rows is ${found.dtype} [${found.shape}], the manifest says ${dtype} [${expected}]`,
      );
    }
  }

  /** Frees the sessions. */
  async release(): Promise<void> {
    for (const { program } of this.#programs.values()) await program.release();
    this.#programs.clear();
  }

  #whereIs({ file }: FileEntry): string {
    return `bundle ${this.#folder}: ${file}`;
  }
}

/** Zeros for what a request would have to give, and noise and classes as for any request. */
function trialSources({ inputs }: ProgramEntry): InputSources {
  const needed = Object.entries(inputs).filter(
    ([, { role }]) => role === 'data' || role === 'latent' || role === 'condition',
  );
  const tensors = Object.fromEntries(
    needed.map(([name, { dtype, shape }]) => {
      const full = [trialRows, ...shape];
      return [name, hostTensor(dtype, full, allocate(dtype, sizeOf(full)))];
    }),
  );
  return { seed: 0, firstIndex: 0, count: trialRows, tensors };
}

function checkSizes(where: string, entry: ProgramEntry): void {
  checkSize(where, entry);
  const bytes = rowBytes(entry);
  if (bytes > largestRow) {
    throw new UserError(
      `${where}: one row of its inputs and outputs is ${bytes} bytes, more than ${largestRow}`,
    );
  }
}

function checkSize(where: string, { bytes }: FileEntry): void {
  if (bytes > largestFile)
    throw new UserError(`${where} is said to have ${bytes} bytes, more than ${largestFile}`);
}

async function compile(
  where: string,
  name: string,
  { onnx, weights }: RunnableProgram,
  executor: Executor,
): Promise<LoadedProgram> {
  checkOutsideValues(where, onnx, weights);
  return executor.load(name, onnx, { weights }).catch((error: unknown) => {
    throw new UserError(`${where} does not run here: ${messageOf(error)}`);
  });
}

function portableFiles(portable: Manifest['portable']): FileEntry[] {
  return Object.values(portable?.programs ?? {}).flatMap(({ parts = [], ...entry }) => [entry, ...parts]);
}

/** Files that are not needed to run, but that pages ask for. */
function otherFiles({ reference, sample, graphModels = {}, portable }: Manifest): FileEntry[] {
  const graphs = Object.values(graphModels).flatMap(({ files }) =>
    Object.entries(files).map(([file, proof]) => ({ file, ...proof })),
  );
  return [reference, sample, ...graphs, ...portableFiles(portable)].filter((entry) => entry !== undefined);
}

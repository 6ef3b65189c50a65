import type { FileEntry, Manifest, ProgramEntry } from '../../bundle/manifest-schema.ts';
import { sha256Hex } from '../../bundle/sha256.ts';
import { checkSignature, type RunnableProgram, readRunnable } from '../../bundle/signature-check.ts';
import { messageOf, UserError } from '../../errors.ts';
import { openFolder } from '../../model/load-node.ts';
import type { Executor } from '../../program/executor.ts';
import { checkOutsideValues } from '../../program/outside-values.ts';
import { rowBytes } from './accept.ts';
import type { InspectedBundle, SharedProgram } from './messages.ts';

/** A file beyond what a protobuf message can be is no ONNX program. */
const largestFile = 2 ** 31 - 1;
/** One row of all inputs and outputs, bytes: a minute of stereo sound takes a tenth of this. */
const largestRow = 2 ** 28;

/**
 * Reads a bundle wholly: every file's size and hash, every program compiled and its ports compared with the manifest.
 * @throws UserError with what is wrong, in one line.
 */
export async function inspectBundle(folder: string, executor: Executor): Promise<InspectedBundle> {
  const bundle = await openFolder(folder);
  const { manifest } = bundle;
  if (Object.keys(manifest.programs).length === 0) throw new UserError(`bundle ${folder} has no programs`);
  const programs: Record<string, SharedProgram> = {};
  const weights: Record<string, SharedArrayBuffer> = {};
  for (const entry of manifest.weights ?? []) checkSize(`bundle ${folder}: ${entry.file}`, entry);
  for (const [name, entry] of Object.entries(manifest.programs)) {
    const where = `bundle ${folder}: ${entry.file}`;
    checkSizes(where, entry);
    const program = await readRunnable(bundle, name);
    await compile(where, name, entry, program, executor);
    const files = Object.entries(program.weights).map(([file, bytes]) => {
      weights[file] ??= shared(bytes);
      return [file, weights[file]] as const;
    });
    programs[name] = { inputs: entry.inputs, onnx: shared(program.onnx), weights: Object.fromEntries(files) };
  }
  for (const entry of otherFiles(manifest)) {
    checkSize(`bundle ${folder}: ${entry.file}`, entry);
    await bundle.readFile(entry);
  }
  return { manifest, digest: sha256Hex(new TextEncoder().encode(JSON.stringify(manifest))), programs };
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
  entry: ProgramEntry,
  { onnx, weights }: RunnableProgram,
  executor: Executor,
): Promise<void> {
  checkOutsideValues(where, onnx, weights);
  const program = await executor.load(name, onnx, { weights }).catch((error: unknown) => {
    throw new UserError(`${where} does not run here: ${messageOf(error)}`);
  });
  try {
    checkSignature(where, entry, program);
  } finally {
    await program.release();
  }
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

function shared(bytes: Uint8Array): SharedArrayBuffer {
  const buffer = new SharedArrayBuffer(bytes.length);
  new Uint8Array(buffer).set(bytes);
  return buffer;
}

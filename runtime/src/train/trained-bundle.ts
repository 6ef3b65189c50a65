import type { Bundle, ReadOptions } from '../bundle/bundle.ts';
import { encodeManifest } from '../bundle/manifest.ts';
import type { FileEntry, Manifest } from '../bundle/manifest-schema.ts';
import { encodeSafetensors } from '../bundle/safetensors.ts';
import { sha256Hex } from '../bundle/sha256.ts';
import { portNames } from '../program/program.ts';
import type { HostTensor } from '../program/tensor.ts';
import { bindWeights } from './bind-weights.ts';
import { trainingJson, trainingOf } from './training-entry.ts';

/** How the new state came about. */
export interface TrainedAs {
  /** Steps in all. */
  readonly steps: number;
  readonly seed: number;
  /** What ran them, such as `onnxruntime-web on wasm`. */
  readonly engine: string;
  readonly dataset: string;
  readonly metrics: Readonly<Record<string, number>>;
}

/**
 * The bundle with another state, as files by their paths: each program with the new weights inside, and the training
 * step as it was. What was true of the old weights alone is left out: the reference outputs, the picture of samples.
 * @throws UserError when the bundle cannot be trained, or one of its files is damaged.
 */
export async function trainedBundle(
  bundle: Bundle,
  state: Readonly<Record<string, HostTensor>>,
  trained: TrainedAs,
  read?: ReadOptions,
): Promise<Record<string, Uint8Array>> {
  const training = trainingOf(bundle);
  const {
    parity: _,
    reference: __,
    sample: ___,
    graphModels: ____,
    weights: _____,
    portable: ______,
    ...kept
  } = bundle.manifest;
  const files: Record<string, Uint8Array> = {};
  const weights = Object.fromEntries(
    Object.entries(state).map(([name, tensor]) => [portNames.state(name), tensor]),
  );
  const programs: Manifest['programs'] = {};
  for (const [name, entry] of Object.entries(training.programs)) {
    const open = await bundle.readFile(entry, read);
    files[entry.file] = open;
    const { file, weights: _, ...signature } = bundle.program(name);
    programs[name] = { ...signature, ...add(files, file, bindWeights(open, weights)) };
  }
  const same: FileEntry[] = [training.step, training.start, training.examples].filter(
    (entry) => entry !== undefined,
  );
  for (const entry of same) files[entry.file] = await bundle.readFile(entry, read);
  const { steps, seed, engine, dataset, metrics } = trained;
  const manifest: Manifest = {
    ...kept,
    version: 1,
    programs,
    provenance: { ...kept.provenance, steps, seed, engine, dataset, metrics: { ...metrics } },
    training: trainingJson({
      ...training,
      trained: add(files, training.trained.file, encodeSafetensors(state)),
    }),
  };
  files['model.json'] = encodeManifest(manifest);
  return files;
}

/** Adds a file and returns its entry. */
function add(files: Record<string, Uint8Array>, file: string, bytes: Uint8Array): FileEntry {
  files[file] = bytes;
  return { file, bytes: bytes.length, sha256: sha256Hex(bytes) };
}

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, vi } from 'vitest';
import { encodeManifest } from '../bundle/manifest.ts';
import type { Manifest } from '../bundle/manifest-schema.ts';
import { sha256Hex } from '../bundle/sha256.ts';
import { encodeTinyOnnx, type TinyProgram } from '../ort/tiny-onnx.ts';
import type { EngineOptions, RunRequest } from '../serve/engine/engine.ts';
import { ServeError, type ServeErrorKind } from '../serve/engine/engine.ts';
import { ServingEngine } from '../serve/engine/serving.ts';
import { type TestProgram, testBundle } from './bundle.ts';

/** Engines over small bundles, for the tests of this folder. */

type Files = Readonly<Record<string, Uint8Array>>;

const cleanUps: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

/** A folder with bundles at the given paths, removed after the test. */
export async function modelFolder(bundles: Readonly<Record<string, Files>> = {}): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'generatrix-serve-'));
  cleanUps.push(() => rm(folder, { recursive: true, force: true }));
  for (const [path, files] of Object.entries(bundles)) await writeBundle(join(folder, path), files);
  return folder;
}

export async function writeBundle(folder: string, files: Files): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const [file, bytes] of Object.entries(files)) await writeFile(join(folder, file), bytes);
}

export function points(programs: readonly TestProgram[] = ['sample']): Files {
  return testBundle(programs).files;
}

/**
 * A bundle of one program, `sample`: value = factor log(1 + exp(sum_j z_j)) over normals z. onnxruntime's Softplus takes
 * 4 rows at a time, and has another formula for what is left over.
 */
export function sums(factor = 1, width = 40): Files {
  const onnx = encodeTinyOnnx({
    nodes: [
      ['ReduceSum', ['z', 'axes'], ['sum'], { keepdims: 0 }],
      ['Softplus', ['sum'], ['soft']],
      ['Mul', ['soft', 'factor'], ['value']],
    ],
    constants: { axes: ['int64', [1], [1]], factor: ['float32', [], [factor]] },
    inputs: { z: ['float32', ['batch', width]] },
    outputs: { value: ['float32', ['batch']] },
  });
  return withPrograms({
    sample: {
      onnx,
      inputs: { z: { dtype: 'float32', shape: [width], role: 'noise', distribution: 'normal' } },
      outputs: { value: { dtype: 'float32', shape: [], meaning: 'other' } },
    },
  });
}

/** A bundle of one program, `sample`: value = x + 1, but for x > 0 the addition of 1 - 1 before it goes on for ever. */
export function endless(): Files {
  const row = ['float32', ['batch', 1]] as const;
  const body = {
    nodes: [
      ['Identity', ['more'], ['on']],
      ['Add', ['before', 'none'], ['after']],
    ],
    inputs: { turn: ['int64', []], more: ['bool', []], before: row },
    outputs: { on: ['bool', []], after: row },
  } satisfies TinyProgram;
  const onnx = encodeTinyOnnx({
    nodes: [
      ['ReduceMax', ['x'], ['most'], { keepdims: 0 }],
      ['Greater', ['most', 'none'], ['positive']],
      ['Loop', ['turns', 'positive', 'x'], ['same'], { body }],
      ['Add', ['same', 'one'], ['value']],
    ],
    constants: { none: ['float32', [], [0]], one: ['float32', [], [1]], turns: ['int64', [], [2 ** 53]] },
    inputs: { x: row },
    outputs: { value: row },
  });
  return withPrograms({
    sample: {
      onnx,
      inputs: { x: { dtype: 'float32', shape: [1], role: 'latent' } },
      outputs: { value: { dtype: 'float32', shape: [1], meaning: 'other' } },
    },
  });
}

type Programs = Readonly<
  Record<string, { readonly onnx: Uint8Array } & Pick<Manifest['programs'][string], 'inputs' | 'outputs'>>
>;

export function withPrograms(programs: Programs): Files {
  const { manifest } = testBundle([]);
  const files: Record<string, Uint8Array> = {};
  const entries: Record<string, Manifest['programs'][string]> = {};
  for (const [name, { onnx, ...signature }] of Object.entries(programs)) {
    files[`${name}.onnx`] = onnx;
    const proof = { file: `${name}.onnx`, bytes: onnx.length, sha256: sha256Hex(onnx) };
    entries[name] = { ...proof, opset: 17, ...signature };
  }
  return { ...files, 'model.json': encodeManifest({ ...manifest, programs: entries }) };
}

export function encodeJson(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

/** One worker, batches of up to 8 rows, and time enough; closed after the test. */
export async function startEngine(
  folder: string,
  options: Partial<EngineOptions> = {},
): Promise<ServingEngine> {
  const engine = await ServingEngine.start({
    folder,
    workers: 1,
    threadsPerWorker: 1,
    device: 'cpu',
    maxBatch: 8,
    maxWaitMs: 5,
    queueLimit: 100,
    timeoutMs: 60_000,
    maxCount: 100,
    watch: false,
    ...options,
  });
  cleanUps.push(() => engine.close());
  return engine;
}

/** `count` rows of a model's `sample`. */
export function draw(model: string, count: number, rest: Partial<RunRequest['sources']> = {}): RunRequest {
  return { model, program: 'sample', sources: { seed: 1, firstIndex: 0, count, ...rest } };
}

/** Stops a worker with a batch of one row in it, so that what comes next has to wait. */
export async function busy(
  engine: ServingEngine,
  model: string,
  death?: Parameters<ServingEngine['hold']>[1],
): Promise<{ readonly release: () => void; readonly first: ReturnType<ServingEngine['run']> }> {
  const release = engine.hold(0, death);
  const first = engine.run(draw(model, 1));
  first.catch(() => undefined);
  await vi.waitFor(() => {
    if (engine.pending().running === 0) throw new Error('nothing runs yet');
  });
  return { release, first };
}

/** The error of a request that must fail. */
export async function failure(attempt: Promise<unknown>): Promise<ServeError> {
  const error = await attempt.then(
    () => new Error('it was answered'),
    (reason: unknown) => reason,
  );
  if (error instanceof ServeError && !error.message.includes('\n')) return error;
  throw error;
}

export async function failureKind(attempt: Promise<unknown>): Promise<ServeErrorKind> {
  return (await failure(attempt)).kind;
}

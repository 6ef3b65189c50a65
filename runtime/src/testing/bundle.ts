import type { BundleSource } from '../bundle/bundle.ts';
import { encodeManifest } from '../bundle/manifest.ts';
import type { Manifest, ProgramEntry } from '../bundle/manifest-schema.ts';
import { encodeSafetensors } from '../bundle/safetensors.ts';
import { sha256Hex } from '../bundle/sha256.ts';
import { encodeTinyOnnx } from '../ort/tiny-onnx.ts';
import type { HostTensor } from '../program/tensor.ts';

/** A bundle of three-dimensional points for the tests of this folder, small enough to be worked out by hand. */

const float = 'float32' as const;
const point = { dtype: float, shape: [3] };
const one = { dtype: float, shape: [] };
const normal = { ...point, role: 'noise', distribution: 'normal' } as const;

/** Rows of `E`: what each class adds. */
export const classShift = [
  [0, 0, 0],
  [10, 20, 30],
];
/** z W swaps and scales the axes of z. */
export const weights = [
  [0, 2, 0],
  [1, 0, 0],
  [0, 0, 0.5],
];

type Definition = Pick<ProgramEntry, 'inputs' | 'outputs'> & { readonly onnx: Uint8Array };

const batched = ['batch', 3];

/** data = temperature z W + E[label], level = label */
const sample: Definition = {
  inputs: {
    z: normal,
    label: { dtype: 'int32', shape: [], role: 'label', classes: 2 },
    temperature: { ...one, role: 'scalar', default: 1, min: 0, max: 2 },
  },
  outputs: {
    data: { ...point, meaning: 'data' },
    level: { dtype: 'int32', shape: [], meaning: 'label' },
  },
  onnx: encodeTinyOnnx({
    nodes: [
      ['MatMul', ['z', 'W'], ['turned']],
      ['Mul', ['turned', 'temperature'], ['scaled']],
      ['Gather', ['E', 'label'], ['shift']],
      ['Add', ['scaled', 'shift'], ['data']],
      ['Identity', ['label'], ['level']],
    ],
    constants: { W: [float, [3, 3], weights.flat()], E: [float, [2, 3], classShift.flat()] },
    inputs: { z: [float, batched], label: ['int32', ['batch']], temperature: [float, []] },
    outputs: { data: [float, batched], level: ['int32', ['batch']] },
  }),
};

/** code = 2 data, and back. */
const encode = scaled('data', 'latent', 2);
const decode = scaled('latent', 'data', 0.5);
/** Three times the example: not what encoding and decoding it gives. */
const reconstruct = scaled('data', 'data', 3);

function scaled(from: 'data' | 'latent', to: 'data' | 'latent', factor: number): Definition {
  return {
    inputs: { x: { ...point, role: from } },
    outputs: { y: { ...point, meaning: to } },
    onnx: encodeTinyOnnx({
      nodes: [['Mul', ['x', 'factor'], ['y']]],
      constants: { factor: [float, [], [factor]] },
      inputs: { x: [float, batched] },
      outputs: { y: [float, batched] },
    }),
  };
}

/** w = data . eps for normal eps, so that log E exp(w) = |data|^2 / 2. */
const logWeight = dotProduct('logWeight', 'eps', { eps: normal });
/** The class-conditional "density" data . E[label]. */
const logProb = dotProduct('logProb', 'row', {
  label: { dtype: 'int32', shape: [], role: 'label', classes: 2 },
});

function dotProduct(
  meaning: 'logWeight' | 'logProb',
  factor: string,
  inputs: ProgramEntry['inputs'],
): Definition {
  const labelled = 'label' in inputs;
  return {
    inputs: { x: { ...point, role: 'data' }, ...inputs },
    outputs: { value: { ...one, meaning } },
    onnx: encodeTinyOnnx({
      nodes: [
        ...(labelled ? [['Gather', ['E', 'label'], [factor]] as const] : []),
        ['Mul', ['x', factor], ['product']],
        ['ReduceSum', ['product', 'axes'], ['value'], { keepdims: 0 }],
      ],
      constants: {
        axes: ['int64', [1], [1]],
        ...(labelled ? { E: [float, [2, 3], classShift.flat()] as const } : {}),
      },
      inputs: {
        x: [float, batched],
        ...(labelled ? { label: ['int32', ['batch']] } : { eps: [float, batched] }),
      },
      outputs: { value: [float, ['batch']] },
    }),
  };
}

const definitions = { sample, encode, decode, reconstruct, logWeight, logProb };
export type TestProgram = keyof typeof definitions;

export interface TestBundle {
  readonly manifest: Manifest;
  readonly files: Record<string, Uint8Array>;
}

/** The files of a bundle with some of the programs, and reference values when given. */
export function testBundle(
  programs: readonly TestProgram[],
  reference?: Readonly<Record<string, HostTensor>>,
): TestBundle {
  const files: Record<string, Uint8Array> = {};
  const add = (file: string, bytes: Uint8Array) => {
    files[file] = bytes;
    return { file, bytes: bytes.length, sha256: sha256Hex(bytes) };
  };
  const entry = (name: TestProgram): ProgramEntry => {
    const { onnx, ...signature } = definitions[name];
    return { ...add(`${name}.onnx`, onnx), opset: 17, ...signature };
  };
  const manifest: Manifest = {
    format: 'generatrix-bundle',
    version: 1,
    name: 'test-points',
    family: 'test',
    options: { depth: 2, nested: { list: [1, 'a', null] } },
    data: {
      kind: 'points',
      shape: [3],
      name: 'points',
      classNames: ['origin', 'far'],
      classFrequencies: [0.25, 0.75],
    },
    programs: Object.fromEntries(programs.map((name) => [name, entry(name)])),
    provenance: {
      seed: 1,
      dataset: 'points',
      steps: 10,
      engine: 'none',
      metrics: { loss: -1.5 },
      generatrixVersion: '0.1.0',
    },
    ...(reference ? { reference: add('reference.safetensors', encodeSafetensors(reference)) } : {}),
  };
  files['model.json'] = encodeManifest(manifest);
  return { manifest, files };
}

/** z W for the weights above, which lie in a file that both programs of the bundle share. */
export function sharedBundle({ location = 'weights.safetensors' } = {}): TestBundle {
  const plain = testBundle([]);
  const values = Float32Array.from(weights.flat());
  const file = encodeSafetensors({ W: { dtype: float, shape: [3, 3], data: values } });
  const place = { location, offset: file.length - values.byteLength };
  const files: Record<string, Uint8Array> = { 'weights.safetensors': file };
  const entryOf = (path: string) => {
    const bytes = files[path]!;
    return { file: path, bytes: bytes.length, sha256: sha256Hex(bytes) };
  };
  const program = (name: string, x: Manifest['programs'][string]['inputs'][string]): ProgramEntry => {
    files[`${name}.onnx`] = encodeTinyOnnx({
      nodes: [['MatMul', ['x', 'W'], ['y']]],
      outside: { W: { type: float, shape: [3, 3], ...place } },
      inputs: { x: [float, batched] },
      outputs: { y: [float, batched] },
    });
    const signature = { inputs: { x }, outputs: { y: { ...point, meaning: 'data' } } } as const;
    return { ...entryOf(`${name}.onnx`), opset: 17, weights: ['weights.safetensors'], ...signature };
  };
  const manifest: Manifest = {
    ...plain.manifest,
    version: 2,
    programs: { sample: program('sample', normal), decode: program('decode', { ...point, role: 'latent' }) },
    weights: [entryOf('weights.safetensors')],
  };
  files['model.json'] = encodeManifest(manifest);
  return { manifest, files };
}

/** A source that holds its files in memory, and the paths that were read. */
export function memorySource(
  files: Readonly<Record<string, Uint8Array>>,
): BundleSource & { reads: string[] } {
  const reads: string[] = [];
  return {
    reads,
    describe: () => 'memory',
    read: async (path) => {
      reads.push(path);
      const bytes = files[path];
      if (!bytes) throw new Error(`no file ${path}`);
      return bytes;
    },
  };
}

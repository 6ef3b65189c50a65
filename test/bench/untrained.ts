import { tf, traceExported, writeOnnx } from '@generatrix/export';
import {
  type Bundle,
  createExecutor,
  createSampler,
  type DataSpec,
  encodeManifest,
  type HostTensor,
  type LoadedProgram,
  type Manifest,
  openBundle,
  type Sampler,
  sha256Hex,
} from '@generatrix/runtime';
import {
  bindState,
  buildModel,
  familyNamed,
  type HostState,
  initialState,
  type Model,
  toTensor,
} from '@generatrix/training';

/** A model of a family with its starting weights: times do not depend on training. */
export function untrainedModel(family: string, options: Record<string, unknown>, spec: DataSpec): Model {
  return buildModel(familyNamed(family), options, { spec, classNames: [] }).model;
}

export interface Weights {
  /** Factor of all kernels, 1 when absent: with wider weights a model's distributions are less even. */
  readonly gain?: number;
  /** Trained weights, the starting ones when absent. */
  readonly trained?: HostState;
}

/** A model's weights as tensors. */
export function weightsOf(model: Model, { gain = 1, trained }: Weights = {}): Record<string, tf.Tensor> {
  const start = Object.entries(trained ?? initialState(model, 1)).map(([key, tensor]) => {
    const x = toTensor(tensor);
    return [key, gain === 1 || x.rank < 2 ? x : tf.mul(x, gain)];
  });
  return Object.fromEntries(start) as Record<string, tf.Tensor>;
}

/** The ONNX bytes of some programs of a model, by name. */
export async function programsOf(
  model: Model,
  names: readonly string[],
  weights: Weights = {},
): Promise<Record<string, Uint8Array>> {
  await tf.setBackend('cpu');
  const state = weightsOf(model, weights);
  const bound = bindState(model, state);
  const written = names.map((name) => [name, writeOnnx(traceExported(name, bound[name]!), { name })]);
  tf.dispose(state);
  return Object.fromEntries(written) as Record<string, Uint8Array>;
}

/** One program ready to run on the CPU. */
export async function loadProgram(model: Model, name: string): Promise<LoadedProgram> {
  const programs = await programsOf(model, [name]);
  return (await createExecutor('cpu')).load(name, programs[name]!);
}

/** A sampler of some programs on the CPU. */
export async function samplerOf(model: Model, spec: DataSpec, names: readonly string[]): Promise<Sampler> {
  return createSampler(await bundleOf(model, spec, names), await createExecutor('cpu'));
}

/** A bundle in memory of some programs, without the checks of an export. */
export async function bundleOf(
  model: Model,
  spec: DataSpec,
  names: readonly string[],
  weights: Weights = {},
): Promise<Bundle> {
  const files: Record<string, Uint8Array> = {};
  const programs: Manifest['programs'] = {};
  for (const [name, onnx] of Object.entries(await programsOf(model, names, weights))) {
    const file = `${name}.onnx`;
    files[file] = onnx;
    const proof = { file, bytes: onnx.length, sha256: sha256Hex(onnx) };
    programs[name] = { ...proof, opset: 17, ...model.programs[name]!.signature };
  }
  const provenance = {
    seed: 1,
    dataset: 'none',
    steps: 0,
    engine: 'none',
    metrics: {},
    generatrixVersion: '',
  };
  const manifest: Manifest = {
    ...{ format: 'generatrix-bundle', version: 1, name: 'bench', family: 'bench', options: {} },
    data: { ...spec, name: 'none', classNames: [] },
    programs,
    provenance,
  };
  files['model.json'] = encodeManifest(manifest);
  const source = { describe: () => 'memory', read: async (path: string) => files[path]! };
  return openBundle(source);
}

/** Draws all the parts of a stream. */
export async function drain(parts: AsyncIterable<{ readonly soFar: HostTensor }>): Promise<void> {
  for await (const _ of parts);
}

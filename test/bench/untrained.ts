import { tf, traceExported, writeOnnx } from '@generatrix/export';
import {
  createExecutor,
  createSampler,
  type DataSpec,
  type HostTensor,
  type LoadedProgram,
  type Manifest,
  openBundle,
  type Sampler,
  sha256Hex,
} from '@generatrix/runtime';
import { bindState, buildModel, familyNamed, initialState, type Model, toTensor } from '@generatrix/training';

/** A model of a family with its starting weights: times do not depend on training. */
export function untrainedModel(family: string, options: Record<string, unknown>, spec: DataSpec): Model {
  return buildModel(familyNamed(family), options, { spec, classNames: [] }).model;
}

/** The ONNX bytes of some programs of a model, by name. */
export async function programsOf(
  model: Model,
  names: readonly string[],
): Promise<Record<string, Uint8Array>> {
  await tf.setBackend('cpu');
  const start = Object.entries(initialState(model, 1)).map(([key, tensor]) => [key, toTensor(tensor)]);
  const state = Object.fromEntries(start) as Record<string, ReturnType<typeof toTensor>>;
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

/** A sampler of some programs, without the checks of an export. */
export async function samplerOf(model: Model, spec: DataSpec, names: readonly string[]): Promise<Sampler> {
  const files: Record<string, Uint8Array> = {};
  const programs: Manifest['programs'] = {};
  for (const [name, onnx] of Object.entries(await programsOf(model, names))) {
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
  files['model.json'] = new TextEncoder().encode(JSON.stringify(manifest));
  const source = { describe: () => 'memory', read: async (path: string) => files[path]! };
  return createSampler(await openBundle(source), await createExecutor('cpu'));
}

/** Draws all the parts of a stream. */
export async function drain(parts: AsyncIterable<{ readonly soFar: HostTensor }>): Promise<void> {
  for await (const _ of parts);
}

import {
  createExecutor,
  createSampler,
  type Executor,
  encodeManifest,
  encodeSafetensors,
  fillInputs,
  type HostTensor,
  hostTensor,
  type InputSpec,
  type LoadedProgram,
  type Manifest,
  messageOf,
  openBundle,
  sha256Hex,
  sizeOf,
  UserError,
} from '@generatrix/runtime';
import { canRender } from '@generatrix/runtime/media';
import type { BundleFiles } from '../bundle/pack.ts';
import { adaptOnnx } from './adapt-onnx.ts';
import { dataSpecOf, type ImportPlan, importedPrograms, inputSpecs, outputChange } from './import-plan.ts';
import {
  type ImportAbout,
  importedAbout,
  pictured,
  pictureSeed,
  type RenderSamples,
} from './imported-bundle.ts';
import { elementTypes, type OnnxFile, type OnnxPort, readOnnxFile } from './onnx-file.ts';

/** Largest difference between an example computed alone and among others, relative to the output's scale or 1. */
const aloneTolerance = 1e-3;

/**
 * A bundle of an ONNX file from elsewhere. Its inputs and its output are adapted to what the runtime gives and takes,
 * its weights and operators stay as they are; it is run to see that it works for any number of examples.
 * @param where what errors call the file
 * @throws UserError, in one line, for a file that is not whole, keeps its weights elsewhere or that onnxruntime cannot
 *   run, for inputs that were not declared or do not fit, and for a model of a fixed number of examples.
 */
export async function importOnnx(
  bytes: Uint8Array,
  where: string,
  plan: ImportPlan,
  about: ImportAbout,
  render?: RenderSamples,
): Promise<BundleFiles> {
  const file = readOnnxFile(bytes, where);
  const found = file.inputs.map(({ name, type, shape }) => ({
    name,
    dtype: elementTypes[type] ?? `type ${type}`,
    shape: (shape ?? []).slice(1),
  }));
  const inputs = inputSpecs(where, found, plan);
  const { layout, program } = plan;
  const output = chosenOutput(file, where, plan.output);
  const outputName = importedPrograms[program];
  const adaptation = { inputs, output, outputName, layout };
  const executor = await createExecutor('cpu');
  const raw = await withProgram(executor, where, adaptOnnx(file, where, adaptation), (loaded) =>
    run(loaded, where, program, inputs, 0, 2),
  );
  const [batch, ...shape] = raw.output.shape;
  if (batch !== 2) {
    throw new UserError(
      `${where}: for 2 examples its output '${output.name}' has the shape [${raw.output.shape}]; expected an example each: ` +
        'export the model with a first axis of any size',
    );
  }
  const change = outputChange(where, shape, plan);
  const onnx = adaptOnnx(file, where, { ...adaptation, change });
  const written = await withProgram(executor, where, onnx, async (loaded) => {
    const name = loaded.outputs[0]!.name;
    const examples = await checkAlone(loaded, where, program, inputs);
    return { name, reference: referenceOf(program, examples.feeds, { [name]: examples.output }) };
  });
  const data = dataSpecOf(where, dataShape(inputs, change.shape, outputName), plan);
  const manifest: Manifest = {
    format: 'generatrix-bundle',
    version: 1,
    ...importedAbout(about, data),
    programs: {
      [program]: {
        file: `${program}.onnx`,
        ...digest(onnx),
        opset: file.opset,
        inputs,
        outputs: { [written.name]: { dtype: 'float32', shape: change.shape, meaning: outputName } },
      },
    },
  };
  const files: BundleFiles = { [`${program}.onnx`]: onnx, 'reference.safetensors': written.reference };
  manifest.reference = { file: 'reference.safetensors', ...digest(written.reference) };
  if (program === 'sample' && render !== undefined && canRender(data)) {
    const sample = await picture(manifest, executor, files, render);
    files['model.json'] = encodeManifest({ ...manifest, sample });
  } else files['model.json'] = encodeManifest(manifest);
  return files;
}

/** The shape of examples: what comes out, or what goes in where a code or a density comes out. */
function dataShape(
  inputs: Readonly<Record<string, InputSpec>>,
  output: readonly number[],
  meaning: string,
): readonly number[] {
  if (meaning === 'data') return output;
  return Object.values(inputs).find(({ role }) => role === 'data')?.shape ?? output;
}

function chosenOutput({ outputs }: OnnxFile, where: string, wanted: string | undefined): OnnxPort {
  const names = outputs.map(({ name }) => name).join(', ') || 'none';
  const output = wanted === undefined ? outputs[0] : outputs.find(({ name }) => name === wanted);
  if (output === undefined)
    throw new UserError(`${where}: has no output '${wanted ?? ''}' (it has: ${names})`);
  if (wanted === undefined && outputs.length > 1) {
    throw new UserError(`${where}: which of its outputs is the example? Name one with --output: ${names}`);
  }
  if (elementTypes[output.type] === undefined) {
    throw new UserError(`${where}: its output '${output.name}' is no tensor of numbers`);
  }
  return output;
}

async function withProgram<T>(
  executor: Executor,
  where: string,
  onnx: Uint8Array,
  use: (program: LoadedProgram) => Promise<T>,
): Promise<T> {
  const program = await executor.load(where, onnx, { quiet: true }).catch((error: unknown) => {
    throw new UserError(oneLine(messageOf(error)));
  });
  try {
    return await use(program);
  } finally {
    await program.release();
  }
}

/** The first output, for examples from `firstIndex` on; those of data and codes are noise. */
async function run(
  loaded: LoadedProgram,
  where: string,
  program: string,
  inputs: Readonly<Record<string, InputSpec>>,
  firstIndex: number,
  count: number,
): Promise<{ readonly feeds: Record<string, HostTensor>; readonly output: HostTensor }> {
  const standIn = Object.entries(inputs).map(([name, spec]): [string, InputSpec] =>
    spec.role === 'data' || spec.role === 'latent'
      ? [name, { role: 'noise', dtype: 'float32', shape: spec.shape, distribution: 'uniform' }]
      : [name, spec],
  );
  const feeds = fillInputs(program, Object.fromEntries(standIn), { seed: pictureSeed, firstIndex, count });
  try {
    const outputs = await loaded.run(feeds);
    return { feeds, output: Object.values(outputs)[0] as HostTensor };
  } catch (error) {
    const cure =
      count > 1
        ? '; was it exported for a fixed number of examples? Export it with a first axis of any size'
        : '';
    throw new UserError(`${where}: failed with ${count} examples: ${oneLine(messageOf(error))}${cure}`);
  }
}

/** Three examples at once and each by itself must be the same. */
async function checkAlone(
  loaded: LoadedProgram,
  where: string,
  program: string,
  inputs: Readonly<Record<string, InputSpec>>,
): Promise<{ readonly feeds: Record<string, HostTensor>; readonly output: HostTensor }> {
  const examples = await run(loaded, where, program, inputs, 0, 3);
  const together = examples.output;
  const size = sizeOf(together.shape) / 3;
  const scale = Array.from(together.data, Math.abs).reduce((a, b) => Math.max(a, b), 1);
  for (const i of [0, 1, 2]) {
    const { output: alone } = await run(loaded, where, program, inputs, i, 1);
    const off = Array.from(alone.data, (value, k) => Math.abs(value - together.data[i * size + k]!));
    const worst = off.reduce((a, b) => (b > a || Number.isNaN(b) ? b : a), 0);
    if (alone.data.length === size && worst <= aloneTolerance * scale) continue;
    throw new UserError(
      `${where}: an example differs by ${worst.toPrecision(2)} when others are computed with it (or by itself, when it is ` +
        'run again): was the model exported in training mode, or does it draw random numbers? Export it for inference, its noise an input',
    );
  }
  return examples;
}

/** What onnxruntime gives on the CPU here, for other runtimes to be compared with. */
function referenceOf(
  program: string,
  inputs: Readonly<Record<string, HostTensor>>,
  outputs: Readonly<Record<string, HostTensor>>,
): Uint8Array {
  const keyed = (kind: string, tensors: Readonly<Record<string, HostTensor>>) =>
    Object.entries(tensors).map(([name, tensor]) => [`${program}/${kind}/${name}`, tensor] as const);
  return encodeSafetensors(Object.fromEntries([...keyed('in', inputs), ...keyed('out', outputs)]));
}

async function picture(manifest: Manifest, executor: Executor, files: BundleFiles, render: RenderSamples) {
  const all: BundleFiles = { ...files, 'model.json': encodeManifest(manifest) };
  const bundle = await openBundle({ describe: () => 'to be written', read: async (path) => all[path]! });
  const sampler = createSampler(bundle, executor);
  try {
    const count = pictured[manifest.data.kind];
    const { data } = await sampler.sample({ seed: pictureSeed, count });
    const { file, bytes } = await render(hostTensor('float32', data.shape, data.data), manifest.data);
    files[file] = bytes;
    return { file, ...digest(bytes), seed: pictureSeed, count };
  } finally {
    await sampler.release();
  }
}

function digest(bytes: Uint8Array): { bytes: number; sha256: string } {
  return { bytes: bytes.length, sha256: sha256Hex(bytes) };
}

function oneLine(message: string): string {
  return message.replace(/\s+/g, ' ').trim();
}

import {
  type Bundle,
  compareOutputs,
  createExecutor,
  createSampler,
  type Difference,
  type Executor,
  encodeSafetensors,
  type HostTensor,
  type Manifest,
  openBundle,
  parityTolerance,
  type Sampler,
  sha256Hex,
} from '@generatrix/runtime';
import type { TrainingEntry } from '@generatrix/runtime/train';
import type { Graph } from '../graph/ir.ts';
import { graphModelFiles, unsupportedInGraphModel } from '../graph-model/index.ts';
import { onnxOpset } from '../onnx/lowering.ts';
import { writeOnnx } from '../onnx/write.ts';
import { followsStream, loopSteps, streamedReference } from './long-loops.ts';
import { ParityError } from './parity-error.ts';
import { type ExportedProgram, traceExported } from './program.ts';
import { referenceInputs, runEagerly } from './reference.ts';

export type BundleFormat = 'onnx' | 'graph-model';

export interface BundleRequest {
  /** What the manifest says of the model, its origin and its data. */
  readonly about: Pick<Manifest, 'name' | 'family' | 'options' | 'data' | 'provenance'>;
  readonly programs: Readonly<Record<string, ExportedProgram>>;
  /** ONNX programs are always written; a GraphModel of each besides when asked for. */
  readonly formats: readonly BundleFormat[];
  /** Examples for the reference run of programs that take data, [batch, ...shape]. */
  readonly examples: HostTensor;
  /** Called with one line for each program that a GraphModel cannot hold; it is written as ONNX alone. */
  readonly onWarning?: (line: string) => void;
  /** What makes the bundle trainable, as `packTraining` returns it. */
  readonly training?: { readonly files: BundleFiles; readonly entry: TrainingEntry };
  /** A picture or sound of samples, which the program `sample` draws. */
  readonly sample?: {
    readonly seed: number;
    readonly count: number;
    render(samples: HostTensor): Promise<{ readonly file: string; readonly bytes: Uint8Array }>;
  };
}

/** A bundle's files by their paths inside it, ready to be written. */
export type BundleFiles = Record<string, Uint8Array>;

/**
 * Seeds of the reference run. A draw that lies on the boundary between two values, to rounding, may fall on either
 * side, and in a loop everything after it is then another sample: such a program is given other noise before it is
 * called wrong. What computes something else differs for every noise.
 */
const referenceSeeds = [42, 43, 44] as const;

/**
 * Exports a model: traces each program for any batch size, writes it as ONNX (and GraphModel), runs it eagerly in
 * tfjs and in onnxruntime on the same inputs, and records the difference in the manifest and the reference values
 * in the bundle, so that every other runtime can be checked against them later. A program of a long loop is compared
 * with its model's program for parts instead (`long-loops.ts`). The picture of samples is drawn by onnxruntime.
 * @throws TraceError when a program cannot be traced or written; ParityError, which has the files, when onnxruntime
 *   does not agree with tfjs.
 */
export async function packBundle(request: BundleRequest): Promise<BundleFiles> {
  const files: BundleFiles = {};
  const programs: Manifest['programs'] = {};
  const graphModels: NonNullable<Manifest['graphModels']> = {};
  const graphs: Record<string, Graph> = {};
  for (const [name, program] of Object.entries(request.programs)) {
    const graph = traceExported(name, program);
    const onnx = writeOnnx(graph, { name, metadata: { model: request.about.name } });
    const file = `${name}.onnx`;
    graphs[name] = graph;
    files[file] = onnx;
    programs[name] = { file, ...digest(onnx), opset: onnxOpset, ...program.signature };
    if (!request.formats.includes('graph-model')) continue;
    const problems = unsupportedInGraphModel(graph);
    if (problems.length === 0) graphModels[name] = packGraphModel(name, graph, files);
    else request.onWarning?.(`program ${name} has no GraphModel: ${problems[0]}`);
  }
  Object.assign(files, request.training?.files);
  const manifest: Manifest = {
    format: 'generatrix-bundle',
    version: 1,
    ...request.about,
    programs,
    ...(request.training === undefined ? {} : { training: request.training.entry }),
    ...(Object.keys(graphModels).length > 0 ? { graphModels } : {}),
  };
  // A bundle without its checks, to run them on.
  const unchecked = await openMemory({ ...files, 'model.json': json(manifest) });
  try {
    const { parity, tensors, failures } = await checkedReference(request, graphs, unchecked);
    files['reference.safetensors'] = tensors;
    const reference = { file: 'reference.safetensors', ...digest(tensors) };
    const sample = await drawSample(request, unchecked.sampler, files);
    const checks = { parity: { reference: 'tfjs-cpu', programs: parity }, reference };
    files['model.json'] = json({ ...manifest, ...checks, ...(sample === null ? {} : { sample }) });
    if (failures.length > 0) throw new ParityError(failures, files);
    return files;
  } finally {
    await unchecked.sampler.release();
  }
}

/** A bundle in memory and a sampler of it on the CPU. */
interface Opened {
  readonly bundle: Bundle;
  readonly executor: Executor;
  readonly sampler: Sampler;
}

async function openMemory(files: BundleFiles): Promise<Opened> {
  const bundle = await openBundle({ describe: () => 'to be written', read: async (path) => files[path]! });
  const executor = await createExecutor('cpu');
  return { bundle, executor, sampler: createSampler(bundle, executor) };
}

interface CheckedReference {
  readonly parity: NonNullable<Manifest['parity']>['programs'];
  readonly tensors: Uint8Array;
  /** One line for each program that is off. */
  readonly failures: readonly string[];
}

/** Runs every program on the reference inputs, compares, and gathers the values to keep. */
async function checkedReference(
  { programs, examples }: BundleRequest,
  graphs: Readonly<Record<string, Graph>>,
  opened: Opened,
): Promise<CheckedReference> {
  const parity: NonNullable<Manifest['parity']>['programs'] = {};
  const reference: Record<string, HostTensor> = {};
  const failures: string[] = [];
  const batch = examples.shape[0]!;
  for (const [name, program] of Object.entries(programs)) {
    const follows = followsStream(name, graphs[name]!, programs);
    const draws = loopSteps(graphs[name]!) > 0;
    const loaded = await opened.executor.load(name, await opened.bundle.readProgram(name));
    let found: Compared | undefined;
    for (const seed of draws ? referenceSeeds : referenceSeeds.slice(0, 1)) {
      const inputs = referenceInputs(name, program.signature, examples, seed);
      const expected = follows
        ? await streamedReference(name, opened, inputs, seed)
        : await runEagerly(program, inputs);
      const actual = (await loaded.run(inputs)) as Record<string, HostTensor>;
      found = { inputs, expected, worst: worstOutput(actual, expected) };
      if (found.worst.passed) break;
    }
    await loaded.release();
    const { inputs, expected, worst } = found!;
    const trouble = troubleOf(name, worst, expected);
    if (trouble !== null) failures.push(trouble);
    for (const [input, tensor] of Object.entries(inputs)) reference[`${name}/in/${input}`] = tensor;
    for (const [output, tensor] of Object.entries(expected)) reference[`${name}/out/${output}`] = tensor;
    parity[name] = {
      // JSON has no infinity, and a manifest with null in its place could not be read.
      maxAbsoluteError: Math.min(Number.MAX_VALUE, worst.maxAbsoluteError),
      maxRelativeError: Math.min(Number.MAX_VALUE, worst.maxRelativeError),
      batch,
      passed: trouble === null,
      ...(follows ? { through: 'advance' } : {}),
    };
  }
  return { parity, tensors: encodeSafetensors(reference), failures };
}

interface Compared {
  readonly inputs: Record<string, HostTensor>;
  readonly expected: Record<string, HostTensor>;
  readonly worst: Worst;
}

interface Worst extends Difference {
  readonly output: string;
}

/** The output that is furthest off, for what a tolerance allows. */
function worstOutput(
  actual: Readonly<Record<string, HostTensor>>,
  expected: Readonly<Record<string, HostTensor>>,
): Worst {
  const [first, ...others] = Object.entries(compareOutputs(actual, expected)).map(([output, found]) => ({
    output,
    ...found,
  }));
  return others.reduce((worst, found) => {
    if (worst.passed !== found.passed) return worst.passed ? found : worst;
    return found.maxRelativeError > worst.maxRelativeError ? found : worst;
  }, first!);
}

/** What is wrong with a program's outputs, in one line, or null. */
function troubleOf(
  name: string,
  { output, passed, maxAbsoluteError, maxRelativeError }: Worst,
  expected: Readonly<Record<string, HostTensor>>,
): string | null {
  const empty = Object.entries(expected).find(([, { data }]) => data.some((value) => Number.isNaN(value)));
  if (empty !== undefined) {
    return `program ${name}: output '${empty[0]}' is not a number (NaN): the weights have diverged; train with a lower learning rate`;
  }
  if (passed) return null;
  const { absolute, relative } = parityTolerance;
  return (
    `program ${name}: output '${output}' of onnxruntime differs from tfjs by ${maxAbsoluteError.toExponential(1)}, ` +
    `${maxRelativeError.toExponential(1)} of its scale (allowed: ${absolute} and ${relative} of the scale)`
  );
}

async function drawSample({ sample }: BundleRequest, sampler: Sampler, files: BundleFiles) {
  if (sample === undefined) return null;
  const { seed, count, render } = sample;
  const { file, bytes } = await render((await sampler.sample({ seed, count, batchSize: count })).data);
  files[file] = bytes;
  return { file, ...digest(bytes), seed, count };
}

function json(manifest: Manifest): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(manifest, null, 2)}\n`);
}

function digest(bytes: Uint8Array): { bytes: number; sha256: string } {
  return { bytes: bytes.length, sha256: sha256Hex(bytes) };
}

function packGraphModel(name: string, graph: Graph, files: BundleFiles) {
  const written: Record<string, { bytes: number; sha256: string }> = {};
  for (const [file, bytes] of Object.entries(graphModelFiles(graph, { name }))) {
    const path = `graph-model/${name}/${file}`;
    files[path] = bytes;
    written[path] = digest(bytes);
  }
  return { files: written };
}

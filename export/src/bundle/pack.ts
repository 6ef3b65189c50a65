import { createHash } from 'node:crypto';
import {
  type Bundle,
  createExecutor,
  createSampler,
  type Executor,
  encodeManifest,
  type FileEntry,
  type HostTensor,
  type Manifest,
  openBundle,
  type Sampler,
  UserError,
} from '@generatrix/runtime';
import { type TrainingEntry, trainingJson } from '@generatrix/runtime/train';
import type { Graph } from '../graph/ir.ts';
import { graphModelFiles, unsupportedInGraphModel } from '../graph-model/index.ts';
import { onnxOpset } from '../onnx/lowering.ts';
import { lowerToOnnx, type OnnxProgram } from '../onnx/write.ts';
import { ForeignData } from '../trace/recorder.ts';
import type { NamedTensors } from '../trace/trace.ts';
import { checkedReference } from './checked-reference.ts';
import type { PortableOptions } from './portable.ts';
import { portablePrograms } from './portable-programs.ts';
import { type ExportedProgram, traceExported } from './program.ts';
import { type SharedWeights, shareWeights } from './shared-weights.ts';

/**
 * How programs are written: `shared`, as ONNX whose weights lie beside the programs, each once; `onnx`, as ONNX files
 * that hold all of their weights, which can be taken out of the bundle one by one; `graph-model`, for TensorFlow.js, besides.
 */
export type BundleFormat = 'shared' | 'onnx' | 'graph-model';

export interface BundleRequest {
  /** What the manifest says of the model, its origin and its data. */
  readonly about: Pick<Manifest, 'name' | 'family' | 'options' | 'description' | 'data' | 'provenance'>;
  readonly programs: Readonly<Record<string, ExportedProgram>>;
  /** ONNX programs are always written, shared unless `onnx` is asked for. */
  readonly formats: readonly BundleFormat[];
  /** Examples for the reference run of programs that take data, [batch, ...shape]. */
  readonly examples: HostTensor;
  /** Called with one line for each program that a GraphModel cannot hold; it is written as ONNX alone. */
  readonly onWarning?: (line: string) => void;
  /** Called before each program is compared with tfjs, with its number from 0 and how many there are: it may take a while. */
  readonly onProgram?: (name: string, index: number, of: number) => void;
  /** What makes the bundle trainable, as `packTraining` returns it. */
  readonly training?: { readonly files: BundleFiles; readonly entry: TrainingEntry };
  /** Weights of the programs by the names that they get in files that programs share. */
  readonly weights?: NamedTensors;
  /** Writes the programs for other runtimes, too, in this form, into the folder `portable`. */
  readonly portable?: PortableOptions;
  /** A picture or sound of samples, which the program `sample` draws. */
  readonly sample?: {
    readonly seed: number;
    readonly count: number;
    render(samples: HostTensor): Promise<{ readonly file: string; readonly bytes: Uint8Array }>;
  };
}

/** A bundle's files by their paths inside it, ready to be written. */
export type BundleFiles = Record<string, Uint8Array>;

/** Programs that do not compute in onnxruntime what they compute in tfjs. The message is one line. */
export class ParityError extends UserError {
  /** The bundle all the same, its manifest with the verdict: what to look into. */
  readonly files: BundleFiles;

  /** @param failures one line for each program */
  constructor(failures: readonly string[], files: BundleFiles) {
    super(failures.join('; '));
    this.files = files;
  }
}

/**
 * Exports a model: traces each program for any batch size, writes it as ONNX (and GraphModel), runs it eagerly in
 * tfjs and in onnxruntime on the same inputs, and records the difference in the manifest and the reference values
 * in the bundle, so that every other runtime can be checked against them later (`checked-reference.ts`). The picture
 * of samples is drawn by onnxruntime.
 * @throws TraceError when a program cannot be traced or written; ParityError, which has the files, when onnxruntime
 *   does not agree with tfjs.
 */
export async function packBundle(request: BundleRequest): Promise<BundleFiles> {
  const files: BundleFiles = {};
  const programs: Manifest['programs'] = {};
  const graphModels: NonNullable<Manifest['graphModels']> = {};
  const graphs: Record<string, Graph> = {};
  // Tensors are not to be changed while a bundle of them is made, so that their values need not be copied.
  const foreign = new ForeignData({ borrow: true });
  const lowered: Record<string, OnnxProgram> = {};
  for (const [name, program] of Object.entries(request.programs)) {
    const graph = traceExported(name, program, foreign);
    graphs[name] = graph;
    lowered[name] = lowerToOnnx(graph, { name, metadata: { model: request.about.name } });
  }
  const written = request.formats.includes('onnx')
    ? { files: {}, programs: selfContained(lowered) }
    : shareWeights(lowered, { nameOf: weightNames(request.weights ?? {}, foreign) });
  const weights = addFiles(files, written.files);
  for (const [name, { signature }] of Object.entries(request.programs)) {
    const { onnx, weights: names } = written.programs[name]!;
    const [entry] = addFiles(files, { [`${name}.onnx`]: onnx });
    programs[name] = {
      ...entry!,
      opset: onnxOpset,
      ...(names.length > 0 ? { weights: [...names] } : {}),
      ...signature,
    };
    const graph = graphs[name]!;
    if (!request.formats.includes('graph-model')) continue;
    const problems = unsupportedInGraphModel(graph);
    if (problems.length === 0) graphModels[name] = packGraphModel(name, graph, files);
    else request.onWarning?.(`program ${name} has no GraphModel: ${problems[0]}`);
  }
  Object.assign(files, request.training?.files);
  const manifest: Manifest = {
    format: 'generatrix-bundle',
    version: weights.length > 0 ? 2 : 1,
    ...request.about,
    programs,
    ...(weights.length > 0 ? { weights } : {}),
    ...(request.training === undefined ? {} : { training: trainingJson(request.training.entry) }),
    ...(Object.keys(graphModels).length > 0 ? { graphModels } : {}),
  };
  // A bundle without its checks, to run them on.
  const unchecked = await openMemory({ ...files, 'model.json': encodeManifest(manifest) });
  try {
    const { parity, tensors, failures } = await checkedReference({
      ...{ programs: request.programs, examples: request.examples, graphs },
      ...{ bundle: unchecked.bundle, executor: unchecked.executor, onProgram: request.onProgram },
    });
    const [reference] = addFiles(files, { 'reference.safetensors': tensors });
    const sample = await drawSample(request, unchecked.sampler, files);
    const portable = await packPortable(request, graphs, tensors, unchecked.executor, files);
    failures.push(...portable.failures);
    const checks = { parity: { reference: 'tfjs-cpu', programs: parity }, reference, ...portable.entry };
    files['model.json'] = encodeManifest({ ...manifest, ...checks, ...(sample === null ? {} : { sample }) });
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

async function drawSample({ sample }: BundleRequest, sampler: Sampler, files: BundleFiles) {
  if (sample === undefined) return null;
  const { seed, count, render } = sample;
  const { file, bytes } = await render((await sampler.sample({ seed, count, batchSize: count })).data);
  const [entry] = addFiles(files, { [file]: bytes });
  return { ...entry!, seed, count };
}

/** Adds the programs for other runtimes, where they are asked for; returns what the manifest says of them. */
async function packPortable(
  { portable: options, programs, about }: BundleRequest,
  graphs: Readonly<Record<string, Graph>>,
  reference: Uint8Array,
  executor: Executor,
  files: BundleFiles,
): Promise<{ entry: Pick<Manifest, 'portable'>; failures: readonly string[] }> {
  if (options === undefined) return { entry: {}, failures: [] };
  const signatures = Object.fromEntries(
    Object.entries(programs).map(([name, { signature }]) => [name, signature]),
  );
  const metadata = { model: about.name };
  const written = await portablePrograms({ options, graphs, signatures, reference, executor, metadata });
  const entries = Object.entries(written.files).map(([name, own]) => {
    const paths = Object.entries(own).map(([file, bytes]) => [`portable/${file}`, bytes]);
    const [entry, ...parts] = addFiles(files, Object.fromEntries(paths) as BundleFiles);
    return [name, { ...entry, ...(parts.length > 0 && { parts }) }];
  });
  const { loops = 'scan', batch } = options;
  const portable = { loops, ...(batch !== undefined && { batch }), programs: Object.fromEntries(entries) };
  return { entry: { portable }, failures: written.failures };
}

/** Programs that hold all their weights. @throws UserError for one that would be larger than a file may be. */
function selfContained(lowered: Readonly<Record<string, OnnxProgram>>): SharedWeights['programs'] {
  const programs = Object.entries(lowered).map(([name, program]) => [
    name,
    { onnx: program.encode(new Map()), weights: [] },
  ]);
  return Object.fromEntries(programs) as SharedWeights['programs'];
}

/** The names of weights by their bytes, for those that the traced programs took as they are. */
function weightNames(weights: NamedTensors, foreign: ForeignData): (raw: Uint8Array) => string | undefined {
  const names = new Map<ArrayBufferLike, string>();
  for (const [name, { dataId }] of Object.entries(weights)) {
    const data = foreign.known(dataId);
    if (data !== undefined && data.byteLength === data.buffer.byteLength) names.set(data.buffer, name);
  }
  return ({ buffer }) => names.get(buffer);
}

/** Adds files and returns their entries. */
function addFiles(files: BundleFiles, added: Readonly<Record<string, Uint8Array>>): FileEntry[] {
  const entries: FileEntry[] = [];
  for (const [file, bytes] of Object.entries(added)) {
    files[file] = bytes;
    entries.push({ file, bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') });
  }
  return entries;
}

function packGraphModel(name: string, graph: Graph, files: BundleFiles) {
  const written: Record<string, { bytes: number; sha256: string }> = {};
  for (const [file, bytes] of Object.entries(graphModelFiles(graph, { name }))) {
    const [entry] = addFiles(files, { [`graph-model/${name}/${file}`]: bytes });
    written[entry!.file] = { bytes: entry!.bytes, sha256: entry!.sha256 };
  }
  return { files: written };
}

import {
  type Bundle,
  createExecutor,
  createSampler,
  type Executor,
  encodeManifest,
  type HostTensor,
  type Manifest,
  openBundle,
  type Sampler,
  sha256Hex,
  UserError,
} from '@generatrix/runtime';
import { type TrainingEntry, trainingJson } from '@generatrix/runtime/train';
import type { Graph } from '../graph/ir.ts';
import { graphModelFiles, unsupportedInGraphModel } from '../graph-model/index.ts';
import { onnxOpset } from '../onnx/lowering.ts';
import { writeOnnx } from '../onnx/write.ts';
import { checkedReference } from './checked-reference.ts';
import { type ExportedProgram, traceExported } from './program.ts';

export type BundleFormat = 'onnx' | 'graph-model';

export interface BundleRequest {
  /** What the manifest says of the model, its origin and its data. */
  readonly about: Pick<Manifest, 'name' | 'family' | 'options' | 'description' | 'data' | 'provenance'>;
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
    ...(request.training === undefined ? {} : { training: trainingJson(request.training.entry) }),
    ...(Object.keys(graphModels).length > 0 ? { graphModels } : {}),
  };
  // A bundle without its checks, to run them on.
  const unchecked = await openMemory({ ...files, 'model.json': encodeManifest(manifest) });
  try {
    const { parity, tensors, failures } = await checkedReference({
      ...{ programs: request.programs, examples: request.examples, graphs },
      ...{ bundle: unchecked.bundle, executor: unchecked.executor },
    });
    files['reference.safetensors'] = tensors;
    const reference = { file: 'reference.safetensors', ...digest(tensors) };
    const sample = await drawSample(request, unchecked.sampler, files);
    const checks = { parity: { reference: 'tfjs-cpu', programs: parity }, reference };
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
  files[file] = bytes;
  return { file, ...digest(bytes), seed, count };
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

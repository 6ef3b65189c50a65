import type { Bundle, ReadOptions } from '../bundle/bundle.ts';
import type { Manifest } from '../bundle/manifest-schema.ts';
import { type Device, type DeviceReport, downloadAll, type Executor } from '../program/executor.ts';
import type { HostTensor } from '../program/tensor.ts';
import { BatchCollector, checkCount, sliceSources } from './batches.ts';
import type {
  CompleteRequest,
  ConditionOptions,
  InterpolateRequest,
  LogProbRequest,
  LogProbs,
  RunnableModel,
  RunProgram,
  SampleRequest,
  Samples,
  StreamPart,
  StreamRequest,
} from './contract.ts';
import { checkSources, fillInputs } from './inputs.ts';
import type {
  AnnealedPartition,
  LogPartition,
  LogPartitionRequest,
  ReverseRequest,
} from './log-partition.ts';
import { ProgramCache } from './program-cache.ts';
import { drawSamples } from './sample.ts';
import type { WalkPart, WalkRequest } from './walk.ts';

/** A model that is ready to run. Programs are compiled when they are first used. */
export interface Sampler {
  readonly manifest: Manifest;
  readonly device: Device;
  /** The devices that were considered, and why some were passed over. */
  readonly deviceReports: readonly DeviceReport[];
  /** Draws samples. The same seed gives the same noise on every device and with every batch size. */
  sample(request: SampleRequest): Promise<Samples>;
  /**
   * Draws the samples that `sample` would draw, part by part (rows of images, stretches of sound); models that have
   * the program `advance` can. Leaving the loop or the signal ends it.
   */
  stream(request: StreamRequest): AsyncIterable<StreamPart>;
  /**
   * Follows the Markov chain that a model samples by, step by step and without end; models that have the program
   * `transition` can.
   */
  walk(request: WalkRequest): AsyncIterable<WalkPart>;
  /** Keeps the beginning of each example and draws the rest given it; models with the program `complete` can. */
  complete(request: CompleteRequest): Promise<Samples>;
  /** Examples on the way between two samples or two codes. */
  interpolate(request: InterpolateRequest): Promise<Samples>;
  /** Runs any program of the bundle, in batches; inputs are filled as `fillInputs` says. */
  readonly run: RunProgram;
  /**
   * Log-density of examples: exact where the model has `logProb`; else, from `logWeight`, the ELBO, or with
   * `samples` > 1 the importance-weighted bound. Of a model of binary data it is that of the example as it is
   * binarised, once for all draws.
   */
  logProb(request: LogProbRequest): Promise<LogProbs>;
  /** log of the partition function of a model that is known up to it, by annealed importance sampling. */
  logPartition(request?: LogPartitionRequest): Promise<AnnealedPartition>;
  /** The same from the other side, by annealing the model's samples back. */
  logPartitionBack(request?: ReverseRequest): Promise<LogPartition>;
  /** Codes of examples. */
  encode(data: HostTensor, options?: ConditionOptions): Promise<HostTensor>;
  /** Examples from codes. */
  decode(latent: HostTensor, options?: ConditionOptions): Promise<HostTensor>;
  /** Examples through the model's code and back. */
  reconstruct(data: HostTensor, options?: ConditionOptions): Promise<HostTensor>;
  /** Compiles a program ahead of its first use. */
  prepare(program: string, options?: ReadOptions): Promise<void>;
  /** Frees all programs. The sampler cannot be used afterwards. */
  release(): Promise<void>;
}

const defaultBatchSize = 64;

/**
 * A sampler of a bundle on an executor. All of its methods throw UserError for arguments that make no sense: a
 * count of 0, a class that there is not, a program that the bundle lacks, data of another shape.
 * @param reports the devices that were considered, for `deviceReports`
 */
export function createSampler(
  bundle: Bundle,
  executor: Executor,
  reports: readonly DeviceReport[] = [{ device: executor.device, available: true, reason: '' }],
): Sampler {
  const programs = new ProgramCache(bundle, executor);

  const run: RunProgram = async (name, sources, options = {}) => {
    const { batchSize = defaultBatchSize, signal, onBatch } = options;
    const { inputs } = bundle.program(name);
    checkCount('count', sources.count);
    checkCount('batchSize', batchSize);
    checkSources(name, inputs, sources);
    const program = await programs.get(name);
    const collected = new BatchCollector(`program ${name}`, sources.count);
    for (let start = 0; start < sources.count; start += batchSize) {
      signal?.throwIfAborted();
      const count = Math.min(batchSize, sources.count - start);
      const batch = fillInputs(name, inputs, sliceSources(sources, start, count));
      collected.add(start, count, await downloadAll(await program.run(batch)));
      await onBatch?.(start + count, sources.count);
    }
    return collected.outputs;
  };
  const model: RunnableModel = {
    manifest: bundle.manifest,
    program: (name) => bundle.program(name),
    run,
  };
  return {
    manifest: bundle.manifest,
    device: executor.device,
    deviceReports: reports,
    run,
    sample: (request) => drawSamples(model, request),
    // Loaded when they are used: a page that only samples does not download them.
    logProb: async (request) => (await import('./score.ts')).scoreExamples(model, request),
    logPartition: async (request) =>
      (await import('./log-partition.ts')).estimateLogPartition(model, request),
    logPartitionBack: async (request) =>
      (await import('./log-partition.ts')).estimateLogPartitionBack(model, request),
    stream: async function* (request) {
      const { streamSamples } = await import('./stream.ts');
      yield* streamSamples(model, request);
    },
    walk: async function* (request) {
      const { walkChain } = await import('./walk.ts');
      yield* walkChain(model, request);
    },
    interpolate: async (request) => {
      const { interpolateExamples } = await import('./interpolate.ts');
      return interpolateExamples(model, request);
    },
    complete: async (request) => (await import('./complete.ts')).completeExamples(model, request),
    encode: async (data, options) => (await import('./convert.ts')).encodeExamples(model, data, options),
    decode: async (latent, options) => {
      const { decodeLatents } = await import('./convert.ts');
      return (await decodeLatents(model, latent, options)).data;
    },
    reconstruct: async (data, options) =>
      (await import('./convert.ts')).reconstructExamples(model, data, options),
    prepare: async (program, options) => {
      await programs.get(program, options);
    },
    release: () => programs.release(),
  };
}

import type { Bundle, ReadOptions } from '../bundle/bundle.ts';
import type { Manifest } from '../bundle/manifest.ts';
import { UserError } from '../errors.ts';
import type { LabelDistribution } from '../noise/labels.ts';
import type { Seed } from '../noise/noise.ts';
import type { Device, DeviceReport, Executor } from '../program/executor.ts';
import { downloadAll } from '../program/executor.ts';
import type { OutputMeaning } from '../program/program.ts';
import type { HostTensor } from '../program/tensor.ts';
import { BatchCollector, checkCount, sliceSources } from './batches.ts';
import { type CompleteRequest, completeExamples } from './complete.ts';
import { checkSources, fillInputs, type InputSources } from './inputs.ts';
import { checkDraws, estimateLogProb } from './log-prob.ts';
import { ProgramCache } from './program-cache.ts';
import {
  type DrawKind,
  drawScalar,
  givenLabels,
  labelsFor,
  outputOf,
  randomSeed,
  rows,
  scalarsOnly,
} from './sampler-arguments.ts';
import type { StreamPart, StreamRequest } from './stream.ts';

/** How a call is cut into runs of a program. */
export interface BatchOptions {
  /** Samples in one run, 64 when absent. Noise does not depend on it. */
  readonly batchSize?: number;
  /** Stops between two batches; the call rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

export interface SampleRequest extends BatchOptions {
  readonly count: number;
  /** A random one when absent; the result says which. */
  readonly seed?: Seed;
  /** Index of the first sample, 0 when absent: samples 10 to 19 are the same drawn alone or as part of 0 to 99. */
  readonly firstIndex?: number;
  /** One class for all samples, or one for each; sample i gets class i modulo their number when absent. */
  readonly label?: number | Int32Array;
  /** How samples without a label get their classes: in turn (`balanced`, when absent), or as in the training data. */
  readonly labels?: LabelDistribution;
  /** Draws given a code, or their means; what the manifest says (the default of the scalar `mean`) when absent. */
  readonly draw?: DrawKind;
  /** `sample` when absent. */
  readonly program?: string;
  /** The program's scalars by name, such as `temperature: 0.8`. */
  readonly [scalar: string]: number | bigint | string | Int32Array | AbortSignal | undefined;
}

export interface Samples {
  readonly seed: Seed;
  /** Every output of the program, [count, ...shape]. */
  readonly outputs: Record<string, HostTensor>;
  /** The output that holds examples, in the data set's own range. */
  readonly data: HostTensor;
}

/** What `encode`, `decode` and `logProb` take besides their tensor. */
export interface ConditionOptions extends BatchOptions {
  /** Seed of the noise that the program may need, 42 when absent. */
  readonly seed?: Seed;
  /** Index of the first example, which keys its noise; 0 when absent. */
  readonly firstIndex?: number;
  /** One class for all examples, or one for each. Left out of account by models without classes. */
  readonly label?: number | Int32Array;
}

export interface LogProbRequest extends ConditionOptions {
  /** Examples in the data set's own range, [n, ...shape]. */
  readonly data: HostTensor;
  /** Draws for each example of a bound, 1 when absent: more make it tighter. An exact density needs none. */
  readonly samples?: number;
}

export interface LogProbs {
  /** Log-density of each example, or a lower bound of it in expectation, nats. */
  readonly values: Float32Array;
  readonly kind: 'exact' | 'bound';
}

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
  /** Keeps the beginning of each example and draws the rest given it; models with the program `complete` can. */
  complete(request: CompleteRequest): Promise<Samples>;
  /** Runs any program of the bundle, in batches; inputs are filled as `fillInputs` says. */
  run(program: string, sources: InputSources, options?: BatchOptions): Promise<Record<string, HostTensor>>;
  /**
   * Log-density of examples: exact where the model has `logProb`; else, from `logWeight`, the ELBO, or with
   * `samples` > 1 the importance-weighted bound. Of a model of binary data it is that of the example as it is
   * binarised, once for all draws.
   */
  logProb(request: LogProbRequest): Promise<LogProbs>;
  /** Codes of examples. */
  encode(data: HostTensor, options?: ConditionOptions): Promise<HostTensor>;
  /** Examples from codes. */
  decode(latent: HostTensor, options?: ConditionOptions): Promise<HostTensor>;
  /** Compiles a program ahead of its first use. */
  prepare(program: string, options?: ReadOptions): Promise<void>;
  /** Frees all programs. The sampler cannot be used afterwards. */
  release(): Promise<void>;
}

/** Seed of noise that is not the caller's concern. */
const defaultSeed = 42;
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

  const run: Sampler['run'] = async (name, sources, { batchSize = defaultBatchSize, signal } = {}) => {
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
    }
    return collected.outputs;
  };

  /** Runs a program on examples or codes and picks its output of one meaning. */
  const convert = async (
    name: string,
    source: { readonly data: HostTensor } | { readonly latent: HostTensor },
    meaning: OutputMeaning,
    options: ConditionOptions = {},
  ): Promise<HostTensor> => {
    const { seed = defaultSeed, firstIndex = 0, label } = options;
    const count = rows('data' in source ? source.data : source.latent);
    const labels = givenLabels(bundle, name, label, count);
    const outputs = await run(name, { ...source, seed, firstIndex, count, ...labels }, options);
    return outputOf(bundle, name, outputs, meaning);
  };

  return {
    manifest: bundle.manifest,
    device: executor.device,
    deviceReports: reports,
    run,
    sample: async ({ count, seed = randomSeed(), firstIndex = 0, program = 'sample', ...rest }) => {
      const { batchSize, signal, label, labels: distribution, draw, ...others } = rest;
      checkCount('count', count);
      const labels = labelsFor(bundle, program, { label, labels: distribution, seed, firstIndex, count });
      const { inputs } = bundle.program(program);
      const scalars = { ...scalarsOnly(others), ...drawScalar(bundle.manifest, program, inputs, draw) };
      const sources = { seed, firstIndex, count, ...labels, scalars };
      const outputs = await run(program, sources, { batchSize, signal });
      return { seed, outputs, data: outputOf(bundle, program, outputs, 'data') };
    },
    logProb: async ({ data, samples = 1, ...options }) => {
      checkCount('samples', samples);
      const exact = Object.hasOwn(bundle.manifest.programs, 'logProb');
      const name = exact ? 'logProb' : 'logWeight';
      if (!exact && !Object.hasOwn(bundle.manifest.programs, name)) {
        throw new UserError(
          `model ${bundle.manifest.name} (${bundle.manifest.family}) has no density to evaluate`,
        );
      }
      if (!exact) checkDraws(bundle.manifest.name, bundle.program(name).inputs, samples);
      const { seed = defaultSeed, firstIndex = 0, label } = options;
      const count = rows(data);
      const sources = { data, seed, firstIndex, count, ...givenLabels(bundle, name, label, count) };
      const values = await estimateLogProb(exact ? 1 : samples, count, async (draw) =>
        outputOf(bundle, name, await run(name, { ...sources, draw }, options), name),
      );
      return { values, kind: exact ? 'exact' : 'bound' };
    },
    // Loaded when it is used: a page that only samples does not download it.
    stream: async function* (request) {
      const { streamSamples } = await import('./stream.ts');
      yield* streamSamples(bundle, run, request);
    },
    complete: (request) => completeExamples(bundle, run, request),
    encode: (data, options) => convert('encode', { data }, 'latent', options),
    decode: (latent, options) => convert('decode', { latent }, 'data', options),
    prepare: async (program, options) => {
      await programs.get(program, options);
    },
    release: () => programs.release(),
  };
}

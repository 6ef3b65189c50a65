import { type DataSpec, type HostTensor, hostTensor, UserError } from '@generatrix/runtime/core';
import { partOf } from '../data/dataset.ts';
import type { Dataset } from '../data/index.ts';
import { binarised, isTwoValued } from './binarisation.ts';
import type { Classified } from './classifier/classifier.ts';
import {
  type ClassifierEffort,
  classifierRefuses,
  type ReferenceClassifier,
  referenceClassifier,
} from './classifier/reference-classifier.ts';
import type { CompiledFunctions } from './compiled-functions.ts';
import { choose, type Rows, rowsOf } from './rows.ts';
import type { DrawnSamples, SampleSource } from './sample-source.ts';

/** A model, the data to judge it by, and how thoroughly. */
export interface EvaluationRequest {
  readonly source: SampleSource;
  /** What the model was trained on. */
  readonly train: Dataset;
  /**
   * Examples of the same distribution that no model was trained on: samples are compared with them, and real examples
   * with one another. The validation part, or the test part where that is too small.
   */
  readonly setApart: Dataset;
  /** What published protocols measure on: Parzen windows, classifiers trained on samples. */
  readonly test: Dataset;
  /** Samples to draw; fewer real examples than this are compared with as many samples. */
  readonly count: number;
  /** Samples for the coverage of modes; 2,500 when absent, as in the published tables. */
  readonly modeSamples?: number;
  readonly seed: number;
  /** Numbers of steps whose samples are compared, rising; absent where none are. */
  readonly steps?: readonly number[];
  /** Compare samples with the training examples instead of those set apart. */
  readonly againstTrain: boolean;
  /** Where the classifier of the data set is kept. */
  readonly cacheFolder: string;
  readonly effort: ClassifierEffort;
  /** Folder of the training run, where there is one: its metrics and checkpoint are read. */
  readonly runFolder: string | null;
}

/** Examples with their classes, if they have any. */
export interface Examples {
  readonly data: HostTensor;
  readonly labels: Int32Array | null;
}

/** Real examples of either kind that take part at most, unless more samples than this are drawn. */
const poolLimit = 10_000;
/** Of the binarisation of real examples: not the evaluation's, as the classifier is trained once. */
const binarisationSeed = 0;
/** Part of the training examples that the classifier does not learn from, so that its features treat them as any others. */
const reservedShare = 0.2;

/** What the diagnostics of one evaluation share; everything is computed when first asked for, once. */
export class Evaluation {
  /** With the data as the model sees them: binarised where its samples are. */
  readonly request: EvaluationRequest;
  /** With the data as they are stored. */
  readonly stored: EvaluationRequest;
  readonly compiled: CompiledFunctions;
  readonly #kept: Map<string, Promise<unknown>>;
  #trained: { readonly learned: Dataset; readonly reserved: Dataset } | undefined;

  constructor(
    request: EvaluationRequest,
    compiled: CompiledFunctions,
    stored = request,
    kept = new Map<string, Promise<unknown>>(),
  ) {
    this.request = request;
    this.stored = stored;
    this.compiled = compiled;
    this.#kept = kept;
  }

  /**
   * Draws the samples and settles how real examples are compared with them: a model of binary images is judged against
   * images that went through the same binarisation, unless what it draws are means.
   * @throws UserError when a sample is not finite.
   */
  static async open(request: EvaluationRequest, compiled: CompiledFunctions): Promise<Evaluation> {
    const plain = new Evaluation(request, compiled);
    const { data } = await plain.samples();
    const { source, train, setApart, test } = request;
    const { spec } = source;
    if (source.binarises !== true || spec.kind !== 'image' || !isTwoValued(data, spec.range)) return plain;
    const [seenTrain, seenApart, seenTest] = [train, setApart, test].map((data) =>
      binarised(data, binarisationSeed),
    );
    const seen = { ...request, train: seenTrain!, setApart: seenApart!, test: seenTest! };
    return new Evaluation(seen, compiled, request, plain.#kept);
  }

  /** Did the real examples go through the model's binarisation? */
  get isBinarised(): boolean {
    return this.request !== this.stored;
  }

  get spec(): DataSpec {
    return this.request.train.spec;
  }

  get seed(): number {
    return this.request.seed;
  }

  /**
   * Training examples: those that the data set's classifier learns from, and those that are kept from it. The choice
   * does not depend on the evaluation's seed, as the classifier is trained once.
   */
  get trained(): { readonly learned: Dataset; readonly reserved: Dataset } {
    this.#trained ??= this.#splitTrained();
    return this.#trained;
  }

  #splitTrained() {
    const { train, count } = this.request;
    const reserve = Math.min(Math.max(poolLimit, count), Math.floor(train.size * reservedShare));
    const order = choose(train.size, train.size, 0, 'evaluate/reserved');
    return {
      learned: partOf(train, order.slice(reserve).sort()),
      reserved: partOf(train, order.slice(0, reserve).sort()),
    };
  }

  /** The examples that samples are compared with: set apart, or trained on where that was asked for. */
  get against(): Dataset {
    return this.request.againstTrain ? this.trained.reserved : this.request.setApart;
  }

  /** What reports call those examples. */
  get comparedWith(): string {
    return `${this.against.split === 'train' ? 'training' : this.against.split} examples`;
  }

  /** Number of samples, and of real examples where a comparison needs as many. */
  get pairs(): number {
    return Math.min(this.request.count, this.against.size);
  }

  /** Examples of a side where real ones are compared with real ones, too. */
  get half(): number {
    const { setApart, count } = this.request;
    const { reserved } = this.trained;
    const other = this.request.againstTrain ? setApart : reserved;
    return Math.min(count, this.against.size >> 1, poolLimit >> 1, other.size);
  }

  /** The model's samples, rounded to 8 bits where the data are. */
  samples(): Promise<DrawnSamples> {
    return this.#once('samples', async () => {
      const { source, count, seed } = this.request;
      const drawn = await source.draw({ count, seed });
      const broken = drawn.data.data.findIndex((value: number) => !Number.isFinite(value));
      if (broken >= 0) {
        throw new UserError(
          `model ${source.name}: expected finite samples, sample ${Math.floor(broken / (drawn.data.data.length / count))} ` +
            `holds ${drawn.data.data[broken]}; the training diverged, go back to an earlier checkpoint`,
        );
      }
      return (await this.isRounded()) ? { ...drawn, data: roundedAs(drawn.data, this.spec) } : drawn;
    });
  }

  /** Do the data take the 256 levels of 8 bits? Samples are then rounded likewise, as a file would round them. */
  isRounded(): Promise<boolean> {
    return this.#once('rounded', () => this.#seesLevels());
  }

  async #seesLevels(): Promise<boolean> {
    const { spec, request } = this;
    if (spec.kind !== 'image') return false;
    const [low, high] = spec.range;
    const some = (await request.train.gather(choose(request.train.size, 20, 0, 'levels'))).data;
    return some.every((value: number) => {
      const level = (255 * (value - low)) / (high - low);
      return Math.abs(level - Math.round(level)) < 1e-3;
    });
  }

  /** The real examples that samples are compared with, in random order. */
  pool(): Promise<Examples> {
    return this.#once('pool', () => this.#some(this.against));
  }

  /**
   * Real examples of the other kind: training examples that the classifier has not seen where samples are compared with
   * examples set apart, and the other way round. The two kinds need not be of quite one distribution (MNIST's parts
   * were written by different people), and a model can be no nearer to the one than the other is.
   */
  otherPool(): Promise<Examples> {
    const { setApart, againstTrain } = this.request;
    return this.#once('other', () => this.#some(againstTrain ? setApart : this.trained.reserved));
  }

  /** As many real examples as samples are compared with. */
  async real(): Promise<Examples> {
    const { data, labels } = await this.pool();
    return { data: firstOf(data, this.pairs), labels: labels?.subarray(0, this.pairs) ?? null };
  }

  /** The first `pairs` samples and real examples as rows. */
  async rows(): Promise<{ samples: Rows; real: Rows }> {
    const cut = (examples: Examples) => rowsOf(firstOf(examples.data, this.pairs));
    return { samples: cut(await this.samples()), real: cut(await this.real()) };
  }

  /** Why there is no classifier for this data, or null. */
  get classifierRefusal(): string | null {
    return classifierRefuses(this.request.train);
  }

  classifier(): Promise<ReferenceClassifier> {
    const { test, cacheFolder, effort } = this.request;
    return this.#once('classifier', () =>
      referenceClassifier(this.compiled, this.trained.learned, test, { folder: cacheFolder, effort }),
    );
  }

  /** What the classifier says of the samples, or of the real examples of either pool. */
  classified(which: 'samples' | 'pool' | 'otherPool'): Promise<Classified> {
    return this.#once(`classified ${which}`, async () =>
      (await this.classifier()).classify((await this[which]()).data),
    );
  }

  async #some(dataset: Dataset): Promise<Examples> {
    const limit = Math.max(poolLimit, this.request.count);
    const indices = choose(dataset.size, limit, this.seed, 'evaluate/real');
    const { labels } = dataset;
    return {
      data: await dataset.gather(indices),
      labels: labels === null ? null : Int32Array.from(indices, (index) => labels[index]!),
    };
  }

  #once<T>(name: string, make: () => Promise<T>): Promise<T> {
    const kept = this.#kept.get(name) as Promise<T> | undefined;
    if (kept !== undefined) return kept;
    const made = make();
    this.#kept.set(name, made);
    return made;
  }
}

/** The first examples of a tensor [n, ...shape]; the values are shared. */
export function firstOf({ shape, data }: HostTensor, count: number): HostTensor {
  const kept = Math.min(count, shape[0]!);
  const width = data.length / shape[0]!;
  return hostTensor('float32', [kept, ...shape.slice(1)], (data as Float32Array).subarray(0, kept * width));
}

/** Images with their values at the 256 levels of 8 bits; other data as they are. */
export function roundedAs(tensor: HostTensor, spec: DataSpec): HostTensor {
  if (spec.kind !== 'image') return tensor;
  const [low, high] = spec.range;
  const values = (tensor.data as Float32Array).map(
    (value) =>
      low +
      ((high - low) / 255) * Math.round(Math.min(255, Math.max(0, (255 * (value - low)) / (high - low)))),
  );
  return hostTensor('float32', tensor.shape, values);
}

import { type DataSpec, type HostTensor, hostTensor, UserError } from '@generatrix/runtime/core';
import type { Dataset } from '../data/index.ts';
import type { Classified } from './classifier.ts';
import type { CompiledFunctions } from './compiled-functions.ts';
import {
  type ClassifierEffort,
  classifierRefuses,
  type ReferenceClassifier,
  referenceClassifier,
} from './reference-classifier.ts';
import { choose, type Rows, rowsOf } from './rows.ts';
import type { DrawnSamples, SampleSource } from './sample-source.ts';

/** A model, the data to judge it by, and how thoroughly. */
export interface EvaluationRequest {
  readonly source: SampleSource;
  /** What the model was trained on. */
  readonly train: Dataset;
  /** Other examples of the same law. */
  readonly heldOut: Dataset;
  /** Samples to draw; fewer real examples than this are compared with as many samples. */
  readonly count: number;
  readonly seed: number;
  /** Compare samples with the training examples instead of the held-out ones. */
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

/** What the diagnostics of one evaluation share; everything is computed when first asked for, once. */
export class Evaluation {
  readonly request: EvaluationRequest;
  readonly compiled: CompiledFunctions;
  readonly #kept = new Map<string, Promise<unknown>>();

  constructor(request: EvaluationRequest, compiled: CompiledFunctions) {
    this.request = request;
    this.compiled = compiled;
  }

  get spec(): DataSpec {
    return this.request.train.spec;
  }

  get seed(): number {
    return this.request.seed;
  }

  /** The examples that samples are compared with: held out, or trained on where that was asked for. */
  get against(): Dataset {
    return this.request.againstTrain ? this.request.train : this.request.heldOut;
  }

  /** Number of samples, and of real examples where a comparison needs as many. */
  get pairs(): number {
    return Math.min(this.request.count, this.against.size);
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
      return (await this.isRounded()) ? { ...drawn, data: roundToBytes(drawn.data, this.spec) } : drawn;
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

  /** `count` examples of the data that samples are compared with, or all where there are fewer. */
  real(): Promise<Examples> {
    return this.#once('real', async () => this.#take(this.against, this.request.count, 'real'));
  }

  /** As many training examples as there are real ones, for the figure of real against real. */
  otherReal(): Promise<Examples> {
    return this.#once('other', async () => {
      const { train, heldOut, againstTrain } = this.request;
      return this.#take(againstTrain ? heldOut : train, this.pairs, 'other');
    });
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
    const { train, heldOut, cacheFolder, effort } = this.request;
    return this.#once('classifier', () =>
      referenceClassifier(this.compiled, train, heldOut, { folder: cacheFolder, effort }),
    );
  }

  /** What the classifier says of the samples, the real examples, or the others of `otherReal`. */
  classified(which: 'samples' | 'real' | 'otherReal'): Promise<Classified> {
    return this.#once(`classified ${which}`, async () =>
      (await this.classifier()).classify((await this[which]()).data),
    );
  }

  async #take(dataset: Dataset, count: number, stream: string): Promise<Examples> {
    const indices = choose(dataset.size, count, this.seed, `evaluate/${stream}`);
    const labels =
      dataset.labels === null ? null : Int32Array.from(indices, (index) => dataset.labels![index]!);
    return { data: await dataset.gather(indices), labels };
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

function roundToBytes(tensor: HostTensor, spec: DataSpec): HostTensor {
  if (spec.kind !== 'image') return tensor;
  const [low, high] = spec.range;
  const values = (tensor.data as Float32Array).map(
    (value) =>
      low +
      ((high - low) / 255) * Math.round(Math.min(255, Math.max(0, (255 * (value - low)) / (high - low)))),
  );
  return hostTensor('float32', tensor.shape, values);
}

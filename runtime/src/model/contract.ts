import type { Manifest, ProgramEntry } from '../bundle/manifest-schema.ts';
import type { LabelDistribution } from '../noise/labels.ts';
import type { Seed } from '../noise/noise.ts';
import type { HostTensor } from '../program/tensor.ts';
import type { InputSources } from './inputs.ts';

/** What the operations of a model take and return, and what they need of whoever runs its programs. */

/** What is known of a model without running it. */
export interface ModelView {
  /** What errors call it; the name in its manifest when absent. */
  readonly name?: string;
  readonly manifest: Manifest;
  /** The entry of a program. @throws UserError naming the programs there are. */
  program(name: string): ProgramEntry;
}

/** Runs a program of a model: inputs are filled as `fillInputs` says, and every output comes back, [count, ...shape]. */
export type RunProgram = (
  program: string,
  sources: InputSources,
  options?: BatchOptions,
) => Promise<Record<string, HostTensor>>;

/** A model whose programs can be run: by an executor in this process, or by the workers of a server. */
export interface RunnableModel extends ModelView {
  readonly run: RunProgram;
}

/** How a call is cut into runs of a program. Ignored where others decide that, as in a server. */
export interface BatchOptions {
  /** Samples in one run, 64 when absent. Noise does not depend on it. */
  readonly batchSize?: number;
  /** Stops between two batches; the call rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Called after each batch with the samples that are done and their number in all, and waited for. */
  readonly onBatch?: (done: number, of: number) => void | Promise<void>;
}

/** What a sample of a model with codes is: a draw given the code, or the mean. */
export type DrawKind = 'sample' | 'mean';

/** What a model is given besides, by the names of its inputs. */
interface Conditions {
  /** [count, ...shape] each, or [1, ...shape] for all; models with inputs of the role `condition` need theirs. */
  readonly conditions?: Readonly<Record<string, HostTensor>>;
}

/** What decides the noise and the classes of samples. */
interface DrawOptions extends BatchOptions, Conditions {
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
}

export interface SampleRequest extends DrawOptions {
  /** `sample` when absent, or what takes the steps of a chain where there is no `sample`. */
  readonly program?: string;
  /** Of a chain, steps in one run of its program, as many as it takes when absent. Samples do not depend on it. */
  readonly stepsPerRun?: number;
  /** Of a chain: called after each run of its program with the steps taken and their number in all, and waited for. */
  readonly onSteps?: BatchOptions['onBatch'];
  /** The program's scalars by name, such as `temperature: 0.8`. */
  readonly [scalar: string]:
    | number
    | bigint
    | string
    | Int32Array
    | AbortSignal
    | Conditions['conditions']
    | BatchOptions['onBatch']
    | undefined;
}

export interface Samples {
  readonly seed: Seed;
  /** Every output of the program, [count, ...shape]. */
  readonly outputs: Record<string, HostTensor>;
  /** The output that holds examples, in the data set's own range. */
  readonly data: HostTensor;
}

export interface StreamRequest extends DrawOptions {
  /** Of a chain, steps between two parts; when absent, so many that there are a hundred parts or one for each step. */
  readonly stepsPerRun?: number;
  /**
   * Begins every sample with the first `known` rows, or audio samples, of an example: data [count, ...shape]. Of a chain
   * that completes, `held` too, as in `CompleteRequest`.
   */
  readonly given?: { readonly data: HostTensor; readonly known: number; readonly held?: HostTensor };
  /** The program's scalars by name, such as `temperature: 0.8`. */
  readonly [scalar: string]: SampleRequest[string] | StreamRequest['given'];
}

/** One part of a stream of samples: some rows of images, or a stretch of sound; of a chain, all after some steps more. */
export interface StreamPart {
  readonly seed: Seed;
  /** Which part this is, of `chunks`. */
  readonly index: number;
  readonly chunks: number;
  /** Where it begins: the first row, or audio sample. */
  readonly start: number;
  /** This part alone, [count, length, ...]; the last may be shorter than the others. */
  readonly data: HostTensor;
  /**
   * The samples as far as they are drawn, [count, ...shape], zeros where nothing is drawn yet. It is the same tensor
   * in every part, written on as the stream goes on: copy what must not change.
   */
  readonly soFar: HostTensor;
  /** Of a chain: what else its program returns, by name, such as the `predicted` end of a diffusion. */
  readonly outputs?: Readonly<Record<string, HostTensor>>;
}

export interface CompleteRequest extends BatchOptions {
  /** Examples in the data set's own range, [n, ...shape]; only their beginnings are looked at. */
  readonly data: HostTensor;
  /** How much of each is kept: rows of an image, or audio samples. */
  readonly known: number;
  /**
   * What is kept besides, 1 where a pixel is and 0 elsewhere, [n, height, width, 1] or [1, height, width, 1] for all; of
   * images that are completed by refinement of noise.
   */
  readonly held?: HostTensor;
  /** A random one when absent; the result says which. */
  readonly seed?: Seed;
  /** Index of the first example, which keys its noise; 0 when absent. */
  readonly firstIndex?: number;
  /** One class for all examples, or one for each; models with classes need it. */
  readonly label?: number | Int32Array;
  /** As for samples: values of what is not known, or their means. */
  readonly draw?: DrawKind;
  /** Of a model that completes by a chain, steps in one run of its program, as many as it takes when absent. */
  readonly stepsPerRun?: number;
  /** Of a model that completes by a chain, as for samples. */
  readonly onSteps?: BatchOptions['onBatch'];
  /** The program's scalars by name, such as `temperature: 0.8`. */
  readonly [scalar: string]: SampleRequest[string] | HostTensor;
}

/** What a model completes: `unit` is what `known` counts, `most` the number of them in an example. */
export interface Completion {
  readonly unit: 'rows' | 'samples';
  readonly most: number;
}

/** What operations on examples and codes take besides their tensor. */
export interface ConditionOptions extends BatchOptions, Conditions {
  /** Seed of the noise that the program may need, 42 when absent. */
  readonly seed?: Seed;
  /** Index of the first example, which keys its noise; 0 when absent. */
  readonly firstIndex?: number;
  /** One class for all examples, or one for each. Ignored by models without classes. */
  readonly label?: number | Int32Array;
  /** The program's scalars by name; those absent keep their defaults. */
  readonly scalars?: Readonly<Record<string, number>>;
}

/** An end of a way between examples: sample `index` (0 when absent) of a seed, or a code [1, ...shape]. */
export type Endpoint = { readonly seed: Seed; readonly index?: number } | { readonly latent: HostTensor };

export interface InterpolateRequest extends ConditionOptions {
  readonly from: Endpoint;
  /** Of the same kind as `from`. */
  readonly to: Endpoint;
  /** Where on the way the examples lie: 0 is `from`, 1 is `to`. */
  readonly places: readonly number[];
  /** `spherical` when absent: along the great circle through the ends, which keeps the length of normal noise. */
  readonly method?: 'spherical' | 'linear';
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

import type { TableColumn } from './table-columns.ts';
import type { DType } from './tensor.ts';

/** Distribution that a noise input follows. `uniform` is on [0, 1). */
export type NoiseDistribution = 'normal' | 'uniform';

/**
 * What a noise input's numbers are a part of, in a program that estimates a density:
 * - `example`: the example itself, such as its binarisation. They are drawn once, and all draws of an estimate share
 *   them: averaged over, they would estimate log E_b[p(b)], which exceeds what a bound may.
 * - `estimate`: a draw of the estimate, such as a code from the posterior, or dequantisation. Drawn anew each time.
 */
export type NoiseOwner = 'example' | 'estimate';

/** A field of a data set besides its examples and classes: what it holds for each example. */
export interface FieldSpec {
  readonly dtype: 'float32' | 'int32';
  /** Not counting the examples. */
  readonly shape: readonly number[];
  /** Of int32 values that are tokens or classes: how many there are; values are 0 to tokens - 1. */
  readonly tokens?: number;
}

/**
 * A program's input. `shape` leaves out the leading batch dimension, which every input but a scalar has. What it
 * means decides who fills it:
 * - `noise`: the runtime, from Philox, keyed by seed and sample index;
 * - `data`: an example in the data set's own range (image NHWC, points, audio);
 * - `latent`: a code, as `encode` returns it;
 * - `label`: a class index;
 * - `condition`: what an example is given besides, by the input's name: tokens, an image, another field of the data set;
 * - `scalar`: one number for the whole batch, such as a temperature, with a default;
 * - `carry`: what the call before returned as the output `next/NAME`; `initial` everywhere at the first call.
 */
export type InputSpec =
  | {
      readonly role: 'noise';
      readonly dtype: 'float32';
      readonly shape: readonly number[];
      readonly distribution: NoiseDistribution;
      /** Absent where a program takes one draw alone, and in bundles of earlier releases. */
      readonly belongsTo?: NoiseOwner;
      /** Name of a scalar input: where it is 1 the program does not look at this noise, which is then zeros. */
      readonly unless?: string;
    }
  | { readonly role: 'data'; readonly dtype: DType; readonly shape: readonly number[] }
  | { readonly role: 'latent'; readonly dtype: DType; readonly shape: readonly number[] }
  | {
      readonly role: 'label';
      readonly dtype: 'int32';
      readonly shape: readonly number[];
      readonly classes: number;
    }
  | ({ readonly role: 'condition' } & FieldSpec)
  | {
      readonly role: 'scalar';
      readonly dtype: DType;
      readonly shape: readonly number[];
      readonly default: number;
      readonly min?: number;
      readonly max?: number;
    }
  | {
      readonly role: 'carry';
      readonly dtype: DType;
      readonly shape: readonly number[];
      readonly initial: number;
    };

/**
 * What an output means:
 * - `data`: an example in the data set's own range;
 * - `latent`: a code;
 * - `logProb`: exact log-density of each example, nats;
 * - `logWeight`: log p(x, z) - log q(z | x) for the noise given, nats: its mean is the ELBO, and the
 *   log-mean-exp of k draws is the importance-weighted bound (Burda et al. 2016, eq. 8);
 * - `label`: a class or component index;
 * - `carry`: for the next call; output `next/NAME` has the type and shape of the input `NAME`, which takes it;
 * - `other`: anything else.
 */
export type OutputMeaning = 'data' | 'latent' | 'logProb' | 'logWeight' | 'label' | 'carry' | 'other';

/**
 * The scalar input of a program `sample` that first draws a code and then an example given it: 0 draws both, 1 gives
 * the mean of examples given the code, as is the custom for images. Its default says what `sample` does by itself.
 */
export const meanScalar = 'mean';

/** The output that holds the next value of a carried input. */
export function nextOf(carry: string): string {
  return `next/${carry}`;
}

/** Names of the inputs and outputs of a compiled step; ONNX lets no output have an input's name. */
export const portNames = {
  state: (name: string) => `state/${name}`,
  next: (name: string) => `next/${name}`,
  noise: (name: string) => `noise/${name}`,
  condition: (name: string) => `condition/${name}`,
  metric: (name: string) => `metric/${name}`,
} as const;

/** A program's output; `shape` leaves out the leading batch dimension. */
export interface OutputSpec {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly meaning: OutputMeaning;
}

/**
 * How the calls of a program that returns a part of an example add up to a whole one: its `data` output is one chunk,
 * and `chunks` of them joined along `axis` of the example are the example; where they are longer, the last is cut.
 * Call k takes the carries that call k - 1 returned and, of every noise input, the k-th part of the noise that the
 * program for whole examples takes for the same sample (`InputSources.chunk`), so that the chunks are its example.
 */
export interface StreamSpec {
  readonly chunks: number;
  /** Of the example, not counting the batch. Chunks are joined along the first axis, rows or time. */
  readonly axis: 0;
}

/**
 * How the calls of a program that takes some steps of a chain at a call, a Markov chain or an annealed one, add up to
 * the whole: a call takes the steps with the numbers from the scalar `from` up to and without the scalar `to`, at most
 * `stepsPerCall` of them, on the carries that the call before returned, and of every noise input the part of these steps
 * (`InputSources.chunk`). The `data` of the last call is the sample. However the steps are dealt out to calls, the
 * sample has the same bits.
 */
export interface ChainSpec {
  /** Of the whole chain; where the program has the scalar `steps` (`chainLength`), when that is not given. */
  readonly steps: number;
  /** At most; noise inputs are of the shape [stepsPerCall, ...shape]. */
  readonly stepsPerCall: number;
  /**
   * Of a Markov chain on examples: the carry whose first values are those of the example, in the data's own range. A
   * chain can then start at an example, and parts of it can be held from step to step. Absent where there is none.
   */
  readonly example?: string | undefined;
}

/** Scalar inputs of a program with a chain: which of its steps a call takes. */
export const chainScalars = { from: 'from', to: 'to' } as const;

/** Scalar input of a program whose chain may be of another length than its `steps`: how many steps it has in all. */
export const chainLength = 'steps';

/** The signature of an exported program. Every input and output but scalars takes any batch size. */
export interface ProgramSignature {
  readonly inputs: Readonly<Record<string, InputSpec>>;
  readonly outputs: Readonly<Record<string, OutputSpec>>;
  /** For a program that returns a part of an example at a call. */
  readonly stream?: StreamSpec;
  /** For a program that takes some steps of a chain at a call. */
  readonly chain?: ChainSpec;
}

/** What kind of examples a model generates, so that a viewer knows how to show them. */
export type DataSpec =
  | {
      readonly kind: 'image';
      /** [height, width, channels] */
      readonly shape: readonly [number, number, number];
      readonly range: readonly [number, number];
    }
  | {
      readonly kind: 'points';
      readonly shape: readonly [number];
      /** What the values encode, where they are rows of a table; `rowWidth` of them is the shape. */
      readonly columns?: readonly TableColumn[] | undefined;
    }
  | {
      readonly kind: 'audio';
      /** [samples] */
      readonly shape: readonly [number];
      readonly sampleRate: number;
      readonly range: readonly [number, number];
    };

import type { DType } from './tensor.ts';

/** Law that a noise input follows. `uniform` is on [0, 1). */
export type NoiseLaw = 'normal' | 'uniform';

/**
 * A program's input. `shape` leaves out the leading batch dimension, which every input but a scalar has. What it
 * means decides who fills it:
 * - `noise`: the runtime, from Philox, keyed by seed and sample index;
 * - `data`: an example in the data set's own range (image NHWC, points, audio);
 * - `latent`: a code, as `encode` returns it;
 * - `label`: a class index;
 * - `scalar`: one number for the whole batch, such as a temperature, with a default.
 */
export type InputSpec =
  | {
      readonly role: 'noise';
      readonly dtype: 'float32';
      readonly shape: readonly number[];
      readonly law: NoiseLaw;
    }
  | { readonly role: 'data'; readonly dtype: DType; readonly shape: readonly number[] }
  | { readonly role: 'latent'; readonly dtype: DType; readonly shape: readonly number[] }
  | {
      readonly role: 'label';
      readonly dtype: 'int32';
      readonly shape: readonly number[];
      readonly classes: number;
    }
  | {
      readonly role: 'scalar';
      readonly dtype: DType;
      readonly shape: readonly number[];
      readonly default: number;
      readonly min?: number;
      readonly max?: number;
    };

/**
 * What an output means:
 * - `data`: an example in the data set's own range;
 * - `latent`: a code;
 * - `logProb`: exact log-density of each example, nats;
 * - `logWeight`: log p(x, z) - log q(z | x) for the noise given, nats: its mean is the ELBO, and the
 *   log-mean-exp of k draws is the importance-weighted bound (Burda et al. 2016, eq. 8);
 * - `label`: a class or component index;
 * - `other`: anything else.
 */
export type OutputMeaning = 'data' | 'latent' | 'logProb' | 'logWeight' | 'label' | 'other';

/** A program's output; `shape` leaves out the leading batch dimension. */
export interface OutputSpec {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly meaning: OutputMeaning;
}

/** The signature of an exported program. Every input and output but scalars takes any batch size. */
export interface ProgramSignature {
  readonly inputs: Readonly<Record<string, InputSpec>>;
  readonly outputs: Readonly<Record<string, OutputSpec>>;
}

/** What kind of examples a model generates, so that a viewer knows how to show them. */
export type DataSpec =
  | {
      readonly kind: 'image';
      /** [height, width, channels] */
      readonly shape: readonly [number, number, number];
      readonly range: readonly [number, number];
    }
  | { readonly kind: 'points'; readonly shape: readonly [number] }
  | {
      readonly kind: 'audio';
      /** [samples] */
      readonly shape: readonly [number];
      readonly sampleRate: number;
      readonly range: readonly [number, number];
    };

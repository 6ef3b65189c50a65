import * as z from 'zod/mini';
import type { NoiseDistribution } from '../program/program.ts';

/** `format` of every bundle. */
export const bundleFormat = 'generatrix-bundle';
/**
 * `version` of the bundles that this release reads and writes: 1, whose programs have their weights inside, and 2,
 * whose programs take weights from files beside them that all share. Releases that know 1 alone refuse 2.
 */
export const bundleVersions = [1, 2] as const;

export const whole = z.int().check(z.nonnegative());
export const shape = z.readonly(z.array(z.int().check(z.positive())));
const noShape = z.readonly(z.array(z.int()).check(z.length(0)));
const range = z.readonly(z.tuple([z.number(), z.number()]));
export const dtype = z.enum(['float32', 'int32', 'bool']);
/** A name that is safe as a file stem, a URL segment and an object key. */
export const name = z.string().check(z.regex(/^[A-Za-z][\w.-]*$/));
const sha256 = z.string().check(z.regex(/^[0-9a-f]{64}$/));
const path = z.string().check(z.refine(isPlainPath, 'expected a plain relative path inside the bundle'));
export const fileFields = { file: path, bytes: whole, sha256 };
/** Programs refer to a file of weights by its name: it lies beside them, and the name says nothing else. */
const weightsFile = z.string().check(z.regex(/^[A-Za-z0-9][\w.-]*$/));

/** Format 1 calls the distribution of noise its `law`: so the files do, and all else says `distribution`. */
export const noiseLaw = { law: z.enum(['normal', 'uniform']) };

/** A part of a file that describes noise, as all else has it. */
export function fromLaw<T extends { law: NoiseDistribution }>({ law, ...rest }: T) {
  return { ...rest, distribution: law };
}

/** What describes noise, as the files have it. */
export function toLaw<T extends { readonly distribution: NoiseDistribution }>({ distribution, ...rest }: T) {
  return { ...rest, law: distribution };
}

const inputSpec = z.discriminatedUnion('role', [
  z.pipe(
    z.object({
      role: z.literal('noise'),
      dtype: z.literal('float32'),
      shape,
      ...noiseLaw,
      belongsTo: z.optional(z.enum(['example', 'estimate'])),
      unless: z.optional(z.string()),
    }),
    z.transform(fromLaw),
  ),
  z.object({ role: z.literal('data'), dtype, shape }),
  z.object({ role: z.literal('latent'), dtype, shape }),
  z.object({
    role: z.literal('label'),
    dtype: z.literal('int32'),
    shape: noShape,
    classes: z.int().check(z.positive()),
  }),
  z.object({
    role: z.literal('condition'),
    dtype: z.enum(['float32', 'int32']),
    shape,
    tokens: z.optional(z.int().check(z.positive())),
  }),
  z.object({
    role: z.literal('scalar'),
    dtype,
    shape: noShape,
    default: z.number(),
    min: z.optional(z.number()),
    max: z.optional(z.number()),
  }),
  z.object({ role: z.literal('carry'), dtype, shape, initial: z.number() }),
]);

const outputSpec = z.object({
  dtype,
  shape,
  meaning: z.enum(['data', 'latent', 'logProb', 'logWeight', 'label', 'carry', 'other']),
});

const dataset = {
  name: z.string(),
  classNames: z._default(z.array(z.string()), []),
  /** Share of the training examples that each class has. */
  classFrequencies: z.optional(z.readonly(z.array(z.number().check(z.nonnegative())))),
};
const side = z.int().check(z.positive());
const tableColumn = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('number'),
    name: z.string(),
    modes: z
      .readonly(
        z.array(z.object({ mean: z.number(), std: z.number().check(z.positive()), weight: z.number() })),
      )
      .check(z.minLength(1)),
    range,
    decimals: z.optional(z.int().check(z.minimum(0), z.maximum(100))),
    missing: z.optional(z.string()),
  }),
  z.object({
    kind: z.literal('category'),
    name: z.string(),
    values: z.readonly(z.array(z.string())).check(z.minLength(1)),
    numeric: z.optional(z.boolean()),
    label: z.optional(z.boolean()),
  }),
]);
const dataSpec = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('image'), shape: z.readonly(z.tuple([side, side, side])), range, ...dataset }),
  z.object({
    kind: z.literal('points'),
    shape: z.readonly(z.tuple([side])),
    columns: z.optional(z.readonly(z.array(tableColumn))),
    ...dataset,
  }),
  z.object({
    kind: z.literal('audio'),
    shape: z.readonly(z.tuple([side])),
    sampleRate: z.number().check(z.positive()),
    range,
    ...dataset,
  }),
]);

const programEntry = z.object({
  ...fileFields,
  opset: whole,
  /** Files of the manifest's `weights` that the program takes weights from. Absent where they are inside. */
  weights: z.optional(z.array(weightsFile)),
  inputs: z.record(z.string(), inputSpec),
  outputs: z.record(z.string(), outputSpec),
  stream: z.optional(z.object({ chunks: z.int().check(z.positive()), axis: z.literal(0) })),
  chain: z.optional(
    z.object({
      steps: z.int().check(z.positive()),
      stepsPerCall: z.int().check(z.positive()),
      example: z.optional(z.string()),
    }),
  ),
});

const parity = z.object({
  /** What computed the reference, such as `tfjs 4.22.0 cpu`. */
  reference: z.string(),
  programs: z.record(
    name,
    z.object({
      maxAbsoluteError: z.number(),
      maxRelativeError: z.number(),
      batch: whole,
      /** Whether the errors are allowed; bundles of earlier releases were written only when they were. */
      passed: z.optional(z.boolean()),
      /**
       * Of a program that draws value after value: the draws that fell on the other side of a threshold near by, each
       * given the values before it.
       */
      flips: z.optional(whole),
      /** For a loop too long for the reference: the program for parts of it that stood in, itself compared. */
      through: z.optional(z.string()),
    }),
  ),
});

const description = z.object({
  title: z.string(),
  /** Place in the taxonomy of deep generative models, from the root. */
  taxonomy: z.readonly(z.array(z.string())),
  /** In plain text; what follows `_` is written below the line. */
  equation: z.string(),
  sources: z.readonly(z.array(z.string())),
});

/** What a family says of itself. */
export type ModelDescription = z.infer<typeof description>;

/** The whole of a `model.json`. */
export const manifestSchema = z.object({
  format: z.literal(bundleFormat),
  version: z.literal(bundleVersions),
  name: z.string(),
  family: z.string(),
  options: z.record(z.string(), z.unknown()),
  /** Of the family; absent from older bundles. */
  description: z.optional(description),
  data: dataSpec,
  programs: z.record(name, programEntry),
  /** Files of weights that programs share, as safetensors; version 2 alone has them. */
  weights: z.optional(z.array(z.object({ file: weightsFile, bytes: whole, sha256 }))),
  provenance: z.object({
    seed: whole,
    dataset: z.string(),
    steps: whole,
    /** Which checkpoint of the run it is, and what the best one was chosen by. Absent from older bundles. */
    checkpoint: z.optional(
      z.object({
        kept: z.enum(['last', 'best', 'step']),
        score: z.optional(z.object({ metric: z.string(), value: z.number() })),
      }),
    ),
    engine: z.string(),
    metrics: z.record(z.string(), z.number()),
    generatrixVersion: z.string(),
  }),
  parity: z.optional(parity),
  /**
   * Reference inputs and outputs, a safetensors file with keys `PROGRAM/in/NAME` and `PROGRAM/out/NAME`. For outputs
   * that are drawn value after value also `PROGRAM/margin/NAME`, in the output's shape: how far the uniform noise of
   * each value lies from where another would be drawn, given the values before it. Bundles of earlier releases have
   * none, and there every draw must be the same.
   */
  reference: z.optional(z.object(fileFields)),
  /**
   * The programs as runtimes take them that do not know all of ONNX: with their loops as they are, unrolled or left to the
   * caller, for one batch size or any. This runtime runs `programs`.
   */
  portable: z.optional(
    z.object({
      loops: z.enum(['scan', 'unrolled', 'host']),
      batch: z.optional(z.int().check(z.positive())),
      /** With loops left to the caller, `file` says what to do with the `parts`. */
      programs: z.record(name, z.object({ ...fileFields, parts: z.optional(z.array(z.object(fileFields))) })),
    }),
  ),
  sample: z.optional(z.object({ ...fileFields, seed: whole, count: whole })),
  /** What it takes to train the model further: `trainingOf` of runtime/train checks and reads it. */
  training: z.optional(z.unknown()),
  graphModels: z.optional(
    z.record(name, z.object({ files: z.record(path, z.object({ bytes: whole, sha256 })) })),
  ),
});

/** The bundle's `model.json`. */
export type Manifest = z.infer<typeof manifestSchema>;
/** A program's file and signature, as the manifest has them. */
export type ProgramEntry = z.infer<typeof programEntry>;
/** A file of the bundle, with what proves it whole. `bytes` is its size, `sha256` 64 lower-case hex digits. */
export interface FileEntry {
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** A file's path within the bundle: no way out of it on any system, and no surprise in a URL. */
export function isPlainPath(value: string): boolean {
  const plain = /^[^\\:%?#\p{Cc}]+$/u.test(value);
  return plain && value.split('/').every((segment) => segment !== '' && segment !== '.' && segment !== '..');
}

import * as z from 'zod/mini';
import type { Bundle } from '../bundle/bundle.ts';
import {
  dtype,
  fileFields,
  fromLaw,
  name,
  noiseLaw,
  shape,
  toLaw,
  whole,
} from '../bundle/manifest-schema.ts';
import { UserError } from '../errors.ts';

/** What it takes to train the model further: see `BundleTrainer`. */
const training = z.object({
  step: z.object({ ...fileFields, opset: whole }),
  batchSize: z.int().check(z.positive()),
  batching: z.enum(['shuffled', 'sweep']),
  learningRate: z.number(),
  noise: z.record(z.string(), z.pipe(z.object({ ...noiseLaw, shape }), z.transform(fromLaw))),
  state: z.record(
    z.string(),
    z.object({
      shape,
      dtype: z.optional(dtype),
      initial: z.union([
        z.number(),
        z.pipe(z.object({ ...noiseLaw, scale: z.number() }), z.transform(fromLaw)),
      ]),
    }),
  ),
  /** The programs by their names in `programs`, with the state among their inputs as `state/NAME`. */
  programs: z.record(name, z.object({ ...fileFields, opset: whole })),
  /** The whole state after the last step, safetensors by the names of `state`. */
  trained: z.object(fileFields),
  /** The state before the first step, where it takes more than the distributions of `state`. */
  start: z.optional(z.object(fileFields)),
  /** Examples to train on, safetensors with `data` [n, ...shape] and, where there are classes, `labels` [n]. */
  examples: z.optional(z.object({ ...fileFields, count: whole })),
});

/** What a bundle that can be trained says of its training. */
export type TrainingEntry = z.infer<typeof training>;

/** What the bundle says of its training. @throws UserError when it says nothing, or something that makes no sense. */
export function trainingOf({ manifest, source }: Bundle): TrainingEntry {
  if (manifest.training === undefined) {
    throw new UserError(
      `bundle ${source.describe()} cannot be trained: it holds no training step; export it with --trainable`,
    );
  }
  const result = z.safeParse(training, manifest.training);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  throw new UserError(
    `bundle ${source.describe()}: model.json: training.${issue.path.join('.')}: ${issue.message}; export it again`,
  );
}

/** What `trainingOf` reads, as the field `training` of a manifest. */
export function trainingJson(entry: TrainingEntry): unknown {
  const noise = Object.entries(entry.noise).map(([name, spec]) => [name, toLaw(spec)]);
  const state = Object.entries(entry.state).map(([name, { initial, ...spec }]) => [
    name,
    { ...spec, initial: typeof initial === 'number' ? initial : toLaw(initial) },
  ]);
  return { ...entry, noise: Object.fromEntries(noise), state: Object.fromEntries(state) };
}

import { z } from 'zod';
import { seedSchema } from '../seed.ts';

/** Formats of samples, by the words of the field `format`. */
export const formats = ['json', 'png', 'wav', 'csv', 'npy'] as const;

const presentation = {
  format: z.enum(formats).optional().describe('Goes before the Accept header'),
  layout: z.enum(['grid', 'strip']).optional().describe('Of a PNG: a square of images, or one row'),
  columns: z.int().min(1).max(4096).optional().describe('Images in a row of a PNG'),
  scale: z.int().min(1).max(8).optional().describe('Pixels a side for each pixel of an image'),
};

/** What the query of a request may say: how to show samples, and which version is meant. */
export const querySchema = z.strictObject({
  version: z.string().max(20).optional().describe('Version of the model; the highest when absent'),
  format: presentation.format,
  layout: presentation.layout,
  columns: z.coerce.number().int().min(1).max(4096).optional(),
  scale: z.coerce.number().int().min(1).max(8).optional(),
});

const values = z
  .unknown()
  .meta({ type: 'array', items: {}, description: 'Nested lists [n, ...shape], or one example [...shape]' });
const held = values
  .optional()
  .describe(
    'Pixels that are kept, 1 or 0: [n, height, width, 1], or one for all; of models that refine noise',
  );
const scalars = z.number().describe('A scalar that the program declares, such as temperature');
const firstIndex = z
  .int()
  .min(0)
  .max(2 ** 32 - 1)
  .default(0)
  .describe('Index of the first sample: samples 10 to 19 are the same drawn alone or as part of 0 to 99');

/** Request bodies of the sampling API. @param maxCount rows that one request may ask for */
export function samplingSchemas(maxCount: number) {
  const label = z
    .union([z.int32().min(0), z.array(z.int32().min(0)).min(1).max(maxCount)], {
      error: 'expected a class, or a list of classes, one for each sample',
    })
    .describe('One class for all, or one for each; sample i gets class i modulo their number when absent');
  const draw = { seed: seedSchema.optional(), first_index: firstIndex, label: label.optional() };
  const count = z.int().min(1).max(maxCount);
  const point = z
    .union([
      seedSchema,
      z.strictObject({ seed: seedSchema, index: firstIndex }),
      z.strictObject({ latent: values }),
    ])
    .describe('A seed, a seed and a sample index, or a latent code');
  return {
    samples: z
      .object({
        count: count.default(1).describe('Samples to draw'),
        ...draw,
        labels: z
          .enum(['balanced', 'data'])
          .optional()
          .describe('Classes where no label is said: in turn, or as frequent as in the training data'),
        draw: z
          .enum(['sample', 'mean'])
          .optional()
          .describe("Draws given a code, or their means; the default of the model's scalar mean when absent"),
        given: values.optional().describe('Examples to complete; needs a model with the program complete'),
        held,
        stream: z.boolean().optional().describe('Server-sent events, for models that sample step by step'),
        ...presentation,
      })
      .catchall(scalars),
    complete: z
      .object({
        given: values,
        held,
        count: count.optional().describe('Completions of one example'),
        ...draw,
        ...presentation,
      })
      .catchall(scalars),
    logprob: z
      .object({
        data: values,
        samples: z.int().min(1).max(10_000).default(1).describe('Draws of a bound; more make it tighter'),
        ...draw,
      })
      .catchall(scalars),
    encode: z.object({ data: values, ...draw }).catchall(scalars),
    decode: z.object({ latent: values, ...draw, ...presentation }).catchall(scalars),
    interpolate: z
      .object({
        from: point,
        to: point,
        steps: z
          .int()
          .min(2)
          .max(Math.max(2, maxCount))
          .default(8)
          .describe('Points of the way, ends included'),
        method: z.enum(['linear', 'spherical']).default('spherical'),
        label: label.optional(),
        seed: draw.seed,
        ...presentation,
      })
      .catchall(scalars),
  };
}

export type SamplingSchemas = ReturnType<typeof samplingSchemas>;
export type SamplingBody<K extends keyof SamplingSchemas> = z.output<SamplingSchemas[K]>;

/** How samples are shown: the body's fields, and the query's before them. */
export interface Presentation {
  readonly format?: (typeof formats)[number];
  readonly layout?: 'grid' | 'strip';
  readonly columns?: number;
  readonly scale?: number;
}

const seed = z.union([z.int(), z.string()]);
const nested = z
  .array(z.unknown())
  .describe('Nested lists [n, ...shape]; null for a value that is not finite');
const answered = { model: z.string(), version: z.string() };

/** Response bodies of the sampling API. */
export const answerSchemas = {
  samples: z.object({
    ...answered,
    program: z.string(),
    seed: seed.optional(),
    count: z.int(),
    shape: z.array(z.int()),
    data: nested,
    columns: z.array(z.string()).optional().describe('Of samples that are rows of a table: their names'),
    rows: z
      .array(z.array(z.union([z.number(), z.string(), z.null()])))
      .optional()
      .describe('The rows that the data stands for; null for a missing number'),
    outputs: z.record(z.string(), nested).optional(),
  }),
  logprob: z.object({
    ...answered,
    seed: seed.optional(),
    kind: z.enum(['exact', 'bound']),
    unit: z.literal('nats'),
    values: nested,
  }),
  encode: z.object({ ...answered, seed: seed.optional(), shape: z.array(z.int()), latent: nested }),
};

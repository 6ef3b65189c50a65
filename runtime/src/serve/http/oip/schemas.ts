import { z } from 'zod';
import { seedSchema } from '../seed.ts';
import { datatypes } from './cast.ts';

/** JSON that says null where it could say nothing. */
const absent = <T extends z.ZodType>(schema: T) => schema.nullish().transform((value) => value ?? undefined);
const name = z.string().min(1).max(200);
const tensorParameters = z
  .looseObject({
    binary_data_size: z.int().min(0).optional().describe('Bytes of this tensor after the JSON'),
    binary_data: z.boolean().optional(),
    cast: z.boolean().optional().describe('Values may be rounded to the type that the model takes'),
  })
  .describe('Of the binary tensor data extension');
const list = z
  .unknown()
  .meta({ type: 'array', items: {}, description: 'Values in row-major order, flat or nested' });

export const inputSchema = z.object({
  name,
  shape: z
    .array(
      z
        .int()
        .min(0)
        .max(2 ** 31),
    )
    .max(16),
  datatype: z.enum(datatypes),
  parameters: tensorParameters.optional(),
  data: list.optional(),
});

/** @param maxCount rows that one request may ask for */
export function inferSchema(maxCount: number) {
  return z.object({
    id: absent(z.string().max(200)),
    parameters: z
      .looseObject({
        seed: seedSchema.optional(),
        first_index: z
          .int()
          .min(0)
          .max(2 ** 32 - 1)
          .optional(),
        count: z.int().min(1).max(maxCount).optional().describe('Rows, where no tensor says how many'),
        timeout: z.int().min(0).optional().describe("Microseconds, 0 for the server's own limit"),
        binary_data_output: z.boolean().optional(),
        cast: z.boolean().optional().describe('Values may be rounded to the types that the model takes'),
        stream: z.boolean().optional().describe('Part by part; over gRPC, by ModelStreamInfer'),
      })
      .optional(),
    inputs: z.array(inputSchema).max(64).default([]),
    outputs: z
      .array(z.object({ name, parameters: tensorParameters.optional() }))
      .max(64)
      .optional(),
  });
}

export type InferRequest = z.output<ReturnType<typeof inferSchema>>;
export type WireInput = z.output<typeof inputSchema>;

const tensor = { name: z.string(), shape: z.array(z.int()), datatype: z.string() };
const loose = z.record(z.string(), z.unknown());

/** The protocol's answers. */
export const oipAnswers = {
  server: z.object({ name: z.string(), version: z.string(), extensions: z.array(z.string()) }),
  live: z.object({ live: z.boolean() }),
  ready: z.object({ ready: z.boolean() }),
  modelReady: z.object({ name: z.string(), ready: z.boolean() }),
  model: z.object({
    name: z.string(),
    versions: z.array(z.string()),
    platform: z.string(),
    inputs: z.array(z.object({ ...tensor, parameters: loose })),
    outputs: z.array(z.object({ ...tensor, parameters: loose })),
  }),
  infer: z.object({
    model_name: z.string(),
    model_version: z.string(),
    id: z.string().optional(),
    parameters: loose.optional(),
    outputs: z.array(
      z.object({ ...tensor, parameters: loose.optional(), data: z.array(z.unknown()).optional() }),
    ),
  }),
  done: z.object({}),
  index: z.array(z.object({ name: z.string(), version: z.string(), state: z.string(), reason: z.string() })),
};

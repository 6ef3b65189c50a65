import { readFile } from 'node:fs/promises';
import { z } from 'zod';

const figure = z.strictObject({
  /** What it is, in words. */
  name: z.string(),
  value: z.number().nullable(),
  /** Of the mean over examples, or what the figure's own method gives; null where it has none. */
  standardError: z.number().nullable(),
  /** `nats`, `%`; empty for a number. */
  unit: z.string(),
  /** What belongs to it: examples, samples, an interval. */
  note: z.string().optional(),
});
export type Figure = z.infer<typeof figure>;

const recordSchema = z.strictObject({
  format: z.literal('generatrix-reproduction'),
  family: z.string(),
  preset: z.string(),
  summary: z.string(),
  published: z.string(),
  data: z.strictObject({
    name: z.string(),
    split: z.literal('test'),
    examples: z.int(),
    /** Whether the model sees images as 0 and 1, drawn anew by their values. */
    binarised: z.boolean(),
    fingerprints: z.unknown(),
  }),
  seed: z.int(),
  steps: z.int(),
  /** All settings of the run. */
  settings: z.record(z.string(), z.unknown()),
  figures: z.array(figure).min(1),
  /** What was run, with DIR for the folder of the data. */
  commands: z.array(z.string()).min(1),
  /** Of training; null for runs that did not record it. */
  processorSeconds: z.number().nullable(),
  wallSeconds: z.number().nullable(),
  environment: z.strictObject({
    generatrix: z.string(),
    /** Of the source that ran; null for a package. */
    commit: z.string().nullable(),
    node: z.string(),
    engine: z.string(),
    threads: z.int().nullable(),
    processor: z.string(),
    platform: z.string(),
  }),
  date: z.iso.date(),
});

/** One preset as it was reproduced: a file of `results/reproduced/`. */
export type ReproductionRecord = z.infer<typeof recordSchema>;

/** @throws ZodError when it is no record */
export function parseReproduction(value: unknown): ReproductionRecord {
  return recordSchema.parse(value);
}

/** The record in a file; null where there is none, or none that can be read. */
export async function readReproduction(path: string): Promise<ReproductionRecord | null> {
  const text = await readFile(path, 'utf8').catch(() => null);
  if (text === null) return null;
  try {
    return parseReproduction(JSON.parse(text));
  } catch {
    return null;
  }
}

/** A figure with its error and its unit, as tables show it. */
export function describeFigure({ name, value, standardError, unit, note }: Figure): string {
  const digits = (number: number) =>
    Math.abs(number) >= 1000 ? number.toFixed(0) : number.toFixed(Math.abs(number) >= 10 ? 2 : 3);
  const size = value === null ? 'not finite' : `${digits(value)}${unit === '' ? '' : ` ${unit}`}`;
  const error = standardError === null ? '' : ` (${digits(standardError)})`;
  return `${name} ${size}${error}${note === undefined ? '' : `, ${note}`}`;
}

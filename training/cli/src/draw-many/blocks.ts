import { createHash } from 'node:crypto';
import type { Sampler } from '@generatrix/runtime';
import {
  type DrawKind,
  drawLabels,
  type HostTensor,
  hostTensor,
  type LabelDistribution,
  type Manifest,
  type ProgramEntry,
  type SampleRequest,
  type Seed,
  samplingProgram,
  sizeOf,
} from '@generatrix/runtime/core';
import { blocksOf, type Range, runRows } from './plan.ts';

/** What is drawn, whatever part of it. */
export interface DrawRequest {
  readonly program: string;
  readonly seed: number;
  readonly label?: number;
  readonly labels?: LabelDistribution;
  readonly draw?: DrawKind;
  readonly temperature?: number;
}

/** What is known of a shard before it is drawn. */
export interface ShardContent {
  readonly range: Range;
  /** Of one sample. */
  readonly shape: readonly number[];
  readonly dtype: HostTensor['dtype'];
}

/** Consecutive samples. */
export interface Block extends Range {
  /** [count, ...shape] */
  readonly data: HostTensor;
  /** The class of each, of models that have classes. */
  readonly labels: Int32Array | null;
  /** SHA-256 of their values, and then of their classes, all in little-endian order. */
  readonly sha256: string;
}

/**
 * Draws a range of samples, block after block. A sample depends on the request and its index alone, to the last bit on
 * one kind of machine: programs run on whole runs of rows, and what is beyond the range is left out.
 */
export async function* drawBlocks(
  sampler: Pick<Sampler, 'sample' | 'manifest'>,
  request: DrawRequest,
  range: Range,
  rows: number,
): AsyncGenerator<Block> {
  const labelled = labelsOf(sampler, request);
  for (const { first, count } of blocksOf(range, rows)) {
    const whole = { firstIndex: first, count: runRows * Math.ceil(count / runRows), batchSize: runRows };
    const { data } = await sampler.sample({ ...request, ...whole } satisfies SampleRequest);
    const kept = rowsOf(data, count);
    const labels = labelled?.(first, count) ?? null;
    const hash = createHash('sha256').update(bytesOf(kept.data));
    if (labels !== null) hash.update(bytesOf(labels));
    yield { first, count, data: kept, labels, sha256: hash.digest('hex') };
  }
}

/** The program that draws, as the sampler chooses it. */
export function programOf({ programs }: Manifest, program: string): ProgramEntry | undefined {
  return programs[program === 'sample' ? (samplingProgram(programs) ?? program) : program];
}

/** The input that takes classes, of models that have them. */
export function labelInput(manifest: Manifest, program: string) {
  return Object.values(programOf(manifest, program)?.inputs ?? {}).find((input) => input.role === 'label');
}

/** The classes that the sampler gives to samples without a label each, so that they can be written beside them. */
function labelsOf(
  { manifest }: Pick<Sampler, 'manifest'>,
  { program, seed, label, labels }: DrawRequest,
): ((first: number, count: number) => Int32Array) | null {
  const spec = labelInput(manifest, program);
  if (spec === undefined) return null;
  if (label !== undefined) return (_, count) => new Int32Array(count).fill(label);
  const frequencies = manifest.data.classFrequencies;
  if (labels === 'data' && frequencies !== undefined) {
    return (firstIndex, count) => drawLabels(frequencies, { seed: seed as Seed, firstIndex, count });
  }
  return (first, count) => Int32Array.from({ length: count }, (_, i) => (first + i) % spec.classes);
}

function rowsOf({ dtype, shape, data }: HostTensor, count: number): HostTensor {
  if (shape[0] === count) return { dtype, shape, data } as HostTensor;
  const rest = shape.slice(1);
  return hostTensor(dtype, [count, ...rest], data.subarray(0, count * sizeOf(rest)));
}

/** The bytes of values as they lie in memory: little-endian on every machine that onnxruntime runs on. */
export function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

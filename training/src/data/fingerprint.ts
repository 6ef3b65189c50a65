import { createHash } from 'node:crypto';
import { sizeOf } from '@generatrix/runtime/core';
import type { Dataset } from './dataset.ts';

/** What a part of a data set is recognised by. */
export interface Fingerprint {
  readonly count: number;
  readonly shape: readonly number[];
  readonly classes: readonly string[];
  /** SHA-256 of the labels of all examples and the values of some. */
  readonly sha256: string;
}

/** Examples and values that are looked at, at most, so that a huge data set is not read for it. */
const sampledExamples = 64;
const sampledValues = 2 ** 20;

/**
 * The fingerprint of a part: its number of examples, their shape, the classes, and a hash of all labels and of the
 * values of up to 64 examples, evenly spaced from the first to the last.
 */
export async function fingerprintOf(dataset: Dataset): Promise<Fingerprint> {
  const { size, spec, classNames, labels } = dataset;
  const most = Math.max(1, Math.floor(sampledValues / sizeOf(spec.shape)));
  const taken = Math.min(size, sampledExamples, most);
  const indices = Int32Array.from({ length: taken }, (_, i) =>
    taken < 2 ? 0 : Math.round((i * (size - 1)) / (taken - 1)),
  );
  const { data } = await dataset.gather(indices);
  const hash = createHash('sha256');
  if (labels !== null) hash.update(bytesOf(labels));
  hash.update(bytesOf(Float32Array.from(data as ArrayLike<number>)));
  for (const [name, field] of Object.entries(dataset.fields ?? {}))
    hash.update(name).update(bytesOf((await field.gather(indices)).data));
  return { count: size, shape: [...spec.shape], classes: [...classNames], sha256: hash.digest('hex') };
}

/** What differs between the data that was and the data that is, in words; null when nothing does. */
export function changeOf(before: Fingerprint, now: Fingerprint): string | null {
  if (before.count !== now.count) return `${now.count} examples where there were ${before.count}`;
  if (String(before.shape) !== String(now.shape))
    return `examples of shape ${now.shape.join('x')} where they were ${before.shape.join('x')}`;
  if (String(before.classes) !== String(now.classes))
    return `classes ${now.classes.join(', ') || 'none'} where they were ${before.classes.join(', ') || 'none'}`;
  return before.sha256 === now.sha256 ? null : 'as many examples with other values or labels';
}

/** One line on what was loaded: the data set, the examples of each part, their shape, range and classes. */
export function describeDatasets(datasets: readonly Dataset[]): string {
  const { name, spec, classNames } = datasets[0]!;
  const sizes = datasets.map(({ size, split }) => `${size} ${split}`).join(', ');
  const range = 'range' in spec ? ` in [${spec.range.join(', ')}]` : '';
  const rate = spec.kind === 'audio' ? ` at ${spec.sampleRate} Hz` : '';
  const classes = classNames.length === 0 ? 'no classes' : `${classNames.length} classes`;
  const notes = (datasets[0]!.notes ?? []).map((note) => `; ${note}`).join('');
  return `data: ${name}, ${sizes} examples of ${spec.kind} ${spec.shape.join('x')}${rate}${range}, ${classes}${notes}`;
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

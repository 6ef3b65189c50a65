import { UserError } from '../errors.ts';
import { allocate, type HostTensor, sizeOf } from '../program/tensor.ts';
import type { InputSources } from './inputs.ts';

/** The sources of `count` samples from `start` on, counted within `sources`. */
export function sliceSources(sources: InputSources, start: number, count: number): InputSources {
  const { data, latent, labels, tensors, carries, conditions } = sources;
  return {
    ...sources,
    firstIndex: sources.firstIndex + start,
    count,
    ...(data && { data: sliceTensor(data, start, count) }),
    ...(latent && { latent: sliceTensor(latent, start, count) }),
    ...(labels && { labels: labels.subarray(start, start + count) }),
    ...(tensors && { tensors: sliceTensors(tensors, start, count) }),
    ...(conditions && { conditions: sliceTensors(conditions, start, count) }),
    ...(carries && { carries: sliceTensors(carries, start, count) }),
  };
}

/** A scalar has no rows: all batches get it whole. */
function sliceTensors(tensors: Readonly<Record<string, HostTensor>>, start: number, count: number) {
  return Object.fromEntries(
    Object.entries(tensors).map(([name, tensor]) => [
      name,
      tensor.shape.length === 0 ? tensor : sliceTensor(tensor, start, count),
    ]),
  );
}

/** A view, not a copy. */
function sliceTensor(tensor: HostTensor, start: number, count: number): HostTensor {
  const size = sizeOf(tensor.shape.slice(1));
  const data = tensor.data.subarray(start * size, (start + count) * size);
  return { dtype: tensor.dtype, shape: [count, ...tensor.shape.slice(1)], data } as HostTensor;
}

/** Gathers the outputs of consecutive batches into tensors of `count` samples. */
export class BatchCollector {
  readonly #count: number;
  readonly #where: string;
  readonly #joined: Record<string, HostTensor> = {};

  constructor(where: string, count: number) {
    this.#where = where;
    this.#count = count;
  }

  /** @throws when an output does not have a row for each of the batch's samples. */
  add(start: number, batch: number, outputs: Readonly<Record<string, HostTensor>>): void {
    for (const [name, tensor] of Object.entries(outputs)) {
      const { dtype, shape } = tensor;
      if (shape[0] !== batch) {
        throw new Error(`${this.#where}: output '${name}' must have ${batch} rows, has shape [${shape}]`);
      }
      if (batch === this.#count) {
        this.#joined[name] = tensor;
        continue;
      }
      const rest = shape.slice(1);
      this.#joined[name] ??= {
        dtype,
        shape: [this.#count, ...rest],
        data: allocate(dtype, this.#count * sizeOf(rest)),
      } as HostTensor;
      this.#joined[name].data.set(tensor.data, start * sizeOf(rest));
    }
  }

  get outputs(): Record<string, HostTensor> {
    return this.#joined;
  }
}

/** @throws UserError naming the number. */
export function checkCount(what: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new UserError(`${what}: expected a whole number from 1, got ${String(value)}`);
  }
}

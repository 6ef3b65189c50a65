import { type HostTensor, hostTensor, randomStream } from '@generatrix/runtime/core';
import type { Dataset } from '../data/index.ts';
import type { Rows } from './rows.ts';
import type { SampleSource } from './sample-source.ts';

/** A source that hands out examples of a data set: those at the indices that `choose` gives for sample numbers. */
export function datasetSource(
  name: string,
  dataset: Dataset,
  choose: (sample: number) => number,
  options: { readonly labelled?: boolean } = {},
): SampleSource {
  return {
    name,
    spec: dataset.spec,
    draw: async ({ count, firstIndex = 0 }) => {
      const indices = Int32Array.from({ length: count }, (_, i) => choose(firstIndex + i));
      return {
        data: await dataset.gather(indices),
        labels: options.labelled === true ? indices.map((index) => dataset.labels![index]!) : null,
      };
    },
  };
}

/** A source that hands out values made one by one. */
export function madeSource(
  name: string,
  like: Dataset,
  make: (random: ReturnType<typeof randomStream>) => number,
): SampleSource {
  return {
    name,
    spec: like.spec,
    draw: async ({ count, seed, firstIndex = 0 }) => {
      const width = like.spec.shape.reduce((product, side) => product * side, 1);
      const values = new Float32Array(count * width);
      for (let i = 0; i < count; i++) {
        const random = randomStream(seed, name, firstIndex + i);
        for (let k = 0; k < width; k++) values[i * width + k] = make(random);
      }
      return { data: hostTensor('float32', [count, ...like.spec.shape], values), labels: null };
    },
  };
}

/** Rows of standard normal values, shifted and scaled. */
export function normalRows(
  count: number,
  width: number,
  options: { readonly stream: string; readonly shift?: number; readonly scale?: number },
): Rows {
  const { stream, shift = 0, scale = 1 } = options;
  const random = randomStream(11, stream);
  return {
    count,
    width,
    values: Float32Array.from({ length: count * width }, () => shift + scale * random.nextNormal()),
  };
}

/** Rows from nested lists. */
export function rowsFrom(lists: readonly (readonly number[])[]): Rows {
  return { count: lists.length, width: lists[0]!.length, values: Float32Array.from(lists.flat()) };
}

/** The tensor of these rows. */
export function tensorOf({ count, width, values }: Rows): HostTensor {
  return hostTensor('float32', [count, width], values);
}

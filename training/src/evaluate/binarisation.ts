import { fillNoise, type HostTensor, hostTensor, type Manifest } from '@generatrix/runtime/core';
import type { Dataset } from '../data/index.ts';

/**
 * Does the model score images that noise turns into 0 and 1 first? Its program says so with a uniform number for each
 * value that belongs to the example; bundles of earlier releases name that input `uniform`, as flows name their
 * dequantisation, which `isTwoValued` of the samples tells apart.
 */
export function binarises({ data, programs }: Manifest): boolean {
  return ['logProb', 'logWeight'].some((name) =>
    Object.entries(programs[name]?.inputs ?? {}).some(([input, spec]) => {
      if (
        spec.role !== 'noise' ||
        spec.distribution !== 'uniform' ||
        String(spec.shape) !== String(data.shape)
      )
        return false;
      const owner = 'belongsTo' in spec ? spec.belongsTo : undefined;
      return owner === undefined ? input === 'uniform' : owner === 'example';
    }),
  );
}

/** Is every value one of the two ends of the range? Means of a binary model are not, nor are grey images. */
export function isTwoValued({ data }: HostTensor, [low, high]: readonly [number, number]): boolean {
  return data.every((value: number) => value === low || value === high);
}

/**
 * The data set as a binary model sees it: each value becomes the upper end of its range with the probability of its
 * place in the range, else the lower one. An example is binarised in one way, whenever it is gathered.
 * @throws when the data are no images.
 */
export function binarised(dataset: Dataset, seed: number): Dataset {
  const { spec, split } = dataset;
  if (spec.kind !== 'image') throw new Error(`binarised: expected images, got ${spec.kind}`);
  const [low, high] = spec.range;
  const width = spec.shape.reduce((product, side) => product * side, 1);
  const stream = `evaluate/binarisation/${split}`;
  return {
    ...dataset,
    gather: async (indices) => {
      const { shape, data } = await dataset.gather(indices);
      const values = new Float32Array(data.length);
      for (let row = 0; row < indices.length; row++) {
        const firstIndex = indices[row]!;
        const noise = fillNoise({
          distribution: 'uniform',
          seed,
          stream,
          firstIndex,
          count: 1,
          shape: spec.shape,
        });
        for (let k = 0; k < width; k++) {
          const at = row * width + k;
          values[at] = noise[k]! < (data[at]! - low) / (high - low) ? high : low;
        }
      }
      return hostTensor('float32', shape, values);
    },
  };
}

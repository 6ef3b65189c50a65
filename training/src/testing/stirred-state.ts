import { fillNoise, type HostTensor } from '@generatrix/runtime/core';
import { averageSpecs } from '../core/parameter-average.ts';
import type { Model } from '../model/model.ts';
import type { HostState } from '../model/state.ts';

/**
 * A state such as training might leave: kernels and biases that start as zeros are random, too, so that outputs depend
 * on all of them. Flows start as the identity, and a DCGAN as one grey. A model that no gradient trains (EM) keeps its
 * start.
 * @param strength scales the noise that is added; 1 is a deviation of half of 1 / sqrt(fan-in), or 0.1 for vectors
 */
export function stirredState(state: HostState, { state: specs, training }: Model, strength = 1): HostState {
  if (training === undefined) return state;
  const averages = averageSpecs(specs, training.ema);
  return Object.fromEntries(
    Object.entries(state).map(([name, tensor]) => {
      const { shape, dtype, initial, kind } = specs[name]!;
      const constant = typeof initial === 'number' && initial !== 0; // a scale or a running variance
      const unseen = kind === 'slot' && averages[name] === undefined;
      if (constant || dtype === 'int32' || unseen) return [name, tensor];
      const fanIn = shape.slice(0, -1).reduce((product, size) => product * size, 1);
      const std = strength * (shape.length > 1 ? 0.5 / Math.sqrt(fanIn) : 0.1);
      const stream = `stir/${name}`;
      const noise = fillNoise({ distribution: 'normal', seed: 12, stream, firstIndex: 0, count: 1, shape });
      const data = Float32Array.from(tensor.data, (value, i) => value + std * noise[i]!);
      return [name, { ...tensor, data } as HostTensor];
    }),
  );
}

import { fillNoise, type Seed } from '../noise/noise.ts';
import type { NoiseDistribution } from '../program/program.ts';
import { type DType, type HostTensor, hostTensor, sizeOf } from '../program/tensor.ts';

/** One tensor of the state and how it starts. */
export interface StateSpec {
  readonly shape: readonly number[];
  readonly dtype?: DType;
  /** Distribution of the initial values: a constant, or draws scaled by `scale` (std of the normal, half-width of the uniform). */
  readonly initial: number | { readonly distribution: NoiseDistribution; readonly scale: number };
}

/**
 * The state before the first step: each tensor from its own Philox stream, so that adding a parameter does not
 * change the others' values.
 */
export function drawInitialState(
  specs: Readonly<Record<string, StateSpec>>,
  seed: Seed,
): Record<string, HostTensor> {
  return Object.fromEntries(Object.entries(specs).map(([name, spec]) => [name, draw(name, spec, seed)]));
}

function draw(name: string, { shape, dtype = 'float32', initial }: StateSpec, seed: Seed): HostTensor {
  if (typeof initial === 'number') {
    return hostTensor(dtype, shape, new Array<number>(sizeOf(shape)).fill(initial));
  }
  const { distribution, scale } = initial;
  const noise = fillNoise({ distribution, seed, stream: `init/${name}`, firstIndex: 0, count: 1, shape });
  // Uniform noise is on [0, 1); weights want it centred, on [-scale, scale).
  return hostTensor(
    dtype,
    shape,
    noise.map((value) => scale * (distribution === 'uniform' ? 2 * value - 1 : value)),
  );
}

import type { StateSpec } from '@generatrix/runtime/core';

/** How many values one output of a linear map is made of (`in`), and how many outputs one value goes into (`out`). */
export interface Fans {
  readonly in: number;
  readonly out: number;
}

/** The distribution that a layer's values are drawn from at the start, given its fans. */
export type Initial = (fans: Fans) => StateSpec['initial'];

/** All zeros: a last layer that starts so makes what it is added to start as the identity. */
export const zeros: Initial = () => 0;

/** Uniform with variance 2 / (in + out) (Glorot and Bengio 2010, eq. 16). */
export const glorotUniform: Initial = (fans) => ({
  distribution: 'uniform',
  scale: Math.sqrt(6 / (fans.in + fans.out)),
});

/** Normal with variance 2 / in, which keeps the variance through ReLU (He et al. 2015, eq. 10). */
export const heNormal: Initial = (fans) => ({ distribution: 'normal', scale: Math.sqrt(2 / fans.in) });

/** Uniform with variance 2 / in. */
export const heUniform: Initial = (fans) => ({ distribution: 'uniform', scale: Math.sqrt(6 / fans.in) });

/** Normal with variance 1 / in, which keeps the variance of sums (LeCun et al. 1998, section 4.6). */
export const lecunNormal: Initial = (fans) => ({ distribution: 'normal', scale: Math.sqrt(1 / fans.in) });

/** Normal with this standard deviation, whatever the fans. */
export function normal(std: number): Initial {
  return () => ({ distribution: 'normal', scale: std });
}

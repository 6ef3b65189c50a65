import type { HostState } from '../../../model/state.ts';
import { rbmNames } from './rbm-machine.ts';

/** All states of so many binary units, unit 0 the lowest bit. */
export function allStates(units: number): number[][] {
  return Array.from({ length: 2 ** units }, (_, bits) =>
    Array.from({ length: units }, (_, i) => (bits >> i) & 1),
  );
}

/** A machine small enough to sum over all its states, in doubles and from the energy of both layers alone. */
export class ExactRbm {
  readonly visible: number[][];
  /** p(v) of each state in `visible`. */
  readonly probabilities: number[];
  readonly logZ: number;
  /** E[v h], E[v], E[h] under the model, as flat lists in the order of the parameters. */
  readonly moments: Record<string, number[]>;

  constructor(state: HostState) {
    const [w, b, c] = [rbmNames.weights, rbmNames.visibleBias, rbmNames.hiddenBias].map((name) =>
      Array.from(state[name]!.data),
    ) as [number[], number[], number[]];
    this.visible = allStates(b.length);
    const hidden = allStates(c.length);
    const weightOf = (v: readonly number[], h: readonly number[]) => {
      let negativeEnergy = 0;
      for (const [i, vi] of v.entries()) {
        negativeEnergy += vi * b[i]!;
        for (const [j, hj] of h.entries()) negativeEnergy += vi * hj * w[i * c.length + j]!;
      }
      for (const [j, hj] of h.entries()) negativeEnergy += hj * c[j]!;
      return Math.exp(negativeEnergy);
    };
    const joint = this.visible.map((v) => hidden.map((h) => weightOf(v, h)));
    const total = joint.flat().reduce((sum, x) => sum + x, 0);
    this.logZ = Math.log(total);
    this.probabilities = joint.map((row) => row.reduce((sum, x) => sum + x, 0) / total);
    const expected = (value: (v: readonly number[], h: readonly number[]) => number) =>
      joint.reduce(
        (sum, row, s) =>
          sum + row.reduce((inner, x, t) => inner + (x / total) * value(this.visible[s]!, hidden[t]!), 0),
        0,
      );
    const [units, features] = [b, c].map((list) => [...list.keys()]) as [number[], number[]];
    this.moments = {
      [rbmNames.weights]: units.flatMap((i) => features.map((j) => expected((v, h) => v[i]! * h[j]!))),
      [rbmNames.visibleBias]: units.map((i) => expected((v) => v[i]!)),
      [rbmNames.hiddenBias]: features.map((j) => expected((_, h) => h[j]!)),
    };
  }

  /** sum_i log p(v_i | all other v) of the state with this number. */
  pseudoLogLikelihood(state: number): number {
    const p = this.probabilities;
    return this.visible[state]!.reduce((sum, _, i) => {
      const other = state ^ (1 << i);
      return sum + Math.log(p[state]! / (p[state]! + p[other]!));
    }, 0);
  }
}

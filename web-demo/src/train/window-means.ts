import type { TrainingReport } from './protocol.ts';

/** Steps that a report averages. */
export const windowSteps = 10;

/** Collects the metrics of steps into reports. */
export interface WindowMeans {
  /**
   * Takes in a step. @returns the means since the last report, when the step ends a window.
   * @param last whether no more steps follow, which ends a window, too
   */
  add(step: number, metrics: Readonly<Record<string, number>>, last: boolean): TrainingReport | undefined;
}

/**
 * Means over windows that end at every tenth step: what is reported follows from the steps alone, and not from how
 * many of them a device does in a second.
 */
export function windowMeans(): WindowMeans {
  let sums: Record<string, number> = {};
  let counted = 0;
  return {
    add(step, metrics, last) {
      for (const [name, value] of Object.entries(metrics)) sums[name] = (sums[name] ?? 0) + value;
      counted += 1;
      if (step % windowSteps !== 0 && !last) return undefined;
      const means = Object.fromEntries(Object.entries(sums).map(([name, sum]) => [name, sum / counted]));
      [sums, counted] = [{}, 0];
      return { step, metrics: means };
    },
  };
}

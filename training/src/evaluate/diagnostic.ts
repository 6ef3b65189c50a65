import { roundingFloor } from '../report/format-number.ts';
import type { Chart } from '../report/report-charts.ts';

/** What a figure means, in one sentence for someone who has not read the paper. */
export interface Finding {
  readonly verdict: 'ok' | 'warning' | 'problem';
  readonly text: string;
}

/** Figures for `evaluation.json`; a null stands for a value that is not finite. */
export type Figures = {
  readonly [name: string]: number | string | boolean | null | readonly (number | string | null)[] | Figures;
};

/** Bars beside one another, one group for each label. */
export interface BarChart {
  readonly title: string;
  readonly labels: readonly string[];
  readonly series: readonly { readonly name: string; readonly values: readonly number[] }[];
}

/** What a diagnostic has found. */
export interface Outcome {
  readonly finding: Finding;
  readonly figures: Figures;
  readonly notes?: readonly string[];
  readonly pictures?: readonly { readonly caption: string; readonly png: Uint8Array }[];
  readonly charts?: readonly Chart[];
  readonly bars?: readonly BarChart[];
}

/** A diagnostic that cannot be made of this model and data, and why. */
export interface Skipped {
  readonly skipped: string;
}

export function isSkipped(outcome: Outcome | Skipped): outcome is Skipped {
  return 'skipped' in outcome;
}

/** A number for a sentence: three significant digits, no exponent where it can be helped, 0 where only rounding is left. */
export function short(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  if (size < roundingFloor) return '0';
  return size < 1e-3 || size >= 1e6 ? value.toExponential(1) : String(Number(value.toPrecision(3)));
}

/** A share as per cent. */
export function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

/** A number that JSON can hold. */
export function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

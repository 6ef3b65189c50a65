import { closeSync, openSync, writeSync } from 'node:fs';
import { stringify } from 'csv-stringify/sync';
import { writeFileAtomic } from '../files/atomic.ts';
import type { MetricsLine } from '../record/metrics.ts';

/** The open table of a run's metrics. */
export interface MetricsTable {
  append(line: MetricsLine): Promise<void>;
  close(): void;
}

/**
 * Writes `metrics.csv` from the lines that `metrics.jsonl` holds, and goes on with it: a row for each line, the columns
 * `step`, `seconds` and one for each metric in order of appearance. A cell is empty where the line lacks the metric,
 * and `NaN` where the value was not finite. A metric that comes up later makes the table anew, with its column.
 */
export async function openTable(path: string, lines: readonly MetricsLine[]): Promise<MetricsTable> {
  const table = new GrowingTable(path, lines);
  await table.rewrite();
  return table;
}

class GrowingTable implements MetricsTable {
  readonly #path: string;
  readonly #lines: MetricsLine[];
  #columns: string[] = [];
  #file: number | null = null;

  constructor(path: string, lines: readonly MetricsLine[]) {
    this.#path = path;
    this.#lines = [...lines];
  }

  async append(line: MetricsLine): Promise<void> {
    this.#lines.push(line);
    const known = new Set(this.#columns);
    if (Object.keys(line.metrics).some((name) => !known.has(name))) await this.rewrite();
    else writeSync(this.#file!, stringify([this.#row(line)]));
  }

  async rewrite(): Promise<void> {
    this.#columns = [...new Set(this.#lines.flatMap(({ metrics }) => Object.keys(metrics)))];
    this.close();
    const rows = [['step', 'seconds', ...this.#columns], ...this.#lines.map((line) => this.#row(line))];
    await writeFileAtomic(this.#path, stringify(rows));
    this.#file = openSync(this.#path, 'a');
  }

  #row({ step, seconds, metrics }: MetricsLine): string[] {
    const cells = this.#columns.map((name) => {
      if (!Object.hasOwn(metrics, name)) return '';
      const value = metrics[name]!;
      return Number.isFinite(value) ? String(value) : 'NaN';
    });
    return [String(step), String(Math.round(seconds * 1000) / 1000), ...cells];
  }

  close(): void {
    if (this.#file !== null) closeSync(this.#file);
    this.#file = null;
  }
}

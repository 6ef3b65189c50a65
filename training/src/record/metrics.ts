import { closeSync, openSync, writeSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { UserError } from '@generatrix/runtime/core';
import { z } from 'zod';
import { writeFileAtomic } from '../files/atomic.ts';

/** One report of a run. */
export interface MetricsLine {
  /** Steps done. */
  readonly step: number;
  /** Seconds of training so far. */
  readonly seconds: number;
  /** Values by name; NaN where the value was not finite. */
  readonly metrics: Readonly<Record<string, number>>;
}

/** The open metrics file of a run. */
export interface MetricsLog {
  /** Adds a line, handed to the system before this returns. */
  append(line: MetricsLine): void;
  /** The last line's seconds, 0 without one: where a resumed run's clock goes on. */
  readonly seconds: number;
  close(): Promise<void>;
}

const rowSchema = z.object({
  step: z.number().int().min(0),
  seconds: z.number().min(0),
  // JSON has no NaN and no infinity: JSON.stringify writes null for both.
  metrics: z.record(
    z.string(),
    z
      .number()
      .nullable()
      .transform((value) => value ?? Number.NaN),
  ),
});

/**
 * Opens `metrics.jsonl` for appending, created where missing.
 * @param options.resumeAfter steps done by the checkpoint that the run goes on from: lines of later steps are
 * dropped, as those steps will be done again, and so is a torn last line. 0 drops every line
 * @throws UserError when the file cannot be read or written, or a line other than the last is broken.
 */
export async function openMetrics(
  path: string,
  options: { readonly resumeAfter: number },
): Promise<MetricsLog> {
  const rows = await readMetrics(path);
  const kept = options.resumeAfter === 0 ? [] : rows.filter(({ step }) => step <= options.resumeAfter);
  await writeFileAtomic(path, kept.map(lineOf).join(''));
  return new AppendingLog(path, kept.at(-1)?.seconds ?? 0);
}

/**
 * Reads `metrics.jsonl`; no rows when there is no such file. A torn last line, which a killed run leaves, is
 * passed over.
 * @throws UserError naming the file and line when another line is broken.
 */
export async function readMetrics(path: string): Promise<MetricsLine[]> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    if (code === 'ENOENT') return '';
    throw new UserError(`${path}: expected a readable metrics file, the system says ${code}; check the path`);
  });
  const lines = text.split('\n');
  // Every whole line ends in a newline, so what follows the last one is nothing or torn.
  lines.pop();
  const rows: MetricsLine[] = [];
  for (const [index, line] of lines.entries()) {
    const row = parseRow(line);
    if (row !== null) rows.push(row);
    else if (index < lines.length - 1) {
      throw new UserError(
        `${path}, line ${index + 1}: expected a JSON object with step, seconds and metrics, ` +
          `found ${JSON.stringify(line.slice(0, 60))}; delete the line`,
      );
    }
  }
  return rows;
}

class AppendingLog implements MetricsLog {
  readonly #file: number;
  #open = true;
  #seconds: number;

  constructor(path: string, seconds: number) {
    this.#file = openSync(path, 'a');
    this.#seconds = seconds;
  }

  get seconds(): number {
    return this.#seconds;
  }

  append(line: MetricsLine): void {
    writeSync(this.#file, lineOf(line));
    this.#seconds = line.seconds;
  }

  async close(): Promise<void> {
    if (this.#open) closeSync(this.#file);
    this.#open = false;
  }
}

function lineOf({ step, seconds, metrics }: MetricsLine): string {
  // A thousandth of a second is finer than any step that is worth a line.
  return `${JSON.stringify({ step, seconds: Math.round(seconds * 1000) / 1000, metrics })}\n`;
}

function parseRow(line: string): MetricsLine | null {
  try {
    const parsed = rowSchema.safeParse(JSON.parse(line));
    return parsed.success ? parsed.data : null;
  } catch {
    return null;
  }
}

import { closeSync, openSync, writeSync } from 'node:fs';
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { extname, join } from 'node:path';
import { writeFileAtomic } from '../files/atomic.ts';
import type { MetricsLine } from '../record/metrics.ts';
import { encodeEvent, readEvent, type SummaryValue } from './event.ts';
import { decodeRecords, encodeRecord } from './record-file.ts';

/** The open event file of a run, for TensorBoard. */
export interface EventLog {
  /** Adds a scalar of each metric that is finite, under the names that `metrics.jsonl` has. */
  append(line: MetricsLine): void;
  /** Adds a picture (`.png`) or sound (`.wav`) of samples; others are passed over. */
  samples(step: number, path: string, bytes: Uint8Array): void;
  close(): void;
}

/** TensorBoard looks for `tfevents` in a file's name; the end tells ours from those of other programs. */
const eventFile = /^events\.out\.tfevents\..*\.generatrix$/;

/**
 * Opens a run's event file for appending, created where missing. Summaries of steps after the checkpoint that the run
 * goes on from are dropped, as is a torn end; what was written before keeps its times. A start event tells a
 * TensorBoard that is already looking to forget those steps, too.
 * @param folder the folder of the event file, which holds nothing else
 * @param options.resumeAfter steps done by that checkpoint; 0 drops every event
 */
export async function openEvents(
  folder: string,
  options: { readonly resumeAfter: number },
): Promise<EventLog> {
  await mkdir(folder, { recursive: true });
  const files = (await readdir(folder)).filter((file) => eventFile.test(file)).toSorted();
  const kept: Uint8Array[] = [];
  if (options.resumeAfter > 0) {
    for (const file of files) {
      const records = decodeRecords(await readFile(join(folder, file)));
      kept.push(...records.filter((record) => isKept(record, options.resumeAfter)));
    }
  }
  const now = Date.now() / 1000;
  const name = `events.out.tfevents.${Math.floor(now)}.${hostname()}.${process.pid}.generatrix`;
  const start = [encodeEvent(now, 0, { kind: 'version' }), ...kept];
  if (options.resumeAfter > 0) start.push(encodeEvent(now, options.resumeAfter + 1, { kind: 'start' }));
  await writeFileAtomic(join(folder, name), Buffer.concat(start.map(encodeRecord)));
  for (const file of files) if (file !== name) await rm(join(folder, file));
  return new AppendingEvents(join(folder, name));
}

function isKept(record: Uint8Array, resumeAfter: number): boolean {
  const { step, isSummary } = readEvent(record);
  return isSummary && step <= resumeAfter;
}

class AppendingEvents implements EventLog {
  readonly #file: number;

  constructor(path: string) {
    this.#file = openSync(path, 'a');
  }

  append({ step, metrics }: MetricsLine): void {
    const finite = Object.entries(metrics).filter(([, value]) => Number.isFinite(value));
    this.#write(
      step,
      finite.map(([tag, scalar]) => ({ tag, scalar })),
    );
  }

  samples(step: number, path: string, bytes: Uint8Array): void {
    const tag = 'samples';
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (extname(path) === '.png') {
      // Width and height stand in the first chunk, IHDR (PNG specification, 11.2.1).
      this.#write(step, [{ tag, png: bytes, width: view.getUint32(16), height: view.getUint32(20) }]);
    } else if (extname(path) === '.wav') {
      // Places of the canonical header: channels, sample rate, bytes a frame, bytes of data.
      const [channels, sampleRate] = [view.getUint16(22, true), view.getUint32(24, true)];
      const frames = view.getUint32(40, true) / view.getUint16(32, true);
      this.#write(step, [{ tag, wav: bytes, sampleRate, channels, frames }]);
    }
  }

  #write(step: number, values: readonly SummaryValue[]): void {
    if (values.length === 0) return;
    writeSync(this.#file, encodeRecord(encodeEvent(Date.now() / 1000, step, { kind: 'summary', values })));
  }

  close(): void {
    closeSync(this.#file);
  }
}

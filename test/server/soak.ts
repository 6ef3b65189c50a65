import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Sampler } from '@generatrix/runtime';
import { type FaultResult, makeFaults } from './soak-faults.ts';

/** What a soak saw. */
export interface SoakResult {
  readonly answered: number;
  /** Requests that got no answer, or one that is neither the samples nor a refusal that says when to come again. */
  readonly lost: number;
  /** Answers that were not the seed's samples. */
  readonly wrong: number;
  /** Refusals of a full queue, or since the workers of a request died. */
  readonly refused: number;
  /** Null where none were made. */
  readonly faults: FaultResult | null;
  /** Memory at the end of each window; the first half is the warm-up. */
  readonly memory: readonly Memory[];
}

/** MB that a process holds once its garbage has been collected. */
export interface Memory {
  /** Objects and the buffers that they own. */
  readonly held: number;
  /** All that is resident, native libraries and what the collector keeps in reserve included. */
  readonly resident: number;
}

export interface SoakOptions {
  readonly url: string;
  /** The models served, run here: what the answers are held to. */
  readonly samplers: Readonly<Record<string, Sampler>>;
  /** Their folder, where faults are to be made all the time. */
  readonly faultsIn?: string;
  readonly seconds: number;
  /** Answers that are waited for at least, where the machine is too busy to give them in that time. */
  readonly least: number;
  readonly clients: number;
  readonly onWindow?: (line: string) => void;
}

/** Windows that memory is measured in. */
const windows = 12;
/** Seeds in use: few enough that their samples are known beforehand. */
const seeds = 6;
const counts = [1, 3, 8];

/** Clients that ask for samples of several models, sizes and seeds for a while; every answer is checked. */
export async function soak({
  url,
  samplers,
  faultsIn,
  seconds,
  least,
  clients,
  onWindow,
}: SoakOptions): Promise<SoakResult> {
  const known = new Map<string, Float32Array>();
  for (const [name, sampler] of Object.entries(samplers)) {
    for (let seed = 0; seed < seeds; seed++) {
      const { data } = await sampler.sample({ count: Math.max(...counts), seed });
      known.set(`${name} ${seed}`, data.data as Float32Array);
    }
  }
  let [answered, lost, wrong, refused] = [0, 0, 0, 0];
  const memory: Memory[] = [];
  const started = performance.now();
  const end = started + 1000 * seconds;
  const names = Object.keys(samplers);
  const client = async (number: number) => {
    for (let turn = number; performance.now() < end || answered < least; turn++) {
      if (lost > least) return;
      const [name, seed, count] = [names[turn % names.length]!, turn % seeds, counts[turn % counts.length]!];
      const response = await fetch(new URL(`/v1/models/${name}/samples`, url), {
        method: 'POST',
        headers: {
          'Content-Type': 'application/json',
          // Few answers come from the cache: the engine is what is soaked.
          ...(turn % 5 > 0 && { 'Cache-Control': 'no-store' }),
        },
        body: JSON.stringify({ count, seed }),
      }).catch(() => null);
      const again = response?.headers.get('Retry-After');
      if (response && (response.status === 429 || response.status === 503) && again) {
        await response.text();
        refused++;
        await new Promise((resolve) => setTimeout(resolve, 20));
        continue;
      }
      if (response?.status !== 200) {
        lost++;
        continue;
      }
      const { data } = (await response.json()) as { data: unknown[] };
      answered++;
      if (!sameStart(data.flat(Number.POSITIVE_INFINITY) as number[], known.get(`${name} ${seed}`)!)) wrong++;
    }
  };
  const watch = async () => {
    for (let window = 1; window <= windows; window++) {
      const due = started + (1000 * seconds * window) / windows;
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, due - performance.now())));
      memory.push(memoryNow());
      onWindow?.(
        `${Math.round((due - started) / 1000)} s: ${answered} answered, ${lost} lost, ${wrong} wrong`,
      );
    }
  };
  const [faults] = await Promise.all([
    faultsIn === undefined ? null : makeFaults({ url, folder: faultsIn, models: names, end }),
    watch(),
    ...Array.from({ length: clients }, (_, i) => client(i)),
  ]);
  return { answered, lost, wrong, refused, faults, memory };
}

setFlagsFromString('--expose-gc');
/** Collects garbage, so that a leak of kilobytes shows among megabytes that come and go. */
const collect = runInNewContext('gc') as () => void;

function memoryNow(): Memory {
  collect();
  const { heapUsed, external, rss } = process.memoryUsage();
  return { held: (heapUsed + external) / 2 ** 20, resident: rss / 2 ** 20 };
}

/** Rounding may depend on the batch that a row is computed in: the last bits of single precision. */
function sameStart(got: readonly number[], known: Float32Array): boolean {
  return got.length > 0 && got.every((value, i) => Math.abs(value - known[i]!) < 1e-5);
}

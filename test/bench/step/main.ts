import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { cpus, loadavg } from 'node:os';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Answer, type Manner, manners, models, turn } from './models.ts';

/**
 * `npm run bench:step -- MODEL ... [--threads 1,2]` times training steps: single ones, blocks, and those of PyTorch where Python has it
 * (GENERATRIX_PYTHON names another than `python3`). All run in turn (A B C A B C ...), each in a process of its own, so
 * that what else the machine does falls on all of them; processor time is compared, by minima and medians. Writes
 * `results/training-step.json`: rows of models that are not timed stay.
 */
const rounds = 4;
const child = fileURLToPath(new URL('./child.js', import.meta.url));
const torchScript = fileURLToPath(new URL('../../../bench/step/torch_step.py', import.meta.url));
const python = process.env.GENERATRIX_PYTHON ?? 'python3';
const torch = spawnSync(python, ['-c', 'import torch; print(torch.__version__)'], { encoding: 'utf8' });
if (torch.status !== 0) console.log(`without PyTorch: ${python} cannot import torch`);

interface Summary {
  readonly minimum: number;
  readonly median: number;
}
interface Row {
  readonly model: string;
  readonly batchSize: number;
  readonly threads: number;
  /** Processes that wanted a core when it was timed. */
  readonly load: number;
  /** Milliseconds a step, and the most memory of the process in MiB, by manner. */
  readonly manners: Partial<Record<Manner, { processor: Summary; wall: Summary; peak: number }>>;
}

/** A process that trains on request. */
class Trainee {
  readonly #process: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(command: string, args: readonly string[]) {
    this.#process = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#lines = createInterface({ input: this.#process.stdout! })[Symbol.asyncIterator]();
  }

  async answer(): Promise<Answer> {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error(`${this.#process.spawnargs.join(' ')} ended`);
    return JSON.parse(value as string) as Answer;
  }

  turn(): Promise<Answer> {
    this.#process.stdin!.write('turn\n');
    return this.answer();
  }

  async end(): Promise<void> {
    const closed = once(this.#process, 'close');
    this.#process.stdin!.end();
    await closed;
  }
}

function summary(values: readonly number[]): Summary {
  const sorted = values.toSorted((a, b) => a - b).map((value) => Number(value.toFixed(2)));
  return { minimum: sorted[0]!, median: sorted[sorted.length >> 1]! };
}

async function timed(name: string, threads: number): Promise<Row> {
  const trainees = new Map<Manner, Trainee>();
  const answers = new Map<Manner, Answer[]>();
  for (const manner of manners) {
    if (manner === 'torch' && (!models[name]!.torch || torch.status !== 0)) continue;
    const args = manner === 'torch' ? [torchScript, name, `${threads}`] : [child, name, manner, `${threads}`];
    const trainee = new Trainee(manner === 'torch' ? python : process.execPath, args);
    await trainee.answer();
    trainees.set(manner, trainee);
    answers.set(manner, []);
  }
  for (let round = 0; round < rounds; round++)
    for (const [manner, trainee] of trainees) answers.get(manner)!.push(await trainee.turn());
  for (const trainee of trainees.values()) await trainee.end();
  const measured = [...answers].map(([manner, all]) => [
    manner,
    {
      processor: summary(all.map(({ processor }) => processor)),
      wall: summary(all.map(({ wall }) => wall)),
      peak: Math.round(all.at(-1)!.peak),
    },
  ]);
  const { title, batchSize } = models[name]!;
  return {
    model: title,
    batchSize,
    threads,
    load: Number(loadavg()[0]!.toFixed(1)),
    manners: Object.fromEntries(measured),
  };
}

const file = 'results/training-step.json';

/** The rows that the file holds. */
async function timedBefore(): Promise<Row[]> {
  if (!existsSync(file)) return [];
  return (JSON.parse(await readFile(file, 'utf8')) as { rows: Row[] }).rows;
}

/** Writes what has been timed so far. */
async function write(rows: readonly Row[]): Promise<void> {
  const { model } = cpus()[0]!;
  const machine = { processor: model, cores: cpus().length };
  const what = { stepsATurn: turn, rounds, torch: torch.status === 0 ? torch.stdout.trim() : null };
  await mkdir('results', { recursive: true });
  await writeFile(file, `${JSON.stringify({ machine, ...what, rows }, null, 2)}\n`);
}

const { values: flags, positionals: chosen } = parseArgs({
  options: { threads: { type: 'string', default: '1,2' } },
  allowPositionals: true,
});
const threadCounts = flags.threads.split(',').map(Number);
const unknown = chosen.find((name) => !Object.hasOwn(models, name));
if (unknown !== undefined) {
  console.error(`bench:step: there are ${Object.keys(models).join(', ')}, got '${unknown}'`);
  process.exitCode = 1;
} else {
  const rows = await timedBefore();
  for (const threads of threadCounts) {
    for (const name of chosen.length === 0 ? Object.keys(models) : chosen) {
      const row = await timed(name, threads);
      const known = rows.findIndex((each) => each.model === row.model && each.threads === threads);
      rows.splice(known < 0 ? rows.length : known, 1, row);
      const first = (row.manners.torch ?? row.manners.single!).processor.minimum;
      const parts = Object.entries(row.manners).map(
        ([manner, { processor, peak }]) =>
          `${manner} ${processor.minimum} ms (${(processor.minimum / first).toFixed(2)}), ${peak} MiB`,
      );
      await write(rows);
      console.log(`${row.model}, batch ${row.batchSize}, ${threads} thread(s): ${parts.join('; ')}`);
    }
  }
}

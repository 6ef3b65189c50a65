import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportRun, runTraining } from '@generatrix/training';
import { type ModelResult, measureModel } from './measure.ts';
import { memoryOfBundle } from './memory.ts';
import { agent } from './requests.ts';

/**
 * `npm run bench:serve -- 4 --max-batch 16`: seconds of each load, then flags of `generatrix serve`. Without flags the
 * figures are written to results/serve.json.
 */
const seconds = Number(process.argv[2] ?? 2);
const settings = { rows: 64, clients: 4, rounds: 5, seconds };
/** One worker, as there is one bare session: the client has the other core. */
const flags = ['--workers', '1', '--threads-per-worker', '1', ...process.argv.slice(3)];

/** Bundles of a server whose memory is measured. */
const copies = 20;

/** A model of which a row costs next to nothing, so that requests are the load, and one of which rows are. */
const models: readonly { family: string; options: Record<string, unknown> }[] = [
  { family: 'vae', options: {} },
  { family: 'dcgan', options: { filters: [64, 128] } },
];

async function exported(folder: string, { family, options }: (typeof models)[number]): Promise<string> {
  const run = join(folder, `run-${family}`);
  await runTraining(run, {
    ...{ family, options, data: { name: 'glyphs', size: 500 }, seed: 1, steps: 10, batchSize: 50 },
    ...{ learningRate: 1e-3, schedule: 'constant', engine: 'onnx', device: 'cpu' },
    ...{ reportEvery: 10, evaluateEvery: 10, checkpointEvery: 10 },
  });
  const served = join(folder, family);
  await exportRun(run, join(served, family), ['onnx'], 'bench');
  return served;
}

function report({ model, bareRowsPerSecond, bareRowMs, ways }: ModelResult): void {
  const percent = (share: number) => `${Math.round(100 * share)} %`;
  console.log(
    `${model}: bare session, ${settings.rows} rows a run: ${Math.round(bareRowsPerSecond)} rows/s, ${bareRowMs.toFixed(3)} ms of processor a row`,
  );
  for (const { way, rowsPerSecond, rate, processor, client, closed, open } of ways) {
    console.log(
      `  ${way}: ${Math.round(rowsPerSecond)} rows/s, ${percent(rate)} of the bare session's, ${percent(processor)} by processor time; ` +
        `${settings.clients} clients: p50 ${closed.p50.toFixed(1)}, p99 ${closed.p99.toFixed(1)} ms; ` +
        `at 70 %: p50 ${open.p50.toFixed(1)}, p99 ${open.p99.toFixed(1)} ms, ${open.lost} lost; client ${percent(client)} of a core`,
    );
  }
}

const results: (ModelResult & { readonly idleBytes: number })[] = [];
const folder = await mkdtemp(join(tmpdir(), 'generatrix-bench-serve-'));
try {
  for (const model of models) {
    const served = await exported(folder, model);
    const result = await measureModel(served, model.family, { ...settings, flags });
    const idleBytes = await memoryOfBundle(join(served, model.family), copies, flags);
    report(result);
    console.log(`  a bundle that nobody asks takes ${(idleBytes / 2 ** 20).toFixed(1)} MB, one of ${copies}`);
    results.push({ ...result, idleBytes });
  }
  if (process.argv.length <= 3) {
    const machine = { processor: cpus()[0]?.model ?? '', cores: cpus().length, node: process.version };
    const file = new URL('../../../../results/serve.json', import.meta.url);
    await writeFile(file, `${JSON.stringify({ machine, settings, models: results }, null, 2)}\n`);
  }
} finally {
  agent.destroy();
  await rm(folder, { recursive: true });
}

import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { exportRun, runTraining } from '@generatrix/training';
import { closedLoop, openLoop, percentile, type Send } from './load.ts';

/** `npm run bench:serve -- 30 --max-batch 16`: seconds of each load, then flags of `generatrix serve`. */
const seconds = Number(process.argv[2] ?? 6);
const workers = 2;
const rowsPerRequest = 8;
/** Rows of the bare session's runs, and of large requests. */
const rowsPerRun = 64;
const shares = [0.3, 0.7, 1, 1.5];

const agent = new Agent({ keepAlive: true, maxSockets: 512 });

/** Rows a second of bare sessions, as many at once as the server has workers. */
async function bareRate(bundle: string): Promise<number> {
  const file = new URL('./bare-worker.js', import.meta.url);
  const runs = Array.from({ length: workers }, () => {
    const worker = new Worker(file, { workerData: { bundle, rows: rowsPerRun, seconds } });
    return new Promise<number>((resolve, reject) => worker.once('message', resolve).once('error', reject));
  });
  return (await Promise.all(runs)).reduce((sum, rate) => sum + rate, 0);
}

/** `generatrix serve` in a process of its own, and its address. */
async function startServer(models: string): Promise<{ url: string; stop(): Promise<void> }> {
  const command = fileURLToPath(new URL('../../../../training/cli/bin/generatrix.mjs', import.meta.url));
  const flags = [
    '--port',
    '0',
    '--workers',
    String(workers),
    '--log-level',
    'silent',
    '--site',
    'none',
    ...process.argv.slice(3),
  ];
  const child = spawn(process.execPath, [command, 'serve', models, ...flags], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const url = await new Promise<string>((resolve, reject) => {
    let text = '';
    child.stdout.on('data', (bytes: Buffer) => {
      text += bytes.toString();
      const found = /listening on (\S+)/.exec(text);
      if (found) resolve(found[1]!);
    });
    child.once('exit', (status) => reject(new Error(`the server ended with status ${status}: ${text}`)));
  });
  return {
    url,
    stop: () =>
      new Promise((resolve) => {
        child.once('exit', () => resolve());
        child.kill('SIGTERM');
      }),
  };
}

let lastSeed = 0;

/** One request for samples, as an array that needs no text. */
function sampling(url: string, model: string, count = rowsPerRequest): Send {
  const target = new URL(`/v1/models/${model}/samples`, url);
  return () =>
    new Promise((resolve, reject) => {
      const body = JSON.stringify({ count, seed: lastSeed++ });
      const headers = { 'Content-Type': 'application/json', Accept: 'application/x-npy' };
      const sent = httpRequest(target, { method: 'POST', agent, headers }, (response) => {
        response.resume().on('end', () => resolve(response.statusCode!));
        response.on('error', reject);
      });
      sent.on('error', reject);
      sent.end(body);
    });
}

/** Asks for health every 50 ms, on a connection of its own, until told to stop. @returns the latencies, sorted. */
function watchHealth(url: string): { stop(): Promise<readonly number[]> } {
  let running = true;
  const watching = (async () => {
    const latencies: number[] = [];
    while (running) {
      const started = performance.now();
      await (await fetch(new URL('/v2/health/live', url))).text();
      latencies.push(performance.now() - started);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return latencies.toSorted((a, b) => a - b);
  })();
  return {
    stop: () => {
      running = false;
      return watching;
    },
  };
}

/** A model of which a row costs next to nothing, so that requests are the load, and one of which rows are. */
const models: readonly { family: string; options: Record<string, unknown> }[] = [
  { family: 'vae', options: {} },
  { family: 'dcgan', options: { filters: [64, 128] } },
];

async function benchmark(folder: string, { family, options }: (typeof models)[number]): Promise<void> {
  const run = join(folder, `run-${family}`);
  await runTraining(run, {
    ...{ family, options, data: { name: 'glyphs', size: 500 }, seed: 1, steps: 10, batchSize: 50 },
    ...{ learningRate: 1e-3, schedule: 'constant', engine: 'onnx', device: 'cpu' },
    ...{ reportEvery: 10, evaluateEvery: 10, checkpointEvery: 10 },
  });
  const served = join(folder, family);
  await exportRun(run, join(served, family), ['onnx'], 'bench');
  const before = await bareRate(join(served, family));
  const server = await startServer(served);
  const send = sampling(server.url, family);
  await closedLoop(send, 16, 2);
  const perSecond = await closedLoop(send, 32, seconds);
  const large = await closedLoop(sampling(server.url, family, rowsPerRun), 4, seconds);
  const lines: string[] = [];
  for (const share of shares) {
    const health = watchHealth(server.url);
    const { latencies, answered, refused, failures } = await openLoop(send, share * perSecond, seconds);
    const healths = await health.stop();
    const ms = (p: number) => percentile(latencies, p).toFixed(1);
    const failed = Object.entries(failures).map(([reason, count]) => `, ${count} ${reason}`);
    lines.push(
      `${Math.round(100 * share)} % (${Math.round(share * perSecond)}/s): p50 ${ms(0.5)}, p95 ${ms(0.95)}, p99 ${ms(0.99)} ms; ` +
        `${answered} answered, ${refused} refused (429)${failed.join('')}; ` +
        `health p50 ${percentile(healths, 0.5).toFixed(1)}, p99 ${percentile(healths, 0.99).toFixed(1)} ms`,
    );
  }
  await server.stop();
  const after = await bareRate(join(served, family));
  const throughput = (clients: number, rows: number, requests: number) => {
    const share = (200 * rows * requests) / (before + after);
    return `served, ${clients} clients of ${rows} rows: ${Math.round(rows * requests)} rows/s, ${share.toFixed(0)} % of the bare sessions`;
  };
  console.log(
    `${family}: bare sessions, ${workers} at once, ${rowsPerRun} rows a run: ${Math.round(before)} rows/s before, ${Math.round(after)} after`,
  );
  console.log('(the client works on the same cores)');
  console.log(throughput(32, rowsPerRequest, perSecond));
  console.log(throughput(4, rowsPerRun, large));
  for (const line of lines) console.log(line);
}

const folder = await mkdtemp(join(tmpdir(), 'generatrix-bench-serve-'));
try {
  for (const model of models) await benchmark(folder, model);
} finally {
  agent.destroy();
  await rm(folder, { recursive: true });
}

import { readFile } from 'node:fs/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { createExecutor, fillInputs, openFolder } from '@generatrix/runtime';

/** Runs the sampling program on a session of its own, over and over, with its inputs ready: what serving is held to. */
const { bundle, rows, seconds } = workerData as { bundle: string; rows: number; seconds: number };
const { manifest } = await openFolder(bundle);
const program = manifest.programs.sample!;
const executor = await createExecutor('cpu', { threads: 1 });
const loaded = await executor.load('sample', await readFile(`${bundle}/${program.file}`));
const inputs = fillInputs('sample', program.inputs, { seed: 1, firstIndex: 0, count: rows });
for (let i = 0; i < 20; i++) await loaded.run(inputs);
const started = performance.now();
let done = 0;
while (performance.now() - started < 1000 * seconds) {
  await loaded.run(inputs);
  done += rows;
}
parentPort!.postMessage((1000 * done) / (performance.now() - started));
await loaded.release();

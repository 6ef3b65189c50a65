import { loadSampler, type Sampler } from '@generatrix/runtime';
import type { RunningServer } from '@generatrix/runtime/serve';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { removeFolder, serveFolder, writeServedBundles } from './serve-bundles.ts';
import { soak } from './soak.ts';

/** `npm run soak` goes on for ten minutes. */
const minutes = Number(process.env.GENERATRIX_SOAK_MINUTES ?? 0.4);
const names = ['vae', 'gmm', 'made'];

let folder: string;
let server: RunningServer;
const samplers: Record<string, Sampler> = {};
beforeAll(async () => {
  folder = await writeServedBundles(names);
  server = await serveFolder(folder);
  for (const name of names)
    samplers[name] = await loadSampler(`${folder}/${name}`, { device: 'cpu', threads: 1 });
});
afterAll(async () => {
  for (const sampler of Object.values(samplers)) await sampler.release();
  await server.stop();
  await removeFolder(folder);
});

it(
  'answers every request with the samples of its seed, and its memory stays where it was after the warm-up',
  async () => {
    const result = await soak({ url: server.url, samplers, seconds: 60 * minutes, clients: 8 });
    console.log(
      `soak: ${result.answered} answered; MB of memory: ${result.memory.map((mb) => mb.toFixed(0)).join(' ')}`,
    );
    expect(result.answered).toBeGreaterThan(50);
    expect(result.lost).toBe(0);
    expect(result.wrong).toBe(0);
    const median = (values: readonly number[]) =>
      values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
    const half = result.memory.length / 2;
    const [early, late] = [median(result.memory.slice(half, half + 3)), median(result.memory.slice(-3))];
    // Both halves of what follows the warm-up; the collector's sawtooth moves the medians by some tens of MB. A leak
    // of one answer each would be over 100 MB.
    expect(late - early).toBeLessThan(60);
    expect(server.engine.pending()).toMatchObject({ requests: 0, rows: 0, running: 0, workersAlive: 2 });
  },
  60_000 * minutes + 60_000,
);

import { loadSampler, type Sampler } from '@generatrix/runtime';
import type { RunningServer } from '@generatrix/runtime/serve';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { removeFolder, serveFolder, writeServedBundles } from './serve-bundles.ts';
import { soak } from './soak.ts';

/** `npm run soak` goes on for ten minutes. */
const minutes = Number(process.env.GENERATRIX_SOAK_MINUTES ?? 0.12);
const least = 60;
const names = ['vae', 'gmm', 'made'];

/** From the first to the second half of what follows the warm-up, by medians. */
function growth(values: readonly number[]): number {
  const median = (some: readonly number[]) => some.toSorted((a, b) => a - b)[Math.floor(some.length / 2)]!;
  const half = values.length / 2;
  return median(values.slice(-3)) - median(values.slice(half, half + 3));
}

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
    const result = await soak({ url: server.url, samplers, seconds: 60 * minutes, least, clients: 8 });
    const [held, resident] = (['held', 'resident'] as const).map((kind) =>
      result.memory.map((memory) => memory[kind]),
    ) as [number[], number[]];
    const line = (values: readonly number[]) => values.map((mb) => mb.toFixed(0)).join(' ');
    console.log(`soak: ${result.answered} answered; MB held: ${line(held)}; resident: ${line(resident)}`);
    expect(result.answered).toBeGreaterThanOrEqual(least);
    expect(result.lost).toBe(0);
    expect(result.wrong).toBe(0);
    // Both halves of what follows the warm-up. A leak of one answer each would be some 10 MB on an idle machine.
    expect(growth(held)).toBeLessThan(3);
    // The collector gives pages back when it likes.
    expect(growth(resident)).toBeLessThan(60);
    expect(server.engine.pending()).toMatchObject({ requests: 0, rows: 0, running: 0, workersAlive: 2 });
  },
  60_000 * minutes + 120_000,
);

it(
  'the same while workers are killed, bundles replaced, and clients stall, leave or send nonsense',
  async () => {
    const seconds = 60 * minutes;
    const result = await soak({ url: server.url, samplers, faultsIn: folder, seconds, least, clients: 8 });
    const { made, strange } = result.faults!;
    const line = (kind: 'held' | 'resident') =>
      result.memory.map((memory) => memory[kind].toFixed(0)).join(' ');
    console.log(
      `soak with faults: ${result.answered} answered, ${result.refused} refused, ${JSON.stringify(made)}; MB held: ${line('held')}; resident: ${line('resident')}`,
    );
    expect(result.answered).toBeGreaterThanOrEqual(least);
    expect([result.lost, result.wrong, strange]).toEqual([0, 0, []]);
    expect(result.refused).toBeLessThan(result.answered / 10);
    // The faults were real ones; workers are found where the system says which processes there are.
    const counted = async (name: string) => {
      const metrics = await (await fetch(`${server.url}/metrics`)).text();
      const found = metrics.split('\n').find((one) => one.startsWith(name));
      return Number(found?.split(' ')[1] ?? 0);
    };
    const soon = { timeout: 60_000 };
    await expect
      .poll(() => counted('generatrix_model_changes_total{change="replaced"}'), soon)
      .toBeGreaterThan(0);
    if (process.platform === 'linux') {
      // Of those killed while they start, or while they inspect a bundle, nobody hears.
      const killed = made['worker killed'] ?? 0;
      await expect
        .poll(() => counted('generatrix_worker_deaths_total'), soon)
        .toBeGreaterThanOrEqual(Math.ceil(killed / 2));
    }
    expect(growth(result.memory.map(({ resident }) => resident))).toBeLessThan(60);
    const idle = { requests: 0, rows: 0, running: 0, workersAlive: 2 };
    await expect.poll(() => server.engine.pending(), { timeout: 30_000 }).toMatchObject(idle);
  },
  60_000 * minutes + 180_000,
);

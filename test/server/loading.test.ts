import type { RunningServer } from '@generatrix/runtime/serve';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { removeFolder, serveFolder, writeServedBundles } from './serve-bundles.ts';

/** What `GET /stats` says of which programs are compiled. */
interface Shown {
  readonly models: readonly {
    readonly name: string;
    readonly programs: Readonly<Record<string, { readonly loaded: number }>>;
  }[];
}

let folder: string;
let server: RunningServer;

beforeAll(async () => {
  folder = await writeServedBundles();
});
afterEach(() => server.stop());
afterAll(() => removeFolder(folder));

/** Samples from a seed, drawn and not stored. */
async function draw(model: string, seed: number): Promise<string> {
  const response = await fetch(`${server.url}/v1/models/${model}/samples`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' },
    body: JSON.stringify({ count: 3, seed }),
  });
  const text = await response.text();
  expect([response.status, text.slice(0, 200)]).toEqual([200, text.slice(0, 200)]);
  return text;
}

async function loadedPrograms(): Promise<string[]> {
  const { models } = (await (await fetch(`${server.url}/stats`)).json()) as Shown;
  return models.flatMap(({ name, programs }) =>
    Object.entries(programs).flatMap(([program, { loaded }]) =>
      new Array<string>(loaded).fill(`${name}/${program}`),
    ),
  );
}

async function metric(name: string): Promise<number> {
  const text = await (await fetch(`${server.url}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)![1]);
}

it('programs are compiled when they are first asked for, by the worker that is', async () => {
  server = await serveFolder(folder);
  expect(server.engine.ready()).toBe(true);
  expect(await loadedPrograms()).toEqual([]);
  await draw('vae', 1);
  await draw('made', 1);
  expect(await loadedPrograms()).toEqual(['made/sample', 'vae/sample']);
  expect(await metric('generatrix_loaded_programs')).toBe(2);
});

it('those not asked for longest make room for others, and give the same bits when they come again', async () => {
  const models = ['vae', 'gmm', 'made', 'pixelcnn', 'wavenet'];
  server = await serveFolder(folder, { workers: 1 });
  const usual = new Map<string, string>();
  for (const model of models) usual.set(model, await draw(model, 5));
  expect(await loadedPrograms()).toHaveLength(models.length);
  await server.stop();

  server = await serveFolder(folder, { workers: 1, modelMemoryMb: 1 });
  for (const model of [...models, ...models.toReversed()]) {
    expect(await draw(model, 5), model).toBe(usual.get(model));
    const loaded = await loadedPrograms();
    expect(loaded).toContain(`${model}/sample`);
    expect(loaded.length).toBeLessThan(models.length);
    expect(await metric('generatrix_loaded_program_bytes')).toBeLessThanOrEqual(2 ** 20);
  }
  // All at once, each in need of the others' room.
  const together = Array.from({ length: 40 }, (_, i) => models[(7 * i) % models.length]!);
  const answers = await Promise.all(together.map((model) => draw(model, 5)));
  expect(answers).toEqual(together.map((model) => usual.get(model)));
});

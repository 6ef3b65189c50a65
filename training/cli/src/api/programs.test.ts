import { copyFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import * as api from './index.ts';

const at = (path: string) => new URL(`../../../../${path}`, import.meta.url);
const working = process.cwd();
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'generatrix-programs-'));
  process.chdir(folder);
});
afterEach(() => vi.restoreAllMocks());
afterAll(async () => {
  process.chdir(working);
  await rm(folder, { recursive: true, force: true });
});

/** What makes the page's program short: each must be there, once. */
const shorter = [
  ['steps: 1000,', "steps: 4, checkpointEvery: 2, evaluateEvery: 4, device: 'cpu',"],
  ['size: 2000', 'size: 80'],
  ["{ out: 'evaluation' }", "{ metrics: ['convergence'], count: 20, out: 'evaluation' }"],
  ['port: 8080', "port: 0, site: 'none', device: 'cpu', workers: 1, shutdownGraceMs: 0, watch: false"],
] as const;

it('the program of docs/programs.md trains, judges, exports and serves', async () => {
  const page = await readFile(at('docs/programs.md'), 'utf8');
  const [, imported, program] = /^```ts\nimport \{(.*)\} from 'generatrix';\n([\s\S]*?)^```$/m.exec(page)!;
  let body = program!;
  for (const [long, short] of shorter) {
    expect(body.split(long), long).toHaveLength(2);
    body = body.replace(long, short);
  }
  await copyFile(at('training/cli/template/straight-flow.ts'), 'my-family.ts');
  const lines: unknown[][] = [];
  vi.spyOn(console, 'log').mockImplementation((...line) => void lines.push(line));
  const AsyncFunction = (async () => undefined).constructor as new (
    ...parts: string[]
  ) => (given: typeof api) => Promise<{
    run: Awaited<ReturnType<typeof api.train>>;
    server: Awaited<ReturnType<typeof api.serve>>;
  }>;
  const { run, server } = await new AsyncFunction(
    'generatrix',
    `const {${imported}} = generatrix;\n${body}\nreturn { run, server };`,
  )(api);
  try {
    expect(run).toMatchObject({ finished: true, step: 4 });
    expect(lines.filter(([first]) => typeof first === 'number').map(([step]) => step)).toEqual([1, 2, 3, 4]);
    for (const [step, loss] of lines) if (typeof step === 'number') expect(loss).toBeGreaterThan(0);
    expect(lines.filter(([path]) => String(path).endsWith('.safetensors'))).toHaveLength(2);
    const judged = JSON.parse(await readFile('evaluation/evaluation.json', 'utf8')) as unknown;
    expect(judged).toMatchObject({ model: 'straight-flow-ring8', samples: 20 });
    // What is served is what the exported bundle draws.
    const sampler = await api.loadSampler('models/mine', { device: 'cpu' });
    const { data } = await sampler.sample({ count: 3, seed: 1 });
    await sampler.release();
    const response = await fetch(`${server.url}/v1/models/mine/samples`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ count: 3, seed: 1 }),
    });
    const served = ((await response.json()) as { data: number[][] }).data.flat();
    expect(served).toHaveLength(6);
    for (const [i, value] of served.entries()) expect(value).toBeCloseTo(data.data[i] as number, 5);
  } finally {
    await server.stop();
  }
});

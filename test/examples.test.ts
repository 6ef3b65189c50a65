import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadSampler } from '@generatrix/runtime';
import express from 'express';
import { command } from 'generatrix/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';

const examples = fileURLToPath(new URL('../examples/', import.meta.url));
let folder: string;
let bundle: string;
let expected: { readonly shape: readonly number[]; readonly values: readonly number[] };

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'generatrix-examples-'));
  bundle = join(folder, 'imported');
  // As the script `import` of examples/import does.
  const { scripts } = JSON.parse(await readFile(join(examples, 'import/package.json'), 'utf8'));
  const [, ...args] = (scripts.import as string).split(' ');
  const placed = args.map((each) =>
    each === 'generator.onnx' ? join(examples, 'import', each) : each === 'imported' ? bundle : each,
  );
  const { status, stderr } = await command(...placed);
  expect(status, stderr).toBe(0);
  const sampler = await loadSampler(bundle, { device: 'cpu' });
  const { data } = await sampler.sample({ count: 4, seed: 42 });
  await sampler.release();
  expected = { shape: data.shape, values: Array.from(data.data as Float32Array) };
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** What a program of an example prints; it ends by itself. */
async function printed(...args: string[]): Promise<string> {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.on('data', (part) => {
    text += String(part);
  });
  const status = await new Promise((resolve) => child.once('close', resolve));
  expect(status).toBe(0);
  return text;
}

it('the imported generator samples points of its range', async () => {
  expect(expected.shape).toEqual([4, 2]);
  for (const value of expected.values) expect(Math.abs(value)).toBeLessThan(2);
  expect(new Set(expected.values).size).toBe(8);
});

it('the router of the Express example answers with the samples, and refuses what is no count', async () => {
  const { samples } = (await import(join(examples, 'express/samples.mjs'))) as {
    samples(bundle: string): Promise<{ router: express.Router; release(): Promise<void> }>;
  };
  const { router, release } = await samples(bundle);
  const server = express().use('/samples', router).listen(0);
  const at = `http://127.0.0.1:${(server.address() as AddressInfo).port}/samples`;
  try {
    const answer = await fetch(`${at}?count=4&seed=42`);
    expect(await answer.json()).toEqual({ seed: 42, ...expected });
    for (const wrong of ['count=0', 'count=65', 'count=x', 'seed=-1'])
      expect((await fetch(`${at}?${wrong}`)).status).toBe(400);
  } finally {
    server.close();
    await release();
  }
});

it('the programs of the examples import and worker print the samples', async () => {
  const [imported, worker] = await Promise.all(
    ['import', 'worker'].map((name) => printed(join(examples, name, 'main.mjs'), bundle)),
  );
  expect(imported).toBe(`samples of shape [4, 2]: ${expected.values.join(', ')}\n`);
  expect(worker).toBe(
    `samples of shape [4, 2], the first values: ${expected.values.slice(0, 4).join(', ')}\n`,
  );
});

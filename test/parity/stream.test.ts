import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSampler, openFolder } from '@generatrix/runtime';
import { familyCases } from '@generatrix/training/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureChromium } from '../browser/ensure-chromium.ts';
import { type BrowserExecutor, openBrowserExecutor } from '../browser/run-program.ts';
import { allCases } from './all-cases.ts';
import { writeModelBundle } from './model-bundles.ts';

const chromium = await ensureChromium();
const missing = 'reason' in chromium ? chromium.reason : '';
const cases = familyCases.filter(({ name }) => name === 'pixelcnn' || name === 'wavenet');

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'generatrix-stream-'));
  for (const familyCase of cases) await writeModelBundle(join(folder, familyCase.name), familyCase);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A software adapter compiles every shader of every program on the CPU. */
const softwareTimeout = 240_000;

describe.each(['wasm', 'webgpu'] as const)('in Chromium, %s', (device) => {
  if (missing !== '') console.log(`streams on ${device}: not run: ${missing}`);
  let browser: BrowserExecutor;
  beforeAll(async () => {
    if (missing === '') browser = await openBrowserExecutor(device);
  }, softwareTimeout);
  afterAll(() => browser?.close());

  const some = device === 'wasm' || allCases ? cases : cases.filter(({ name }) => name === 'wavenet');
  it.skipIf(missing !== '').each(some)(
    '$name streams what it samples, bit for bit',
    async ({ name }) => {
      const sampler = createSampler(await openFolder(join(folder, name)), browser);
      const request = { count: 3, seed: 11, temperature: 0.8 };
      const sampled = await sampler.sample(request);
      let streamed: readonly number[] = [];
      for await (const { soFar } of sampler.stream(request)) streamed = [...soFar.data];
      expect(streamed).toEqual([...sampled.data.data]);
      expect(new Set(streamed).size).toBeGreaterThan(1);
    },
    softwareTimeout,
  );
});

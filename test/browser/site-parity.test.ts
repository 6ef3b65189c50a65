import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { familyCases } from '@generatrix/training/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommand } from '../cli/run-command.ts';
import { writeModelBundle } from '../parity/model-bundles.ts';
import { ensureChromium } from './ensure-chromium.ts';

const chromium = await ensureChromium();
const missing = 'reason' in chromium ? chromium.reason : '';
if (missing !== '') console.log(`generatrix parity in a browser: skipped, ${missing}`);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'generatrix-site-parity-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe.skipIf(missing !== '')('generatrix parity --devices browser-wasm', () => {
  it("checks the bundle of a run's folder, and a check that cannot be done is a failure", async () => {
    const run = join(folder, 'a run');
    await mkdir(run);
    await writeModelBundle(join(run, 'bundle'), familyCases.find(({ name }) => name === 'vae, mlp')!);
    const check = () => runCommand('parity', run, '--devices', 'browser-wasm', '--json');
    const { status, stdout, stderr } = await check();
    expect(status, stderr).toBe(0);
    const { rows } = JSON.parse(stdout.trim().split('\n').at(-1)!) as { rows: { passed: boolean }[] };
    expect(rows.length).toBeGreaterThan(3);
    expect(rows.every(({ passed }) => passed)).toBe(true);

    const reference = join(run, 'bundle', 'reference.safetensors');
    const bytes = await readFile(reference);
    bytes[bytes.length - 1]! ^= 1;
    await writeFile(reference, bytes);
    const broken = await check();
    expect(broken.status).toBe(1);
    expect(broken.stderr.trim()).toMatch(
      /^generatrix: bundle .*a run: the check on wasm in Chromium failed: .*reference\.safetensors was changed/,
    );
  });
});

import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type HostTensor, loadSampler } from '@generatrix/runtime';
import { command } from 'generatrix/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startCommand, waitForFile } from './run-command.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'generatrix-train-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const settings = (out: string, steps: number) =>
  [
    'train',
    'vae',
    '--data',
    'digits8',
    '--data-size',
    '500',
    '--hidden',
    '64',
    '--latent',
    '4',
    '--batch-size',
    '50',
  ].concat(
    ['--steps', String(steps), '--seed', '3', '--device', 'cpu', '--out', out],
    ['--report-every', '5', '--checkpoint-every', '10', '--evaluate-every', '1000'],
  );

/** The state of the latest checkpoint, as bytes. */
async function finalState(run: string): Promise<Buffer> {
  const checkpoints = join(run, 'checkpoints');
  const files = (await readdir(checkpoints)).filter((file) => file.endsWith('.safetensors')).toSorted();
  return readFile(join(checkpoints, files.at(-1)!));
}

describe('generatrix train', () => {
  it('100 steps straight equal 50, kill -9, and the rest, bit for bit', async () => {
    const [straight, broken] = [join(folder, 'straight'), join(folder, 'broken')];
    expect((await command(...settings(straight, 100))).status).toBe(0);

    const { child, outcome } = startCommand(settings(broken, 100));
    await waitForFile(join(broken, 'metrics.jsonl'), (text) => text.includes('"step":50'));
    child.kill('SIGKILL');
    expect((await outcome).status).toBeNull();
    const before = await readdir(join(broken, 'checkpoints'));
    expect(before.some((file) => file.includes('100'))).toBe(false);

    expect((await command('resume', broken)).status).toBe(0);
    expect((await finalState(broken)).equals(await finalState(straight))).toBe(true);
    const exported = (await readdir(join(straight, 'bundle'))).filter((file) => file !== 'model.json');
    expect(exported).toEqual(
      expect.arrayContaining([
        ...['sample.onnx', 'weights-1.safetensors', 'sample.png', 'reference.safetensors'],
      ]),
    );
    for (const file of exported) {
      const [a, b] = await Promise.all([straight, broken].map((run) => readFile(join(run, 'bundle', file))));
      expect(a!.equals(b!), file).toBe(true);
    }
    const steps = (await readFile(join(broken, 'metrics.jsonl'), 'utf8'))
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { step: number }).step);
    expect(steps).toEqual(steps.toSorted((a, b) => a - b));
    expect(new Set(steps).size).toBeGreaterThanOrEqual(20);

    // The same programs for other runtimes: each holds its weights, and computes what the bundle's own does.
    const own = join(folder, 'own');
    expect((await command('export', straight, '--format', 'onnx', '--out', own)).status).toBe(0);
    expect((await readdir(own)).filter((file) => file.startsWith('weights'))).toEqual([]);
    const samples = [straight, own].map(async (path) => {
      const sampler = await loadSampler(path, { device: 'cpu' });
      const { data } = await sampler.sample({ count: 3, seed: 1 });
      await sampler.release();
      return [sampler.manifest.version, data] as const;
    });
    const [[sharedVersion, shared], [ownVersion, inside]] = (await Promise.all(samples)) as [
      readonly [number, HostTensor],
      readonly [number, HostTensor],
    ];
    expect([sharedVersion, ownVersion]).toEqual([2, 1]);
    expect(shared).toEqual(inside);
  });

  it('Ctrl-C saves a checkpoint, says how to go on, and a longer run goes on from there', async () => {
    const run = join(folder, 'interrupted');
    const { child, outcome } = startCommand(settings(run, 100_000));
    await waitForFile(join(run, 'metrics.jsonl'), (text) => text.includes('"step":25'));
    child.kill('SIGINT');
    const { status, stderr } = await outcome;
    expect(status).toBe(130);
    const step = Number(/stopped at step (\d+) of 100000; go on with: generatrix resume /.exec(stderr)![1]);
    expect(await readdir(join(run, 'checkpoints'))).toContain(
      `step-${String(step).padStart(7, '0')}.safetensors`,
    );
    const resumed = await command('resume', run, '--steps', String(step + 20));
    expect(resumed.status, resumed.stderr).toBe(0);
    expect(await readdir(join(run, 'bundle'))).toContain('model.json');
  });

  it('stops when the loss is no number, naming the step and the last good checkpoint', async () => {
    const run = join(folder, 'diverged');
    const { status, stderr } = await command(...settings(run, 60), '--learning-rate', '1e30');
    expect(status).toBe(1);
    const line = stderr.trim().split('\n').at(-1)!;
    expect(line).toMatch(
      /^generatrix: training diverged at step \d+: .*checkpoint.* --learning-rate .*--overwrite$/,
    );
    expect(stderr).not.toContain('    at ');
  });

  it('writes a report that shows curves, samples and settings in one file', async () => {
    const html = await readFile(join(folder, 'straight', 'report.html'), 'utf8');
    expect(html).toContain('vae on digits8');
    expect(html).toContain('data:image/png;base64,');
    expect(html).not.toMatch(/(src|href)="https?:/);
  });
});

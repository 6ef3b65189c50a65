import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { command } from 'generatrix/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

let folder: string;
let run: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'generatrix-evaluate-cli-'));
  run = join(folder, 'run');
  const { status, stderr } = await command(
    ...['train', 'gmm', '--data', 'ring8', '--data-size', '800', '--components', '2', '--report-every', '1'],
    ...['--steps', '30', '--batch-size', '400', '--evaluate-every', '10', '--out', run, '--device', 'cpu'],
  );
  expect(status, stderr).toBe(0);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface EvaluationFile {
  readonly comparedWith: string;
  readonly realExamples: number;
  readonly findings: Record<string, { verdict: string; text: string }>;
  readonly skipped: Record<string, string>;
}

describe('generatrix evaluate', () => {
  it('finds that two Gaussians do not make eight, from the run with its own data', async () => {
    const out = join(folder, 'evaluation');
    const { status, stdout, stderr } = await command('evaluate', run, '--out', out);
    expect(status, stderr).toBe(0);
    expect(stdout).toContain('800 samples, seed 42, on cpu');
    expect(await readdir(out)).toEqual(['evaluation.html', 'evaluation.json']);
    const { findings, skipped, realExamples } = JSON.parse(
      await readFile(join(out, 'evaluation.json'), 'utf8'),
    ) as EvaluationFile;
    expect(realExamples).toBe(800);
    // A Gaussian over several modes touches some of them and puts nearly all samples between.
    expect(findings.modes!.verdict).not.toBe('ok');
    expect(findings.c2st!.verdict).not.toBe('ok');
    expect(findings.mmd!.text).toContain('MMD^2');
    expect(findings.memorisation!.verdict).toBe('ok');
    expect(findings.divergence!.text).toContain('by densities');
    expect(findings.convergence).toBeDefined();
    expect(Object.keys(skipped).toSorted()).toEqual([
      'chain',
      'classes',
      'disentanglement',
      'fid',
      'interpolation',
      'inversion',
      'posterior',
      'score',
      'steps',
      'usefulness',
    ]);
  });

  it('works from the bundle alone, saying what needs the run', async () => {
    const out = join(folder, 'bundle-only');
    const flags = [
      '--metrics',
      'modes,convergence,inversion',
      '--seed',
      '7',
      '--against-train',
      '--out',
      out,
    ];
    const { status, stdout } = await command('evaluate', join(run, 'bundle'), ...flags);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^convergence: +left out +it needs the folder of a training run/m);
    expect(stdout).toMatch(/^inversion: +left out +it needs the folder of the training run/m);
    const { comparedWith } = JSON.parse(
      await readFile(join(out, 'evaluation.json'), 'utf8'),
    ) as EvaluationFile;
    expect(comparedWith).toBe('training examples');
  });

  it('mode coverage goes into the metrics while training', async () => {
    const lines = (await readFile(join(run, 'metrics.jsonl'), 'utf8')).trim().split('\n');
    const coverage = lines.filter((line) => line.includes('heldOut/modesHit'));
    expect(coverage).toHaveLength(3);
    expect(await readFile(join(run, 'report.html'), 'utf8')).toContain('highQualityShare');
  });

  const wrong: [string, () => string[], RegExp][] = [
    ['a bundle that is missing', () => [join(folder, 'nothing')], /nothing: there is no such folder/],
    [
      'an unknown metric',
      () => [run, '--metrics', 'c2st,fdi'],
      /--metrics: there is no 'fdi', expected some of fid/,
    ],
    ['an unknown data set', () => [run, '--data', 'rign8'], /unknown data set rign8: expected one of ring8/],
    ['data without its folder', () => [run, '--data', 'mnist'], /data set mnist needs a folder.*--data-dir/],
    [
      'data of another shape',
      () => [run, '--data', 'digits8'],
      /--data digits8: model gmm-ring8 makes points of shape 2, this data has image of shape 8x8x1/,
    ],
    [
      'too few samples',
      () => [run, '--count', '3'],
      /--count: expected a whole number of at least 20, got '3'/,
    ],
    [
      'too little data',
      () => [run, '--data-size', '5'],
      /expected at least 20 examples to compare with, found 5/,
    ],
  ];
  it.each(wrong)('%s is one clear line', async (_, args, message) => {
    const { status, stderr } = await command('evaluate', ...args(), '--out', join(folder, 'wrong'));
    expect(status).toBe(1);
    // What was loaded, and that it is not what the run was trained on, may be said first.
    const [line, ...before] = stderr.trim().split('\n').reverse();
    expect(line).toMatch(/^generatrix: /);
    expect(line).toMatch(message);
    expect(before.filter((text) => /^generatrix: |^ +at /.test(text))).toEqual([]);
  });
});

import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { familyCases } from '@generatrix/training/testing';
import { expect, it } from 'vitest';
import { writeModelBundle } from '../parity/model-bundles.ts';

const script = fileURLToPath(new URL('./host_loops.py', import.meta.url));
const python = spawnSync('python3', ['-c', 'import numpy, onnxruntime'], { encoding: 'utf8' });
const missing = python.status === 0 ? null : 'no python3 with numpy and onnxruntime';
if (missing !== null) console.log(`skipped: programs whose loops are the caller's, in Python: ${missing}`);

it.skipIf(missing !== null)('a caller in Python runs the loops of a sampler by their plan', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'generatrix-host-loops-'));
  try {
    const familyCase = familyCases.find(({ name }) => name === 'pixelcnn')!;
    await writeModelBundle(folder, familyCase, ['onnx'], { loops: 'host' });
    const { stdout, stderr } = spawnSync('python3', [script, folder, 'sample'], { encoding: 'utf8' });
    expect(stderr).toBe('');
    const { output, shape, error } = JSON.parse(stdout) as { output: string; shape: number[]; error: number };
    expect(output).toBe('data');
    expect(shape).toEqual([4, ...familyCase.dataset.spec.shape]);
    // Binary pixels: one that is drawn differently would be off by 1.
    expect(error).toBe(0);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

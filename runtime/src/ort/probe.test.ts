import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Executor } from '../program/executor.ts';
import { type HostTensor, hostTensor } from '../program/tensor.ts';
import { probe } from './probe.ts';
import { probeInChild } from './probe-child.ts';

/** An executor that answers the probe with these values. */
function answering(values: number[], events: string[] = []): Executor {
  return {
    device: 'cpu',
    load: async () => ({
      inputs: [],
      outputs: [],
      run: async ({ a }) => {
        expect([...(a as HostTensor).data]).toEqual([1, 2, 3, 4]);
        return { y: hostTensor('float32', [2, 2], values) };
      },
      release: async () => {
        events.push('released');
      },
    }),
  };
}

// a a + a by hand: [[1, 2], [3, 4]]^2 = [[7, 10], [15, 22]].
const right = [8, 12, 18, 26];

describe('probe', () => {
  test('passes a device that computes rightly, and frees the program', async () => {
    const events: string[] = [];
    await probe(answering(right, events));
    expect(events).toEqual(['released']);
  });

  test('leaves the program loaded where it is asked to, unless the device computes wrongly', async () => {
    const events: string[] = [];
    await probe(answering(right, events), { keep: true });
    expect(events).toEqual([]);
    await expect(probe(answering([8, 12, 18, 0], events), { keep: true })).rejects.toThrow(
      'computes wrongly',
    );
    expect(events).toEqual(['released']);
  });

  test('refuses a device that computes wrongly, and frees the program', async () => {
    const events: string[] = [];
    await expect(probe(answering([8, 12, 18, 0], events))).rejects.toThrow(
      'expected [8,12,18,26], got [8,12,18,0]: the device computes wrongly',
    );
    await expect(probe(answering([8, 12, 18, Number.NaN]))).rejects.toThrow('computes wrongly');
    expect(events).toEqual(['released']);
  });
});

/** Stand-ins for onnxruntime-node: what `InferenceSession.create` does in each. */
const engines = {
  right: 'return { run: async ({ a }) => ({ y: { data: [8, 12, 18, 26] } }) };',
  wrong: 'return { run: async ({ a }) => ({ y: { data: [...a.values] } }) };',
  failing: "throw new Error('no adapter');",
  crashing: 'process.abort();',
  exiting: 'process.exit(3);',
  hanging: 'return new Promise(() => setInterval(() => {}, 1000));',
};

describe('probeInChild', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'generatrix-probe-'));
    for (const [name, body] of Object.entries(engines)) {
      await writeFile(
        join(folder, `${name}.cjs`),
        `exports.InferenceSession = { async create(program, { executionProviders }) { ${body} } };
         exports.Tensor = class { constructor(type, values) { this.values = values; } };`,
      );
    }
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));
  const tryEngine = (name: keyof typeof engines, timeoutMs?: number) =>
    probeInChild('webgpu', join(folder, `${name}.cjs`), timeoutMs === undefined ? {} : { timeoutMs });

  test('passes a device that works', async () => {
    await tryEngine('right');
  });

  test.each<[keyof typeof engines, string]>([
    ['wrong', 'it computes wrongly: expected [8,12,18,26], got [1,2,3,4]'],
    ['failing', 'no adapter'],
    ['crashing', 'it crashes the process (SIGABRT)'],
    ['exiting', 'it crashes the process (exit code 3)'],
  ])('survives an engine that is %s', async (name, reason) => {
    await expect(tryEngine(name)).rejects.toThrow(reason);
  });

  test('gives up on an engine that does not answer', async () => {
    await expect(tryEngine('hanging', 500)).rejects.toThrow('no answer within 0.5 s');
  });
});

import { join } from 'node:path';
import { type HostTensor, hostTensor } from '@generatrix/runtime/core';
import { expect, test } from 'vitest';
import { asKind } from '../model/state.ts';
import { checkpointFolder, loadLatestCheckpoint, saveCheckpoint } from '../record/checkpoint.ts';
import { writeRun } from '../record/run-folder.ts';
import { parseSettings } from '../record/settings.ts';
import { expectUserError, folderOf } from '../testing/test-support.ts';
import { weightsFrom } from './init-from.ts';
import { runTraining } from './run-training.ts';

const settings = (more: object = {}) =>
  parseSettings(
    {
      ...{ family: 'vae', options: { latent: 2, hidden: [4] }, data: { name: 'digits8', size: 30 }, seed: 1 },
      ...{ steps: 2, batchSize: 5, learningRate: 1e-3, engine: 'onnx', device: 'cpu', reportEvery: 1 },
      ...{ evaluateEvery: 9, checkpointEvery: 1, ...more },
    },
    'test',
  );

async function runWith(state: Record<string, HostTensor>): Promise<string> {
  const run = await folderOf({});
  const data = { spec: { kind: 'points', shape: [2] }, classNames: [] } as const;
  await writeRun(run, { settings: settings(), data });
  await saveCheckpoint(checkpointFolder(run), { state, meta: { step: 3, seed: 1 } });
  return run;
}

const filled = (shape: number[], value: number) =>
  hostTensor('float32', shape, new Array<number>(shape.reduce((a, b) => a * b, 1)).fill(value));

test('weights are taken by name and shape, slots never; what did not fit is said', async () => {
  const run = await runWith({
    ...{ 'a/kernel': filled([2, 3], 1), 'a/bias': filled([3], 2), 'b/kernel': filled([3, 3], 3) },
    ...{ 'adam/count': filled([], 9), 'adam/mean/a/bias': filled([3], 9), 'average/a/bias': filled([3], 9) },
    ...{ old: filled([1], 4) },
  });
  const spec = (shape: number[]) => ({ shape, initial: 0 });
  const { weights, summary } = await weightsFrom(run, {
    ...{ 'a/kernel': spec([2, 3]), 'a/bias': spec([3]), 'b/kernel': spec([3, 4]), fresh: spec([1]) },
    ...asKind('slot', { 'adam/count': spec([]), 'adam/mean/a/bias': spec([3]), 'average/a/bias': spec([3]) }),
  });
  expect(weights).toEqual({ 'a/kernel': filled([2, 3], 1), 'a/bias': filled([3], 2) });
  expect(summary).toBe(
    `took 2 of 4 weights from ${run}, step 3; of another shape: b/kernel; not in it: fresh; only in it: old`,
  );
  await expectUserError(
    weightsFrom(run, { 'a/kernel': spec([9]), ...asKind('slot', { 'adam/count': spec([]) }) }),
    /^--init-from .*: none of its weights has the name and shape/,
  );
});

test('a run starts with the weights of another and fresh slots', async () => {
  const lines: string[] = [];
  const output = { log: (line: string) => void lines.push(line), error: () => {} };
  const [first, second] = [join(await folderOf({}), 'run'), join(await folderOf({}), 'run')];
  await runTraining(first, settings());
  // At a rate of 0 the weights stay as they started, and the optimizer counts its one step.
  await runTraining(second, settings({ seed: 2, steps: 1, learningRate: 0, initFrom: first }), { output });
  const [a, b] = await Promise.all(
    [first, second].map(async (run) => (await loadLatestCheckpoint(checkpointFolder(run)))!.state),
  );
  for (const name of Object.keys(a!).filter((each) => !each.startsWith('adam/'))) {
    expect(b![name], name).toEqual(a![name]);
  }
  expect([...a!['adam/count']!.data, ...b!['adam/count']!.data]).toEqual([2, 1]);
  expect(lines.join('\n')).toMatch(/took \d+ of \d+ weights from .*, step 2\n/);
});

import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { tf } from '@generatrix/export';
import { TrainingState } from '@generatrix/runtime';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { floatDataset } from '../data/dataset.ts';
import { StepPace } from '../engine/step-pace.ts';
import type { Model } from '../model/model.ts';
import { loadBest } from '../record/best-checkpoint.ts';
import { checkpointFolder, loadLatestCheckpoint } from '../record/checkpoint.ts';
import { readMetrics } from '../record/metrics.ts';
import { parseSettings } from '../record/settings.ts';
import { expectUserError, folderOf } from '../testing/test-support.ts';
import { train } from './train.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});
beforeEach(() => {
  vi.spyOn(console, 'warn').mockReturnValue();
  vi.spyOn(process.stderr, 'write').mockReturnValue(true);
});
afterEach(() => {
  vi.restoreAllMocks();
});

const examples = floatDataset(
  {
    ...{ name: 'line', split: 'validation', spec: { kind: 'points', shape: [1] } },
    ...{ size: 3, labels: null, classNames: [] },
  },
  new Float32Array([0, 0, 0]),
);

/** Counts its steps, and scores -(steps - 6)^2, so that step 6 is the best. */
const counter: Model = {
  state: { count: { shape: [], initial: 0, kind: 'parameter' } },
  step: {
    noise: {},
    run: ({ state, data, label, weight, learningRate, epochEnd }) => {
      const nothing = [data, label, weight, learningRate, epochEnd].map((x) => tf.mul(tf.sum(x), 0));
      const count = tf.add(state.count!, 1);
      return { state: { count }, metrics: { loss: tf.add(tf.addN(nothing), count) } };
    },
  },
  batching: 'sweep',
  programs: {
    logProb: {
      signature: {
        inputs: { data: { role: 'data', dtype: 'float32', shape: [1] } },
        outputs: { logProb: { dtype: 'float32', shape: [], meaning: 'logProb' } },
      },
      run: (state, { data }) => ({
        logProb: tf.sub(tf.mul(tf.squeeze(data!, [1]), 0), tf.square(tf.sub(state.count!, 6))),
      }),
    },
  },
};

function request(folder: string, more: object, abortAfter?: number) {
  const stop = new AbortController();
  const settings = parseSettings(
    {
      ...{ family: 'counter', options: {}, data: { name: 'line' }, seed: 1, steps: 20, batchSize: 3 },
      ...{ learningRate: 1, engine: 'tfjs', device: 'cpu', reportEvery: 1, evaluateEvery: 2 },
      ...{ checkpointEvery: 3, ...more },
    },
    'test',
  );
  // The loop asks before each step.
  let asked = 0;
  if (abortAfter !== undefined) {
    Object.defineProperty(stop.signal, 'aborted', { get: () => asked++ >= abortAfter });
  }
  return { folder, settings, model: counter, train: examples, validation: examples, signal: stop.signal };
}

const everything = async (folder: string) => ({
  best: await loadBest(checkpointFolder(folder)),
  last: (await loadLatestCheckpoint(checkpointFolder(folder)))?.meta.step,
  // How long data was waited for is a time.
  metrics: (await readMetrics(join(folder, 'metrics.jsonl'))).map(
    ({ step, metrics: { dataWait: _, ...metrics } }) => [step, metrics],
  ),
});

describe('training with --keep best', () => {
  it('keeps the checkpoint with the best validation score beside the last', async () => {
    const folder = await folderOf({});
    const result = await train(request(folder, { keep: 'best' }));
    expect(result).toMatchObject({ step: 20, finished: true, stoppedEarly: false, heldOut: -196 });
    const { best, last } = await everything(folder);
    expect(best!.meta).toEqual({ step: 6, seed: 1, score: { metric: 'heldOut/logProb', value: 0 } });
    expect([...best!.state.count!.data]).toEqual([6]);
    expect(last).toBe(20);
  });

  it('stops when patience is at its end, with the best as it was', async () => {
    const folder = await folderOf({});
    const result = await train(request(folder, { keep: 'best', earlyStop: 2 }));
    expect(result).toMatchObject({ step: 10, finished: true, stoppedEarly: true });
    const { best, last, metrics } = await everything(folder);
    expect([best!.meta.step, last]).toEqual([6, 10]);
    expect(metrics.at(-1)![0]).toBe(10);
    // Nothing is left to do, and nothing is done.
    expect(await train(request(folder, { keep: 'best', earlyStop: 2 }))).toMatchObject({
      ...{ step: 10, finished: true, stoppedEarly: true, heldOut: -16 },
    });
    expect(await train(request(folder, { keep: 'best' }))).toMatchObject({ step: 20, stoppedEarly: false });
  });

  it.each([1, 4, 6, 7, 8, 9])('goes on after step %i as if it had never stopped', async (at) => {
    const [straight, stopped] = [await folderOf({}), await folderOf({})];
    const settings = { keep: 'best', earlyStop: 2 };
    await train(request(straight, settings));
    const first = await train(request(stopped, settings, at));
    expect(first).toMatchObject({ step: at, finished: false });
    await train(request(stopped, settings));
    const [a, b] = [await everything(straight), await everything(stopped)];
    expect({ ...b, best: { ...b.best, path: '' } }).toEqual({ ...a, best: { ...a.best, path: '' } });
  });

  it('takes up a best checkpoint that a killed run had no time to write', async () => {
    const folder = await folderOf({});
    await train(request(folder, { keep: 'best' }, 6));
    await rm(join(checkpointFolder(folder), 'best.safetensors'));
    await train(request(folder, { keep: 'best' }));
    expect((await loadBest(checkpointFolder(folder)))!.meta.step).toBe(6);
  });

  it('writes no best checkpoint unless it is asked for, and deletes that of a run before it', async () => {
    const folder = await folderOf({});
    await train(request(folder, { steps: 4 }));
    expect(await loadBest(checkpointFolder(folder))).toBeNull();
    await train(request(folder, { steps: 6, keep: 'best' }));
    await rm(checkpointFolder(folder), { recursive: true });
    await train(request(folder, { steps: 1, keep: 'best', evaluateEvery: 9 }, 1));
    expect((await loadBest(checkpointFolder(folder)))!.meta.step).toBe(1);
  });

  it('is refused before the first step where nothing is measured, and nothing is written', async () => {
    const folder = join(await folderOf({}), 'run');
    const without = { ...request(folder, { keep: 'best' }), validation: null };
    await expectUserError(train(without), /^--keep best: counter on line has no likelihood/);
    await expect(readFile(join(folder, 'metrics.jsonl'))).rejects.toThrow('ENOENT');
  });
});

describe('training in blocks of steps', () => {
  /** Trains with blocks of at most so many steps. @returns how many were taken at once, and what was written. */
  async function inBlocks(blockSize: number, stops: readonly (number | undefined)[] = [undefined]) {
    vi.spyOn(StepPace.prototype, 'blockSize', 'get').mockReturnValue(blockSize);
    const advance = vi.spyOn(TrainingState.prototype, 'advance');
    const folder = await folderOf({});
    // What the command sets by itself for 20 steps, and what a test of the best checkpoint needs.
    const settings = { engine: 'onnx', reportEvery: 1, evaluateEvery: 10, checkpointEvery: 5, keep: 'best' };
    for (const stop of stops) await train(request(folder, settings, stop));
    const counts = advance.mock.calls.map(([, , count]) => count);
    advance.mockRestore();
    const lines = await readMetrics(join(folder, 'metrics.jsonl'));
    const { best, ...written } = await everything(folder);
    return { counts, lines, written: { ...written, best: best?.meta, state: best?.state } };
  }

  it('only evaluations, checkpoints and the end cut a block; what is reported is that of single steps', async () => {
    const [single, block] = [await inBlocks(1), await inBlocks(4)];
    expect(single.counts).toEqual(Array.from({ length: 20 }, () => 1));
    expect(block.counts).toEqual([4, 1, 4, 1, 4, 1, 4, 1]);
    expect(block.written).toEqual(single.written);
    const seconds = block.lines.map((line) => line.seconds);
    expect(seconds).toEqual(seconds.toSorted((a, b) => a - b));
    for (const { metrics } of block.lines) expect(metrics.dataWait ?? 0).toBeLessThanOrEqual(1);
  });

  it('goes on within a block as if it had never stopped', async () => {
    // Asked to stop before the third block: after 5 steps of [4, 1], and again within the next ten.
    const [straight, stopped] = [await inBlocks(4), await inBlocks(3, [1, 2, undefined])];
    expect(stopped.counts).toEqual([3, 2, 3, 2, 3, 2, 3, 2]);
    expect(stopped.written).toEqual(straight.written);
  });
});

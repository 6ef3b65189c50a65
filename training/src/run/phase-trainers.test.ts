import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { tf } from '@generatrix/export';
import { beforeAll, describe, expect, it } from 'vitest';
import { gradientModel } from '../core/gradient-model.ts';
import type { Turn } from '../core/turn.ts';
import type { Model } from '../model/model.ts';
import { settleTraining } from '../model/training-options.ts';
import { checkpointFolder, loadLatestCheckpoint } from '../record/checkpoint.ts';
import { readMetrics } from '../record/metrics.ts';
import { parseSettings } from '../record/settings.ts';
import { folderOf } from '../testing/test-support.ts';
import { tinyPoints } from '../testing/tiny-data.ts';
import { train } from './train.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const points = tinyPoints(24);

/** Follows the mean of what it is shown, with some noise; reports the size of its batch. */
function follower(player: string): Turn {
  return {
    players: [player],
    run: (state, { data, noise }) => {
      const target = tf.mean(tf.add(data, tf.mul(0.1, noise[player]!)), 0);
      const off = tf.sub(state[player]!, target);
      return {
        gradients: { [player]: { [player]: off } },
        metrics: { loss: tf.sum(tf.square(off)), [`${player}Batch`]: tf.scalar(data.shape[0]!) },
      };
    },
  };
}

const parameter = { shape: [2], initial: 0 } as const;
const noiseOf = (player: string) => ({ [player]: { distribution: 'normal', shape: [2] } as const });

/** One follower after the other, with batches of two sizes; the second starts at the state that the first leaves. */
const model: Model = gradientModel({
  players: { one: { parameters: { one: parameter } }, two: { parameters: { two: parameter } } },
  phases: [
    { name: 'first', steps: 7, turns: [follower('one')], noise: noiseOf('one') },
    {
      name: 'second',
      turns: [follower('two')],
      noise: noiseOf('two'),
      batchSize: 4,
      learningRate: 0.01,
    },
  ],
  programs: {},
}).compose(settleTraining({}, { ema: 0.9, optimizer: 'adam' }));

const settings = (more: object) =>
  parseSettings(
    {
      ...{ family: 'followers', options: {}, data: { name: 'points' }, seed: 3, steps: 15, batchSize: 6 },
      ...{ learningRate: 0.1, schedule: 'cosine', engine: 'onnx', device: 'cpu', reportEvery: 3 },
      ...{ evaluateEvery: 100, checkpointEvery: 100, ...more },
    },
    'test',
  );

async function run(folder: string, more: object = {}, stopAfter?: number, notes: string[] = []) {
  const stop = new AbortController();
  const result = await train({
    folder,
    settings: settings(more),
    model,
    train: points,
    validation: null,
    signal: stop.signal,
    progress: () => ({
      update: (step) => {
        if (step === stopAfter) stop.abort();
      },
      note: (line) => void notes.push(line),
      stop: () => {},
    }),
  });
  const checkpoint = await loadLatestCheckpoint(checkpointFolder(folder));
  return { result, notes, state: checkpoint!.state };
}

describe('a run in phases', () => {
  it('trains each part in its phase alone, says which, and reports no mean over two of them', async () => {
    const folder = await folderOf({});
    const { state, notes } = await run(folder);
    const middle = await run(await folderOf({}), {}, 7);
    expect([...state.one!.data]).toEqual([...middle.state.one!.data]);
    expect([...middle.state.two!.data]).toEqual([0, 0]);
    expect([...state.two!.data]).not.toEqual([0, 0]);
    expect([state['adam/one/count']!.data[0], state['adam/two/count']!.data[0]]).toEqual([7, 8]);
    expect(notes).toEqual(['step 0: phase first, to step 7', 'step 7: phase second, to step 15']);
    const lines = await readMetrics(join(folder, 'metrics.jsonl'));
    const { oneBatch, twoBatch } = { oneBatch: 6, twoBatch: 4 };
    expect(
      lines.map(({ step, metrics: { phase, oneBatch, twoBatch } }) => ({ step, phase, oneBatch, twoBatch })),
    ).toEqual([
      ...[3, 6, 7].map((step) => ({ step, phase: 1, oneBatch, twoBatch: undefined })),
      ...[9, 12, 15].map((step) => ({ step, phase: 2, oneBatch: undefined, twoBatch })),
    ]);
    // Four batches of 6 are an epoch, and a phase begins an epoch: the second is the first of the second phase's own.
    expect(lines.map(({ metrics }) => metrics.epoch)).toEqual([0, 1, 1, 2, 2, 3]);
    const [header] = (await readFile(join(folder, 'metrics.csv'), 'utf8')).split('\n');
    expect(header).toContain('phase');
  });

  it.each([1, 6, 7, 8, 14])('stopped after step %i and resumed ends in the same bits', async (at) => {
    const straight = await run(await folderOf({}));
    const folder = await folderOf({});
    const first = await run(folder, {}, at);
    expect(first.result).toMatchObject({ step: at, finished: false });
    const { state, notes } = await run(folder);
    expect(state).toEqual(straight.state);
    const phase =
      at < 7 ? 'first goes on, to step 7' : at === 7 ? 'second, to step 15' : 'second goes on, to step 15';
    expect(notes[0]).toBe(`step ${at}: phase ${phase}`);
  });

  it('goes on in its last phase where the run is made longer', async () => {
    const folder = await folderOf({});
    const constant = { schedule: 'constant' };
    await run(folder, constant);
    const longer = await run(folder, { ...constant, steps: 20 });
    const straight = await run(await folderOf({}), { ...constant, steps: 20 });
    expect(longer.state).toEqual(straight.state);
  });
});

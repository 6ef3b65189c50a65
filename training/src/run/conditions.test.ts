import { tf } from '@generatrix/export';
import { batchPlan, fillNoise, hostTensor, stepInputs } from '@generatrix/runtime/core';
import { beforeAll, describe, expect, it } from 'vitest';
import { gradientModel } from '../core/gradient-model.ts';
import { type Dataset, fieldOf, floatDataset, partOf } from '../data/dataset.ts';
import { fingerprintOf } from '../data/fingerprint.ts';
import { initialState } from '../engine/initial-state.ts';
import { onnxEngine } from '../engine/onnx-engine.ts';
import { tfjsEngine } from '../engine/tfjs-engine.ts';
import { type DataDescription, dataDescription } from '../model/family.ts';
import type { Model } from '../model/model.ts';
import { settleTraining, type TrainingOptions } from '../model/training-options.ts';
import { normalLogProb, sumExamples } from '../nn/distributions.ts';
import { parseSettings } from '../record/settings.ts';
import { exportedSampler } from '../testing/sampler-test-support.ts';
import { expectUserError, folderOf } from '../testing/test-support.ts';
import { train } from './train.ts';
import { trainingFiles } from './trainable.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const [size, wide, words, deviation] = [200, 3, 4, 0.3];
const normals = (stream: string, shape: number[], count = size) =>
  fillNoise({ distribution: 'normal', seed: 6, stream, firstIndex: 0, count, shape });

/** Points x = A c + e(w) + noise, for a vector c and a word w that the data set has of each. */
function pointsWithFields(): Dataset {
  const map = [1, -2, 0.5, 0.5, 1.5, -1];
  const embedding = [0, 0, 2, -1, -3, 1, 1, 4];
  const vectors = normals('vectors', [wide]);
  const noise = normals('noise', [2]);
  const tokens = Int32Array.from({ length: size }, (_, i) => (7 * i + (i >> 3)) % words);
  const values = Float32Array.from({ length: size * 2 }, (_, at) => {
    const [i, k] = [Math.floor(at / 2), at % 2];
    const mapped = [0, 1, 2].reduce((sum, j) => sum + vectors[i * wide + j]! * map[j * 2 + k]!, 0);
    return mapped + embedding[tokens[i]! * 2 + k]! + deviation * noise[at]!;
  });
  const spec = { kind: 'points', shape: [2] } as const;
  return {
    ...floatDataset({ name: 'pairs', split: 'train', spec, size, labels: null, classNames: [] }, values),
    fields: {
      vector: fieldOf('vector', { dtype: 'float32', shape: [wide] }, vectors),
      word: fieldOf('word', { dtype: 'int32', shape: [1], tokens: words }, tokens),
    },
  };
}

const data = pointsWithFields();

/** N(A c + e(w), deviation^2), fitted by likelihood. */
function regression({ fields }: DataDescription, training: TrainingOptions = {}): Model {
  const { vector, word } = fields!;
  const mean = (state: Record<string, tf.Tensor>, given: Record<string, tf.Tensor>) => {
    const token = tf.squeeze(given.word!, [1]) as tf.Tensor1D;
    const embedded = tf.gather(state.embedding!, token);
    return tf.add(tf.matMul(given.vector as tf.Tensor2D, state.map as tf.Tensor2D), embedded);
  };
  const logProb = (x: tf.Tensor, centre: tf.Tensor) =>
    sumExamples(normalLogProb(x, centre, Math.log(deviation)));
  const conditions = {
    vector: { ...vector!, role: 'condition' },
    word: { ...word!, role: 'condition' },
  } as const;
  return gradientModel({
    parameters: {
      map: { shape: [vector!.shape[0]!, 2], initial: 0 },
      embedding: { shape: [word!.tokens!, 2], initial: 0 },
    },
    conditions: { vector: vector!, word: word! },
    loss: (state, { data: x, conditions: given }) => ({
      loss: tf.neg(tf.mean(logProb(x, mean(state, given)))),
    }),
    programs: {
      sample: {
        signature: {
          inputs: {
            z: { dtype: 'float32', shape: [2], role: 'noise', distribution: 'normal' },
            ...conditions,
          },
          outputs: { data: { dtype: 'float32', shape: [2], meaning: 'data' } },
        },
        run: (state, { z, ...given }) => ({ data: tf.add(mean(state, given), tf.mul(deviation, z!)) }),
      },
      logProb: {
        signature: {
          inputs: { data: { dtype: 'float32', shape: [2], role: 'data' }, ...conditions },
          outputs: { logProb: { dtype: 'float32', shape: [], meaning: 'logProb' } },
        },
        run: (state, { data: x, ...given }) => ({ logProb: logProb(x!, mean(state, given)) }),
      },
    },
  }).compose(settleTraining({}, training));
}

const settings = (more: object = {}) =>
  parseSettings(
    {
      ...{ family: 'regression', options: {}, data: { name: 'pairs' }, seed: 3, steps: 400, batchSize: 50 },
      ...{ learningRate: 0.1, schedule: 'linear', engine: 'onnx', device: 'cpu', reportEvery: 100 },
      ...{ evaluateEvery: 400, checkpointEvery: 400, ...more },
    },
    'test',
  );

/** The least squares that the likelihood has at its best, by the normal equations in doubles: [7 rows][2]. */
async function leastSquares(): Promise<number[][]> {
  const every = Int32Array.from({ length: size }, (_, i) => i);
  const [x, vector, word] = await Promise.all(
    [data, data.fields!.vector!, data.fields!.word!].map(async (each) => (await each.gather(every)).data),
  );
  const unknowns = wide + words;
  const rows = Array.from({ length: size }, (_, i) => [
    ...Array.from({ length: wide }, (_, j) => vector![i * wide + j]!),
    ...Array.from({ length: words }, (_, w) => (word![i] === w ? 1 : 0)),
  ]);
  // [A'A | A'x], brought to the identity by elimination.
  const table = Array.from({ length: unknowns }, (_, a) => [
    ...Array.from({ length: unknowns }, (_, b) => rows.reduce((sum, row) => sum + row[a]! * row[b]!, 0)),
    ...[0, 1].map((k) => rows.reduce((sum, row, i) => sum + row[a]! * x![2 * i + k]!, 0)),
  ]);
  for (let pivot = 0; pivot < unknowns; pivot++) {
    const top = table[pivot]!.map((value) => value / table[pivot]![pivot]!);
    table[pivot] = top;
    for (let row = 0; row < unknowns; row++) {
      if (row === pivot) continue;
      const factor = table[row]![pivot]!;
      table[row] = table[row]!.map((value, k) => value - factor * top[k]!);
    }
  }
  return table.map((row) => row.slice(unknowns));
}

describe('a model that is given fields of the data set', () => {
  it('is trained with them, exported, and sampled and scored given them', async () => {
    const model = regression(dataDescription(data));
    const folder = await folderOf({});
    const { state, heldOut } = await train({
      folder,
      settings: settings(),
      model,
      train: data,
      validation: data,
    });
    const best = await leastSquares();
    const learned = [...state.map!.data, ...state.embedding!.data];
    for (const [k, value] of best.flat().entries()) expect(Math.abs(learned[k]! - value)).toBeLessThan(0.02);

    const sampler = await exportedSampler(model, state, data);
    const vector = hostTensor('float32', [2, wide], [1, 2, 3, -1, 0, 1]);
    const word = hostTensor('int32', [2, 1], [3, 1]);
    const means = [0, 1].map((i) =>
      [0, 1].map((k) => {
        const mapped = [0, 1, 2].reduce(
          (sum, j) => sum + vector.data[i * wide + j]! * state.map!.data[j * 2 + k]!,
          0,
        );
        return mapped + state.embedding!.data[word.data[i]! * 2 + k]!;
      }),
    );
    const noise = (count: number) =>
      fillNoise({ distribution: 'normal', seed: 9, stream: 'sample/z', firstIndex: 0, count, shape: [2] });
    const request = { count: 2, seed: 9, conditions: { vector, word } };
    const drawn = await sampler.sample(request);
    const z = noise(2);
    for (let at = 0; at < 4; at++)
      expect(drawn.data.data[at]).toBeCloseTo(means[at >> 1]![at % 2]! + deviation * z[at]!, 4);
    expect((await sampler.sample({ ...request, batchSize: 1 })).data).toEqual(drawn.data);
    // One condition for all samples.
    const one = {
      vector: hostTensor('float32', [1, wide], [1, 2, 3]),
      word: hostTensor('int32', [1, 1], [3]),
    };
    const several = await sampler.sample({ count: 3, seed: 9, conditions: one });
    expect([...several.data.data.slice(0, 2)]).toEqual([...drawn.data.data.slice(0, 2)]);
    expect(several.data.data[4]).toBeCloseTo(means[0]![0]! + deviation * noise(3)[4]!, 4);

    const every = Int32Array.from({ length: size }, (_, i) => i);
    const conditions = {
      vector: await data.fields!.vector!.gather(every),
      word: await data.fields!.word!.gather(every),
    };
    const { values } = await sampler.logProb({ data: await data.gather(every), conditions });
    expect(values.reduce((sum, value) => sum + value, 0) / size).toBeCloseTo(heldOut!, 4);

    await expectUserError(
      sampler.sample({ count: 1 }),
      /^program sample: input 'vector': condition is missing/,
    );
    await expectUserError(
      sampler.sample({ count: 2, conditions: { vector, word: hostTensor('int32', [2, 1], [3, 4]) } }),
      /^program sample: input 'word': token 4 is out of range: the tokens are 0 to 3/,
    );
    await expectUserError(
      sampler.sample({ count: 3, conditions: { vector, word } }),
      /^condition vector: expected 1 or 3, one for each sample, got \[2,3\]/,
    );
    await expectUserError(
      sampler.sample({ ...request, conditions: { vector, word, colour: word } }),
      /^program sample has no condition 'colour'/,
    );
    await sampler.release();
  });

  it('takes the same steps compiled, eagerly, several at once and in parts of a batch', async () => {
    const plan = batchPlan('shuffled', size, 20, 1);
    const after = async (
      engine: ReturnType<typeof onnxEngine>,
      training: TrainingOptions,
      atOnce = false,
    ) => {
      const model = regression(dataDescription(data), training);
      const inputs = await Promise.all(
        [0, 1, 2].map((step) => stepInputs(model, data, plan(step), { seed: 1, step, learningRate: 0.1 })),
      );
      const trainer = await engine.prepare(model, { batchSize: 20, dataShape: [2] });
      await trainer.setState(initialState(model, 1));
      if (atOnce) await trainer.steps(inputs);
      else for (const each of inputs) await trainer.step(each);
      const { map, embedding } = await trainer.getState();
      await trainer.release();
      return [...map!.data, ...embedding!.data];
    };
    const compiled = await after(onnxEngine('cpu'), {});
    expect(await after(onnxEngine('cpu'), {}, true)).toEqual(compiled);
    for (const others of [
      await after(
        tfjsEngine(() => {}),
        {},
      ),
      await after(onnxEngine('cpu'), { accumulate: 4 }),
    ])
      for (const [k, value] of others.entries()) expect(value).toBeCloseTo(compiled[k]!, 4);
  });

  it('is refused in one line where the data has no such field, and as a trainable bundle', async () => {
    const model = regression(dataDescription(data));
    const { fields: _, ...bare } = data;
    const request = {
      folder: await folderOf({}),
      settings: settings(),
      model,
      train: bare,
      validation: null,
    };
    await expectUserError(
      train(request),
      /^the model is given 'vector' with each example, which the data does not have/,
    );
    await expectUserError(
      trainingFiles(model, settings(), [2], { state: initialState(model, 1), step: 0 }, {}),
      /^a trainable bundle: the model is given 'vector' with each example/,
    );
  });
});

describe('fields of a data set', () => {
  it('go with their examples into a part, and into what the data is recognised by', async () => {
    const part = partOf(data, Int32Array.of(5, 190, 7));
    const [own, all] = [part.fields!.word!, data.fields!.word!];
    expect((await own.gather([2, 0])).data).toEqual((await all.gather([7, 5])).data);
    await expect(own.gather([3])).rejects.toThrow(RangeError);
    const other = { ...data, fields: { ...data.fields, word: data.fields!.vector! } };
    expect((await fingerprintOf(other)).sha256).not.toBe((await fingerprintOf(data)).sha256);
    expect(dataDescription(data).fields!.word).toEqual({ dtype: 'int32', shape: [1], tokens: words });
  });
});

import { tf } from '@generatrix/export';
import { columnSpans, fillNoise, type TableColumn } from '@generatrix/runtime/core';
import { expect, it } from 'vitest';
import { describeData, firstExamples, tinyTable } from '../../testing/tiny-data.ts';
import { tableLikelihood } from './table-likelihood.ts';

const table = tinyTable(21);
const { spec } = describeData(table);
const columns: readonly TableColumn[] = (spec.kind === 'points' && spec.columns) || [];
const width = spec.shape[0]!;
const state = { 'decoder/logStd': tf.tensor1d([-0.7]) };
const std = 0.01 + Math.exp(-0.7);
const output = (rows: number) =>
  tf.tensor2d(
    fillNoise({
      distribution: 'normal',
      seed: 1,
      stream: 'output',
      firstIndex: 0,
      count: rows,
      shape: [width],
    }),
    [rows, width],
  );
const softmax = (logits: readonly number[]) => {
  const exponentials = logits.map(Math.exp);
  const total = exponentials.reduce((sum, x) => sum + x, 0);
  return exponentials.map((x) => x / total);
};
/** Logits are bounded smoothly by 30, which changes small ones hardly. */
const bounded = (logit: number) => 30 * Math.tanh(logit / 30);

it('is the product of a softmax for each column and a normal distribution for each number that is there', async () => {
  const { data } = await firstExamples(table, 21);
  const outputs = output(21);
  const values = outputs.dataSync();
  const x = tf.tensor2d(data as Float32Array, [21, width]);
  const found = tf.sum(tableLikelihood(columns).logProbs(state, x, outputs), 1).dataSync();
  for (let row = 0; row < 21; row++) {
    let expected = 0;
    for (const { scalar, start, choices, column } of columnSpans(columns)) {
      const at = (k: number) => row * width + k;
      const chosen = Array.from({ length: choices }, (_, k) => data[at(start + k)]).indexOf(1);
      const logits = Array.from({ length: choices }, (_, k) => bounded(values[at(start + k)]!));
      expected += Math.log(softmax(logits)[chosen]!);
      const isMissing = column.kind === 'number' && chosen === column.modes.length;
      if (scalar === undefined || isMissing) continue;
      const deviation = (data[at(scalar)]! - values[at(scalar)]!) / std;
      expected -= 0.5 * deviation ** 2 + Math.log(std) + 0.5 * Math.log(2 * Math.PI);
    }
    expect(found[row]).toBeCloseTo(expected, 4);
  }
});

it('draws each choice as often as its probability, and places about their means', async () => {
  const count = 5000;
  const likelihood = tableLikelihood(columns);
  const one = output(1);
  const noise = Object.fromEntries(
    Object.entries(likelihood.noise).map(([name, { distribution, shape }]) => [
      name,
      tf.tensor2d(fillNoise({ distribution, seed: 2, stream: name, firstIndex: 0, count, shape }), [
        count,
        shape[0]!,
      ]),
    ]),
  );
  const drawn = likelihood.draw(state, tf.tile(one, [count, 1]), noise);
  const mean = tf.mean(drawn, 0).dataSync();
  const values = one.dataSync();
  for (const { scalar, start, choices } of columnSpans(columns)) {
    const logits = Array.from({ length: choices }, (_, k) => bounded(values[start + k]!));
    const probabilities = softmax(logits);
    for (const [k, p] of probabilities.entries())
      expect(Math.abs(mean[start + k]! - p)).toBeLessThan(4 * Math.sqrt((p * (1 - p)) / count));
    if (scalar === undefined) continue;
    // Missing numbers have the place 0.
    const there = 1 - probabilities.at(-1)!;
    expect(Math.abs(mean[scalar]! - there * values[scalar]!)).toBeLessThan((4 * 1.5) / Math.sqrt(count));
  }
});

it('takes the column that repeats what is told from there, and does not score it', () => {
  const repeated = columnSpans(columns).at(-1)!;
  const told = tf.tensor2d([[0, 1]]);
  const likelihood = tableLikelihood(columns, repeated);
  const outputs = output(1);
  const noise = { observation: tf.zeros([1, 1]), choice: tf.fill([1, width - 1], 0.5) };
  for (const x of [likelihood.draw(state, outputs, noise, told), likelihood.mean(outputs, told)])
    expect([...tf.slice(x, [0, repeated.start]).dataSync()]).toEqual([0, 1]);
  const scored = likelihood.logProbs(state, tf.ones([1, width]), outputs, told);
  expect([...tf.abs(tf.slice(scored, [0, repeated.start])).dataSync()]).toEqual([0, 0]);
});

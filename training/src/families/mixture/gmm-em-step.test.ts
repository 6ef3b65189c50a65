import { type NamedTensors, tf } from '@generatrix/export';
import { beforeAll, expect, it } from 'vitest';
import { buildModel, familyNamed } from '../registry.ts';
import { type CovarianceKind, covarianceOf } from './gmm-covariance.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const examples = [
  [0.5, 1.5],
  [2, -1],
  [-1, 0.25],
  [3, 3],
  [2.5, 1],
  [-0.5, -2],
  [1, 0],
];
const start = {
  weights: [0.3, 0.7],
  means: [
    [0, 0.5],
    [2, 1],
  ],
  variances: [
    [1.5, 0.8],
    [0.6, 2],
  ],
};
const floor = 0.01;

type Matrix = readonly (readonly number[])[];

/** One iteration of EM (Bishop 2006, eq. 9.23 to 9.26), in doubles, from components with these variances per axis. */
function emIteration(variances: Matrix) {
  const responsibilities = examples.map((x) => {
    const joint = start.weights.map((weight, k) => {
      const [first, second] = variances[k]!;
      const squares = x.map((value, d) => (value - start.means[k]![d]!) ** 2 / variances[k]![d]!);
      return (
        (weight * Math.exp(-(squares[0]! + squares[1]!) / 2)) / (2 * Math.PI * Math.sqrt(first! * second!))
      );
    });
    const total = joint[0]! + joint[1]!;
    return joint.map((value) => value / total);
  });
  const counts = [0, 1].map((k) => responsibilities.reduce((sum, r) => sum + r[k]!, 0));
  const expectation = (k: number, f: (x: readonly number[]) => number) =>
    examples.reduce((sum, x, n) => sum + responsibilities[n]![k]! * f(x), 0) / counts[k]!;
  const means = [0, 1].map((k) => [0, 1].map((d) => expectation(k, (x) => x[d]!)));
  const covariances = [0, 1].map((k) =>
    [0, 1].map((i) =>
      [0, 1].map((j) => expectation(k, (x) => (x[i]! - means[k]![i]!) * (x[j]! - means[k]![j]!))),
    ),
  );
  return { counts, means, covariances };
}

/** The covariances that each kind makes of the free ones (of a tied one, the mean weighted by the counts). */
function restricted(kind: CovarianceKind, { counts, covariances }: ReturnType<typeof emIteration>) {
  const share = (k: number) => counts[k]! / examples.length;
  const entry = (k: number, i: number, j: number) => {
    if (kind === 'tied') return share(0) * covariances[0]![i]![j]! + share(1) * covariances[1]![i]![j]!;
    if (kind === 'full') return covariances[k]![i]![j]!;
    if (i !== j) return 0;
    return kind === 'diagonal'
      ? covariances[k]![i]![i]!
      : (covariances[k]![0]![0]! + covariances[k]![1]![1]!) / 2;
  };
  return [0, 1].map((k) => [0, 1].map((i) => [0, 1].map((j) => entry(k, i, j) + (i === j ? floor : 0))));
}

it.each<CovarianceKind>(['full', 'diagonal', 'spherical', 'tied'])(
  'one iteration over two batches, the second padded, is that of EM in doubles: %s',
  (kind) => {
    const spec = { kind: 'points', shape: [2] } as const;
    const options = { components: 2, covariance: kind, regularisation: floor };
    const { model } = buildModel(familyNamed('gmm'), options, { spec, classNames: [] });
    const shapes = covarianceOf(kind, 2, 2, 0);
    const begun = shapes.fromVariances(Float64Array.from(start.variances.flat()));
    const mean = (values: readonly number[]) => values.reduce((sum, x) => sum + x, 0) / values.length;
    const variances = {
      full: start.variances,
      diagonal: start.variances,
      spherical: start.variances.map((row) => [mean(row), mean(row)]),
      tied: start.variances.map(() => [0, 1].map((d) => mean(start.variances.map((row) => row[d]!)))),
    }[kind];
    const given: Record<string, ArrayLike<number>> = {
      logWeights: start.weights.map(Math.log),
      means: start.means.flat(),
      ...begun,
    };
    let state: NamedTensors = Object.fromEntries(
      Object.entries(model.state).map(([name, { shape, initial }]) => [
        name,
        given[name] === undefined
          ? tf.fill([...shape], initial as number)
          : tf.tensor(Array.from(given[name]), [...shape]),
      ]),
    );
    const logWeights = state.logWeights!;
    const batches = [examples.slice(0, 4), [...examples.slice(4), [99, -99]]];
    for (const [i, rows] of batches.entries()) {
      ({ state } = model.step.run({
        state,
        data: tf.tensor2d(rows),
        label: tf.zeros([4], 'int32'),
        conditions: {},
        weight: tf.tensor1d([1, 1, 1, i === 1 ? 0 : 1]),
        noise: {},
        learningRate: tf.scalar(0),
        epochEnd: tf.scalar(i),
      }));
      if (i === 0) expect([...state.logWeights!.dataSync()]).toEqual([...logWeights.dataSync()]);
    }
    const expected = emIteration(variances);
    const close = (tensor: tf.Tensor, values: readonly number[]) => {
      for (const [i, value] of [...tensor.dataSync()].entries()) expect(value).toBeCloseTo(values[i]!, 5);
    };
    close(
      tf.exp(state.logWeights!),
      expected.counts.map((count) => count / examples.length),
    );
    close(state.means!, expected.means.flat());
    // The covariance as noise meets it: the images of the unit vectors, multiplied.
    const covariances = restricted(kind, expected);
    for (const k of [0, 1]) {
      const choice = tf.tensor2d([0, 1].map(() => [0, 1].map((other) => (other === k ? 1 : 0))));
      const images = shapes.colour(state, choice, tf.eye(2)) as tf.Tensor2D;
      close(tf.matMul(images, images, true, false), covariances[k]!.flat());
    }
  },
);

import { tf } from '@generatrix/export';
import { beforeAll, describe, expect, it } from 'vitest';
import { integrated, logDensity } from './flow-programs.ts';
import { type Field, type SolverName, solverNames, solvers } from './ode.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

describe.each([
  ['euler', 1, 16],
  ['midpoint', 2, 16],
  ['heun', 2, 16],
  // Finer steps would be within rounding of the solution.
  ['rk4', 4, 4],
] as const)('%s', (solver, order, coarse) => {
  /** dx/dt = x cos t from x(0) = 1, whose solution is exp(sin t). */
  const field: Field = (x, time) => tf.mul(x, tf.cos(time));
  const error = (steps: number) => {
    const end = integrated(field, tf.tensor2d([[1]]), { solver, steps, from: 0, to: 2 }).dataSync()[0]!;
    return Math.abs(end - Math.exp(Math.sin(2)));
  };

  it(`is of order ${order}`, () => {
    expect(Math.log2(error(coarse) / error(2 * coarse))).toBeGreaterThan(order - 0.35);
  });

  it('tells the slope at the beginning of a step', () => {
    const { slope } = solvers[solver](field, tf.tensor2d([[3]]), tf.scalar(0.5), tf.scalar(0.1));
    expect(slope.dataSync()[0]).toBeCloseTo(3 * Math.cos(0.5), 5);
  });
});

it('has a test of the order of every solver', () => {
  expect(solverNames).toEqual(['euler', 'midpoint', 'heun', 'rk4'] satisfies SolverName[]);
});

it('a field that is linear in x gives a normal distribution, whose log-density is known', () => {
  // dx/dt = A x + b with triangular A: x(1) = M z + c by exp(A) and its integral, in closed form.
  const [a, d, off, b] = [0.7, -0.4, 1.3, 0.5];
  const matrix = tf.tensor2d([
    [a, 0],
    [off, d],
  ]); // rows of x times it
  const field: Field = (x) => tf.add(tf.matMul(x as tf.Tensor2D, matrix), tf.tensor1d([b, 0]));
  // x' = a x + off y + b, y' = d y.
  const inverse = (x: number, y: number): readonly [number, number] => {
    const y0 = y * Math.exp(-d);
    const mixed = (off * y0 * (Math.exp(d) - Math.exp(a))) / (d - a);
    return [(x - mixed - (b * (Math.exp(a) - 1)) / a) * Math.exp(-a), y0];
  };
  const points: [number, number][] = [
    [0, 0],
    [1, -2],
    [-0.5, 0.3],
  ];
  const values = logDensity(field, tf.tensor2d(points), 20).dataSync();
  for (const [i, [x, y]] of points.entries()) {
    const [x0, y0] = inverse(x, y);
    expect(values[i]).toBeCloseTo(-0.5 * (x0 * x0 + y0 * y0) - Math.log(2 * Math.PI) - (a + d), 4);
  }
});

it.each([0.01, 0.1, 1])('narrow data, of deviation %d, needs no more steps than wide', (deviation) => {
  // The velocity of straight paths to N(0, deviation^2), in closed form: x times the rate at which log std changes.
  const field: Field = (x, time) => {
    const [left, end] = [tf.sub(1, time), tf.mul(time, deviation ** 2)];
    const variance = tf.add(tf.square(left), tf.mul(time, end));
    return tf.mul(x, tf.div(tf.sub(end, left), variance));
  };
  const points: [number, number][] = [
    [0, 0],
    [1, -2],
  ];
  const values = logDensity(field, tf.mul(deviation, tf.tensor2d(points)), 16).dataSync();
  for (const [i, [x, y]] of points.entries()) {
    const expected = -0.5 * (x * x + y * y) - Math.log(2 * Math.PI) - 2 * Math.log(deviation);
    expect(Math.abs(values[i]! - expected)).toBeLessThan(0.02);
  }
});

it('a field that is not linear keeps the mass: exp of the log-density sums to 1 over a grid', () => {
  const field: Field = (x, time) => {
    const bent = tf.tanh(tf.add(tf.mul(x, 1.5), tf.reverse(x, 1)));
    return tf.mul(tf.add(0.5, time), tf.sub(bent, tf.mul(0.3, tf.square(tf.sin(x)))));
  };
  const [cells, reach] = [64, 7];
  const width = (2 * reach) / cells;
  const at = (i: number) => -reach + (i + 0.5) * width;
  const grid = Array.from({ length: cells ** 2 }, (_, i): [number, number] => [
    at(i % cells),
    at(Math.floor(i / cells)),
  ]);
  const values = logDensity(field, tf.tensor2d(grid), 10).dataSync<'float32'>();
  const total = values.reduce((sum, value) => sum + Math.exp(value) * width * width, 0);
  expect(Math.abs(total - 1)).toBeLessThan(2e-3);
});

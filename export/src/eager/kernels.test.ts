import { beforeAll, describe, expect, it } from 'vitest';
import { tf } from '../tf.ts';
import { trace } from '../trace/trace.ts';
import { correctKernels } from './kernels.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const kernel = (name: string, inputs: tf.NamedTensorMap, attrs: object = {}): tf.Tensor =>
  tf.engine().runKernel(name, inputs, { ...attrs });
/** 1, 2, 3, ... in the shape. */
const counting = (...shape: number[]) => {
  const size = shape.reduce((product, dim) => product * dim, 1);
  return tf.tensor(
    Float32Array.from({ length: size }, (_, i) => i + 1),
    shape,
  );
};
const expectValues = (actual: tf.Tensor, shape: number[], values: number[]) => {
  expect(actual.shape).toEqual(shape);
  for (const [i, value] of [...actual.dataSync()].entries()) expect(value).toBeCloseTo(values[i]!, 5);
  expect(actual.size).toBe(values.length);
};

describe('matrix products of broadcast batches', () => {
  // a[i, 0] is the row [2i+1, 2i+2], b[0, j] the column [2j+1, 2j+2]: (2i+1)(2j+1) + (2i+2)(2j+2).
  const product = (i: number, j: number) => (2 * i + 1) * (2 * j + 1) + (2 * i + 2) * (2 * j + 2);
  const expected = [0, 1, 2].flatMap((i) => [0, 1].map((j) => product(i, j)));
  const [a, b] = [counting(3, 1, 1, 2), counting(1, 2, 2, 1)];

  it('both ways', () => {
    expectValues(tf.matMul(a, b), [3, 2, 1, 1], expected);
    expect(expected).toEqual([5, 11, 11, 25, 17, 39]);
  });

  it('a batch of fewer axes, transposed', () => {
    // [2, 1, 2, 1] (transposed to rows) times [3, 2, 1]: the rows [1, 2], [3, 4] with the columns [1, 2], [3, 4], [5, 6].
    const y = tf.matMul(counting(2, 1, 2, 1), counting(3, 2, 1), true, false);
    expectValues(y, [2, 3, 1, 1], [5, 11, 17, 11, 25, 39]);
  });

  it('one matrix with many, as before', () => {
    expectValues(tf.matMul(counting(2, 1, 2), counting(1, 2, 1)), [2, 1, 1], [5, 11]);
  });
});

describe('along a negative axis', () => {
  const x = counting(2, 3);

  it('running sums', () => {
    expectValues(tf.cumsum(x, -1), [2, 3], [1, 3, 6, 4, 9, 15]);
    expectValues(tf.cumsum(x, -2), [2, 3], [1, 2, 3, 5, 7, 9]);
    expectValues(tf.cumsum(x, -2, true, true), [2, 3], [4, 5, 6, 0, 0, 0]);
    expectValues(tf.cumsum(counting(2, 2, 2), -2), [2, 2, 2], [1, 2, 4, 6, 5, 6, 12, 14]);
  });

  it('running products', () => {
    expectValues(tf.cumprod(x, -1), [2, 3], [1, 2, 6, 4, 20, 120]);
    expectValues(tf.cumprod(x, -2), [2, 3], [1, 2, 3, 4, 10, 18]);
    expectValues(tf.cumprod(x, -1, true, true), [2, 3], [6, 3, 1, 30, 6, 1]);
  });
});

describe('einsum', () => {
  const naive = (equation: string, ...tensors: tf.Tensor[]) => {
    const [left, right] = equation.split('->') as [string, string];
    const terms = left.split(',');
    const sizes: Record<string, number> = {};
    for (const [i, term] of terms.entries()) {
      for (const [axis, label] of [...term].entries()) sizes[label] = tensors[i]!.shape[axis]!;
    }
    const labels = [...right, ...Object.keys(sizes).filter((label) => !right.includes(label))];
    const sums = new Map<string, number>();
    const visit = (at: Record<string, number>, depth: number) => {
      if (depth < labels.length) {
        const label = labels[depth]!;
        for (let i = 0; i < sizes[label]!; i++) visit({ ...at, [label]: i }, depth + 1);
        return;
      }
      const product = terms.reduce((value, term, i) => {
        const place = [...term].reduce((index, label) => index * sizes[label]! + at[label]!, 0);
        return value * tensors[i]!.dataSync()[place]!;
      }, 1);
      const key = [...right].map((label) => at[label]).join();
      sums.set(key, (sums.get(key) ?? 0) + product);
    };
    visit({}, 0);
    return { shape: [...right].map((label) => sizes[label]!), values: [...sums.values()] };
  };

  it.each([
    [
      'ij,jk->ik',
      [
        [2, 3],
        [3, 2],
      ],
    ],
    [
      'ij,jk->ki',
      [
        [2, 3],
        [3, 4],
      ],
    ],
    [
      'bij,bkj->bik',
      [
        [2, 3, 2],
        [2, 4, 2],
      ],
    ],
    [
      'kji,il->jkl',
      [
        [2, 3, 4],
        [4, 2],
      ],
    ],
    [
      'abc,cd,bd->ad',
      [
        [2, 3, 2],
        [2, 4],
        [3, 4],
      ],
    ],
    [
      'ji,kj->ik',
      [
        [3, 2],
        [4, 3],
      ],
    ],
    ['ii->i', [[3, 3]]],
    ['ii->', [[3, 3]]],
    ['ijk->kj', [[2, 3, 4]]],
    ['i,j->ji', [[2], [3]]],
    [
      'ij,ij->',
      [
        [2, 3],
        [2, 3],
      ],
    ],
  ] as [string, number[][]][])('%s is the sum that it names', (equation, shapes) => {
    const tensors = shapes.map((shape, i) => tf.add(counting(...shape), i * 0.5));
    const { shape, values } = naive(equation, ...tensors);
    expectValues(tf.einsum(equation, ...tensors), shape, values);
  });

  it('worked out by hand', () => {
    // [[1, 2], [3, 4]] [[5, 6], [7, 8]], transposed.
    const y = tf.einsum('ij,jk->ki', counting(2, 2), tf.add(counting(2, 2), 4));
    expectValues(y, [2, 2], [19, 43, 22, 50]);
  });
});

it('batch normalisation with statistics along axis 1', () => {
  const [x, mean, variance] = [
    counting(1, 2, 2),
    tf.tensor3d([1, 3], [1, 2, 1]),
    tf.tensor3d([4, 1], [1, 2, 1]),
  ];
  const scale = tf.tensor3d([2, 10], [1, 2, 1]);
  const offset = tf.tensor3d([0, 1], [1, 2, 1]);
  // ([1, 2] - 1) / 2 * 2 and ([3, 4] - 3) / 1 * 10 + 1
  const y = kernel('FusedBatchNorm', { x, mean, variance, scale, offset }, { varianceEpsilon: 0 });
  expectValues(y, [1, 2, 2], [0, 1, 1, 11]);
  const bare = kernel('FusedBatchNorm', { x, mean, variance }, { varianceEpsilon: 0 });
  expectValues(bare, [1, 2, 2], [0, 0.5, 0, 1]);
});

describe('the gradient of resizing', () => {
  const gradient = (name: string, from: number[], to: number[], mode: object) => {
    const dy = counting(from[0]!, ...to, 1);
    return kernel(`${name}Grad`, { images: tf.zeros([...from, 1]), dy }, { ...mode, size: to });
  };

  it('nearest, of every example of a batch', () => {
    // Every pixel goes to four: 1 + 2 + 5 + 6, 3 + 4 + 7 + 8, and 8 more for each in the second example.
    const dx = gradient('ResizeNearestNeighbor', [2, 1, 2], [2, 4], { alignCorners: false });
    expectValues(dx, [2, 1, 2, 1], [14, 22, 46, 54]);
  });

  it('nearest from one pixel, corners aligned', () => {
    const dx = gradient('ResizeNearestNeighbor', [1, 1, 1], [2, 2], { alignCorners: true });
    expectValues(dx, [1, 1, 1, 1], [10]);
  });

  it('bilinear, of an image that is no square', () => {
    // Rows 0 and 1 of the result come from rows 0 and 0.5; columns from 0, 0.5, 1, 1.5 (cut to 1).
    // A height of 1 has nothing to blend: the sums over the rows are 6, 8, 10, 12.
    const dx = gradient('ResizeBilinear', [1, 1, 2], [2, 4], { alignCorners: false });
    expectValues(dx, [1, 1, 2, 1], [6 + 8 / 2, 8 / 2 + 10 + 12]);
    const tall = gradient('ResizeBilinear', [1, 3, 2], [3, 2], { alignCorners: false });
    expectValues(tall, [1, 3, 2, 1], [1, 2, 3, 4, 5, 6]);
  });

  it('with half-pixel centres', () => {
    // Twice as wide: the result lies at -0.25 (cut to 0), 0.25, 0.75 and 1.25 (cut to 1).
    const mode = { alignCorners: false, halfPixelCenters: true };
    const dx = gradient('ResizeBilinear', [1, 1, 2], [1, 4], mode);
    expectValues(dx, [1, 1, 2, 1], [1 + 2 * 0.75 + 3 * 0.25, 2 * 0.25 + 3 * 0.75 + 4]);
    // Three to two: cells 0 and 1 of the result are nearest to 0.75 and 2.25 of the source.
    const near = gradient('ResizeNearestNeighbor', [1, 1, 3], [1, 2], mode);
    expectValues(near, [1, 1, 3, 1], [1, 0, 2]);
  });

  // <dy, resize(x)> = <gradient(dy), x> for any x; the left side needs tfjs's forward kernels alone.
  it.each([
    { alignCorners: false, halfPixelCenters: false },
    { alignCorners: true, halfPixelCenters: false },
    { alignCorners: false, halfPixelCenters: true },
  ])('is the adjoint of the resize, %o', (mode) => {
    for (const name of ['ResizeBilinear', 'ResizeNearestNeighbor']) {
      for (const [from, to] of [
        [
          [5, 3],
          [7, 8],
        ],
        [
          [9, 7],
          [4, 5],
        ],
        [
          [3, 8],
          [7, 3],
        ],
      ] as [[number, number], [number, number]][]) {
        const images = tf.randomNormal([2, ...from, 2], 0, 1, 'float32', 1);
        const dy = tf.randomNormal([2, ...to, 2], 0, 1, 'float32', 2);
        const forward = tf.sum(tf.mul(dy, kernel(name, { images }, { ...mode, size: to }))).dataSync()[0]!;
        const dx = kernel(`${name}Grad`, { images, dy }, { ...mode, size: to });
        expect(tf.sum(tf.mul(dx, images)).dataSync()[0]).toBeCloseTo(forward, 3);
      }
    }
  });
});

it('all of nothing is true', () => {
  expect([...tf.all(tf.tensor([], [0], 'bool')).dataSync()]).toEqual([1]);
  expectValues(tf.all(tf.tensor([], [2, 0], 'bool'), 1), [2], [1, 1]);
  expectValues(tf.all(tf.tensor([], [2, 0], 'bool'), 1, true), [2, 1], [1, 1]);
  expectValues(tf.all(tf.tensor2d([1, 1, 1, 0], [2, 2], 'bool'), 1), [2], [1, 0]);
  expectValues(tf.any(tf.tensor([], [2, 0], 'bool'), 1), [2], [0, 0]);
});

it('a scatter leaves what it writes onto as it was', () => {
  const tensor = counting(4);
  const y = tf.tensorScatterUpdate(tensor, tf.tensor2d([[1], [3]], [2, 1], 'int32'), tf.tensor1d([20, 40]));
  expectValues(y, [4], [1, 20, 3, 40]);
  expectValues(tensor, [4], [1, 2, 3, 4]);
});

it('a selection of rows', () => {
  const t = counting(2, 3);
  const y = kernel('Select', { condition: tf.tensor1d([1, 0], 'bool'), t, e: tf.neg(t) });
  expectValues(y, [2, 3], [1, 2, 3, -4, -5, -6]);
});

it('leaves no tensors behind, and is put in place once', () => {
  const run = () =>
    tf.tidy(() => {
      tf.matMul(counting(3, 1, 1, 2), counting(1, 2, 2, 1));
      tf.cumsum(counting(2, 3), -1);
      tf.all(tf.tensor([], [2, 0], 'bool'), 1);
    });
  run();
  const before = tf.engine().backend.numDataIds();
  run();
  expect(tf.engine().backend.numDataIds()).toBe(before);
  const registered = tf.getKernel('Cumsum', 'cpu');
  correctKernels(tf);
  expect(tf.getKernel('Cumsum', 'cpu')).toBe(registered);
});

it('constants are folded with them', () => {
  const graph = trace(
    ({ x }) => {
      const [a, b] = [counting(3, 1, 1, 2), counting(1, 2, 2, 1)];
      return {
        y: tf.add(x!, tf.sum(tf.mul(tf.matMul(a, b), tf.cumsum(counting(6).reshape([3, 2, 1, 1]), -3)))),
      };
    },
    { x: { dtype: 'float32', shape: [] } },
  );
  const constants = graph.nodes.flatMap((node) => (node.op === 'constant' ? [...node.data] : []));
  // Sums along the second axis of [[1, 2], [3, 4], [5, 6]]: 1, 3, 3, 7, 5, 11.
  expect(constants).toEqual([5 * 1 + 11 * 3 + 11 * 3 + 25 * 7 + 17 * 5 + 39 * 11]);
});

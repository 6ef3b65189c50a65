import { hostTensor, runAtOnce } from '@generatrix/runtime';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { printGraph } from '../graph/print.ts';
import { writeOnnx } from '../onnx/write.ts';
import { tf } from '../tf.ts';
import { TraceError } from './errors.ts';
import { scan } from './scan.ts';
import { traceBatched } from './symbolic.ts';
import { record, trace } from './trace.ts';

const x23 = { x: { dtype: 'float32', shape: [2, 3] } } as const;

beforeAll(async () => {
  await tf.setBackend('cpu');
});

describe('trace', () => {
  it('records forward and backward kernels as text that does not depend on earlier traces', () => {
    const weights = tf.tensor2d([1, 2, 3, 4, 5, 6], [3, 2]);
    const loss = (w: tf.Tensor, x: tf.Tensor): tf.Scalar =>
      tf.sum(tf.square(tf.matMul(x as tf.Tensor2D, w as tf.Tensor2D)));
    const graph = () => trace(({ x }) => ({ gradient: tf.grad((w) => loss(w, x!))(weights) }), x23);
    expect(printGraph(graph())).toBe(printGraph(graph()));
    expect(printGraph(graph())).toMatchInlineSnapshot(`
      "graph(x: float32[2,3]) {
        %0: float32[3,2] = constant() {1, 2, 3, 4, 5, 6}
        %1: float32[2,2] = BatchMatMul(x, %0) {transposeA: false, transposeB: false}
        %2: float32[] = constant() {2}
        %3: float32[2,2] = Multiply(%1, %2)
        %4: float32[3,2] = BatchMatMul(x, %3) {transposeA: true, transposeB: false}
        return gradient = %4
      }"
    `);
  });

  it('removes copies, repeated and unused nodes, and folds constants', () => {
    const fn = ({ x }: Record<string, tf.Tensor>) => {
      tf.exp(x!); // unused
      const twice = tf.add(tf.relu(x!), tf.relu(tf.clone(x!)));
      return { y: tf.mul(twice, tf.add(tf.scalar(1), tf.scalar(2))) };
    };
    expect(record(fn, x23).nodes.length).toBeGreaterThan(trace(fn, x23).nodes.length);
    expect(printGraph(trace(fn, x23))).toMatchInlineSnapshot(`
      "graph(x: float32[2,3]) {
        %0: float32[2,3] = Relu(x)
        %1: float32[2,3] = Add(%0, %0)
        %2: float32[] = constant() {3}
        %3: float32[2,3] = Multiply(%1, %2)
        return y = %3
      }"
    `);
  });

  it('leaves weights on their backend and restores the active backend', () => {
    const weight = tf.variable(tf.tensor1d([1, 2, 3]));
    trace(({ x }) => ({ y: tf.mul(x!, weight) }), x23);
    expect(tf.getBackend()).toBe('cpu');
    expect([...weight.dataSync()]).toEqual([1, 2, 3]);
  });

  it('disposes what it made, and leaves no tensors behind after an error either', () => {
    const before = tf.memory().numTensors;
    trace(({ x }) => ({ y: tf.relu(tf.add(x!, 1)) }), x23);
    expect(() => trace(({ x }) => ({ y: tf.scalar(tf.add(x!, 1).dataSync()[0]!) }), x23)).toThrow();
    expect(tf.memory().numTensors).toBe(before);
    expect(tf.getBackend()).toBe('cpu');
  });

  const unique = ({ x }: Record<string, tf.Tensor>) => ({ y: tf.unique(tf.reshape(x!, [-1])).values });
  const variable = () => tf.variable(tf.zeros([2, 3]));
  it.each<[string, (inputs: Record<string, tf.Tensor>) => Record<string, tf.Tensor>, RegExp]>([
    [
      'a data-dependent read',
      ({ x }) => ({ y: tf.scalar(tf.relu(x!).dataSync()[0]!) }),
      /reads the result of Relu.*trace\.test\.ts/,
    ],
    [
      'a random tensor',
      ({ x }) => ({ y: tf.add(x!, tf.randomNormal([2, 3])) }),
      /tf\.randomNormal at .*trace\.test\.ts:\d+/,
    ],
    ['dropout', ({ x }) => ({ y: tf.dropout(x!, 0.5) }), /tf\.(dropout|randomUniform).*random/],
    ['multinomial', ({ x }) => ({ y: tf.multinomial(x as tf.Tensor2D, 2) }), /Multinomial.*random/],
    ['an unknown kernel', unique, /kernel Unique at .*trace\.test\.ts/],
    [
      'an assignment',
      ({ x }) => {
        variable().assign(x!);
        return { y: x! };
      },
      /variable .* is assigned/,
    ],
    ['a program without outputs', () => ({}), /returns no tensors: return an object with at least one/],
    ['an output that is no tensor', () => ({ y: 3 as unknown as tf.Tensor }), /output 'y'.*not a tensor/],
  ])('refuses %s, naming the op and the place', (_, fn, message) => {
    expect(() => trace(fn, x23)).toThrow(message);
  });

  let calls = 0;
  it.each<[string, (inputs: Record<string, tf.Tensor>) => Record<string, tf.Tensor>, RegExp]>([
    [
      'a constant by Math.random',
      ({ x }) => ({ y: tf.mul(x!, Math.random()) }),
      /constant of shape \[\] at .*trace\.test\.ts:\d+.* differs .*Math\.random.*make that an input/,
    ],
    [
      'an attribute by a counter',
      ({ x }) => ({ y: tf.leakyRelu(x!, ++calls) }),
      /LeakyRelu at .*: its alpha is \d+, \d+ .*a counter/,
    ],
    [
      'a size by a counter',
      ({ x }) => ({ y: tf.concat([x!, tf.exp(tf.zeros([++calls, 3]))]) }),
      /a size is \d+, \d+/,
    ],
    [
      'another op each time',
      ({ x }) => ({ y: ++calls % 2 === 0 ? tf.exp(x!) : tf.relu(x!) }),
      /Exp at .*, Relu at .*|Relu at .*, Exp at /,
    ],
    [
      'more ops each time',
      ({ x }) => ({ y: Array.from({ length: ++calls }).reduce<tf.Tensor>((y) => tf.relu(y), x!) }),
      /runs \d+, \d+ ops, the first that is not in all of them Relu at /,
    ],
    [
      'one op or the other returned',
      ({ x }) => {
        const [a, b] = [tf.exp(x!), tf.relu(x!)];
        return { y: ++calls % 2 === 0 ? a : b };
      },
      /output 'y' comes from different ops/,
    ],
    ['outputs that come and go', ({ x }) => ({ [`y${++calls}`]: tf.relu(x!) }), /returns 'y\d+', and 'y\d+'/],
    [
      'something that changes in the body of a scan',
      ({ x }) =>
        scan({
          carries: { h: tf.zeros([3]) },
          sequences: { x: x! },
          body: ({ h }, { x: slice }) => ({ carries: { h: tf.add(h!, tf.mul(slice!, ++calls)) } }),
        }).carries,
      /constant of shape \[\] at .* differs/,
    ],
  ])('refuses %s, which differs from trace to trace', (_, fn, message) => {
    expect(() => trace(fn, x23)).toThrow(message);
    expect(() => trace(fn, x23)).toThrow(TraceError);
  });

  it('holds one copy of a weight, however often it is traced', () => {
    const weight = tf.tensor1d([1, 2, 3]);
    const read = vi.spyOn(
      tf.backend() as tf.KernelBackend & { readSync: (id: object) => object },
      'readSync',
    );
    trace(({ x }) => ({ y: tf.mul(x!, weight) }), x23);
    traceBatched(({ x }) => ({ y: tf.mul(x!, weight) }), {
      x: { dtype: 'float32', shape: [3], batched: true },
    });
    expect(read.mock.calls.filter(([id]) => id === weight.dataId)).toHaveLength(2);
    read.mockRestore();
  });
});

describe('traceBatched', () => {
  const batched = { x: { dtype: 'float32', shape: [3], batched: true } } as const;

  it('finds which dimensions scale with the batch', () => {
    const graph = traceBatched(({ x }) => {
      const [batch] = x!.shape as [number];
      return { y: tf.concat([tf.reshape(x!, [batch * 3]), tf.zeros([batch]), tf.zeros([2])]) };
    }, batched);
    expect(graph.outputs[0]!.value.shape).toEqual([{ scale: 4, offset: 2 }]);
  });

  it.each<[string, (inputs: Record<string, tf.Tensor>) => Record<string, tf.Tensor>, RegExp]>([
    [
      'a number that depends on the batch',
      ({ x }) => ({ y: tf.div(x!, x!.shape[0]!) }),
      /constant.*depends on the batch size/,
    ],
    ['Math.random', ({ x }) => ({ y: tf.add(x!, Math.random()) }), /Math\.random/],
    [
      'other ops at other sizes',
      ({ x }) => ({ y: x!.shape[0]! > 5 ? tf.exp(x!) : tf.relu(x!) }),
      /Relu at .*, Exp at .*, Exp at .* in the same place/,
    ],
    ['a size quadratic in the batch', ({ x }) => ({ y: tf.zeros([x!.shape[0]! ** 2]) }), /not a multiple/],
    [
      'a host loop over the batch',
      ({ x }) => ({ y: tf.stack(tf.unstack(x!)) }),
      /Unpack at .* differently at batch sizes 5, 7, 12/,
    ],
    [
      'another output at another size',
      ({ x }) => {
        const [a, b] = [tf.exp(x!), tf.relu(x!)];
        return { y: x!.shape[0] === 7 ? a : b };
      },
      /output 'y' comes from different ops at batch sizes 5, 7, 12/,
    ],
    [
      'an axis that is lost for one example',
      ({ x }) => ({ y: tf.sum(tf.squeeze(x!), 0) }),
      /batch of one .*trace\.test\.ts.*; output 'y' has shape \[\] for one example, expected \[3\]; give squeeze/,
    ],
    [
      'another result for one example',
      ({ x }) => ({ y: x!.shape[0] === 1 ? tf.exp(x!) : tf.relu(x!) }),
      /batch of one .*Relu at .*, Exp at .*'y' has other values for one example/,
    ],
    [
      'another attribute for one example',
      ({ x }) => ({ y: tf.leakyRelu(x!, x!.shape[0] === 1 ? 0.5 : 0.1) }),
      /batch of one .*LeakyRelu at .*: its alpha depends on the batch size.*other values/,
    ],
    [
      'a function that takes no single example',
      ({ x }) => {
        if (x!.shape[0] === 1) throw new Error('too few examples');
        return { y: tf.relu(x!) };
      },
      /batch of one .*at batch size 1 the function throws 'too few examples'/,
    ],
  ])('refuses %s', (_, fn, message) => {
    expect(() => traceBatched(fn, batched)).toThrow(message);
  });

  it('takes other ops for one example where they compute the same', () => {
    // The gradient with respect to y is summed over the batch, which tfjs leaves out where the batch has one example.
    const fn = ({ x, y }: Record<string, tf.Tensor>) => ({
      dy: tf.grad((z: tf.Tensor) => tf.sum(tf.mul(x!, tf.exp(z))))(y!),
    });
    const graph = traceBatched(fn, { ...batched, y: { dtype: 'float32', shape: [1, 3], batched: false } });
    const onnx = writeOnnx(graph, { name: 'gradient' });
    const y = hostTensor('float32', [1, 3], [0, 0, 0]);
    const [one, two] = [
      [1, 2, 3],
      [1, 2, 3, 10, 20, 30],
    ].map((x) => runAtOnce(onnx, { x: hostTensor('float32', [x.length / 3, 3], x), y }).dy!.data);
    expect(one).toEqual(Float32Array.of(1, 2, 3));
    expect(two).toEqual(Float32Array.of(11, 22, 33));
  });
});

describe('scan', () => {
  const options = (x: tf.Tensor, weight: tf.Tensor) => ({
    carries: { h: tf.zeros([3]) },
    sequences: { x },
    body: ({ h }: Record<string, tf.Tensor>, { x: slice }: Record<string, tf.Tensor>) => {
      const next = tf.add(tf.mul(h!, weight), slice!);
      return { carries: { h: next }, outputs: { square: tf.square(next) } };
    },
  });

  it('runs eagerly as a loop with the closed form of a geometric sum', () => {
    const { carries, outputs } = scan(options(tf.ones([4, 3]), tf.scalar(0.5)));
    expect([...carries.h!.dataSync()]).toEqual([1.875, 1.875, 1.875]);
    expect(outputs.square!.shape).toEqual([4, 3]);
    expect(outputs.square!.dataSync()[0]).toBe(1);
  });

  it('is one node when traced, without unused results, and captures what it uses of its surroundings', () => {
    const graph = trace(({ x, w }) => ({ h: scan(options(x!, w!)).carries.h! }), {
      x: { dtype: 'float32', shape: [4, 3] },
      w: { dtype: 'float32', shape: [] },
    });
    expect(printGraph(graph)).toMatchInlineSnapshot(`
      "graph(x: float32[4,3], w: float32[]) {
        %0: float32[3] = splat() {0}
        %1: float32[3] = scan(%0, x, w) {length 4, carries 1, sequences 1}
          graph(h: float32[3], x: float32[3], capture0: float32[]) {
            %0: float32[3] = Multiply(h, capture0)
            %1: float32[3] = Add(%0, x)
            return h = %1
          }
        return h = %1
      }"
    `);
  });

  it('has the gradient of the closed form where it runs eagerly, and can be traced under one', () => {
    const loss = (w: tf.Tensor): tf.Scalar => tf.sum(scan(options(tf.ones([4, 3]), w)).carries.h!);
    // h = 1 + w + w^2 + w^3 for each of 3 entries, so dh/dw = 1 + 2w + 3w^2.
    expect(tf.grad(loss)(tf.scalar(0.5)).dataSync()[0]).toBeCloseTo(3 * (1 + 1 + 0.75), 5);
    expect(() =>
      trace(({ w }) => ({ g: tf.grad(loss)(w!) }), { w: { dtype: 'float32', shape: [] } }),
    ).not.toThrow();
  });

  it.each<[string, () => unknown, RegExp]>([
    [
      'no sequence',
      () => scan({ ...options(tf.ones([4, 3]), tf.scalar(1)), sequences: {} }),
      /at least one sequence/,
    ],
    [
      'sequences of different lengths',
      () =>
        scan({
          ...options(tf.ones([4, 3]), tf.scalar(1)),
          sequences: { x: tf.ones([4, 3]), y: tf.ones([5]) },
        }),
      /'y' has length 5, expected 4/,
    ],
    [
      'a carry that changes shape',
      () =>
        scan({
          carries: { h: tf.zeros([3]) },
          sequences: { x: tf.ones([2]) },
          body: () => ({ carries: { h: tf.zeros([4]) } }),
        }),
      /carry 'h' is float32 \[3\] but the body returns float32 \[4\]/,
    ],
  ])('refuses %s', (_, run, message) => {
    expect(run).toThrow(message);
  });
});

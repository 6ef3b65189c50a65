import { beforeAll, describe, expect, it } from 'vitest';
import { kernel, values } from '../conformance/case.ts';
import type { Graph, Node, Value } from '../graph/ir.ts';
import { tf } from '../tf.ts';
import { traceBatched } from '../trace/symbolic.ts';
import { trace } from '../trace/trace.ts';
import { expectClose, loadWritten, runNamed } from './conformance/harness.ts';
import { GraphModelError, graphModelFiles, unsupportedInGraphModel, writeGraphModel } from './index.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const float = (...shape: number[]) => ({ dtype: 'float32', shape }) as const;
const batched = (...shape: number[]) => ({ dtype: 'float32', shape, batched: true }) as const;

describe('names', () => {
  const names = ['encoder/kernel:0', 'état 1', '__x', '0', 'Const', 'constructor'];
  const graph = trace(
    (inputs) => Object.fromEntries(names.map((name, i) => [name, tf.add(inputs[name]!, i + 1)])),
    Object.fromEntries(names.map((name) => [name, float(2)])),
  );
  const inputs = () => Object.fromEntries(names.map((name, i) => [name, tf.tensor1d([i, -i])]));

  it('of inputs and outputs are the graph`s own, whatever they hold', async () => {
    const model = await loadWritten(graph);
    const result = runNamed(model, inputs(), names);
    for (const [i, name] of names.entries()) {
      expect([...result[name]!.dataSync()], name).toEqual([2 * i + 1, 1]);
    }
  });

  it('come back from predict and executeAsync', async () => {
    const model = await loadWritten(graph);
    const predicted = model.predict(inputs()) as Record<string, tf.Tensor>;
    expect(Object.keys(predicted).sort()).toEqual([...names].sort());
    for (const [i, name] of names.entries()) expect(predicted[name]!.dataSync()[0], name).toBe(2 * i + 1);
    const one = (await model.executeAsync(inputs(), 'état 1')) as tf.Tensor;
    expect([...one.dataSync()]).toEqual([3, 1]);
  });

  it('that JavaScript sorts first, such as 0, still go with their own tensors', async () => {
    const x: Value = { id: 0, dtype: 'float32', shape: [1] };
    const y: Value = { id: 1, dtype: 'float32', shape: [1] };
    const model = await loadWritten({
      inputs: [{ name: 'x', value: x }],
      outputs: [
        { name: 'negative', value: y },
        { name: '0', value: x },
      ],
      nodes: [{ op: 'kernel', kernel: 'Neg', attrs: {}, inputs: [x], outputs: [y], where: '' }],
    });
    const predicted = model.predict({ x: tf.tensor1d([3]) }) as Record<string, tf.Tensor>;
    expect(predicted.negative!.dataSync()[0]).toBe(-3);
    expect(predicted['0']!.dataSync()[0]).toBe(3);
  });

  it('of nodes are valid in TensorFlow and distinct', () => {
    const { modelJson } = writeGraphModel(graph, { name: 'names' });
    const nodes = modelJson.modelTopology.node.map(({ name }) => name);
    expect(new Set(nodes).size).toBe(nodes.length);
    for (const name of nodes) expect(name).toMatch(/^[A-Za-z0-9.][A-Za-z0-9_.\\/>-]*$/);
  });

  it('may stand for one tensor twice, and for an input', async () => {
    const same = trace(
      ({ x }) => {
        const y = tf.neg(x!);
        return { a: y, b: y, x: x!, unused: tf.scalar(3) };
      },
      { x: float(1), ignored: float(1) },
    );
    const model = await loadWritten(same);
    const predicted = model.predict({ x: tf.tensor1d([4]), ignored: tf.tensor1d([0]) }) as Record<
      string,
      tf.Tensor
    >;
    expect(Object.entries(predicted).map(([name, tensor]) => [name, tensor.dataSync()[0]])).toEqual([
      ['a', -4],
      ['b', -4],
      ['x', 4],
      ['unused', 3],
    ]);
    for (const tensor of Object.values(predicted)) tensor.dispose();
    expect(
      (model.predict({ x: tf.tensor1d([1]), ignored: tf.tensor1d([0]) }) as { b: tf.Tensor }).b.dataSync()[0],
    ).toBe(-1);
  });
});

describe('files', () => {
  it('hold the manifest, and each weight once', () => {
    const w = values(20, 30);
    const graph = trace(({ x }) => ({ y: tf.matMul(tf.relu(tf.matMul(x!, w)), w, false, true) }), {
      x: float(1, 20),
    });
    const files = graphModelFiles(graph, { name: 'weights' });
    const json = JSON.parse(new TextDecoder().decode(files['model.json']));
    const listed = json.weightsManifest[0].weights as { shape: number[]; dtype: string }[];
    expect(listed.filter(({ shape }) => shape[0] === 20)).toEqual([
      { name: expect.any(String), shape: [20, 30], dtype: 'float32' },
    ]);
    expect(files['weights.bin'].byteLength).toBe(20 * 30 * 4);
    expect(json.format).toBe('graph-model');
    expect(json.signature.inputs.x).toEqual({
      name: 'x:0',
      dtype: 'DT_FLOAT',
      tensorShape: { dim: [{ size: '1' }, { size: '20' }] },
    });
  });

  it('keep NaN, infinities, negative zero, bools and empty tensors', async () => {
    const data = [NaN, -0, Infinity, -Infinity, 1e-42];
    const graph = trace(
      ({ x }) => ({
        floats: tf.add(tf.tensor1d(data), tf.mul(x!, -0)),
        bools: tf.logicalOr(tf.tensor1d([true, false, true], 'bool'), tf.greater(x!, 5)),
        empty: tf.concat([tf.zeros([0, 1]), tf.reshape(x!, [1, 1])]),
      }),
      { x: float(1) },
    );
    const result = runNamed(await loadWritten(graph), { x: tf.tensor1d([2]) }, ['floats', 'bools', 'empty']);
    const floats = [...result.floats!.dataSync()];
    const expected = [...Float32Array.from(data)];
    expect(floats.map((value, i) => Object.is(value, expected[i]))).toEqual(data.map(() => true));
    expect([...result.bools!.dataSync()]).toEqual([1, 0, 1]);
    expect(result.empty!.shape).toEqual([1, 1]);
  });
});

describe('a symbolic batch', () => {
  const w = () => values(12, 6);
  const kernels: Record<string, (x: tf.Tensor) => tf.Tensor> = {
    'reshape to the batch and back': (x) => tf.reshape(tf.relu(tf.reshape(x, [-1, 4])), x.shape),
    'zeros and ones of the batch': (x) =>
      tf.concat([tf.zeros([x.shape[0]!, 2]), tf.ones([x.shape[0]!, 1])], 1),
    'a broadcast constant': (x) => tf.broadcastTo(tf.scalar(3), [x.shape[0]!, 2]),
    'tiling by the batch': (x) => tf.tile(tf.tensor2d([[1, 2]]), [x.shape[0]!, 1]),
    'a range over the batch': (x) => tf.range(0, x.shape[0]!, 1, 'float32'),
    'a range over twice the batch': (x) => tf.range(1, 2 * x.shape[0]! + 3, 2, 'int32'),
    'an empty tensor of the batch': (x) => tf.reshape(tf.slice(x, [0, 0], [-1, 0]), [0, x.shape[0]!]),
    'slices of the batch': (x) => tf.slice(x, [1, 0], [x.shape[0]! - 1, 5]),
    'a slice up to before the end': (x) => tf.slice(tf.concat([x, x, x]), [x.shape[0]!, 2], [x.shape[0]!, 3]),
    'strided slices': (x) => tf.stridedSlice(tf.concat([x, x]), [0, 1], [x.shape[0]!, 12], [1, 3]),
    'split into halves of the batch': (x) => tf.split(tf.concat([x, tf.neg(x)]), 2)[1]!,
    'dense layer gradient': (x) =>
      tf.grad((v) => tf.sum(tf.sigmoid(tf.matMul(v as tf.Tensor2D, w() as tf.Tensor2D))))(x),
    'transposed convolution': (x) => {
      const images = tf.reshape(x, [-1, 2, 2, 3]) as tf.Tensor4D;
      return tf.conv2dTranspose(images, values(3, 3, 2, 3) as tf.Tensor4D, [x.shape[0]!, 4, 4, 2], 2, 'same');
    },
    'convolution and pooling, with all their gradients': (x) => {
      const loss = (v: tf.Tensor) => {
        const images = tf.reshape(v, [-1, 2, 3, 2]) as tf.Tensor4D;
        const deep = tf.depthwiseConv2d(images, values(2, 2, 2, 2) as tf.Tensor4D, [2, 1], 'same');
        const wide = tf.conv2d(images, values(2, 2, 2, 2) as tf.Tensor4D, 1, 'same');
        return tf.sum(tf.maxPool(wide, 2, 1, 1)).add(tf.sum(tf.square(tf.avgPool(deep, 2, 1, 'same'))));
      };
      return tf.grad(loss)(x);
    },
    'filter gradients': (x) => {
      const images = tf.reshape(x, [-1, 2, 3, 2]) as tf.Tensor4D;
      const loss = (f: tf.Tensor) =>
        tf
          .sum(tf.square(tf.conv2d(images, f as tf.Tensor4D, 2, 'same')))
          .add(tf.sum(tf.square(tf.depthwiseConv2d(images, f as tf.Tensor4D, 1, 'same'))));
      return tf.grad(loss)(values(2, 2, 2, 3));
    },
    'resize gradient': (x) =>
      tf.grad((v) =>
        tf.sum(tf.square(tf.image.resizeBilinear(tf.reshape(v, [-1, 2, 2, 3]) as tf.Tensor4D, [4, 4]))),
      )(x),
    'gather over the batch': (x) => tf.gather(x, tf.range(0, x.shape[0]!, 1, 'int32').reverse()),
  };

  it.each(Object.entries(kernels))('%s', async (_, fn) => {
    const graph = traceBatched(({ x }) => ({ y: fn(x!) }), { x: batched(12) });
    const model = await loadWritten(graph);
    for (const batch of [1, 2, 5]) {
      const x = values(batch, 12);
      const actual = runNamed(model, { x }, ['y']).y!;
      // Gradients of sums over up to 5 x 12 terms below 100, in another order of summation: as in spatial.ts.
      expectClose(actual, fn(x), 1e-5, `batch ${batch}`);
    }
  });

  it('reaches BroadcastTo, which no function of tfjs calls', async () => {
    const graph = traceBatched(
      ({ x }) => ({ y: kernel('BroadcastTo', { x: x! }, { shape: [2, x!.shape[0]!, 3] }) }),
      { x: batched(1) },
    );
    const x = values(4, 1);
    const { y } = runNamed(await loadWritten(graph), { x }, ['y']);
    expectClose(y!, tf.broadcastTo(x, [2, 4, 3]), 0);
  });

  it('needs no arithmetic at run time for a reshape with one open dimension', () => {
    const graph = traceBatched(({ x }) => ({ y: tf.reshape(x!, [-1, 3, 4]) }), { x: batched(12) });
    const { modelJson } = writeGraphModel(graph, { name: 'reshape' });
    expect(modelJson.modelTopology.node.map(({ op }) => op)).toEqual([
      'Placeholder',
      'Const',
      'Reshape',
      'Identity',
    ]);
  });

  it('is left open in the signature', () => {
    const { modelJson } = writeGraphModel(
      traceBatched(({ x }) => ({ y: tf.neg(x!) }), { x: batched(12) }),
      { name: 'open' },
    );
    expect(modelJson.signature.inputs.x!.tensorShape).toEqual({ dim: [{ size: '-1' }, { size: '12' }] });
  });
});

describe('a graph that GraphModel cannot express', () => {
  const value = (id: number, ...shape: number[]): Value => ({ id, dtype: 'float32', shape });
  const graphOf = (node: Node): Graph => ({
    inputs: node.inputs.map((input) => ({ name: `x${input.id}`, value: input })),
    outputs: [{ name: 'y', value: node.outputs[0]! }],
    nodes: [node],
  });
  const base = { op: 'kernel', where: 'model.ts:7' } as const;
  const refusals: [Node, RegExp][] = [
    [
      {
        ...base,
        kernel: 'Conv2D',
        inputs: [value(0, 1, 2, 4, 4), value(1, 3, 3, 2, 5)],
        outputs: [value(2, 1, 5, 4, 4)],
        attrs: { strides: 1, pad: 'same', dataFormat: 'NCHW', dilations: 1 },
      },
      /^Conv2D at model.ts:7: data format NCHW: use NHWC$/,
    ],
    [
      { ...base, kernel: 'Softmax', inputs: [value(0, 2, 3)], outputs: [value(1, 2, 3)], attrs: { dim: 0 } },
      /last axis only, not 0/,
    ],
    [
      {
        ...base,
        kernel: 'UnsortedSegmentSum',
        inputs: [value(0, 2, 3), { id: 1, dtype: 'int32', shape: [2, 3] }],
        outputs: [value(2, 4, 3)],
        attrs: { numSegments: 4 },
      },
      /segment ids of rank 2/,
    ],
    [
      {
        ...base,
        kernel: 'RealDiv',
        inputs: [0, 1].map((id) => ({ id, dtype: 'int32', shape: [2] }) as const),
        outputs: [{ id: 2, dtype: 'int32', shape: [2] }],
        attrs: {},
      },
      /divides int32 tensors with floor; cast/,
    ],
    [
      {
        ...base,
        kernel: 'DepthwiseConv2dNativeBackpropInput',
        inputs: [value(0, 1, 4, 4, 2), value(1, 3, 3, 2, 1)],
        outputs: [value(2, 1, 4, 4, 2)],
        attrs: { strides: 1, pad: 'same', dilations: 2, inputShape: [1, 4, 4, 2] },
      },
      /gradient of a dilated depthwise convolution/,
    ],
  ];

  it.each(
    refusals.map(([node, message]) => [node.op === 'kernel' ? node.kernel : '', node, message] as const),
  )('is refused with the node, the place and the reason: %s', (_, node, message) => {
    expect(unsupportedInGraphModel(graphOf(node))).toEqual([expect.stringMatching(message)]);
    expect(() => writeGraphModel(graphOf(node), { name: 'sampler' })).toThrow(GraphModelError);
    expect(() => writeGraphModel(graphOf(node), { name: 'sampler' })).toThrow(
      /^cannot write 'sampler' as a GraphModel: /,
    );
  });

  it('reports every reason, and nothing for a graph that can be written', () => {
    const nodes = refusals.slice(0, 2).map(([node]) => node);
    const graph: Graph = {
      inputs: nodes.flatMap(({ inputs }, n) =>
        inputs.map((input) => ({ name: `${n}_${input.id}`, value: input })),
      ),
      outputs: nodes.map(({ outputs }, n) => ({ name: `y${n}`, value: outputs[0]! })),
      nodes,
    };
    expect(unsupportedInGraphModel(graph)).toHaveLength(2);
    expect(unsupportedInGraphModel(trace(({ x }) => ({ y: tf.neg(x!) }), { x: float(1) }))).toEqual([]);
  });
});

it('writes a training step: loss, gradients and momentum, state in and state out', async () => {
  const step = (inputs: Record<string, tf.Tensor>) => {
    const names = ['params/w', 'params/b'];
    const loss = (w: tf.Tensor, b: tf.Tensor) => {
      const logits = tf.add(tf.matMul(tf.elu(inputs.x!), w), b);
      return tf.mean(tf.softplus(tf.mul(logits, tf.sub(1, tf.mul(inputs.y!, 2))))) as tf.Scalar;
    };
    const { value, grads } = tf.valueAndGrads(loss)(names.map((name) => inputs[name]!));
    const updated = names.flatMap((name, i) => {
      const momentum = tf.add(tf.mul(inputs[`momentum/${name}`]!, 0.9), grads[i]!);
      return [
        [`momentum/${name}`, momentum],
        [name, tf.sub(inputs[name]!, tf.mul(momentum, 0.1))],
      ] as const;
    });
    return { loss: value, ...Object.fromEntries(updated) };
  };
  let state: Record<string, tf.Tensor> = {
    'params/w': values(3, 1),
    'params/b': tf.zeros([1]),
    'momentum/params/w': tf.zeros([3, 1]),
    'momentum/params/b': tf.zeros([1]),
  };
  const data = { x: values(8, 3), y: tf.cast(tf.greater(values(8, 1), 0), 'float32') };
  const described = Object.entries({ ...state, ...data }).map(([name, { shape }]) => [name, float(...shape)]);
  const model = await loadWritten(trace(step, Object.fromEntries(described)));
  const losses: number[] = [];
  for (let i = 0; i < 3; i++) {
    const expected = step({ ...state, ...data });
    const actual = runNamed(model, { ...state, ...data }, Object.keys(expected));
    // Sums over 8 examples; attributes and orders of summation are the same on both sides.
    for (const [name, tensor] of Object.entries(expected)) expectClose(actual[name]!, tensor, 1e-6, name);
    losses.push(actual.loss!.dataSync()[0]!);
    const { loss: _, ...next } = actual;
    state = next;
  }
  expect(losses[2]).toBeLessThan(losses[0]!);
});

it('counts down a range whose step has the default sign, as tfjs does', async () => {
  const output: Value = { id: 0, dtype: 'float32', shape: [3] };
  const attrs = { start: 3, stop: 0, step: 1, dtype: 'float32' } as const;
  const graph: Graph = {
    inputs: [],
    outputs: [{ name: 'y', value: output }],
    nodes: [{ op: 'kernel', kernel: 'Range', attrs, inputs: [], outputs: [output], where: '' }],
  };
  const model = await loadWritten(graph);
  expectClose(runNamed(model, {}, ['y']).y!, tf.range(3, 0), 0);
});

import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { kernel } from '../conformance/case.ts';
import { tf } from '../tf.ts';
import { scan } from '../trace/scan.ts';
import { traceBatched } from '../trace/symbolic.ts';
import { type NamedTensors, record, type TensorFunction, trace } from '../trace/trace.ts';
import { writeOnnx } from './write.ts';

await tf.setBackend('cpu');

interface Attack {
  readonly fn: TensorFunction;
  /** Traced for any batch size, of which the inputs here are one. */
  readonly anyBatch?: boolean;
  readonly inputs: NamedTensors;
}

/** Runs each program in one process of its own, which a signal may end; what it computed, or said. */
async function runApart(attacks: Record<string, Attack>): Promise<Record<string, unknown>> {
  const folder = await mkdtemp(join(tmpdir(), 'generatrix-no-crash-'));
  try {
    for (const [name, { fn, inputs, anyBatch = false }] of Object.entries(attacks)) {
      const described = Object.entries(inputs).map(([port, { dtype, shape }]) =>
        anyBatch
          ? [port, { dtype, shape: shape.slice(1), batched: true }]
          : [port, { dtype, shape: [...shape] }],
      );
      const ports = Object.fromEntries(described);
      // Not simplified: what depends on constants alone is computed in the process apart, too.
      const graph = anyBatch ? traceBatched(fn, ports) : record(fn, ports);
      await writeFile(join(folder, `${name}.onnx`), writeOnnx(graph, { name }));
      const feeds = Object.entries(inputs).map(([port, x]) => [
        port,
        { dtype: x.dtype, shape: x.shape, data: Array.from(x.dataSync()) },
      ]);
      await writeFile(join(folder, `${name}.json`), JSON.stringify(Object.fromEntries(feeds)));
    }
    const child = ['--input-type=module', '-e', script, folder, ...Object.keys(attacks)];
    const { stdout } = await promisify(execFile)(process.execPath, child, { cwd: import.meta.dirname });
    return JSON.parse(stdout) as Record<string, unknown>;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Plain onnxruntime, without our runtime around it. */
const script = `
import { readFile } from 'node:fs/promises';
import ort from 'onnxruntime-node';
const [folder, ...names] = process.argv.slice(1);
const results = {};
for (const name of names) {
  const session = await ort.InferenceSession.create(folder + '/' + name + '.onnx');
  const given = JSON.parse(await readFile(folder + '/' + name + '.json', 'utf8'));
  const typed = { float32: Float32Array, int32: Int32Array };
  const feeds = Object.fromEntries(
    Object.entries(given).map(([port, { dtype, shape, data }]) => [
      port,
      new ort.Tensor(dtype, new typed[dtype](data), shape),
    ]),
  );
  try {
    const { y } = await session.run(feeds);
    results[name] = Array.from(y.data, Number);
  } catch (error) {
    results[name] = String(error.message).split('\\n')[0];
  }
}
console.log(JSON.stringify(results));
`;

const extremes = [-(2 ** 31), -(2 ** 31) + 1, -2, -1, 0, 1, 2, 2 ** 31 - 1];
const pairs = extremes.flatMap((a) => extremes.map((b) => [a, b] as const));
const ints = (values: readonly number[]) => tf.tensor1d([...values], 'int32');
const [dividends, divisors] = [0, 1].map((side) => ints(pairs.map((pair) => pair[side]!)));

/** Division in JavaScript's doubles, which hold every quotient of int32 closely enough to be floored or truncated. */
const quotients: Record<string, (a: number, b: number) => number> = {
  floorDiv: (a, b) => (b === 0 ? 0 : Math.floor(a / b) | 0),
  div: (a, b) => (b === 0 ? 0 : Math.floor(a / b) | 0),
  truncated: (a, b) => (b === 0 ? 0 : (a / b) | 0),
  mod: (a, b) => (b === 0 ? 0 : Number(((BigInt(a) % BigInt(b)) + BigInt(b)) % BigInt(b))),
};
const operations: Record<string, (a: tf.Tensor, b: tf.Tensor) => tf.Tensor> = {
  floorDiv: tf.floorDiv,
  div: tf.div,
  mod: tf.mod,
  truncated: (a, b) => kernel('RealDiv', { a, b }),
};

it('divides every pair of extreme integers, and lives', async () => {
  const attacks: Record<string, Attack> = {};
  for (const [name, op] of Object.entries(operations)) {
    attacks[name] = { fn: ({ a, b }) => ({ y: op(a!, b!) }), inputs: { a: dividends!, b: divisors! } };
    // The divisor as a weight, which onnxruntime folds when it loads the program.
    attacks[`${name}Folded`] = {
      fn: ({ a }) => ({ y: tf.add(a!, op(dividends!, divisors!)) }),
      inputs: { a: tf.zerosLike(dividends!) },
    };
    attacks[`${name}Loop`] = {
      fn: ({ a, b }) => {
        const body = (_: NamedTensors, { a, b }: NamedTensors) => ({
          carries: {},
          outputs: { y: op(a!, b!) },
        });
        return { y: scan({ carries: {}, sequences: { a: a!, b: b! }, body }).outputs.y! };
      },
      inputs: { a: dividends!, b: divisors! },
    };
  }
  const results = await runApart(attacks);
  for (const [name, quotient] of Object.entries(quotients)) {
    const expected = pairs.map(([a, b]) => quotient(a, b) + 0);
    for (const variant of [name, `${name}Folded`, `${name}Loop`]) {
      expect(results[variant], variant).toEqual(expected);
    }
    // And folded here, by the same lowering.
    const { nodes } = trace(() => ({ y: operations[name]!(dividends!, divisors!) }), {});
    expect(nodes.map((node) => (node.op === 'constant' ? Array.from(node.data) : node.op))).toEqual([
      expected,
    ]);
  }
});

it('is stopped by no index, exponent or float that has no integer', async () => {
  const wild = ints([2 ** 31 - 1, -(2 ** 31), -1, 7, 0]);
  const x = tf.tensor1d([1, 2, 3]);
  const places = tf.reshape(wild, [5, 1]);
  const results = await runApart({
    gather: { fn: ({ x, wild }) => ({ y: tf.gather(x!, wild as tf.Tensor1D) }), inputs: { x, wild } },
    gatherNd: { fn: ({ x, places }) => ({ y: tf.gatherND(x!, places!) }), inputs: { x, places } },
    scatterNd: {
      fn: ({ places, wild }) => ({ y: tf.scatterND(places!, wild!, [3]) }),
      inputs: { places, wild },
    },
    update: {
      fn: ({ x, places, v }) => ({ y: tf.tensorScatterUpdate(x!, places as tf.Tensor2D, v!) }),
      inputs: { x, places, v: tf.ones([5]) },
    },
    segments: {
      fn: ({ v, wild }) => ({ y: tf.unsortedSegmentSum(v!, wild as tf.Tensor1D, 3) }),
      inputs: { v: tf.ones([5]), wild },
    },
    oneHot: { fn: ({ wild }) => ({ y: tf.oneHot(wild as tf.Tensor1D, 2) }), inputs: { wild } },
    pow: { fn: ({ wild }) => ({ y: tf.pow(wild!, wild!) }), inputs: { wild } },
    gatherOfNaN: {
      fn: ({ x, f }) => ({ y: tf.gather(x!, tf.cast(f!, 'int32') as tf.Tensor1D) }),
      inputs: { x, f: tf.tensor1d([Number.NaN, 1, 2]) },
    },
  });
  expect(results.segments).toEqual([1, 0, 0]);
  expect(results.oneHot).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 1, 0]);
  expect(results.gatherOfNaN).toEqual([1, 2, 3]);
  expect(results.pow).toHaveLength(5);
  // Places that do not exist are refused, or, counted from the end, exist.
  for (const name of ['gather', 'gatherNd', 'scatterNd', 'update']) {
    expect(results[name], name).toMatch(/out of (data )?bounds|invalid ind/i);
  }
});

it('ranks the rows of a batch that has none', async () => {
  const values = (x: tf.Tensor) => tf.topk(x, 2).values;
  const places = (x: tf.Tensor) => tf.topk(x, 2).indices;
  const rows = tf.tensor2d([3, 1, 2, 9, 8, 10], [2, 3]);
  const attacks: Record<string, Attack> = {};
  for (const [name, fn] of Object.entries({ values, places })) {
    for (const dtype of ['float32', 'int32'] as const) {
      for (const shape of [
        [0, 3],
        [0, 2, 3],
      ]) {
        const inputs = { x: tf.zeros(shape, dtype) };
        attacks[`${name}${dtype}${shape.length}`] = {
          fn: ({ x }) => ({ y: fn(x!) }),
          inputs,
          anyBatch: true,
        };
      }
    }
    attacks[name] = { fn: ({ x }) => ({ y: fn(x!) }), inputs: { x: rows }, anyBatch: true };
  }
  const { values: largest, places: where, ...empty } = await runApart(attacks);
  expect(Object.values(empty)).toEqual(Array.from({ length: 8 }, () => []));
  expect(where).toEqual([0, 2, 2, 0]);
  expect(largest).toEqual([3, 2, 10, 9]);
});

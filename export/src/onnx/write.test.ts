import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  batchedInputs,
  batchedLoop,
  loop,
  loopInputs,
  nested,
  nestedInputs,
  noise,
} from '../conformance/loops.ts';
import { tf } from '../tf.ts';
import { scan } from '../trace/scan.ts';
import type { NamedTensors, TensorFunction } from '../trace/trace.ts';
import { expectSameInOnnx, recordFor } from './conformance.ts';
import { messages, readWire, texts, type WireMessage } from './wire.ts';
import { writeOnnx } from './write.ts';

await tf.setBackend('cpu');

const exact = { tolerance: 0, elementwise: true };
const written = (fn: TensorFunction, inputs: NamedTensors, batched = false) =>
  writeOnnx(recordFor(fn, inputs, batched), { name: 'test' });
const graphOf = (model: Uint8Array) => messages(readWire(model), 7)[0]!;
const subgraphs = (node: WireMessage) => messages(node, 5).flatMap((attribute) => messages(attribute, 6));

/** Names of the sizes of inputs or outputs: ValueInfoProto.type.tensor_type.shape.dim.dim_param. */
const dimNames = (ports: readonly WireMessage[]) => {
  const tensors = ports.flatMap((port) => messages(port, 2)).flatMap((type) => messages(type, 1));
  const dims = tensors.flatMap((tensor) => messages(tensor, 2)).flatMap((shape) => messages(shape, 1));
  return dims.flatMap((dim) => texts(dim, 2));
};

describe('Scan', () => {
  // Up to five steps of a sum and a product, where onnxruntime may fuse nothing: the same roundings as in tfjs.
  const close = { tolerance: 5e-7, elementwise: true };

  it('carries every type, walks several sequences, uses its surroundings', async () => {
    await expectSameInOnnx(loop, loopInputs(), close);
  });

  it('runs in a Scan, with values of both surroundings', async () => {
    await expectSameInOnnx(nested, nestedInputs(), close);
  });

  it('runs one step', async () => {
    const { x, keep, w } = loopInputs();
    await expectSameInOnnx(loop, { x: tf.slice(x!, 0, 1), keep: tf.slice(keep!, 0, 1), w: w! }, close);
  });

  it('takes any batch size, and leaves what depends on it outside the loop', async () => {
    await expectSameInOnnx(batchedLoop, batchedInputs(), { ...close, batched: true });
    const graph = graphOf(written(batchedLoop, batchedInputs(), true));
    const body = messages(graph, 1).flatMap(subgraphs)[0]!;
    const types = messages(body, 1).flatMap((node) => texts(node, 4));
    expect(types).not.toContain('Shape');
    expect(types).not.toContain('Concat');
    expect(messages(graph, 1).flatMap((node) => texts(node, 4))).toContain('Shape');
  });

  it('names no size inside the loop: some runtimes take a name there for another size', () => {
    const graph = graphOf(written(batchedLoop, batchedInputs(), true));
    const body = messages(graph, 1).flatMap(subgraphs)[0]!;
    expect(dimNames([...messages(graph, 11), ...messages(graph, 12)])).toContain('batch');
    expect(dimNames([...messages(body, 11), ...messages(body, 12)])).toEqual([]);
  });
});

describe('names', () => {
  it('keeps those of inputs and outputs, and gives inner tensors others', async () => {
    const fn: TensorFunction = (t) => {
      const sum = tf.add(tf.add(t['state/w']!, t.Add_0!), tf.mul(t.const_1!, 3));
      return { 'next/w': sum, Add_1: tf.neg(sum), Mul_2: tf.relu(sum) };
    };
    const inputs = { 'state/w': noise([3], 1), Add_0: noise([3], 2), const_1: noise([3], 3) };
    await expectSameInOnnx(fn, inputs, { tolerance: 2e-7, elementwise: true });
    const graph = graphOf(written(fn, inputs));
    expect(messages(graph, 11).flatMap((port) => texts(port, 1))).toEqual(Object.keys(inputs));
    expect(messages(graph, 12).flatMap((port) => texts(port, 1))).toEqual(['next/w', 'Add_1', 'Mul_2']);
  });

  it('allows outputs that are an input, a constant, or one value twice', async () => {
    const fn: TensorFunction = ({ x }) => {
      const y = tf.neg(x!);
      return { copy: x!, again: x!, first: y, second: y, weight: tf.tensor1d([1, 2]), fill: tf.zeros([100]) };
    };
    await expectSameInOnnx(fn, { x: noise([3], 1) }, exact);
  });

  it('may hold slashes, spaces, quotes and any letters', async () => {
    const fn: TensorFunction = (t) => ({
      'state/encoder/0/kernel:0': tf.neg(t['a b']!),
      'état "x"': tf.add(t['a b']!, t['状 態']!),
      constructor: tf.relu(t['state/encoder/0/kernel']!),
    });
    const inputs = { 'a b': noise([2], 1), '状 態': noise([2], 2), 'state/encoder/0/kernel': noise([2], 3) };
    await expectSameInOnnx(fn, inputs, exact);
    const inLoop: TensorFunction = (t) => {
      const { carries } = scan({
        carries: { '': tf.zeros([2]), 'a b': tf.ones([2]) },
        sequences: { '0/x': t['0/x']! },
        body: (c, slices) => ({ carries: { '': c['a b']!, 'a b': tf.add(c['']!, slices['0/x']!) } }),
      });
      return { 'y 1': carries['']!, 'y 2': carries['a b']! };
    };
    await expectSameInOnnx(inLoop, { '0/x': noise([3, 2], 4) }, { tolerance: 2e-7, elementwise: true });
  });

  it('refuses an empty name', () => {
    expect(() => written((t) => ({ y: tf.neg(t['']!) }), { '': noise([3], 1) })).toThrow(/empty name/);
    expect(() => written(({ x }) => ({ '': tf.neg(x!) }), { x: noise([3], 1) })).toThrow(/empty name/);
  });

  it('refuses an output with the name of an input', () => {
    expect(() => written(({ x }) => ({ x: tf.neg(x!) }), { x: noise([3], 1) })).toThrow(
      /output 'x' has the name of an input/,
    );
  });
});

describe('a written program', () => {
  const programs: [string, () => Uint8Array][] = [
    ['a loop', () => written(loop, loopInputs())],
    ['a loop in a loop', () => written(nested, nestedInputs())],
    ['a loop for any batch size', () => written(batchedLoop, batchedInputs(), true)],
  ];

  it.each(programs)('defines every tensor once and before its use: %s', (_, write) => {
    const seen = new Set<string>();
    const define = (names: string[]) => {
      for (const name of names) expect(seen.has(name), `${name} is defined twice`).toBe(false);
      for (const name of names) seen.add(name);
    };
    const walk = (graph: WireMessage) => {
      define(messages(graph, 5).flatMap((tensor) => texts(tensor, 8)));
      define(messages(graph, 11).flatMap((port) => texts(port, 1)));
      for (const node of messages(graph, 1)) {
        for (const input of texts(node, 1))
          expect(input === '' || seen.has(input), `${input} is undefined`).toBe(true);
        for (const body of subgraphs(node)) walk(body);
        define(texts(node, 2));
      }
      for (const output of messages(graph, 12).flatMap((port) => texts(port, 1)))
        expect(seen).toContain(output);
    };
    const graph = graphOf(write());
    expect(messages(graph, 1).length).toBeGreaterThan(0);
    walk(graph);
  });

  it.each(programs)('has the same bytes each time: %s', (_, write) => {
    expect(Buffer.compare(write(), write())).toBe(0);
  });

  it('holds a constant that is used twice once', () => {
    const weight = noise([200], 1);
    const small = () => tf.tensor1d([3, 4]);
    const model = written(
      ({ x }) => ({ y: tf.add(tf.mul(x!, weight), weight), z: tf.add(small(), tf.neg(small())) }),
      { x: noise([200], 2) },
    );
    expect(messages(graphOf(model), 5).map((tensor) => tensor.get(1))).toEqual([[200], [2]]);
  });

  it('holds weights in the order in which they are read, and only there', () => {
    const filter = noise([3, 3, 2, 8], 1) as tf.Tensor4D;
    const table = noise([40, 30], 2);
    const fn: TensorFunction = ({ x }) => ({
      conv: tf.conv2d(x as tf.Tensor4D, filter, 1, 'same'),
      again: tf.conv2d(tf.neg(x as tf.Tensor4D), filter, 1, 'same'),
      turned: tf.transpose(table),
    });
    const graph = graphOf(written(fn, { x: noise([1, 4, 4, 2], 3) }));
    const shapes = messages(graph, 5).map((tensor) => tensor.get(1));
    expect(shapes).toContainEqual([8, 2, 3, 3]);
    expect(shapes).toContainEqual([30, 40]);
    expect(shapes.filter((shape) => shape?.length === 4)).toHaveLength(1);
    expect(shapes).not.toContainEqual([40, 30]);
    const constants = new Set(messages(graph, 5).flatMap((tensor) => texts(tensor, 8)));
    const transposes = messages(graph, 1).filter((node) => texts(node, 4)[0] === 'Transpose');
    expect(transposes.filter((node) => constants.has(texts(node, 1)[0]!))).toEqual([]);
  });

  it('computes the batch size once', () => {
    const fn: TensorFunction = ({ x }) => ({
      a: tf.add(tf.ones([x!.shape[0]!, 2]), 1),
      b: tf.add(tf.zeros([2 * x!.shape[0]!, 3]), tf.fill([2 * x!.shape[0]!, 3], 2)),
    });
    const model = written(fn, { x: noise([3, 2], 1) }, true);
    const types = messages(graphOf(model), 1).flatMap((node) => texts(node, 4));
    expect(types.filter((type) => type === 'Shape')).toHaveLength(1);
    expect(types.filter((type) => type === 'Concat').length).toBeLessThanOrEqual(2);
  });

  const hasChecker = spawnSync('python3', ['-c', 'import onnx']).status === 0;
  if (!hasChecker) console.log('skipped: the onnx checker, since python3 has no module onnx');
  it.skipIf(!hasChecker).each(programs)('satisfies the onnx checker: %s', (_, write) => {
    const folder = mkdtempSync(join(tmpdir(), 'onnx-check-'));
    const file = join(folder, 'program.onnx');
    writeFileSync(file, write());
    const check = 'import onnx, sys; onnx.checker.check_model(onnx.load(sys.argv[1]), full_check=True)';
    const { status, stderr } = spawnSync('python3', ['-c', check, file], { encoding: 'utf8' });
    rmSync(folder, { recursive: true });
    expect(status, stderr).toBe(0);
  });
});

it('weights beyond what protobuf can hold are refused before they are written, with the size and the cure', () => {
  // Seventy constants of 32 MiB that share their memory.
  const data = new Float32Array(2 ** 23);
  const shape = [2 ** 23];
  const constants = Array.from({ length: 70 }, (_, id) => {
    const outputs = [{ id, dtype: 'float32', shape } as const];
    return { op: 'constant', inputs: [], outputs, data, where: '' } as const;
  });
  const outputs = constants.map(({ outputs: [value] }, i) => ({ name: `y${i}`, value: value! }));
  const before = process.memoryUsage().arrayBuffers;
  expect(() => writeOnnx({ inputs: [], outputs, nodes: constants }, { name: 'sample' })).toThrow(
    /^program sample: with its weights it is 23488\d{5} bytes, and an ONNX file has at most 2147483647 .*format shared/,
  );
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 24);
});

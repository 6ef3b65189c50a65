import { beforeAll, expect, it } from 'vitest';
import { graphModelFiles } from '../graph-model/index.ts';
import { expectSameInOnnx } from '../onnx/conformance.ts';
import { tf } from '../tf.ts';
import { TraceError } from '../trace/errors.ts';
import { traceBatched } from '../trace/symbolic.ts';
import { runGraphModel, traceGraphModel } from './trace-graph-model.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const weight = tf.tensor2d([1, -2, 3, 0.5, -1, 2], [3, 2]);

/** A GraphModel of two inputs and outputs; `edit` changes its JSON before it is loaded. */
async function loaded(edit: (json: { modelTopology: { node: Node[] } }) => void = () => {}) {
  const graph = traceBatched(
    ({ x, gain }) => ({
      y: tf.mul(tf.matMul(tf.relu(x!) as tf.Tensor2D, weight), gain!),
      total: tf.sum(x!, 1),
    }),
    {
      x: { dtype: 'float32', shape: [3], batched: true },
      gain: { dtype: 'float32', shape: [1], batched: true },
    },
  );
  const files = graphModelFiles(graph, { name: 'g' });
  const json = JSON.parse(new TextDecoder().decode(files['model.json']));
  edit(json);
  const artifacts = {
    ...json,
    weightSpecs: json.weightsManifest[0].weights,
    weightData: new Uint8Array(files['weights.bin']).buffer,
  };
  return tf.loadGraphModel({ load: () => Promise.resolve(artifacts) });
}

interface Node {
  name: string;
  op: string;
  attr: { shape?: { shape: { dim: { size: string }[] } } };
}

/** Leaves the width of the input x open. */
const opened = (json: { modelTopology: { node: Node[] } }) => {
  const x = json.modelTopology.node.find(({ name }) => name === 'x')!;
  x.attr.shape!.shape.dim[1]!.size = '-1';
};

it('a GraphModel becomes a program that computes what it does, for any batch size', async () => {
  const model = await loaded();
  const inputs = { x: tf.tensor2d([1, -1, 2, 0, 5, -3], [2, 3]), gain: tf.tensor2d([2, -1], [2, 1]) };
  const graph = traceGraphModel(model);
  expect(graph.inputs.map(({ name }) => name)).toEqual(['x', 'gain']);
  expect(graph.outputs.map(({ name }) => name).toSorted()).toEqual(['total', 'y']);
  const direct = model.execute(inputs, ['y', 'total']) as tf.Tensor[];
  await expectSameInOnnx((given) => runGraphModel(model, given), inputs, { batched: true });
  // relu([1, -1, 2]) weight = [1 - 2, -2 + 4] and twice that.
  expect([...direct[0]!.dataSync()].slice(0, 2)).toEqual([-2, 4]);
});

it('takes the sizes that the model leaves open, and asks for them', async () => {
  const model = await loaded(opened);
  expect(() => traceGraphModel(model)).toThrow(/input 'x' has the shape \[batch, \?\]: give the sizes/);
  expect(() => traceGraphModel(model, { sizes: { x: [3, 3] } })).toThrow(/input 'x'/);
  expect(traceGraphModel(model, { sizes: { x: [3] } }).inputs[0]!.value.shape.at(-1)).toBe(3);
});

it('what GraphModel cannot run in a trace is a TraceError of one line', async () => {
  const model = await loaded((json) => {
    json.modelTopology.node.find(({ op }) => op === 'Relu')!.op = 'NoSuchOp';
  });
  const failure = (() => {
    try {
      traceGraphModel(model);
    } catch (error) {
      return error as Error;
    }
    return null;
  })();
  expect(failure).toBeInstanceOf(TraceError);
  expect(failure!.message).toMatch(/graph model: .*NoSuchOp/);
  expect(failure!.message).not.toContain('\n');
});

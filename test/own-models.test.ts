import {
  graphModelFiles,
  type NamedTensors,
  tf,
  traceBatched,
  traceLayersModel,
  writeOnnx,
} from '@generatrix/export';
import { createExecutor, type HostTensor, hostTensor } from '@generatrix/runtime';
import { beforeAll, describe, expect, it } from 'vitest';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

type Graph = ReturnType<typeof traceBatched>;

/** The largest error of onnxruntime and of the GraphModel against eager tfjs, relative to the outputs' scale. */
async function errors(
  graph: Graph,
  inputs: NamedTensors,
  expected: NamedTensors,
): Promise<{ onnx: number; graphModel: number }> {
  const executor = await createExecutor('cpu');
  const program = await executor.load('own', writeOnnx(graph, { name: 'own' }));
  const feeds = Object.entries(inputs).map(([name, x]) => [
    name,
    hostTensor('float32', x.shape, x.dataSync()),
  ]);
  const outputs = (await program.run(Object.fromEntries(feeds))) as Record<string, HostTensor>;
  await program.release();
  const files = graphModelFiles(graph, { name: 'own' });
  const json = JSON.parse(new TextDecoder().decode(files['model.json'])) as tf.io.ModelJSON;
  const model = await tf.loadGraphModel(
    tf.io.fromMemory({
      modelTopology: json.modelTopology,
      weightSpecs: json.weightsManifest.flatMap(({ weights }) => weights),
      weightData: files['weights.bin'].slice().buffer,
      signature: json.signature!,
      format: 'graph-model',
    }),
  );
  let [onnx, graphModel] = [0, 0];
  for (const [name, tensor] of Object.entries(expected)) {
    const scale = Math.max(1e-6, tf.max(tf.abs(tensor)).dataSync()[0]!);
    const theirs = tf.tensor(outputs[name]!.data, [...outputs[name]!.shape], outputs[name]!.dtype);
    const graphs = model.execute(inputs, name) as tf.Tensor;
    expect(theirs.shape).toEqual(tensor.shape);
    onnx = Math.max(onnx, tf.max(tf.abs(tf.sub(theirs, tensor))).dataSync()[0]! / scale);
    graphModel = Math.max(graphModel, tf.max(tf.abs(tf.sub(graphs, tensor))).dataSync()[0]! / scale);
  }
  model.dispose();
  return { onnx, graphModel };
}

describe("a user's own function", () => {
  it('with ops that no family uses exports and matches, at any batch size', async () => {
    const weights = tf.randomNormal([6, 4], 0, 1, 'float32', 1) as tf.Tensor2D;
    const fn = ({ image, code }: NamedTensors): NamedTensors => {
      const larger = tf.image.resizeBilinear(image as tf.Tensor4D, [9, 7], false, true); // [batch, 9, 7, 2]
      const { values, indices } = tf.topk(tf.matMul(code as tf.Tensor2D, weights), 2); // [batch, 2]
      const shuffled = tf.reverse(tf.cumsum(tf.erf(code!), 1, false, true), 1);
      const blocks = tf.spaceToBatchND(
        tf.mirrorPad(
          image!,
          [
            [0, 0],
            [1, 1],
            [0, 0],
            [0, 0],
          ],
          'reflect',
        ),
        [2, 2],
        [
          [0, 1],
          [0, 1],
        ],
      );
      return {
        pooled: tf.maxPool(larger, 3, 2, 'same'),
        values,
        best: tf.cast(indices, 'float32'),
        shuffled,
        blocks,
      };
    };
    const graph = traceBatched(fn, {
      image: { dtype: 'float32', shape: [5, 3, 2], batched: true },
      code: { dtype: 'float32', shape: [6], batched: true },
    });
    for (const batch of [1, 4]) {
      const inputs = {
        image: tf.randomNormal([batch, 5, 3, 2], 0, 1, 'float32', 2),
        code: tf.randomNormal([batch, 6], 0, 1, 'float32', 3),
      };
      const { onnx, graphModel } = await errors(graph, inputs, fn(inputs));
      expect(onnx).toBeLessThan(1e-5);
      expect(graphModel).toBeLessThan(1e-5);
    }
  });
});

describe("a user's own layers model", () => {
  it('exports and matches, and is left untouched', async () => {
    const model = tf.sequential({
      layers: [
        tf.layers.conv2d({
          inputShape: [9, 8, 3],
          filters: 4,
          kernelSize: 3,
          strides: 2,
          padding: 'same',
          activation: 'elu',
        }),
        tf.layers.batchNormalization({}),
        tf.layers.depthwiseConv2d({ kernelSize: 3, padding: 'same', activation: 'relu6' }),
        tf.layers.averagePooling2d({ poolSize: 2, padding: 'same' }),
        tf.layers.flatten(),
        tf.layers.dropout({ rate: 0.5 }),
        tf.layers.dense({ units: 5, activation: 'softmax' }),
      ],
    });
    const before = model.getWeights().map((weight) => weight.dataSync().slice());
    const graph = traceLayersModel(model);
    const input = graph.inputs[0]!;
    const output = graph.outputs[0]!;
    for (const batch of [1, 3]) {
      const x = tf.randomNormal([batch, 9, 8, 3], 0, 1, 'float32', 4);
      const expected = model.predict(x) as tf.Tensor;
      const { onnx, graphModel } = await errors(graph, { [input.name]: x }, { [output.name]: expected });
      expect(onnx).toBeLessThan(1e-5);
      expect(graphModel).toBeLessThan(1e-5);
    }
    const after = model.getWeights().map((weight) => weight.dataSync());
    expect(after).toEqual(before);
    model.compile({ optimizer: 'sgd', loss: 'categoricalCrossentropy' });
    const loss = await model.trainOnBatch(tf.zeros([2, 9, 8, 3]), tf.oneHot(tf.tensor1d([0, 1], 'int32'), 5));
    expect(Number.isFinite(loss)).toBe(true);
  });

  it('with an input of unknown size is refused with its shape', () => {
    const model = tf.sequential({
      layers: [tf.layers.globalAveragePooling1d({ inputShape: [null as unknown as number, 3] })],
    });
    expect(() => traceLayersModel(model)).toThrow(
      /must have the shape \[null, \.\.\.known sizes\], got \[null,null,3\]/,
    );
  });
});

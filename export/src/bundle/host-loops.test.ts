import { createExecutor, downloadAll, type HostTensor, hostTensor } from '@generatrix/runtime';
import { expect, it } from 'vitest';
import {
  batchedInputs,
  batchedLoop,
  loop,
  loopInputs,
  nested,
  nestedInputs,
  noise,
  reversed,
} from '../conformance/loops.ts';
import { recordFor } from '../onnx/conformance.ts';
import { messages, readWire, texts } from '../onnx/wire.ts';
import { writeOnnx } from '../onnx/write.ts';
import { tf } from '../tf.ts';
import { scan } from '../trace/scan.ts';
import type { NamedTensors, TensorFunction } from '../trace/trace.ts';
import { hostLoops, runHostPlan } from './host-loops.ts';
import { portableGraph } from './portable.ts';

await tf.setBackend('cpu');

/** Two loops, the second over what the first made and what was computed between, and an output of the first. */
const twoLoops: TensorFunction = ({ x }) => {
  const walk = (sequence: tf.Tensor, start: tf.Tensor) =>
    scan({
      carries: { h: start },
      sequences: { x: sequence },
      body: ({ h }, { x }) => ({
        carries: { h: tf.add(tf.mul(h!, 0.5), x!) },
        outputs: { each: tf.neg(h!) },
      }),
    });
  const first = walk(tf.transpose(x!, [1, 0, 2]), tf.zeros([x!.shape[0]!, 2]));
  const second = walk(tf.square(first.outputs.each!), tf.sum(x!, 1));
  return {
    last: second.carries.h!,
    each: second.outputs.each!.transpose([1, 0, 2]),
    before: first.carries.h!,
    x2: tf.mul(x!, 2),
  };
};
const straight: TensorFunction = ({ x }) => ({ y: tf.neg(x!), ones: tf.ones([2]) });

const programs: [string, TensorFunction, () => NamedTensors, boolean][] = [
  ['carries of every type, sequences and captures', loop, loopInputs, false],
  ['a loop in a loop', nested, nestedInputs, false],
  ['sizes of the batch', batchedLoop, batchedInputs, true],
  ['from the end', reversed, () => ({ x: noise([4, 2], 6) }), false],
  ['two loops', twoLoops, batchedInputs, true],
  ['no loop', straight, batchedInputs, false],
];

it.each(programs)(
  'a program taken apart computes what it computes whole: %s',
  async (_, fn, inputs, batched) => {
    const graph = portableGraph('test', recordFor(fn, inputs(), batched), {});
    const { plan, programs } = hostLoops(graph);
    const executor = await createExecutor('cpu');
    const files = programs.map((program) => writeOnnx(program, { name: 'part' }));
    for (const file of files) {
      const nodes = messages(messages(readWire(file), 7)[0]!, 1).flatMap((node) => texts(node, 4));
      expect(nodes).not.toContain('Scan');
    }
    const loaded = await Promise.all(files.map((file) => executor.load('part', file)));
    const given = Object.fromEntries(
      Object.entries(inputs()).map(([name, x]) => [
        name,
        hostTensor(x.dtype as HostTensor['dtype'], x.shape, x.dataSync()),
      ]),
    );
    // What passes from part to part is read back from its JSON, as a caller elsewhere has it.
    const outputs = await runHostPlan(
      JSON.parse(JSON.stringify(plan)),
      async (i, tensors) => downloadAll(await loaded[i]!.run(tensors)),
      given,
    );
    const expected = tf.tidy(() => fn(inputs()));
    expect(Object.keys(outputs).toSorted()).toEqual(Object.keys(expected).toSorted());
    for (const [name, tensor] of Object.entries(expected)) {
      expect(outputs[name]!.shape, name).toEqual(tensor.shape);
      const values = tensor.dataSync();
      for (const [i, value] of values.entries())
        expect(outputs[name]!.data[i], `${name}[${i}]`).toBeCloseTo(value, 5);
    }
    for (const program of loaded) await program.release();
  },
);

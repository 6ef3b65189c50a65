import { beforeAll, describe, expect, it } from 'vitest';
import { integers, values } from '../conformance/case.ts';
import type { Graph, Node } from '../graph/ir.ts';
import { expectClose, loadWritten, runNamed } from '../graph-model/conformance/harness.ts';
import { expectSameInOnnx } from '../onnx/conformance.ts';
import { tf } from '../tf.ts';
import { scan } from './scan.ts';
import { type NamedTensors, type TensorFunction, trace } from './trace.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const [steps, batch, units] = [5, 2, 3];

/** A recurrent layer with an update gate; the loss looks at every step and once more at the last. */
function recurrentLoss(x: tf.Tensor, h: tf.Tensor, weights: tf.Tensor, gate: tf.Tensor): tf.Scalar {
  const squared = tf.matMul(weights, weights); // made outside of the loop, used in it
  const { carries, outputs } = scan({
    carries: { h },
    sequences: { x },
    body: ({ h }, { x }) => {
      const open = tf.sigmoid(tf.add(tf.matMul(h!, gate), x!));
      const next = tf.add(tf.mul(open, tf.tanh(tf.matMul(h!, squared))), tf.mul(tf.sub(1, open), h!));
      return { carries: { h: next }, outputs: { energy: tf.sum(tf.square(next), 1) } };
    },
  });
  return tf.add(tf.mean(outputs.energy!), tf.sum(carries.h!)) as tf.Scalar;
}

const recurrentInputs = () => ({
  x: values(steps, batch, units),
  h: values(batch, units),
  weights: tf.mul(values(units, units), 0.4),
  gate: tf.mul(values(units, units), 0.3),
});

const gradients: (loss: (...x: tf.Tensor[]) => tf.Tensor) => TensorFunction = (loss) => (inputs) => {
  const list = tf.grads(loss)(Object.values(inputs));
  return Object.fromEntries(Object.keys(inputs).map((name, i) => [`d_${name}`, list[i]!]));
};

/** The same in onnxruntime and as a GraphModel as eagerly, where the loop is unrolled and tfjs differentiates it. */
async function expectSameEverywhere(fn: TensorFunction, inputs: NamedTensors): Promise<void> {
  await expectSameInOnnx(fn, inputs, { tolerance: 1e-5 });
  const model = await loadWritten(traced(fn, inputs));
  const expected = fn(inputs);
  const actual = runNamed(model, inputs, Object.keys(expected));
  for (const [name, tensor] of Object.entries(expected)) expectClose(actual[name]!, tensor, 1e-5, name);
  model.dispose();
}

function traced(fn: TensorFunction, inputs: NamedTensors): Graph {
  const specs = Object.entries(inputs).map(([name, { dtype, shape }]) => [
    name,
    { dtype: dtype as 'float32', shape },
  ]);
  return trace(fn, Object.fromEntries(specs));
}

const scansOf = (graph: Graph) =>
  graph.nodes.filter((node): node is Node & { op: 'scan' } => node.op === 'scan');

describe('the gradient of a scan', () => {
  const recurrent = gradients((x, h, weights, gate) => recurrentLoss(x!, h!, weights!, gate!));

  it('of a recurrent layer is a loop back, and right for sequences, carries and captures', async () => {
    const inputs = recurrentInputs();
    const scans = scansOf(traced(recurrent, inputs));
    expect(scans.map(({ length, reversed }) => [length, reversed])).toEqual([
      [steps, false],
      [steps, true],
    ]);
    await expectSameEverywhere(recurrent, inputs);
  });

  it('agrees with finite differences', () => {
    const inputs = recurrentInputs();
    const { x, h, weights, gate } = inputs;
    const direction = values(units * units).reshape([units, units]);
    const at = (t: number) => recurrentLoss(x, h, tf.add(weights, tf.mul(direction, t)), gate).dataSync()[0]!;
    const slope = (at(2e-3) - at(-2e-3)) / 4e-3;
    const found = tf.sum(tf.mul(recurrent(inputs).d_weights!, direction)).dataSync()[0]!;
    expect(found).toBeCloseTo(slope, 3);
  });

  it('of 1,000 steps is as small as that of 5, and right', async () => {
    const loss = gradients((x, w) => {
      const body = ({ h }: NamedTensors, { x }: NamedTensors) => ({
        carries: { h: tf.tanh(tf.add(tf.mul(h!, w!), x!)) },
      });
      return tf.sum(scan({ carries: { h: tf.zeros([2]) }, sequences: { x: x! }, body }).carries.h!);
    });
    const inputs = (length: number) => ({ x: values(length, 2), w: tf.tensor1d([0.9, -0.7]) });
    const sizes = [5, 1000].map((length) => {
      const { nodes } = traced(loss, inputs(length));
      return nodes.length + nodes.flatMap((node) => (node.op === 'scan' ? node.body.nodes : [])).length;
    });
    expect(sizes[1]).toBe(sizes[0]);
    await expectSameInOnnx(loss, inputs(1000), { tolerance: 1e-5 });
  });

  it('of a linear recurrence is the closed form', async () => {
    // h_T = sum over t of w^(T-1-t) x_t, so dh_T/dw = sum of (T-1-t) w^(T-2-t) x_t.
    const x = [0.5, -1, 2, 0.25];
    const fn = gradients((w) => {
      const body = ({ h }: NamedTensors, { x }: NamedTensors) => ({
        carries: { h: tf.add(tf.mul(h!, w!), x!) },
      });
      return scan({ carries: { h: tf.scalar(0) }, sequences: { x: tf.tensor1d(x) }, body }).carries.h!;
    });
    const w = 0.8;
    const expected = x.reduce((sum, value, t) => sum + (t < 3 ? (3 - t) * w ** (2 - t) * value : 0), 0);
    const reference = () => ({ d_w: tf.scalar(expected) });
    await expectSameInOnnx(fn, { w: tf.scalar(w) }, { reference });
  });

  it('of a loop from the last step to the first', async () => {
    const fn = gradients((x, w) => {
      const { outputs } = scan({
        carries: { h: tf.ones([3]) },
        sequences: { x: x! },
        reverse: true,
        body: ({ h }, { x }) => {
          const next = tf.sin(tf.add(tf.mul(h!, w!), x!));
          return { carries: { h: next }, outputs: { next } };
        },
      });
      return tf.sum(tf.mul(outputs.next!, tf.reshape(tf.range(1, 13), [4, 3])));
    });
    await expectSameEverywhere(fn, { x: values(4, 3), w: values(3) });
  });

  it('goes through a scan inside of a scan', async () => {
    const fn = gradients((x, w, v) => {
      const { carries } = scan({
        carries: { h: tf.zeros([3]) },
        sequences: { x: x! },
        body: ({ h }, { x: row }) => {
          const start = tf.mul(h!, v!);
          const inner = scan({
            carries: { c: start },
            sequences: { y: row! },
            body: ({ c }, { y }) => {
              const next = tf.tanh(tf.add(tf.mul(c!, w!), tf.mul(y!, v!)));
              return { carries: { c: next }, outputs: { next } };
            },
          });
          return { carries: { h: tf.add(inner.carries.c!, tf.mean(inner.outputs.next!, 0)) } };
        },
      });
      return tf.sum(tf.square(carries.h!));
    });
    const inputs = { x: values(3, 4, 3), w: values(3), v: values(3) };
    expect(scansOf(traced(fn, inputs)).length).toBe(2);
    await expectSameEverywhere(fn, inputs);
  });

  it('has a gradient itself', async () => {
    const penalty = gradients((x, h, weights, gate) => {
      const [dx] = tf.grads((x: tf.Tensor) => recurrentLoss(x, h!, weights!, gate!))([x!]);
      return tf.sum(tf.square(dx!));
    });
    await expectSameEverywhere(penalty, recurrentInputs());
  });

  it('reaches variables of another backend, whatever scan uses them', async () => {
    const w = tf.variable(values(3), true, 'scanned-weight');
    const v = tf.variable(values(3).mul(0.5) as tf.Tensor1D, true, 'weight-in-inner-scan');
    const fn: TensorFunction = ({ x }) => {
      const inner = (y: tf.Tensor) =>
        scan({
          carries: { c: y },
          sequences: { y: tf.stack([y, y]) },
          body: ({ c }, { y }) => ({ carries: { c: tf.sin(tf.add(tf.mul(c!, v), y!)) } }),
        }).carries.c!;
      const { grads } = tf.variableGrads(() => {
        const body = ({ h }: NamedTensors, { x }: NamedTensors) => ({
          carries: { h: inner(tf.add(tf.mul(h!, w), x!)) },
        });
        return tf.sum(
          scan({ carries: { h: tf.zeros([3]) }, sequences: { x: x! }, body }).carries.h!,
        ) as tf.Scalar;
      }, [w, v]);
      return { dw: grads['scanned-weight']!, dv: grads['weight-in-inner-scan']! };
    };
    await expectSameEverywhere(fn, { x: values(4, 3) });
    w.dispose();
    v.dispose();
  });

  it('stops at integers and comparisons, and takes the gradient that a function states', async () => {
    // Rounds forward, passes the gradient on as it is.
    const straight = tf.customGrad((x) => ({
      value: tf.round(x as tf.Tensor),
      gradFunc: (dy) => dy,
    }));
    const fn: TensorFunction = ({ x, index, w, u }) => {
      const [dx, dw] = tf.grads((x, w) => {
        const { carries } = scan({
          carries: { h: tf.zeros([3]), count: tf.scalar(0, 'int32'), best: tf.scalar(0) },
          sequences: { x, index: index!, u: u! },
          body: ({ h, count, best }, { x, index, u }) => {
            const row = tf.gather(w, index!);
            const next = tf.add(tf.mul(straight(tf.mul(x!, 3)), row), tf.mul(h!, 0.5));
            const kept = tf.where(tf.greater(u!, 0), next, tf.mul(next, 0.1));
            const largest = tf.cast(tf.argMax(tf.mod(u!, 1)), 'float32');
            return {
              carries: { h: kept, count: tf.add(count!, index!), best: tf.maximum(best!, largest) },
            };
          },
        });
        return tf.sum(tf.square(carries.h!));
      })([x!, w!]);
      return { dx: dx!, dw: dw! };
    };
    await expectSameInOnnx(fn, {
      x: values(4, 3),
      index: integers(0, 4, 4),
      w: values(4, 3),
      u: values(4, 3),
    });
  });

  it('is inside of a loop of training steps', async () => {
    const fn: TensorFunction = ({ x, weights }) => {
      const { carries, outputs } = scan({
        carries: { weights: weights! },
        sequences: { x: x! },
        body: ({ weights }, { x }) => {
          const loss = (w: tf.Tensor) => recurrentLoss(x!, tf.zeros([batch, units]), w, w);
          const { value, grad } = tf.valueAndGrad(loss)(weights!);
          return { carries: { weights: tf.sub(weights!, tf.mul(grad, 0.1)) }, outputs: { value } };
        },
      });
      return { trained: carries.weights!, losses: outputs.value! };
    };
    const inputs = { x: values(3, steps, batch, units), weights: tf.mul(values(units, units), 0.4) };
    await expectSameEverywhere(fn, inputs);
  });

  it('leaves out of the loops what no gradient is asked for, and no tensors behind', () => {
    const byWeights: TensorFunction = ({ x, h, weights, gate }) => ({
      dw: tf.grad((w) => recurrentLoss(x!, h!, w, gate!))(weights!),
    });
    const inputs = recurrentInputs();
    const before = tf.memory().numTensors;
    const [, back] = scansOf(traced(byWeights, inputs));
    expect(tf.memory().numTensors).toBe(before);
    // Carried: the gradients by h and by the squared weights. Stacked: nothing.
    expect([back!.carries, back!.outputs.length]).toEqual([2, 2]);
  });
});

it('a loop that runs eagerly looks up no place in the code, which would take longer than its turns', () => {
  const { prepareStackTrace } = Error;
  let looked = 0;
  Error.prepareStackTrace = () => {
    looked += 1;
    return '';
  };
  try {
    const sum = scan({
      carries: { total: tf.scalar(0) },
      sequences: { x: tf.tensor1d([1, 2, 3]) },
      body: ({ total }, { x }) => ({ carries: { total: tf.add(total!, x!) } }),
    });
    expect(sum.carries.total!.arraySync()).toBe(6);
  } finally {
    Error.prepareStackTrace = prepareStackTrace;
  }
  expect(looked).toBe(0);
});

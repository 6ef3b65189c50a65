import { UserError } from '@generatrix/runtime/core';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { traceLayersModel } from '../layers-model.ts';
import { tf } from '../tf.ts';
import { TraceError } from './errors.ts';
import { scan } from './scan.ts';
import { traceBatched } from './symbolic.ts';
import { type NamedTensors, type TraceInput, trace } from './trace.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

afterEach(async () => {
  expect(tf.getBackend()).toBe('cpu');
  // A rejection that nobody handles would be reported by now, and fail the run.
  await new Promise(setImmediate);
});

const x23 = { x: { dtype: 'float32', shape: [2, 3] } } as const;
/** A function of the kind that only JavaScript lets through. */
const traced = (fn: (inputs: NamedTensors) => unknown) => () => trace(fn as () => NamedTensors, x23);
const shaped = (shape: unknown, dtype: unknown = 'float32') => {
  return () => trace(({ x }) => ({ y: tf.neg(x!) }), { x: { dtype, shape } as TraceInput });
};
const steps = (body: (slice: tf.Tensor) => unknown) => {
  return traced(({ x }) =>
    scan({
      carries: { h: tf.zeros([3]) },
      sequences: { x: x! },
      body: (_, slices) => body(slices.x!) as { carries: NamedTensors },
    }),
  );
};
const here = /misuse\.test\.ts:\d+:\d+/;
let kept: tf.Tensor | null = null;

/** What is done wrong, how, what the message says; and whether it names the place. */
const misuses: [string, () => unknown, RegExp, ('place' | 'no place')?][] = [
  [
    'returning nothing',
    traced(() => undefined),
    /returns undefined: return an object of tensors/,
    'no place',
  ],
  ['returning null', traced(() => null), /returns null: return an object of tensors/, 'no place'],
  ['returning a number', traced(() => 3), /returns a number: return an object/, 'no place'],
  [
    'returning a tensor',
    traced(({ x }) => x),
    /returns a tensor without a name: return an object/,
    'no place',
  ],
  ['returning a list', traced(({ x }) => [x]), /returns a list: return an object/, 'no place'],
  [
    'a number among the outputs',
    traced(() => ({ y: 3 })),
    /output 'y' .* is not a tensor but a number/,
    'no place',
  ],
  [
    'a promise among the outputs',
    traced(async ({ x }) => ({ y: x! })),
    /is async: it must return its tensors at once/,
    'no place',
  ],
  [
    'a promise of an output',
    traced(({ x }) => ({ y: Promise.resolve(x) })),
    /output 'y' .* is not a tensor but a promise/,
    'no place',
  ],
  [
    'waiting for values',
    traced(async ({ x }) => ({ y: tf.tensor(await x!.data()) })),
    /reads an input while it is traced/,
  ],
  [
    'values that nobody waits for',
    traced(({ x }) => {
      const y = tf.exp(x!);
      void y.data().then((values) => values.length);
      return { y };
    }),
    /reads the result of Exp while it is traced/,
  ],
  [
    'array() in an async function',
    traced(async ({ x }) => ({ y: tf.tensor(await tf.exp(x!).array()) })),
    /reads the result of Exp while it is traced/,
  ],
  ['a promise of another kind', traced(() => Promise.reject(new Error('no'))), /is async/, 'no place'],
  ['a shape with null', shaped([null, 3]), /input 'x' has the shape \[null, 3\].*batched: true/, 'no place'],
  ['a shape with -1', shaped([-1]), /input 'x' has the shape \[-1\].*whole numbers from 0 on/, 'no place'],
  ['a shape with a fraction', shaped([1.5]), /input 'x' has the shape \[1\.5\]/, 'no place'],
  ['a shape that is a number', shaped(3), /input 'x' has the shape 3/, 'no place'],
  ['no shape', shaped(undefined), /input 'x' has the shape undefined/, 'no place'],
  [
    'another type',
    shaped([2], 'string'),
    /input 'x' has the type string: expected float32, int32 or bool/,
    'no place',
  ],
  [
    'a batch dimension given twice',
    () =>
      traceBatched(({ x }) => ({ y: tf.neg(x!) }), {
        x: { dtype: 'float32', shape: [null as unknown as number, 3], batched: true },
      }),
    /input 'x' has the shape \[5, null, 3\].*leave that dimension out/,
    'no place',
  ],
  [
    'setting the backend',
    traced(({ x }) => {
      void tf.setBackend('cpu');
      return { y: x };
    }),
    /sets the backend 'cpu' at .*set it outside/,
  ],
  [
    'a tensor of a body, around the scan',
    traced(({ x }) => {
      let last = x!;
      scan({
        carries: {},
        sequences: { x: x! },
        body: (_, slices) => {
          last = tf.exp(slices.x!);
          return { carries: {}, outputs: { y: last } };
        },
      });
      return { y: tf.neg(last) };
    }),
    /made in the body of a scan is used outside of it at .*: return it among the step's outputs or carries/,
  ],
  [
    'a slice of a body, returned',
    traced(({ x }) => {
      let last = x!;
      scan({
        carries: {},
        sequences: { x: x! },
        body: (_, slices) => {
          last = slices.x!;
          return { carries: {}, outputs: { y: last } };
        },
      });
      return { y: last };
    }),
    /made in the body of a scan is used outside of it/,
    'no place',
  ],
  [
    'a tensor of an earlier trace',
    traced(({ x }) => {
      kept ??= tf.exp(x!);
      return { y: tf.add(x!, kept) };
    }),
    /made in another trace is used in this one at .*: make it inside the traced function, or pass it/,
  ],
  [
    'a tensor after it was disposed',
    traced(({ x }) => {
      const y = tf.exp(x!);
      y.dispose();
      return { y: tf.neg(y) };
    }),
    /of shape \[2,3\] is used at .* after it was disposed: dispose it later, or return it from the tf\.tidy/,
  ],
  [
    'a tensor that a tidy has disposed',
    traced(({ x }) => {
      let inside = x!;
      tf.tidy(() => {
        inside = tf.exp(x!);
      });
      return { y: tf.neg(inside) };
    }),
    /is used at .* after it was disposed/,
  ],
  [
    'a weight that was disposed',
    () => {
      const weight = tf.ones([2, 3]);
      weight.dispose();
      return trace(({ x }) => ({ y: tf.add(x!, weight) }), x23);
    },
    /of shape \[2,3\] is used at .* after it was disposed/,
  ],
  [
    'a step that returns nothing',
    steps(() => undefined),
    /scan at .*: the body must return \{ carries, outputs \}/,
  ],
  [
    'an async step',
    steps(async (x) => ({ carries: { h: x } })),
    /scan at .*: the body must return .* at once/,
  ],
  ['a step that returns a tensor', steps((x) => x), /scan at .*: the body must return/],
  [
    'a step without a carry',
    steps(() => ({ carries: {} })),
    /scan at .*: the body does not return the carry 'h'/,
  ],
  [
    'a step with a number as carry',
    steps(() => ({ carries: { h: 0 } })),
    /output 'h' of the body of scan at .* is not a tensor but a number/,
  ],
  [
    'a step with another shape',
    steps((x) => ({ carries: { h: tf.concat([x, x]) } })),
    /scan at .*: carry 'h' is float32 \[3\] but the body returns float32 \[6\]/,
  ],
  [
    'a scan over a scalar',
    traced(() => scan({ carries: {}, sequences: { x: tf.scalar(1) }, body: () => ({ carries: {} }) })),
    /scan at .*: expected at least one sequence of rank 1 or more/,
  ],
];

describe('is refused in one line with the cure', () => {
  it.each(misuses)('%s', (_, run, message, place = 'place') => {
    kept = null;
    const before = tf.memory().numTensors;
    let error: unknown;
    try {
      run();
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(TraceError);
    // So the command says it in one line, without a stack trace.
    expect(error).toBeInstanceOf(UserError);
    const told = (error as TraceError).message;
    expect(told).toMatch(message);
    expect(told).not.toContain('\n');
    if (place === 'place') expect(told).toMatch(here);
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe('a layer that cannot be traced is named', () => {
  /** A layer with an op that programs do not have. */
  class Unique extends tf.layers.Layer {
    static className = 'Unique';
    override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
      const [x] = [inputs].flat();
      return tf.unique(tf.reshape(x!, [-1])).values;
    }
  }

  it('in a model, and in a model inside of it', () => {
    const inner = tf.sequential({ name: 'inner', layers: [tf.layers.dense({ units: 2, inputShape: [3] })] });
    inner.add(new Unique({ name: 'first' }));
    const outer = tf.sequential({ name: 'outer', layers: [inner] });
    for (const model of [inner, outer]) {
      expect(() => traceLayersModel(model)).toThrow(/^layer 'first' \(Unique\): the tfjs kernel Unique at /);
    }
    expect(() => traced(({ x }) => ({ y: outer.apply(x!) }))()).toThrow(/^layer 'first' \(Unique\): /);
  });

  it('and layers work as before afterwards', () => {
    const own = Object.getOwnPropertyDescriptor(tf.layers.Layer.prototype, 'apply');
    expect(() => traced(() => undefined)()).toThrow();
    expect(Object.getOwnPropertyDescriptor(tf.layers.Layer.prototype, 'apply')).toEqual(own);
    expect(Object.hasOwn(tf.engine(), 'setBackend')).toBe(false);
  });
});

describe('a scan of no steps', () => {
  const run = (x: tf.Tensor) =>
    scan({
      carries: { h: tf.ones([2]) },
      sequences: { x },
      body: ({ h }, slices) => {
        const next = tf.add(h!, slices.x!);
        return { carries: { h: next }, outputs: { y: tf.concat([next, next]), i: tf.cast(next, 'int32') } };
      },
    });

  it('leaves the carries and has outputs of length 0', () => {
    const { carries, outputs } = run(tf.zeros([0, 2]));
    expect([...carries.h!.dataSync()]).toEqual([1, 1]);
    expect([outputs.y!.shape, outputs.i!.shape, outputs.i!.dtype]).toEqual([[0, 4], [0, 2], 'int32']);
  });

  it('traced, too', () => {
    const graph = trace(
      ({ x }) => {
        const { carries, outputs } = run(x!);
        return { h: tf.add(carries.h!, 0), y: outputs.y! };
      },
      { x: { dtype: 'float32', shape: [0, 2] } },
    );
    expect(graph.outputs.map(({ value }) => value.shape)).toEqual([[2], [0, 4]]);
  });
});

it('a trace may run inside a trace', () => {
  const graph = trace(({ x }) => {
    expect(trace(({ x }) => ({ y: tf.neg(x!) }), x23).nodes).toHaveLength(1);
    return { y: tf.exp(x!) };
  }, x23);
  expect(graph.nodes).toHaveLength(1);
});

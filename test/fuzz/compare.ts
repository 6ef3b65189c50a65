import { TraceError, tf, trace, traceBatched, writeOnnx } from '@generatrix/export';
import { type Executor, type HostTensor, hostTensor, messageOf, sizeOf } from '@generatrix/runtime';
import { grid, type Program } from './program.ts';

type Tensors = Record<string, tf.Tensor>;

/** What came of running a program both ways. */
export type Outcome =
  | {
      readonly kind: 'same';
      readonly onnx: Uint8Array;
      readonly inputs: HostTensors;
      readonly outputs: HostTensors;
    }
  /** The tracer or the writer says what it does not take, in one line. */
  | { readonly kind: 'refused'; readonly message: string }
  | { readonly kind: 'different'; readonly message: string };
type HostTensors = Readonly<Record<string, HostTensor>>;

/** Largest error, relative to the largest magnitude of the output or 1: chains of a few float32 functions. */
const tolerance = 2e-4;

/** Sizes at which a program for any batch size is run, besides the size that it was made at. */
const batchSizes = [1, 3, 4];

/** Runs a program eagerly on tfjs's CPU backend, with its wrong kernels corrected, and as ONNX on the executor. */
export async function compare(program: Program, executor: Executor): Promise<Outcome> {
  let onnx: Uint8Array;
  try {
    onnx = writeOnnx(traceProgram(program), { name: 'fuzz' });
  } catch (error) {
    const kind = error instanceof TraceError && !error.message.includes('\n') ? 'refused' : 'different';
    return { kind, message: error instanceof TraceError ? messageOf(error) : `throws ${String(error)}` };
  }
  let last: Outcome | null = null;
  for (const size of program.batched.length > 0 ? batchSizes : [null]) {
    const inputs = inputsOf(program, size);
    const expected = eagerly(program, inputs);
    if (expected === null) continue;
    let outputs: HostTensors;
    try {
      const loaded = await executor.load('fuzz', onnx);
      outputs = (await loaded.run(inputs)) as HostTensors;
      await loaded.release();
    } catch (error) {
      return { kind: 'different', message: `onnxruntime: ${messageOf(error)}` };
    }
    const message = difference(outputs, expected);
    if (message !== null)
      return { kind: 'different', message: size === null ? message : `batch of ${size}: ${message}` };
    last = { kind: 'same', onnx, inputs, outputs };
  }
  return last ?? { kind: 'refused', message: 'tfjs takes no other batch size' };
}

function traceProgram({ fn, inputs, batched }: Program) {
  if (batched.length === 0) {
    return trace(fn, Object.fromEntries(inputs.map(({ name, dtype, shape }) => [name, { dtype, shape }])));
  }
  const specs = inputs.map(({ name, dtype, shape }) => {
    const scales = batched.includes(name);
    return [name, { dtype, shape: scales ? shape.slice(1) : shape, batched: scales }] as const;
  });
  return traceBatched(fn, Object.fromEntries(specs));
}

function inputsOf({ inputs, batched }: Program, size: number | null): HostTensors {
  const entries = inputs.map(({ name, dtype, shape }, i) => {
    const sized = size !== null && batched.includes(name) ? [size, ...shape.slice(1)] : shape;
    const values = grid(sized, i, dtype);
    const host = hostTensor(dtype, sized, Array.from(values.dataSync()));
    values.dispose();
    return [name, host] as const;
  });
  return Object.fromEntries(entries);
}

/** The results of tfjs, or null where it refuses this batch size. */
function eagerly({ fn }: Program, inputs: HostTensors): HostTensors | null {
  try {
    return tf.tidy(() => {
      const tensors: Tensors = {};
      for (const [name, { data, shape, dtype }] of Object.entries(inputs)) {
        tensors[name] = tf.tensor(data, [...shape], dtype);
      }
      const entries = Object.entries(fn(tensors)).map(([name, y]) => [
        name,
        hostTensor(y.dtype as 'float32', y.shape, Array.from(y.dataSync())),
      ]);
      return Object.fromEntries(entries) as never;
    });
  } catch {
    return null;
  }
}

function difference(actual: HostTensors, expected: HostTensors): string | null {
  for (const [name, { dtype, shape, data }] of Object.entries(expected)) {
    const got = actual[name];
    if (got === undefined) return `${name} is missing`;
    if (got.dtype !== dtype || String(got.shape) !== String(shape)) {
      return `${name} is ${got.dtype} [${got.shape}], in tfjs ${dtype} [${shape}]`;
    }
    const [left, right] = [Array.from<number>(got.data), Array.from<number>(data)];
    const scale = right.reduce((most, x) => Math.max(most, Math.abs(x)), 1);
    const at = right.findIndex((x, i) => {
      // tfjs counts in its bools: any number but 0 is true.
      if (dtype === 'bool') return (x !== 0) !== (left[i] !== 0);
      return dtype === 'float32' ? !(Math.abs(x - left[i]!) <= tolerance * scale) : x !== left[i];
    });
    if (at >= 0 && sizeOf(shape) > 0)
      return `${name}[${at}] is ${left[at]}, in tfjs ${right[at]}; shape [${shape}]`;
  }
  return null;
}

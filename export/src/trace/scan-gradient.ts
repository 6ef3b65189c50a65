import { tf } from '../tf.ts';
import { backendName } from './backend.ts';
import type { Recorder } from './recorder.ts';
import { recordScan } from './scan-record.ts';
import type { ScanOptions, ScanResult } from './scan-types.ts';
import type { NamedTensors } from './trace.ts';

/** A loop as tfjs's tape sees it: one kernel call whose gradient is another loop. */
const scanKernel = 'GeneratrixScan';

interface ScanKernelAttrs {
  readonly outputs: tf.Tensor[];
  readonly gradient: (dys: readonly tf.Tensor[]) => readonly tf.Tensor[];
}

/** Names of the loops' tensors: each kind of them has a prefix of its own. */
const before = 'before/';
const after = 'after/';
const slice = 'slice/';
const result = 'result/';
const outside = 'outside/';

/**
 * A loop in a trace. Where a gradient is being taken, the loop also stacks the carries as they were before each step;
 * its gradient is a loop from the last step to the first that runs each step again on them and differentiates it
 * (checkpointing at every step), carrying the gradients of the carries and, as sums, those of what the body uses of
 * its surroundings. That loop can be differentiated again.
 */
export function tracedScan(options: ScanOptions, length: number, recorder: Recorder): ScanResult {
  // Inside a custom gradient's forward pass (kernelDepth > 0) nothing is taped.
  const { gradientDepth, kernelDepth } = tf.engine().state;
  if (gradientDepth > 0 && kernelDepth === 0) return differentiableScan(options, length, recorder);
  return withoutTape(() => recordScan(options, length, recorder));
}

function differentiableScan(options: ScanOptions, length: number, recorder: Recorder): ScanResult {
  const body: ScanOptions['body'] = (carries, slices) => {
    const step = options.body(carries, slices);
    return {
      carries: step.carries,
      outputs: { ...prefixed(result, step.outputs ?? {}), ...prefixed(before, carries) },
    };
  };
  const loop: ScanOptions = { ...options, body };
  const recorded = withoutTape(() => recordScan(loop, length, recorder));
  const outsiders = recorded.outsiders.filter(isFloat);
  const inputs = [...Object.values(options.carries), ...Object.values(options.sequences), ...outsiders];
  const outputs = [...Object.values(recorded.carries), ...Object.values(recorded.outputs)];
  // The loop of the gradient uses these when the tidies that they were made in have ended.
  for (const tensor of [...inputs, ...outputs]) recorder.keep(tensor);
  const gradient = (dys: readonly tf.Tensor[]) => {
    const carryNames = Object.keys(recorded.carries);
    return gradientLoop({
      loop,
      length,
      outsiders,
      stacked: under(before, recorded.outputs),
      ofCarries: named(carryNames, dys),
      ofOutputs: named(Object.keys(recorded.outputs), dys.slice(carryNames.length)),
      recorder,
    });
  };
  runAsKernel(inputs, { outputs, gradient });
  return { carries: recorded.carries, outputs: under(result, recorded.outputs) };
}

interface GradientRequest {
  readonly loop: ScanOptions;
  readonly length: number;
  /** Float tensors of the surroundings that the body uses. */
  readonly outsiders: readonly tf.Tensor[];
  /** The carries before each step. */
  readonly stacked: NamedTensors;
  /** Gradients of the loss by the final carries, and by the stacked outputs. */
  readonly ofCarries: NamedTensors;
  readonly ofOutputs: NamedTensors;
  readonly recorder: Recorder;
}

/** Gradients by the loop's carries, sequences and outsiders, in that order; zeros for what is no float tensor. */
function gradientLoop(request: GradientRequest): tf.Tensor[] {
  const { loop, length, outsiders, stacked, ofCarries, ofOutputs, recorder } = request;
  const { carries, sequences } = loop;
  const seeds = pick(ofOutputs, (dy) => isFloat(dy) && !isZero(dy, recorder));
  const sums = Object.fromEntries(outsiders.map((x, i) => [`${outside}${i}`, tf.zeros(x.shape)]));
  const { carries: final, outputs } = tracedScan(
    {
      reverse: !(loop.reverse ?? false),
      carries: {
        ...prefixed(
          before,
          pick(ofCarries, (_, name) => isFloat(carries[name]!)),
        ),
        ...sums,
      },
      sequences: { ...prefixed(before, stacked), ...prefixed(slice, sequences), ...prefixed(after, seeds) },
      body: (gradients, given) => {
        const own = under(before, given);
        const slices = under(slice, given);
        const by = {
          ...prefixed(before, pick(own, isFloat)),
          ...prefixed(slice, pick(slices, isFloat)),
          ...Object.fromEntries(outsiders.map((x, i) => [`${outside}${i}`, x])),
        };
        const found = vectorJacobian(
          () => loop.body(own, slices),
          { carries: under(before, gradients), outputs: under(after, given) },
          by,
        );
        const next = Object.entries(gradients).map(([name, sum]) => {
          const dx = found[name];
          if (!name.startsWith(outside)) return [name, dx ?? tf.zerosLike(sum)];
          return [name, dx === undefined ? sum : tf.add(sum, dx)];
        });
        return {
          carries: Object.fromEntries(next),
          outputs: pick(found, (_, name) => name.startsWith(slice)),
        };
      },
    },
    length,
    recorder,
  );
  return [
    ...Object.entries(carries).map(([name, x]) => final[before + name] ?? tf.zeros(x.shape)),
    ...Object.entries(sequences).map(([name, x]) => outputs[slice + name] ?? tf.zeros(x.shape)),
    ...outsiders.map((_, i) => final[`${outside}${i}`]!),
  ];
}

/** What a step returned, or the gradients of the loss by it. */
interface StepValues {
  readonly carries: NamedTensors;
  readonly outputs?: NamedTensors;
}

/**
 * Gradients of the loss by `xs`, given those by what the step returns (where `seeds` has them). An x that the step
 * does not depend on has none.
 */
function vectorJacobian(step: () => StepValues, seeds: StepValues, xs: NamedTensors): NamedTensors {
  const forward = () => {
    const { carries, outputs = {} } = step();
    const seeded = [...pairs(carries, seeds.carries), ...pairs(outputs, seeds.outputs ?? {})];
    forgetStopped();
    // A scalar whose gradient by what the step returned is the seeds: cheaper than a sum of products.
    return tf.customGrad(() => ({
      value: tf.scalar(0),
      gradFunc: () => seeded.map(([, dy]) => tf.clone(dy)),
    }))(...seeded.map(([y]) => y));
  };
  const { grads } = tf.engine().gradients(forward, Object.values(xs), undefined, true);
  const found = Object.keys(xs).map((name, i) => [name, grads[i]] as const);
  return Object.fromEntries(found.filter((entry): entry is [string, tf.Tensor] => entry[1] != null));
}

function pairs(tensors: NamedTensors, seeds: NamedTensors): [tf.Tensor, tf.Tensor][] {
  return Object.entries(seeds).map(([name, dy]) => [tensors[name]!, dy]);
}

/**
 * Takes off the tape what has no gradient and needs none: comparisons and other kernels that return integers. tfjs
 * would refuse to go through them, and here every tensor that a step takes is differentiated by.
 */
function forgetStopped(): void {
  const { state } = tf.engine();
  state.activeTape = state.activeTape.filter(
    ({ gradient, outputs }) => gradient !== undefined || outputs.some(isFloat),
  );
}

/** Runs `body` as outside of any gradient: nothing of it goes on a tape that is there, and it can take its own. */
function withoutTape<T>(body: () => T): T {
  const { state } = tf.engine();
  const { activeTape, gradientDepth, kernelDepth } = state;
  Object.assign(state, { activeTape: null, gradientDepth: 0, kernelDepth: 0 });
  try {
    return body();
  } finally {
    Object.assign(state, { activeTape, gradientDepth, kernelDepth });
  }
}

/** Puts a loop that is recorded already on the tape. */
function runAsKernel(inputs: readonly tf.Tensor[], attrs: ScanKernelAttrs): void {
  if (tf.getKernel(scanKernel, backendName) == null) {
    const given = (attrs: unknown) => attrs as ScanKernelAttrs;
    tf.registerKernel({
      kernelName: scanKernel,
      backendName,
      kernelFunc: ({ attrs }) => given(attrs).outputs,
    });
    tf.registerGradient({
      kernelName: scanKernel,
      gradFunc: (dys, _, attrs) => {
        const gradients = given(attrs).gradient([dys].flat());
        return Object.fromEntries(gradients.map((dx, i) => [i, () => dx]));
      },
    });
  }
  tf.engine().runKernel(
    scanKernel,
    { ...inputs } as unknown as tf.NamedTensorMap,
    attrs as unknown as tf.NamedAttrMap,
  );
}

function isFloat({ dtype }: tf.Tensor): boolean {
  return dtype === 'float32';
}

/** Whether a gradient is the zeros that tfjs makes where none arrives. */
function isZero(dy: tf.Tensor, recorder: Recorder): boolean {
  const node = recorder.producer(dy.dataId);
  return node?.op === 'constant' && node.data.every((value) => value === 0);
}

function prefixed(prefix: string, tensors: NamedTensors): NamedTensors {
  return Object.fromEntries(Object.entries(tensors).map(([name, x]) => [prefix + name, x]));
}

/** The tensors whose names start with the prefix, under the rest of their names. */
function under(prefix: string, tensors: NamedTensors): NamedTensors {
  const own = Object.entries(tensors).filter(([name]) => name.startsWith(prefix));
  return Object.fromEntries(own.map(([name, x]) => [name.slice(prefix.length), x]));
}

function pick(tensors: NamedTensors, keep: (x: tf.Tensor, name: string) => boolean): NamedTensors {
  return Object.fromEntries(Object.entries(tensors).filter(([name, x]) => keep(x, name)));
}

function named(names: readonly string[], tensors: readonly tf.Tensor[]): NamedTensors {
  return Object.fromEntries(names.map((name, i) => [name, tensors[i]!]));
}

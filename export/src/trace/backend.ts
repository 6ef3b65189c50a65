import { isComplexCall, runOnComplex } from '../composites/complex.ts';
import { composites } from '../composites/table.ts';
import { limitOf } from '../kernels/limits.ts';
import { type KernelName, kernelInputNames } from '../kernels/names.ts';
import { shapeRules, type TensorMeta } from '../kernels/shape-rules.ts';
import { tf } from '../tf.ts';
import { handleDraw } from './draws.ts';
import { at, TraceError, userLocation } from './errors.ts';
import { guarded } from './guards.ts';
import { type Recorder, toConstantData, tracedDType } from './recorder.ts';

/** The tfjs backend that records. */
export const backendName = 'generatrix-trace';

/** Ops that draw random numbers; a traced one would freeze its first draw into the program. */
const randomOps = new Set([
  'dropout',
  'multinomial',
  'rand',
  'randomGamma',
  'randomNormal',
  'randomStandardNormal',
  'randomUniform',
  'randomUniformInt',
  'truncatedNormal',
]);

let current: Recorder | null = null;

/** The recorder of the trace that is running, or null outside one. */
export function currentRecorder(): Recorder | null {
  return current;
}

/** Runs `body` with a recorder of its own, as the innermost trace. */
export function withRecorder<T>(recorder: Recorder, body: () => T): T {
  const outer = current;
  current = recorder;
  try {
    return body();
  } finally {
    current = outer;
  }
}

function recorder(): Recorder {
  if (current === null) throw new TraceError('a symbolic tensor was used after its trace had ended');
  return current;
}

/** A tfjs backend without arithmetic: its kernels append nodes to the current recorder. */
class TraceBackend extends tf.KernelBackend {
  /** Tensors that share a data id, where there are more than one: a variable and what it was made of. */
  readonly #references = new WeakMap<object, number>();

  override write(values: tf.BackendValues, shape: number[], dtype: tf.DataType): object {
    const dataId = {};
    const handled = handleDraw(values, shape);
    if (handled === null) refuseRandom();
    if (handled?.kind === 'discarded') return dataId;
    if (handled?.kind === 'tensor') {
      recorder().bind(dataId, recorder().resolve(handled.tensor));
      return dataId;
    }
    const meta = { dtype: tracedDType(dtype), shape };
    if (values === undefined || values === null) {
      throw new TraceError(`an uninitialised tensor of shape [${shape}]${at(userLocation())}`);
    }
    recorder().bind(dataId, recorder().constant(meta, toConstantData(values, meta.dtype)));
    return dataId;
  }

  override readSync(dataId: object): tf.BackendValues {
    const producer = recorder().producer(dataId);
    if (producer?.op === 'constant') return producer.data;
    const what = producer?.op === 'kernel' ? `the result of ${producer.kernel}` : 'an input';
    throw new TraceError(
      `the function reads ${what} while it is traced${at(userLocation())}: what it does may not depend on ` +
        'values; use tensor ops (tf.where, masks, scan) instead of dataSync(), data() or array()',
    );
  }

  /**
   * A promise that a function does not wait for would end the process if it were rejected: the refusal is left with the
   * recorder, which throws it when the function has returned, and the promise stays open.
   */
  override read(dataId: object): Promise<tf.BackendValues> {
    try {
      return Promise.resolve(this.readSync(dataId));
    } catch (error) {
      if (!(error instanceof TraceError)) throw error;
      recorder().refuse(error);
      return new Promise(() => {});
    }
  }

  override disposeData(dataId: object): boolean {
    const left = this.refCount(dataId) - 1;
    this.#references.set(dataId, left);
    return left <= 0;
  }

  override incRef(dataId: object): void {
    this.#references.set(dataId, this.refCount(dataId) + 1);
  }

  override refCount(dataId: object): number {
    return this.#references.get(dataId) ?? 1;
  }

  override numDataIds(): number {
    return 0;
  }

  override timerAvailable(): boolean {
    return false;
  }

  override memory() {
    return { unreliable: true };
  }

  override floatPrecision(): 16 | 32 {
    return 32;
  }

  override epsilon(): number {
    return 1e-7;
  }

  override dispose(): void {}
}

function refuseRandom(): void {
  const { scopeStack } = tf.engine().state;
  const op = scopeStack.map(({ name }) => name.replace(/__op$/, '')).find((name) => randomOps.has(name));
  if (op === undefined) return;
  throw new TraceError(
    `tf.${op}${at(userLocation())} draws random numbers inside a traced function: they would be frozen into ` +
      'the program; take the noise as an input instead',
  );
}

function orderedInputs(kernel: KernelName, inputs: tf.NamedTensorInfoMap): tf.TensorInfo[] {
  const names: readonly string[] | 'variadic' = kernelInputNames[kernel];
  const given = inputs as Record<string, tf.TensorInfo>;
  if (names === 'variadic') return Object.values(given);
  return names.map((name) => given[name] ?? absentInput(kernel, name, given));
}

/** Batch normalisation's offset and scale may be left out, which means 0 and 1. */
function absentInput(kernel: string, name: string, given: Record<string, tf.TensorInfo>): tf.TensorInfo {
  if (kernel !== 'FusedBatchNorm' || (name !== 'offset' && name !== 'scale')) {
    throw new TraceError(`kernel ${kernel}${at(userLocation())} was called without its input '${name}'`);
  }
  const { shape } = given.mean!;
  const data = new Float32Array(tf.util.sizeFromShape(shape)).fill(name === 'scale' ? 1 : 0);
  return recorder().tensorInfo(recorder().constant({ dtype: 'float32', shape }, data));
}

function recordKernel(kernel: KernelName): tf.KernelFunc {
  const rule = shapeRules[kernel] as (inputs: TensorMeta[], attrs: object) => TensorMeta[];
  return ({ inputs, attrs }) => {
    if (isComplexCall(inputs, attrs)) return runOnComplex(kernel, inputs, { ...attrs });
    const tensors = orderedInputs(kernel, inputs);
    const metas = tensors.map(({ dtype, shape }) => ({ dtype: tracedDType(dtype), shape }));
    const complete = completeAttrs(attrs);
    const results = rule(metas, complete);
    const limit = limitOf(kernel, metas, complete, results);
    if (limit !== null) throw new TraceError(`${kernel}${at(userLocation())}: ${limit}`);
    const outputs = recorder().kernel(kernel, tensors, complete, results);
    return kernel === 'SplitV' || kernel === 'Unpack' || kernel === 'TopK' ? outputs : outputs[0]!;
  };
}

/** Layers leave dilations null where the kernels take that for 1. */
function completeAttrs(attrs: tf.NamedAttrMap | undefined): object {
  return attrs?.dilations === null ? { ...attrs, dilations: [1, 1] } : { ...attrs };
}

/** Why some kernels are refused, and what to use instead. */
const refusals: Readonly<Record<string, string>> = {
  BitwiseAnd: '; ONNX has it from operator set 18 on only',
  Multinomial: '; it draws random numbers: take the noise as an input',
  NonMaxSuppressionV3: '; how many boxes it keeps depends on values: use tf.image.nonMaxSuppressionPadded',
  NonMaxSuppressionV5: '; how many boxes it keeps depends on values: use tf.image.nonMaxSuppressionPadded',
  Unique: '; the shape of its result depends on values',
};

function refuseKernel(kernelName: string): tf.KernelFunc {
  return () => {
    const reason = refusals[kernelName] ?? '';
    throw new TraceError(
      `the tfjs kernel ${kernelName}${at(userLocation())} cannot be traced: no rule for it${reason}`,
    );
  };
}

function registerBackend(): void {
  if (tf.findBackendFactory(backendName) != null) return;
  tf.registerBackend(backendName, () => new TraceBackend(), 0);
  const register = (kernelName: string, kernelFunc: tf.KernelFunc) =>
    tf.registerKernel({ kernelName, backendName, kernelFunc });
  for (const kernel of Object.keys(kernelInputNames) as KernelName[]) register(kernel, recordKernel(kernel));
  for (const [kernel, kernelFunc] of Object.entries(composites)) register(kernel, kernelFunc);
  for (const { kernelName } of tf.getKernelsForBackend('cpu')) {
    if (tf.getKernel(kernelName, backendName) == null) register(kernelName, refuseKernel(kernelName));
  }
}

/** Runs `body` with the tracing backend active and the previous one restored afterwards, whatever happens. */
export function onTraceBackend<T>(body: () => T): T {
  registerBackend();
  const engine = tf.engine();
  const previous = engine.backendName;
  // Not the engine's own method where a trace runs inside a trace: that one is refused.
  const { setBackend: own } = Object.getPrototypeOf(engine) as typeof engine;
  const setBackend = (name: string) => void own.call(engine, name);
  // tfjs declares setBackend async, but a backend with a synchronous factory is active when the call returns.
  setBackend(backendName);
  try {
    return guarded(body);
  } finally {
    setBackend(previous ?? 'cpu');
  }
}

import { tf } from '../tf.ts';
import { at, TraceError, userLocation } from '../trace/errors.ts';
import { composite, run } from './composite.ts';
import { type ComplexPair, fourierTransform } from './fourier.ts';

/**
 * Programs carry no complex numbers: a complex tensor of a traced function is a pair of recorded ones, and this says
 * which. What is kept are their data: tensors are disposed where the function's tidies end.
 */
const pairs = new WeakMap<object, Readonly<Record<keyof ComplexPair, tf.TensorInfo>>>();

/** What makes complex tensors and what takes them apart. */
export const complexComposites: Record<string, tf.KernelFunc> = {
  Complex: composite(({ real, imag }) => complexOf({ real: real!, imag: imag! })),
  // Of a real number tfjs's own kernels of these would make nonsense; its functions never ask.
  Real: composite(({ input }) => pairOf(input!).real),
  Imag: composite(({ input }) => pairOf(input!).imag),
  ComplexAbs: composite(({ x }) => {
    const { real, imag } = pairOf(x!);
    return tf.sqrt(tf.add(tf.square(real), tf.square(imag)));
  }),
  FFT: composite(({ input }) => complexOf(fourierTransform(pairOf(input!)))),
  IFFT: composite(({ input }) => complexOf(fourierTransform(pairOf(input!), { inverse: true }))),
};

/** Kernels that do to a complex tensor what they do to each of its parts. */
const partwise = new Set(['Add', 'Concat', 'ExpandDims', 'Identity', 'Reshape', 'Sub', 'ZerosLike']);

/** Whether a call of a kernel takes or makes complex numbers. */
export function isComplexCall(inputs: tf.NamedTensorInfoMap, attrs: tf.NamedAttrMap | undefined): boolean {
  return attrs?.dtype === 'complex64' || Object.values(inputs).some((x) => x?.dtype === 'complex64');
}

/**
 * The result of a kernel of real numbers that is called with complex ones, where tfjs defines it.
 * @throws TraceError where tfjs does not
 */
export function runOnComplex(kernel: string, inputs: tf.NamedTensorInfoMap, attrs: object): tf.Tensor {
  const given = Object.entries(inputs).map(([name, x]) => [name, x as tf.Tensor] as const);
  if (partwise.has(kernel)) {
    const part = (which: keyof ComplexPair) =>
      run(kernel, Object.fromEntries(given.map(([name, x]) => [name, pairOf(x)[which]])), attrs);
    return complexOf({ real: part('real'), imag: part('imag') });
  }
  if (kernel === 'Multiply') {
    const [a, b] = given.map(([, x]) => pairOf(x)) as [ComplexPair, ComplexPair];
    return complexOf({
      real: tf.sub(tf.mul(a.real, b.real), tf.mul(a.imag, b.imag)),
      imag: tf.add(tf.mul(a.real, b.imag), tf.mul(a.imag, b.real)),
    });
  }
  if (kernel === 'OnesLike') {
    const { real, imag } = pairOf(given[0]![1]);
    return complexOf({ real: tf.onesLike(real), imag: tf.zerosLike(imag) });
  }
  if (kernel === 'Cast') {
    const { dtype } = attrs as { dtype: tf.DataType };
    const pair = pairOf(given[0]![1]);
    return dtype === 'complex64' ? complexOf(pair) : tf.cast(pair.real, dtype);
  }
  throw new TraceError(
    `kernel ${kernel}${at(userLocation())} was called with a complex64 tensor, which tfjs does not define: apply ` +
      'it to tf.real and tf.imag',
  );
}

function complexOf(pair: ComplexPair): tf.Tensor {
  const dataId = {};
  const dataOf = ({ dataId, dtype, shape }: tf.Tensor) => ({ dataId, dtype, shape });
  pairs.set(dataId, { real: dataOf(pair.real), imag: dataOf(pair.imag) });
  return tf.engine().makeTensorFromTensorInfo({ dataId, dtype: 'complex64', shape: pair.real.shape });
}

/** The parts of a tensor: recorded ones, those of a constant on another backend, or itself and zero. */
function pairOf(x: tf.Tensor): ComplexPair {
  const known = pairs.get(x.dataId);
  if (known !== undefined) {
    const tensorOf = (part: tf.TensorInfo) => tf.engine().makeTensorFromTensorInfo(part);
    return { real: tensorOf(known.real), imag: tensorOf(known.imag) };
  }
  if (x.dtype !== 'complex64') {
    const real = tf.cast(x, 'float32');
    return { real, imag: tf.zerosLike(real) };
  }
  const record = tf.engine().state.tensorInfo.get(x.dataId);
  if (record === undefined) {
    throw new TraceError(
      `a complex tensor of shape [${x.shape}] used in the traced function was disposed before`,
    );
  }
  // The parts stand in turn.
  const values = record.backend.readSync(x.dataId) as Float32Array;
  const part = (offset: number) =>
    tf.tensor(
      Float32Array.from({ length: x.size }, (_, i) => values[2 * i + offset]!),
      x.shape,
    );
  return { real: part(0), imag: part(1) };
}

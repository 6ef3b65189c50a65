import type { tf } from '../../tfjs.mjs';
import { resizeMatrix } from '../kernels/resize-map.ts';
import { broadcastValues, sizeOf } from './broadcast.ts';
import type { Call, Corrected } from './call.ts';
import { einsumValues } from './einsum.ts';
import { correctedIntegers } from './integers.ts';
import { maxPool3dGradientValues } from './max-pool-3d.ts';
import { correctedPoolGradients } from './pool-gradients.ts';
import { quickSlice } from './slice.ts';

type Shape5 = [number, number, number, number, number];

/** Kernels that tfjs's CPU backend computes wrongly, each right where its own is not. */
const corrected: Readonly<Record<string, Corrected>> = {
  // Where both have several batch axes, its own takes the batch index modulo the number of matrices.
  BatchMatMul: matMul,
  // Its own take a negative axis for none that has to be moved to the end.
  Cumsum: cumulative,
  Cumprod: cumulative,
  // Its own sums other axes than the named where an operand's labels are in another order.
  Einsum: ({ inputs, attrs, read, write }: Call<tf.EinsumAttrs>) => {
    const tensors = Object.values(inputs);
    const { values, shape } = einsumValues(
      attrs.equation,
      tensors.map((x) => ({ values: read(x), shape: x.shape })),
    );
    return write(values, shape, tensors[0]!.dtype);
  },
  FusedBatchNorm: batchNorm,
  ResizeBilinearGrad: resizeGradient('bilinear'),
  ResizeNearestNeighborGrad: resizeGradient('nearest'),
  // Its own numbers the cells of a window by its height where it reads them by its width.
  MaxPool3DGrad: ({ inputs, attrs, read, write, pooled }: Call<tf.MaxPool3DGradAttrs>) => {
    const { dy, input } = inputs as { dy: tf.TensorInfo; input: tf.TensorInfo };
    const info = pooled(input.shape as Shape5, attrs);
    return write(maxPool3dGradientValues(read(dy), read(input), info), input.shape, 'float32');
  },
  // Its own starts from a value that is not there: of no values, all are true.
  All: ({ inputs: { x }, read, write, own }: Call<tf.AllAttrs>) => {
    const result = own();
    const empty = x!.shape.includes(0) && sizeOf(result.shape) > 0;
    return empty
      ? write(
          Array.from(read(result), () => 1),
          result.shape,
          result.dtype,
        )
      : result;
  },
  // Its own subtracts values to find their order, which is NaN for two infinities. NaN is sorted as infinity.
  TopK: ({ inputs: { x }, attrs: { k }, read, write, ownAll }: Call<tf.TopKAttrs>) => {
    const values = read(x!);
    if (Array.from(values).every(Number.isFinite)) return [...ownAll()];
    const key = (at: number) => (Number.isNaN(values[at]) ? Number.POSITIVE_INFINITY : values[at]!);
    const length = x!.shape.at(-1)!;
    const top = Array.from({ length: values.length / length }, (_, row) =>
      Array.from({ length }, (_, i) => row * length + i)
        .toSorted((a, b) => (key(a) === key(b) ? a - b : key(a) < key(b) ? 1 : -1))
        .slice(0, k),
    ).flat();
    const shape = x!.shape.with(-1, k);
    const [taken, indices] = [top.map((at) => values[at]!), top.map((at) => at % length)];
    return [write(taken, shape, x!.dtype), write(indices, shape, 'int32')];
  },
  // Its own writes into its input.
  TensorScatterUpdate: ({ inputs, read, write, own }: Call<tf.TensorScatterUpdateAttrs>) => {
    const { tensor } = inputs as { tensor: tf.TensorInfo };
    return own({ inputs: { ...inputs, tensor: write(read(tensor), tensor.shape, tensor.dtype) } });
  },
  // Its own repeats the first element of each row that it selects.
  Select: ({ inputs, read, write, own }: Call<object>) => {
    const { condition, t } = inputs as { condition: tf.TensorInfo; t: tf.TensorInfo };
    if (condition.shape.length !== 1 || t.shape.length < 2) return own();
    const rows = [...condition.shape, ...t.shape.slice(1).map(() => 1)];
    const each = broadcastValues(read(condition), rows, t.shape);
    return own({ inputs: { ...inputs, condition: write(each, t.shape, 'bool') } });
  },
};

function matMul({ inputs, read, write, own }: Call<tf.BatchMatMulAttrs>): tf.TensorInfo {
  const { a, b } = inputs as { a: tf.TensorInfo; b: tf.TensorInfo };
  const [ofA, ofB] = [a.shape.slice(0, -2), b.shape.slice(0, -2)];
  const alike = String(ofA) === String(ofB);
  if (alike || sizeOf(ofA) === 1 || sizeOf(ofB) === 1) return own();
  const rank = Math.max(ofA.length, ofB.length);
  const padded = (batch: readonly number[]) => [...Array<number>(rank - batch.length).fill(1), ...batch];
  const [paddedA, paddedB] = [padded(ofA), padded(ofB)];
  const batch = paddedA.map((size, axis) => (size === 1 ? paddedB[axis]! : size));
  const spread = (x: tf.TensorInfo) => {
    const shape = [...batch, ...x.shape.slice(-2)];
    return write(broadcastValues(read(x), x.shape, shape), shape, x.dtype);
  };
  return own({ inputs: { ...inputs, a: spread(a), b: spread(b) } });
}

function cumulative({ inputs: { x }, attrs, own }: Call<tf.CumsumAttrs>): tf.TensorInfo {
  return attrs.axis < 0 ? own({ attrs: { axis: attrs.axis + x!.shape.length } }) : own();
}

/** Its own walks through the statistics in turn, which is right for those that lie along the last axes only. */
function batchNorm({ inputs, read, write, own }: Call<tf.FusedBatchNormAttrs>): tf.TensorInfo {
  const { x, ...statistics } = inputs as Record<string, tf.TensorInfo | undefined> & { x: tf.TensorInfo };
  const spread = Object.entries(statistics).flatMap(([name, own]) => {
    // A layer without offset or scale passes null.
    if (own == null) return [];
    return [[name, write(broadcastValues(read(own), own.shape, x.shape), x.shape, own.dtype)] as const];
  });
  return own({ inputs: { x, ...Object.fromEntries(spread) } });
}

/**
 * The transpose of resizing. tfjs's own leave out half-pixel centres; the bilinear one exchanges height and width in
 * its result's shape, and the nearest one reads the examples after the first at the images' places.
 */
function resizeGradient(kind: 'bilinear' | 'nearest'): Corrected {
  return ({ inputs, attrs, read, write }: Call<tf.ResizeBilinearGradAttrs>) => {
    const { images, dy } = inputs as { images: tf.TensorInfo; dy: tf.TensorInfo };
    const [batch, height, width, channels] = images.shape as [number, number, number, number];
    const [, tall, wide] = dy.shape as [number, number, number, number];
    const mode = attrs as tf.ResizeBilinearAttrs;
    const rows = resizeMatrix(kind, height, tall, mode); // [tall, height]
    const columns = resizeMatrix(kind, width, wide, mode); // [wide, width]
    const given = read(dy);
    const out = new Float64Array(batch * height * width * channels);
    for (let example = 0; example < batch; example++) {
      for (let r = 0; r < tall; r++) {
        for (let c = 0; c < wide; c++) {
          for (let row = 0; row < height; row++) {
            const down = rows[r * height + row]!;
            if (down === 0) continue;
            for (let column = 0; column < width; column++) {
              const weight = down * columns[c * width + column]!;
              if (weight === 0) continue;
              const to = ((example * height + row) * width + column) * channels;
              const from = ((example * tall + r) * wide + c) * channels;
              for (let d = 0; d < channels; d++) out[to + d]! += weight * given[from + d]!;
            }
          }
        }
      }
    }
    return write(out, images.shape, 'float32');
  };
}

/** Puts the corrected kernels in the places of tfjs's own on its CPU backend. Calling it again changes nothing. */
export function correctKernels(tfjs: typeof tf): void {
  const all = { ...corrected, ...correctedIntegers, ...correctedPoolGradients(tfjs), ...quickSlice(tfjs) };
  for (const [kernelName, fix] of Object.entries(all)) {
    const original = tfjs.getKernel(kernelName, 'cpu');
    if (original === null || original === undefined) continue;
    if (registered.has(original.kernelFunc)) continue;
    const kernelFunc: tf.KernelFunc = ({ inputs, backend, attrs }) => {
      const cpu = backend as tf.KernelBackend;
      const made: tf.TensorInfo[] = [];
      const keepTrack = (x: tf.TensorInfo) => {
        made.push(x);
        return x;
      };
      const ownAll: Call<never>['ownAll'] = (changes = {}) => {
        const results = original.kernelFunc({
          inputs: (changes.inputs ?? inputs) as tf.NamedTensorInfoMap,
          backend,
          attrs: { ...attrs, ...(changes.attrs as tf.NamedAttrMap | undefined) },
        });
        return [results].flat().map(keepTrack);
      };
      const result = fix({
        inputs: inputs as Record<string, tf.TensorInfo>,
        attrs: attrs as never,
        read: (x) => cpu.readSync(x.dataId) as tf.TypedArray,
        write: (values, shape, dtype) => {
          const data = tfjs.util.toTypedArray(Array.from(values), dtype as 'float32');
          return keepTrack({
            dataId: cpu.write(data, [...shape], dtype) as object,
            shape: [...shape],
            dtype,
          });
        },
        pooled: (shape, { filterSize, strides, pad, dimRoundingMode }) =>
          tfjs.backend_util.computePool3DInfo(shape, filterSize, strides, 1, pad, dimRoundingMode),
        own: (changes) => ownAll(changes)[0]!,
        ownAll,
      });
      const kept = new Set([result].flat().map(({ dataId }) => dataId));
      for (const { dataId } of made) if (!kept.has(dataId)) cpu.disposeData(dataId);
      return result;
    };
    registered.add(kernelFunc);
    tfjs.unregisterKernel(kernelName, 'cpu');
    tfjs.registerKernel({ ...original, kernelFunc });
  }
}

const registered = new WeakSet<tf.KernelFunc>();

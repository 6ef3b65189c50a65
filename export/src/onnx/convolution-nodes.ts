import type { Dim, Shape } from '../graph/ir.ts';
import type { OnnxEmitter } from './lowering.ts';
import { keepLeading, type WindowAttrs, type Windows } from './window-geometry.ts';

/** Channels that a Conv reads and writes; a symbolic count is known to be no problem of `convolve`'s concern. */
export interface ConvChannels {
  readonly input: Dim;
  readonly output: Dim;
}

/**
 * onnxruntime 1.30 computes some of these wrongly on WebGPU without a word: filters of more than one cell over 6, 9,
 * 18 or any other multiple of 3 (but 3 itself, and multiples of 4) of channels, into a multiple of 4. Its kernel takes
 * three channels at a time there and miscounts. One output channel more or less leaves that path.
 */
function breaksOnWebgpu({ input, output }: ConvChannels, [h, w]: Windows): boolean {
  if (typeof input !== 'number' || typeof output !== 'number' || h.filter * w.filter === 1) return false;
  return input % 3 === 0 && input > 3 && input % 4 !== 0 && output % 4 === 0;
}

/**
 * A Conv whose output is exactly the windows' output size; `x` NCHW, `weights` OIHW.
 * @param channels of a convolution that is not grouped, which may have to be cut in two (see `breaksOnWebgpu`)
 */
export function convolve(
  emit: OnnxEmitter,
  x: string,
  weights: string,
  windows: Windows,
  group: number,
  channels?: ConvChannels,
): string {
  const [h, w] = windows;
  if (forgetsPadding(windows)) {
    // One more row of windows above is computed well, and cut off again; a Pad before the Conv would be fused into it.
    const taller: Windows = [{ ...h, before: h.stride, output: h.output + 1 }, w];
    const y = convolve(emit, x, weights, taller, group, channels);
    return emit.op('Slice', [y, emit.ints([1]), emit.ints([h.output + 1]), emit.ints([2])]);
  }
  // Conv rounds down, so fewer unread cells than a stride do no harm; more would add windows.
  const cuts = windows.map(({ input, after, stride }, i) => ({
    axis: 2 + i,
    has: input,
    keep: -after >= stride ? input + after : input,
  }));
  const kept = keepLeading(emit, x, cuts);
  const conv = (filters: string) =>
    emit.op('Conv', [kept, filters], {
      kernel_shape: [h.filter, w.filter],
      strides: [h.stride, w.stride],
      dilations: [h.dilation, w.dilation],
      pads: [h.before, w.before, Math.max(0, h.after), Math.max(0, w.after)],
      group,
    });
  if (channels === undefined || !breaksOnWebgpu(channels, windows)) return conv(weights);
  const last = (channels.output as number) - 1;
  const part = (from: number, to: number) =>
    conv(emit.op('Slice', [weights, emit.ints([from]), emit.ints([to]), emit.ints([0])]));
  return emit.op('Concat', [part(0, last), part(last, last + 1)], { axis: 1 });
}

/**
 * Whether a Conv's filter is as large as its image and the padding lies at the end alone: onnxruntime 1.30 takes such
 * a Conv for a matrix product on WebGPU and forgets the padding.
 */
export function forgetsPadding([h, w]: Windows): boolean {
  const asLarge = h.filter === h.input && w.filter === w.input;
  return asLarge && h.before + w.before === 0 && Math.max(h.after, w.after) > 0;
}

/** The transpose of `convolve` as a linear map of its input: from the windows' output size to their input size. */
export function convolveTransposed(
  emit: OnnxEmitter,
  dy: string,
  weights: string,
  windows: Windows,
  group: number,
): string {
  const [h, w] = windows;
  // output_padding must stay below the stride; cells that no window reads beyond that are zeros, padded below.
  const unread = windows.map(({ after }) => Math.max(0, -after));
  const inside = windows.map(({ stride }, i) => (unread[i]! < stride ? unread[i]! : 0));
  const beyond = unread.map((cells, i) => cells - inside[i]!);
  const dx = emit.op('ConvTranspose', [dy, weights], {
    kernel_shape: [h.filter, w.filter],
    strides: [h.stride, w.stride],
    dilations: [h.dilation, w.dilation],
    pads: [h.before, w.before, Math.max(0, h.after), Math.max(0, w.after)],
    output_padding: inside,
    group,
  });
  if (beyond.every((cells) => cells === 0)) return dx;
  return emit.op('Pad', [dx, emit.ints([0, 0, 0, 0, 0, 0, ...beyond])], { mode: 'constant' });
}

/** The windows of the filter gradient: the output slides over the input in steps of the dilation. */
export function rolesSwapped(windows: Windows): Windows {
  const swap = (axis: Windows[number]) => ({
    ...axis,
    filter: axis.output,
    output: axis.filter,
    stride: axis.dilation,
    dilation: axis.stride,
  });
  return [swap(windows[0]), swap(windows[1])];
}

/** The images as NCHW. */
export function channelsFirst(emit: OnnxEmitter, x: string, { dataFormat }: WindowAttrs): string {
  return dataFormat === 'NCHW' ? x : emit.transpose(x, [0, 3, 1, 2]);
}

/** NCHW images in the layout of the kernel: NHWC, unless `dataFormat` says otherwise. */
export function channelsAsBefore(emit: OnnxEmitter, x: string, { dataFormat }: WindowAttrs): string {
  return dataFormat === 'NCHW' ? x : emit.transpose(x, [0, 2, 3, 1]);
}

/** The images as [channels, batch, height, width]. */
export function batchSecond(emit: OnnxEmitter, x: string, { dataFormat }: WindowAttrs): string {
  return emit.transpose(x, dataFormat === 'NCHW' ? [1, 0, 2, 3] : [3, 0, 1, 2]);
}

/** Height and width of an HWIO filter. */
export function filterSize(shape: Shape): [number, number] {
  return [shape[0] as number, shape[1] as number];
}

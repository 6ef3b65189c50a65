import { type NamedTensors, tf } from '@generatrix/export';
import { actnorm, type Bijection, chain, evenFirst, flattening, reversed, squeeze } from './bijection.ts';
import { type ConditionerBuilder, mlpConditioner } from './conditioner.ts';
import { checkerboardMask, maskedCoupling, splitCoupling } from './coupling.ts';
import { cut, type TransformKind } from './transform.ts';

/** Name of the first layer, whose scale and shift start from the data. */
export const firstLayer = 'start';

export interface VectorFlowOptions {
  readonly couplings: number;
  readonly hidden: readonly number[];
  readonly kind: TransformKind;
}

/** Couplings over a vector, which change odd and even entries in turn, normalised before each. */
export function vectorFlow(dimensions: number, { couplings, hidden, kind }: VectorFlowOptions): Bijection {
  const widths = [Math.ceil(dimensions / 2), Math.floor(dimensions / 2)] as const;
  const order = evenFirst(dimensions);
  const layers = Array.from({ length: couplings }, (_, i) => [
    ...(i === 0 ? [] : [actnorm(`coupling/${i}/norm`, dimensions)]),
    splitCoupling(`coupling/${i}`, {
      kind,
      widths,
      changes: i % 2 === 0 ? 'second' : 'first',
      conditioner: mlpConditioner(hidden, 'spread'),
    }),
  ]);
  return chain([actnorm(firstLayer, dimensions), order, ...layers.flat(), reversed(order)]);
}

type ImageShape = readonly [number, number, number];

export interface MultiScaleOptions {
  readonly scales: number;
  /** Couplings of each kind of mask at each scale; the last scale has one more, all of them checkerboards. */
  readonly perMask: number;
  readonly kind: TransformKind;
  readonly conditioner: ConditionerBuilder;
}

/**
 * The multi-scale architecture (Dinh et al. 2017, section 3.6): at every scale but the last, couplings with
 * alternating checkerboard masks, a squeeze, couplings with alternating channel masks; half of the channels then
 * go into the code as they are, and the others on to the next scale. The last scale has checkerboards only.
 *
 *   h0 = x,   (z_i+1, h_i+1) = f_i+1(h_i),   z_L = f_L(h_L-1)                           eq. 13 to 16
 *
 * The code holds the coarsest part first.
 */
export function imageFlow(shape: ImageShape, options: MultiScaleOptions): Bijection {
  return chain([actnorm(firstLayer, shape[2], shape[0] * shape[1]), scaleFlow(shape, options, 0)]);
}

function scaleFlow(shape: ImageShape, options: MultiScaleOptions, scale: number): Bijection {
  const { scales, perMask, kind, conditioner } = options;
  const [height, width, channels] = shape;
  const name = `scale/${scale}`;
  const layers = (count: number, at: ImageShape, layer: (i: number) => [string, Bijection]) =>
    Array.from({ length: count }, (_, i) => {
      const [own, coupling] = layer(i);
      return [actnorm(`${own}/norm`, at[2], at[0] * at[1]), coupling];
    }).flat();
  const checkerboards = (count: number) =>
    layers(count, shape, (i) => {
      const own = `${name}/checkerboard/${i}`;
      const mask = () => checkerboardMask(height, width, i % 2 === 1);
      return [own, maskedCoupling(own, { kind, channels, mask, conditioner })];
    });
  if (scale === scales - 1) return chain([...checkerboards(perMask + 1), flattening(shape)]);
  const squeezed: ImageShape = [height / 2, width / 2, 4 * channels];
  const widths = [2 * channels, 2 * channels] as const;
  const overChannels = layers(perMask, squeezed, (i) => {
    const own = `${name}/channel/${i}`;
    const changes = i % 2 === 0 ? 'second' : 'first';
    return [own, splitCoupling(own, { kind, widths, changes, conditioner })];
  });
  const next = scaleFlow([squeezed[0], squeezed[1], 2 * channels], options, scale + 1);
  return chain([...checkerboards(perMask), squeeze(shape), ...overChannels, factorOut(squeezed, next)]);
}

/** Half of the channels go on through `next`, the others join its code as they are: [batch, ...] to [batch, d]. */
function factorOut([height, width, channels]: ImageShape, next: Bijection): Bijection {
  const half = channels / 2;
  const size = height * width * half;
  return {
    specs: next.specs,
    forward: (state: NamedTensors, x) => {
      const [kept, out] = cut(x, [half, half]);
      const { y, logDet } = next.forward(state, kept);
      return { y: tf.concat([y, tf.reshape(out, [x.shape[0]!, size])], 1), logDet };
    },
    inverse: (state, y) => {
      const [code, out] = cut(y, [size, size]);
      const kept = next.inverse(state, code);
      return tf.concat([kept, tf.reshape(out, [y.shape[0]!, height, width, half])], 3);
    },
  };
}

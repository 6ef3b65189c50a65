import { tf } from '@generatrix/export';
import { silu } from '../../nn/activations.ts';
import { attention, overPositions } from '../../nn/attention.ts';
import { convolution } from '../../nn/convolution.ts';
import { zeros } from '../../nn/initial-values.ts';
import { declared, type Module, sequential } from '../../nn/module.ts';
import { groupNorm } from '../../nn/normalisation.ts';
import { residual, residualBlock } from '../../nn/residual.ts';

export interface UNetOptions {
  /** Of the residual blocks at each resolution, from the image's own down; each halves the one before. */
  readonly channels: readonly number[];
  /** Residual blocks on the way down, and as many on the way up, at each resolution but the lowest. */
  readonly blocks: number;
  /** Heads of the attention at the lowest resolution, which divide its channels. */
  readonly heads: number;
  /** Groups of the normalisations at most; fewer where they do not divide the channels. */
  readonly groups: number;
  /** Share of the channels dropped in each residual block. */
  readonly dropout: number;
  /** Width of the pass's condition. */
  readonly condition: number;
}

/** The way down and up of one resolution. */
interface Level {
  readonly down: readonly Module[];
  readonly shrink: Module;
  readonly grow: Module;
  readonly up: readonly Module[];
}

/**
 * U-Net of an image that is to be refined (Ronneberger et al. 2015; as Ho et al. 2020, appendix B, have it): residual
 * blocks with GroupNorm, each told the condition of the pass; halvings by convolutions of stride 2; self-attention
 * between two blocks at the lowest resolution; on the way up doublings by repetition and a convolution, and what each
 * block of the way down gave beside what the way up brings. The last convolution starts at zero.
 * [batch, h, w, image] to the same, of any h and w.
 */
export function uNet(name: string, image: number, options: UNetOptions): Module {
  const { channels, blocks, heads, dropout, condition } = options;
  const [widest = 1] = channels;
  const block = (label: string, inputs: number, outputs: number) =>
    residualBlock(`${name}/${label}`, [inputs, outputs], {
      ...{ condition, dropout },
      groups: commonGroups(options.groups, inputs, outputs),
    });
  const normalised = (label: string, width: number) =>
    groupNorm(`${name}/${label}`, width, commonGroups(options.groups, width, width));
  const stem = convolution(`${name}/stem`, [image, widest], 3);
  const levels = channels.slice(0, -1).map((width, level): Level => {
    const above = channels[Math.max(0, level - 1)]!;
    const below = channels[level + 1]!;
    const numbered = Array.from({ length: blocks }, (_, i) => i);
    return {
      down: numbered.map((i) => block(`down${level}/${i}`, i === 0 ? above : width, width)),
      shrink: convolution(`${name}/shrink${level}`, [width, width], 3, { stride: 2 }),
      grow: convolution(`${name}/grow${level}`, [below, width], 3),
      up: numbered.map((i) => block(`up${level}/${i}`, 2 * width, width)),
    };
  });
  const deepest = channels.at(-1)!;
  const mix = attention(`${name}/middle/attention`, deepest, { heads, output: { initial: zeros } });
  const middle = sequential([
    block('middle/0', channels.at(-2) ?? widest, deepest),
    residual([normalised('middle/norm', deepest), overPositions(mix)]),
    block('middle/1', deepest, deepest),
  ]);
  const head = sequential([
    normalised('head/norm', widest),
    silu,
    convolution(`${name}/head`, [widest, image], 3, { initial: zeros }),
  ]);
  const parts = levels.flatMap(({ down, shrink, grow, up }) => [...down, shrink, grow, ...up]);
  return {
    ...declared([stem, ...parts, middle, head]),
    apply: (state, x, pass) => {
      let h = stem.apply(state, x, pass);
      const kept: tf.Tensor[][] = [];
      for (const { down, shrink } of levels) {
        const given = down.map((each) => {
          h = each.apply(state, h, pass);
          return h;
        });
        kept.push(given);
        h = shrink.apply(state, h, pass);
      }
      h = middle.apply(state, h, pass);
      for (const [level, { grow, up }] of [...levels.entries()].reverse()) {
        const beside = kept[level]!.toReversed();
        const [, height, width] = beside[0]!.shape as [number, number, number];
        h = grow.apply(state, doubled(h, height, width), pass);
        for (const [i, each] of up.entries()) h = each.apply(state, tf.concat([h, beside[i]!], 3), pass);
      }
      return head.apply(state, h, pass);
    },
  };
}

/** Every pixel four times, cut to the size: [batch, ceil(h / 2), ceil(w / 2), channels] to [batch, h, w, channels]. */
function doubled(x: tf.Tensor, height: number, width: number): tf.Tensor {
  const [, h, w] = x.shape as [number, number, number];
  const larger = tf.image.resizeNearestNeighbor(x as tf.Tensor4D, [2 * h, 2 * w]);
  if (height === 2 * h && width === 2 * w) return larger;
  return tf.slice(larger, [0, 0, 0, 0], [-1, height, width, -1]);
}

/** The largest number of groups, up to `most`, that divides both widths. */
function commonGroups(most: number, ...widths: readonly [number, number]): number {
  for (let groups = most; groups > 1; groups--)
    if (widths.every((width) => width % groups === 0)) return groups;
  return 1;
}

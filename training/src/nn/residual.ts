import { tf } from '@generatrix/export';
import { silu } from './activations.ts';
import { convolution, type Extent } from './convolution.ts';
import { dense } from './dense.ts';
import { dropout } from './dropout.ts';
import { zeros } from './initial-values.ts';
import { declared, type Module, type Step, sequential } from './module.ts';
import { groupNorm } from './normalisation.ts';

/** x + branch(x), or shortcut(x) + branch(x) where the branch changes the shape (He et al. 2016). */
export function residual(branch: readonly Step[], shortcut: readonly Step[] = []): Module {
  const [changed, kept] = [sequential(branch), sequential(shortcut)];
  return {
    ...declared([kept, changed]),
    apply: (state, x, pass) => tf.add(kept.apply(state, x, pass), changed.apply(state, x, pass)),
  };
}

export interface ResidualBlockOptions {
  /** Of the windows; 3 when absent. */
  readonly size?: Extent;
  /** Groups of the normalisations, which divide both numbers of channels. */
  readonly groups: number;
  /** After each normalisation; SiLU when absent. */
  readonly activation?: (x: tf.Tensor) => tf.Tensor;
  /** Share of the channels dropped before the second convolution; 0 when absent. */
  readonly dropout?: number;
  /** Width of the pass's `condition`, which is added to the channels between the convolutions; none when absent. */
  readonly condition?: number;
}

/**
 * Residual block of convolutions with GroupNorm, as U-Nets of diffusion models have it (Ho et al. 2020, appendix B):
 * normalise, activate, convolve, add the condition, and the same again; the second convolution starts at zero, so that
 * the block starts as its shortcut, which is a 1x1 convolution where the number of channels changes.
 * [batch, h, w, inputs] to [batch, h, w, outputs].
 */
export function residualBlock(
  name: string,
  [inputs, outputs]: readonly [number, number],
  options: ResidualBlockOptions,
): Module {
  const { size = 3, groups, activation = silu, condition } = options;
  return residual(
    [
      groupNorm(`${name}/norm0`, inputs, groups),
      activation,
      convolution(`${name}/conv0`, [inputs, outputs], size),
      ...(condition === undefined
        ? []
        : [conditionShift(`${name}/condition`, condition, outputs, activation)]),
      groupNorm(`${name}/norm1`, outputs, groups),
      activation,
      dropout(`${name}/dropout`, [1, 1, outputs], options.dropout ?? 0),
      convolution(`${name}/conv1`, [outputs, outputs], size, { initial: zeros }),
    ],
    inputs === outputs ? [] : [convolution(`${name}/shortcut`, [inputs, outputs], 1)],
  );
}

/**
 * Adds to every channel what a dense layer makes of the activated condition of the pass: [batch, ..., channels] to the
 * same.
 */
export function conditionShift(
  name: string,
  width: number,
  channels: number,
  activation: (x: tf.Tensor) => tf.Tensor,
): Module {
  const layer = dense(name, width, channels);
  return {
    specs: layer.specs,
    apply: (state, x, pass) => {
      if (pass.condition === undefined) throw new Error(`layer '${name}': the pass brings no condition`);
      const shift = layer.apply(state, activation(pass.condition), pass); // [batch, channels]
      return tf.add(x, tf.reshape(shift, [shift.shape[0]!, ...x.shape.slice(1, -1).map(() => 1), channels]));
    },
  };
}

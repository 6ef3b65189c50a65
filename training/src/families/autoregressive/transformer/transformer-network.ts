import { type NamedTensors, tf } from '@generatrix/export';
import type { StateSpecs } from '../../../model/state.ts';
import { type Activation, activations } from '../../../nn/activations.ts';
import { type AttentionOptions, attention } from '../../../nn/attention.ts';
import { dense } from '../../../nn/dense.ts';
import { lecunNormal, zeros } from '../../../nn/initial-values.ts';
import { declared, inference, type Module, sequential } from '../../../nn/module.ts';
import { layerNorm } from '../../../nn/normalisation.ts';
import { residual } from '../../../nn/residual.ts';
import { type WindowedPixels, windowFeatures, windowSpecs } from '../pixel-window.ts';
import { centred } from '../pixelcnn/pixelcnn-network.ts';

/** A transformer with its sizes settled; what are pixels to its kin are its tokens. */
export interface TransformerNetwork extends WindowedPixels {
  readonly blocks: number;
  readonly heads: number;
  /** Units of the MLP of a block. */
  readonly hidden: number;
  readonly activation: Activation;
}

/** Residual branches start at 0, so that the network starts as its first layer and needs no warm-up to be stable. */
const branchEnd = { initial: zeros } as const;

/** The parts of a block: norm, attention, norm, MLP (pre-norm: Xiong et al. 2020, figure 1b). */
export function blockParts({ filters, heads, hidden, activation }: TransformerNetwork, block: number) {
  const name = `block${block}`;
  const attentionOptions: AttentionOptions = { heads, causal: true, bias: false, output: branchEnd };
  return {
    norm: layerNorm(`${name}/norm0`, filters),
    attention: [`${name}/attention`, filters, attentionOptions] as const,
    mlp: residual([
      layerNorm(`${name}/norm1`, filters),
      dense(`${name}/mlp/0`, filters, hidden),
      activations[activation],
      dense(`${name}/mlp/1`, hidden, filters, branchEnd),
    ]),
  };
}

function blocks(network: TransformerNetwork): Module {
  const each = Array.from({ length: network.blocks }, (_, block) => {
    const { norm, attention: mix, mlp } = blockParts(network, block);
    return [residual([norm, attention(...mix)]), mlp];
  });
  return sequential(each.flat());
}

/** From the last block to the parameters of the tokens' distributions: [..., F] to [..., C]. */
export function transformerHead({ filters, distribution }: TransformerNetwork): Module {
  return sequential([
    layerNorm('head/norm', filters),
    dense('head/output', filters, distribution.width, { initial: lecunNormal }),
  ]);
}

export function transformerSpecs(network: TransformerNetwork): StateSpecs {
  return {
    ...windowSpecs(network),
    ...declared([blocks(network), transformerHead(network)]).specs,
  };
}

/**
 * The parameters of every token's distribution given the tokens before it: [batch, D] to [batch, P, C]. The first layer
 * gives each position what stands in a window before it; in the blocks a position sees itself and all before it.
 */
export function transformerForward(
  network: TransformerNetwork,
  state: NamedTensors,
  x: tf.Tensor2D,
  label?: tf.Tensor,
): tf.Tensor {
  const { height, width, filters, distribution } = network;
  const batch = x.shape[0];
  const image = centred(tf.reshape(x, [batch, height, width, distribution.channels]));
  const features = windowFeatures(network, state, image, label); // [batch, h, w, F]
  const tokens = tf.reshape(features, [batch, height * width, filters]);
  const mixed = blocks(network).apply(state, tokens, inference);
  return transformerHead(network).apply(state, mixed, inference);
}

import { activations } from '../../nn/activations.ts';
import { convolution } from '../../nn/convolution.ts';
import { dense, mlp } from '../../nn/dense.ts';
import { heUniform, zeros } from '../../nn/initial-values.ts';
import { type Module, sequential } from '../../nn/module.ts';
import { residual } from '../../nn/residual.ts';

/**
 * Makes the network inside a coupling layer, any function of the part that the layer leaves unchanged, once the layer
 * knows how much goes in and out of it: [batch, ..., inputs] to [batch, ..., outputs].
 */
export type ConditionerBuilder = (name: string, inputs: number, outputs: number) => Module;

/** Which network, for images. */
export interface ConvolutionalOptions {
  readonly network: 'resnet' | 'conv';
  readonly filters: number;
  readonly blocks: number;
}

const { relu } = activations;

/** A last layer that starts at zero, so that a coupling starts as the identity (Kingma and Dhariwal 2018, section 3.3). */
const last = { initial: zeros } as const;

/**
 * Hidden layers with ReLU, then a linear layer that starts at zero.
 * @param start of the hidden layers: `glorot`, or `spread`, which starts kernels and biases alike, uniform with variance
 *   2 / inputs. The bends of units that see one coordinate then lie all over its range; with biases of zero all would
 *   lie at 0, and densities with edges be learned far more slowly: for parts of few coordinates.
 */
export function mlpConditioner(hidden: readonly number[], start: 'glorot' | 'spread'): ConditionerBuilder {
  const options = start === 'spread' ? { initial: heUniform, biasInitial: heUniform } : {};
  return (name, inputs, outputs) =>
    sequential([mlp(name, inputs, hidden, options), dense(`${name}/output`, hidden.at(-1)!, outputs, last)]);
}

/**
 * 3x3 convolutions that keep the size. `conv`: one to `filters` channels and `blocks` more, ReLU after each.
 * `resnet`: one to `filters` channels, then `blocks` residual blocks x + conv(relu(conv(relu(x)))) (He et al. 2016,
 * arXiv:1603.05027, without normalisation; their second convolution starts at zero). The last convolution starts
 * at zero.
 */
export function convolutionalConditioner({
  network,
  filters,
  blocks,
}: ConvolutionalOptions): ConditionerBuilder {
  const square = [filters, filters] as const;
  return (name, inputs, outputs) => {
    const block = (own: string) =>
      network === 'conv'
        ? [relu, convolution(own, square, 3)]
        : [
            residual([
              relu,
              convolution(own, square, 3),
              relu,
              convolution(`${own}/residual`, square, 3, last),
            ]),
          ];
    return sequential([
      convolution(`${name}/input`, [inputs, filters], 3),
      ...Array.from({ length: blocks }, (_, i) => block(`${name}/${i}`)).flat(),
      relu,
      convolution(`${name}/output`, [filters, outputs], 3, last),
    ]);
  };
}

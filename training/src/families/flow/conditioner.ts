import { type NamedTensors, tf } from '@generatrix/export';
import type { StateSpecs } from '../../model/state.ts';
import { convolution, convolutionSpecs } from '../../nn/convolution.ts';
import { dense, denseSpecs, mlp, mlpSpecs } from '../../nn/dense.ts';

/** The network inside a coupling layer: any function of the part that the layer leaves unchanged. */
export interface Conditioner {
  readonly specs: StateSpecs;
  /** [batch, ..., inputs] to [batch, ..., outputs]. */
  apply(state: NamedTensors, x: tf.Tensor): tf.Tensor;
}

/** Makes the network of a layer, once the layer knows how much goes in and out of it. */
export type ConditionerBuilder = (name: string, inputs: number, outputs: number) => Conditioner;

/** Which network, for images. */
export interface ConvolutionalOptions {
  readonly network: 'resnet' | 'conv';
  readonly filters: number;
  readonly blocks: number;
}

/** Starts a layer at zero, so that a coupling starts as the identity (Kingma and Dhariwal 2018, section 3.3). */
export function zeroed(specs: StateSpecs): StateSpecs {
  return Object.fromEntries(Object.entries(specs).map(([name, spec]) => [name, { ...spec, initial: 0 }]));
}

/**
 * Starts kernels and biases alike, uniform with variance 2 / inputs (He et al. 2015, eq. 10, for the kernels). The
 * bends of units that see one coordinate then lie all over its range; with biases of zero all would lie at 0, and
 * densities with edges be learned far more slowly.
 */
function spread(specs: StateSpecs): StateSpecs {
  const inputsOf = (name: string) => specs[name.replace(/bias$/, 'kernel')]!.shape[0]!;
  return Object.fromEntries(
    Object.entries(specs).map(([name, spec]) => [
      name,
      { ...spec, initial: { distribution: 'uniform', scale: Math.sqrt(6 / inputsOf(name)) } },
    ]),
  );
}

/**
 * Hidden layers with ReLU, then a linear layer that starts at zero.
 * @param start of the hidden layers: `glorot` as `mlpSpecs` has it, or `spread`, for parts of few coordinates
 */
export function mlpConditioner(hidden: readonly number[], start: 'glorot' | 'spread'): ConditionerBuilder {
  return (name, inputs, outputs) => {
    const layers = mlpSpecs(name, inputs, hidden);
    return {
      specs: {
        ...(start === 'spread' ? spread(layers) : layers),
        ...zeroed(denseSpecs(`${name}/output`, hidden.at(-1)!, outputs)),
      },
      apply: (state, x) => dense(state, `${name}/output`, mlp(state, name, x, hidden)),
    };
  };
}

/**
 * 3x3 convolutions that keep the size. `conv`: one to `filters` channels and `blocks` more, ReLU after each.
 * `resnet`: one to `filters` channels, then `blocks` residual blocks x + conv(relu(conv(relu(x)))) (He et al. 2016,
 * arXiv:1603.05027, without normalisation; their second convolution starts at zero). The last convolution starts
 * at zero.
 */
export function convolutionalConditioner(options: ConvolutionalOptions): ConditionerBuilder {
  const { network, filters, blocks } = options;
  const numbers = Array.from({ length: blocks }, (_, i) => i);
  return (name, inputs, outputs) => ({
    specs: {
      ...convolutionSpecs(`${name}/input`, 3, inputs, filters),
      ...(Object.assign(
        {},
        ...numbers.map((i) => ({
          ...convolutionSpecs(`${name}/${i}`, 3, filters, filters),
          ...(network === 'resnet'
            ? zeroed(convolutionSpecs(`${name}/${i}/residual`, 3, filters, filters))
            : {}),
        })),
      ) as StateSpecs),
      ...zeroed(convolutionSpecs(`${name}/output`, 3, filters, outputs)),
    },
    apply: (state, x) => {
      const layer = (part: string, h: tf.Tensor) => convolution(state, `${name}/${part}`, h, 1);
      const first: tf.Tensor = layer('input', x);
      const features = numbers.reduce<tf.Tensor>((h, i) => {
        const next = layer(`${i}`, tf.relu(h));
        return network === 'conv' ? next : tf.add(h, layer(`${i}/residual`, tf.relu(next)));
      }, first);
      return layer('output', tf.relu(features));
    },
  });
}

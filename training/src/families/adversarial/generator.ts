import { type NamedTensors, tf } from '@generatrix/export';
import type { DataSpec } from '@generatrix/runtime/core';
import { scaleSpecs, toData } from '../../core/data-scale.ts';
import { ofKind } from '../../model/state.ts';
import { activations } from '../../nn/activations.ts';
import { type CoderOptions, decoderNetwork } from '../../nn/encoder-decoder.ts';
import type { Module, Pass } from '../../nn/module.ts';
import { type Generator, layersOf, type NetworkOptions } from './networks.ts';

/** Examples that the reference batch of virtual batch normalisation holds. */
const referenceSize = 64;
const referenceName = 'reference/latent';

/**
 * The generator: hidden layers with ReLU (`mlp`), or that of DCGAN (Radford et al. 2016, section 3 and figure 1), in
 * which z is projected to a small image of many channels, and fractionally strided convolutions double its size; both
 * with the normalisation asked for, none at the output. The outputs become data by `toData`: through tanh within a
 * range (pixels, sound), without it where there is none.
 * @param classes number of classes to condition on, by concatenation of a one-hot label to z; 0 for none
 */
export function buildGenerator(options: NetworkOptions, spec: DataSpec, classes: number): Generator {
  const coder: CoderOptions = {
    ...layersOf(options),
    hidden: options.hidden.toReversed(),
    normalisation: options.generatorNormalisation,
    activation: activations.relu,
  };
  const inputs = options.latent + classes;
  const network = decoderNetwork('generator', inputs, { ...coder, inputName: 'input' }, spec.shape);
  const virtual = options.generatorNormalisation === 'virtual';
  return {
    parameters: ofKind(network.specs, 'parameter'),
    statistics: ofKind(network.specs, 'statistic'),
    outermost: Object.keys(network.specs).filter((name) => name.startsWith('generator/output/')),
    fixed: {
      ...scaleSpecs(spec),
      ...(virtual
        ? {
            [referenceName]: {
              shape: [referenceSize, options.latent],
              initial: { distribution: 'normal', scale: 1 },
            },
          }
        : {}),
    },
    apply: (state, z, label, pass) => {
      const input = label === undefined ? z : tf.concat([z, label], 1); // [batch, latent + classes]
      const seen = virtual ? withReference(network, state, pass) : pass;
      return toData(state, network.apply(state, input, seen), spec);
    },
  };
}

/** A pass that knows the statistics of the reference batch, which passes here. */
function withReference(network: Module, state: NamedTensors, pass: Pass): Pass {
  const reference = { size: referenceSize, moments: {} };
  network.apply(state, state[referenceName]!, { ...pass, reference: { ...reference, recording: true } });
  return { ...pass, reference: { ...reference, recording: false } };
}

import { type NamedTensors, tf } from '@generatrix/export';
import { type DataSpec, sizeOf } from '@generatrix/runtime/core';
import { denseLayer, type Pass, specsOf } from '../../nn/layer.ts';
import { convolutionalOutputs } from './convolutional-networks.ts';
import { scaleSpecs, toData } from './data-scale.ts';
import type { Body, Generator, NetworkOptions } from './networks.ts';

/** Examples that the reference batch of virtual batch normalisation holds. */
const referenceSize = 64;
const referenceName = 'reference/latent';

/**
 * The generator. `mlp`: hidden layers with ReLU. `dcgan`: see `convolutionalOutputs`. The outputs become data
 * by `toData`: through tanh within a range (pixels, sound), without it where there is none.
 * @param classes number of classes to condition on, by concatenation of a one-hot label to z; 0 for none
 */
export function buildGenerator(options: NetworkOptions, spec: DataSpec, classes: number): Generator {
  const inputs = options.latent + classes;
  const body =
    options.architecture === 'dcgan' && spec.kind === 'image'
      ? convolutionalOutputs(options, inputs, spec.shape)
      : denseOutputs(options, inputs, sizeOf(spec.shape));
  const virtual = options.generatorNormalisation === 'virtual';
  const run = (state: NamedTensors, z: tf.Tensor, label: tf.Tensor | undefined, pass: Pass) => {
    const input = label === undefined ? z : tf.concat([z, label], 1); // [batch, latent + classes]
    return body.apply(state, input, undefined, pass);
  };
  return {
    ...specsOf(body.layers),
    outermost: Object.keys(body.layers.at(-1)!.parameters),
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
      const raw = virtual ? runWithReference(state, z, pass, run) : run(state, z, label, pass);
      return tf.reshape(toData(state, raw, spec), [z.shape[0]!, ...spec.shape]);
    },
  };
}

function runWithReference(
  state: NamedTensors,
  z: tf.Tensor,
  pass: Pass,
  run: (state: NamedTensors, z: tf.Tensor, label: undefined, pass: Pass) => tf.Tensor,
): tf.Tensor {
  const moments: NamedTensors = {};
  const reference = { size: referenceSize, moments };
  run(state, state[referenceName]!, undefined, { ...pass, reference: { ...reference, recording: true } });
  return run(state, z, undefined, { ...pass, reference: { ...reference, recording: false } });
}

/** [batch, inputs] through the hidden layers to [batch, dimensions]. */
function denseOutputs(options: NetworkOptions, inputs: number, dimensions: number): Body {
  const widths = [inputs, ...options.hidden];
  const normalisation = options.generatorNormalisation;
  const hidden = options.hidden.map((width, i) =>
    denseLayer(`generator/${i}`, widths[i]!, width, { normalisation }),
  );
  const last = denseLayer('generator/output', options.hidden.at(-1)!, dimensions, { normalisation: 'none' });
  return {
    layers: [...hidden, last],
    apply: (state, x, _, pass) => {
      const features = hidden.reduce<tf.Tensor>((h, layer) => tf.relu(layer.apply(state, h, pass)), x);
      return last.apply(state, features, pass);
    },
  };
}

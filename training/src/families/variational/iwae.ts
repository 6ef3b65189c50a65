import { type NamedTensors, tf } from '@generatrix/export';
import { z } from 'zod';
import { gradientModel } from '../../core/gradient-model.ts';
import { type Loss, lossAndGradients } from '../../core/gradients.ts';
import type { TurnArguments } from '../../core/turn.ts';
import { type DataDescription, defineFamily, type Trainable } from '../../model/family.ts';
import { normalLogProb } from '../../nn/distributions.ts';
import { latentModel, latentOptions, latentRefuses } from './latent-model.ts';
import type { Encoding } from './posterior.ts';

const options = z.strictObject({
  ...latentOptions,
  importanceSamples: z
    .number()
    .int()
    .min(1)
    .max(1000)
    .default(5)
    .describe('codes drawn for each example, k; 1 is the ELBO of a VAE'),
  gradient: z
    .enum(['reparameterised', 'doubly'])
    .default('reparameterised')
    .describe(
      'of the encoder: as it follows from the loss, or reparameterised twice (DReG), which stays clear of noise as codes grow many',
    ),
});
export type IwaeOptions = z.infer<typeof options>;

/**
 * Importance weighted autoencoder: the networks of a VAE, trained on a tighter bound. With k codes z_i = mu + sigma * eps_i
 * of each example and their weights w_i = p(x, z_i) / q(z_i | x),
 *
 *   L_k(x) = E[log 1/k sum_i w_i] <= log p(x),   L_k <= L_(k+1)              Burda et al. 2016, eq. 8 and theorem 1
 *   loss   = -mean over the batch of L_k
 *
 * Its gradient is that of each log w_i weighted by w_i / sum_j w_j (eq. 14). All codes of an example see one binarisation
 * of it. `elbo` is the mean of log w, the bound of a VAE; `effectiveSamples` is (sum w)^2 / sum w^2, how many of the k
 * weigh (Kong 1992): 1 where one code explains the example alone.
 *
 * The encoder's part of that gradient drowns in noise as k grows (Rainforth et al. 2018). `doubly` takes in its place
 *
 *   sum_i (w_i / sum_j w_j)^2  d log w_i / d z_i  d z_i / d phi                Tucker et al. 2019, eq. 8
 *
 * which has the same mean; the parameters phi inside of log q(z_i | x) stay as they are.
 */
function build(iwae: IwaeOptions, data: DataDescription): Trainable {
  const { latent, importanceSamples: k } = iwae;
  const model = latentModel(iwae, data);
  /** [batch, n] to [batch * k, n], each row k times. */
  const repeated = (x: tf.Tensor) =>
    tf.reshape(tf.tile(tf.expandDims(x, 1), [1, k, 1]), [x.shape[0]! * k, -1]);
  const repeatedEncoding = ({ mean, logStd, ...rest }: Encoding): Encoding => ({
    mean: repeated(mean),
    logStd: repeated(logStd),
    ...Object.fromEntries(Object.entries(rest).map(([name, tensor]) => [name, repeated(tensor)])),
  });
  /** The example of each code and what the encoder says of it: [batch * k, ...] each. */
  const rowsOf = (state: NamedTensors, { data, noise }: Pick<TurnArguments, 'data' | 'noise'>) => {
    const flat = model.prepare(data, noise.uniform); // [batch, dimensions]
    const encoding = repeatedEncoding(model.encode(state, flat));
    return { x: repeated(flat), encoding, eps: tf.reshape(noise.eps!, [-1, latent]) };
  };
  const ofWeights = (logWeights: tf.Tensor) => {
    const total = tf.logSumExp(logWeights, 1); // [batch]
    const share = tf.exp(tf.sub(logWeights, tf.expandDims(total, 1))); // [batch, k]
    return {
      share,
      loss: tf.sub(Math.log(k), tf.mean(total)),
      metrics: {
        elbo: tf.mean(logWeights),
        effectiveSamples: tf.mean(tf.div(1, tf.sum(tf.square(share), 1))),
      },
    };
  };
  const bound = (state: NamedTensors, args: TurnArguments): Loss => {
    const { x, encoding, eps } = rowsOf(state, args);
    const logWeights = model.logWeight(state, x, model.draw(state, encoding, eps)); // [batch * k]
    const { loss, metrics } = ofWeights(tf.reshape(logWeights, [-1, k]));
    return { loss, metrics };
  };
  const encoderSpecs = Object.fromEntries(
    Object.entries(model.parameters).filter(([name]) => name.startsWith('encoder/')),
  );
  const others = Object.fromEntries(
    Object.entries(model.parameters).filter(([name]) => !(name in encoderSpecs)),
  );
  const doubly = (state: NamedTensors, args: TurnArguments) => {
    const rest = lossAndGradients(state, others, (current) => bound(current, args));
    const { x, encoding, eps } = rowsOf(state, args);
    const { mean, logStd } = encoding;
    const { z } = model.draw(state, encoding, eps); // [batch * k, latent]
    /** log w of codes, whose posterior does not move with them: [batch * k]. */
    const logWeightAt = (code: tf.Tensor) =>
      model.logWeight(state, x, { z: code, logQ: normalLogProb(code, mean, logStd) });
    const { share } = ofWeights(tf.reshape(logWeightAt(z), [-1, k]));
    const slope = tf.grad((code) => tf.sum(logWeightAt(code)))(z); // [batch * k, latent]
    const pull = tf.mul(tf.reshape(tf.square(share), [-1, 1]), slope);
    const own = lossAndGradients(state, encoderSpecs, (current) => {
      const { encoding: moving } = rowsOf(current, args);
      const codes = model.draw(current, moving, eps).z;
      return { loss: tf.div(tf.neg(tf.sum(tf.mul(pull, codes))), args.data.shape[0]!) };
    });
    return { metrics: rest.metrics, gradients: { ...rest.gradients, ...own.gradients } };
  };
  return gradientModel({
    parameters: model.parameters,
    ...(model.initialise && { initialise: model.initialise }),
    noise: { ...model.binarisation, eps: { distribution: 'normal', shape: [k, latent] } },
    ...(iwae.gradient === 'doubly' ? { gradients: doubly } : { loss: bound }),
    metrics: {
      elbo: { direction: 'rises' },
      effectiveSamples: { direction: 'neither', meaning: 'importance samples that weigh, of each example' },
    },
    programs: model.programs,
  });
}

export const iwae = defineFamily<IwaeOptions>({
  name: 'iwae',
  title: 'Importance weighted autoencoder',
  taxonomy: ['explicit density', 'approximate', 'variational'],
  equation: 'log p(x) ≥ E[log 1/K Σ_k p(x, z_k) / q(z_k | x)]',
  sources: [
    'Burda, Grosse and Salakhutdinov 2016, arXiv:1509.00519',
    'Tucker et al. 2019, arXiv:1810.04152 (doubly reparameterised gradients)',
  ],
  options,
  // The guard of Adam and the batch are the paper's, section 5.
  defaults: { steps: 10_000, batchSize: 20, learningRate: 1e-3, epsilon: 1e-4 },
  refuses: (data, model) =>
    latentRefuses(data, model) ??
    (model.gradient === 'doubly' && (model.posterior !== 'gaussian' || model.prior === 'vamp')
      ? 'gradient doubly needs posterior gaussian and a prior other than vamp, which is made of the encoder'
      : null),
  build,
  reproduce: {
    mnist: {
      summary: 'One stochastic layer of 50, two hidden layers of 200, five importance samples, on MNIST',
      data: 'mnist',
      options: { latent: 50, hidden: [200, 200], importanceSamples: 5 },
      training: { steps: 300_000, batchSize: 20, schedule: 'exponential', ema: 0.999 },
      published:
        '85.54 nats with k = 5, 84.78 with k = 50, against 86.76 for k = 1, by 5,000 samples (Burda et al. 2016, table 1, where hidden units are tanh; not checked)',
    },
    'mnist-laptop': {
      summary: 'The same networks in a twentieth of the steps',
      data: 'mnist',
      options: { latent: 50, hidden: [200, 200], importanceSamples: 5 },
      training: { steps: 15_000, batchSize: 100, schedule: 'cosine', ema: 0.999 },
      published: 'none of this length; 85.54 nats with k = 5 (Burda et al. 2016, table 1; not checked)',
    },
  },
});

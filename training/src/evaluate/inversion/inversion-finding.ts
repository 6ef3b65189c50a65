import { TraceError, tf } from '@generatrix/export';
import { type HostTensor, hostTensor, permutation } from '@generatrix/runtime/core';
import { encodePng, imageGrid } from '@generatrix/runtime/media';
import type { Dataset } from '../../data/index.ts';
import { toTensor } from '../../engine/tfjs-engine.ts';
import { checkpointFolder, loadLatestCheckpoint } from '../../record/checkpoint.ts';
import { readRun } from '../../record/run-folder.ts';
import { runModel } from '../../record/run-model.ts';
import { type Finding, type Outcome, type Skipped, short } from '../diagnostic.ts';
import type { Evaluation } from '../evaluation.ts';
import { choose, columnMeans, rowsOf } from '../rows.ts';
import { mean } from '../statistics.ts';
import { type Generator, generatorOf } from './generator.ts';
import { type Inverted, invert } from './inversion.ts';

/** Real examples of either kind, and samples of the generator itself. */
const examples = 32;
const shown = 12;
/** Error, relative to that of the mean example, from which examples count as not reached. */
const unreached = 0.5;
/** Error of examples set apart over that of training examples from which the model is said to know the latter. */
const better = 1.5;
/** Chance that errors as different come about by lot. */
const level = 0.0025;

/**
 * Inversion error of examples set apart and of training examples, beside that of the generator's own samples, which it
 * does reach: where the search does not find those, it is the search that failed. It needs gradients of the generator,
 * which a bundle's compiled programs do not have, and without them a search in tens of dimensions finds nothing: so it
 * needs the run's folder, whose checkpoint and family give the generator as a function that can be traced.
 */
export async function inversionError(evaluation: Evaluation): Promise<Outcome | Skipped> {
  // The generator makes means where a binary model draws pixels, so real examples are as they are stored.
  const { runFolder, train, setApart } = evaluation.stored;
  if (runFolder === null) {
    return { skipped: "it needs the folder of the training run: a bundle's programs have no gradients" };
  }
  const opened = await openGenerator(runFolder);
  if ('skipped' in opened) return opened;
  const { generator, state } = opened;
  try {
    const count = Math.min(examples, train.size, setApart.size);
    const [trained, others] = await Promise.all(
      [train, setApart].map((dataset) => chosen(dataset, count, evaluation.seed)),
    );
    const labels = trained!.labels ?? new Int32Array(count);
    const data = joined(trained!.data, others!.data);
    const classes = Int32Array.from([...labels, ...(others!.labels ?? new Int32Array(count))]);
    const found = await invert(generator, state, data, classes, { seed: evaluation.seed, own: count });
    if (!found.differentiable) {
      return {
        skipped: 'the generator is not differentiable: its gradient does not say how examples change',
      };
    }
    return await inversionOutcome(evaluation, found, data, count);
  } catch (error) {
    if (error instanceof TraceError)
      return { skipped: `the generator has no gradient that can be traced: ${error.message}` };
    throw error;
  } finally {
    tf.dispose(state);
  }
}

async function openGenerator(
  run: string,
): Promise<{ generator: Generator; state: Record<string, tf.Tensor> } | Skipped> {
  const { settings, data } = await readRun(run);
  const { model } = await runModel(settings, data);
  const generator = generatorOf(model);
  if (generator === null)
    return { skipped: 'it needs a program that makes an example of one code whose prior is known' };
  const checkpoint = await loadLatestCheckpoint(checkpointFolder(run));
  if (checkpoint === null)
    return { skipped: `the run has no checkpoint; go on with: generatrix resume ${run}` };
  await tf.setBackend('cpu');
  const tensors = Object.entries(checkpoint.state).map(([name, x]) => [name, toTensor(x)]);
  return { generator, state: Object.fromEntries(tensors) as Record<string, tf.Tensor> };
}

async function chosen(dataset: Dataset, count: number, seed: number) {
  const indices = choose(dataset.size, count, seed, 'inversion');
  const labels = dataset.labels === null ? null : indices.map((index) => dataset.labels![index]!);
  return { data: await dataset.gather(indices), labels };
}

function joined(first: HostTensor, second: HostTensor): HostTensor {
  const values = new Float32Array(first.data.length + second.data.length);
  values.set(first.data);
  values.set(second.data, first.data.length);
  return hostTensor('float32', [first.shape[0]! + second.shape[0]!, ...first.shape.slice(1)], values);
}

/**
 * What the errors of `count` training examples, as many set apart and as many of the generator's own samples say.
 * @param data the training examples, then those set apart
 */
export async function inversionOutcome(
  { spec, seed }: Pick<Evaluation, 'spec' | 'seed'>,
  { errors, startErrors, reconstructions }: Pick<Inverted, 'errors' | 'startErrors' | 'reconstructions'>,
  data: HostTensor,
  count: number,
): Promise<Outcome> {
  const real = rowsOf(data);
  const centre = columnMeans(real);
  const spread = mean(Float64Array.from(real.values, (value, i) => (value - centre[i % real.width]!) ** 2));
  const relative = (of: Float64Array, part: number) =>
    Math.sqrt(mean(of.subarray(part * count, (part + 1) * count)) / (spread || 1));
  const [onTrain, onApart, onOwn] = [0, 1, 2].map((part) => relative(errors, part)) as [
    number,
    number,
    number,
  ];
  const ratio = onApart / onTrain;
  const pValue = largerByLot(errors.subarray(count, 2 * count), errors.subarray(0, count), seed);
  const figures = `the nearest G(z) found of an example set apart is off by ${short(onApart)} of the data's deviation, of a training example by ${short(onTrain)}, of the generator's own samples by ${short(onOwn)}`;
  return {
    finding: findingOf({ onApart, onOwn, knows: ratio > better && pValue <= level }, figures),
    figures: {
      apart: onApart,
      train: onTrain,
      ownSamples: onOwn,
      bestOfPrior: relative(startErrors, 1),
      ratio,
      pValue,
      examplesPerSide: count,
    },
    notes: [
      "bestOfPrior is the error of the best of a few hundred codes of the prior, before any descent. The generator's own samples have a code of error 0, so their error says how well the search searches.",
    ],
    pictures: spec.kind === 'image' ? [await picture(spec.range, data, reconstructions, count)] : [],
  };
}

function findingOf(
  { onApart, onOwn, knows }: { onApart: number; onOwn: number; knows: boolean },
  figures: string,
): Finding {
  if (onApart > unreached && onOwn > unreached) {
    return {
      verdict: 'warning',
      text: `A way back from x to z was not found: the search does not find the generator's own samples either; ${figures}.`,
    };
  }
  if (onApart > unreached) {
    return { verdict: 'warning', text: `Real examples are out of the generator's reach: ${figures}.` };
  }
  return knows
    ? { verdict: 'warning', text: `Training examples are reached better than others: ${figures}.` }
    : { verdict: 'ok', text: `There is a way back from x to z: ${figures}.` };
}

/** Chance that the mean of one side is as much larger when the sides are dealt by lot (a permutation test). */
function largerByLot(larger: Float64Array, smaller: Float64Array, seed: number, rounds = 2000): number {
  const all = Float64Array.from([...larger, ...smaller]);
  const sumOf = (indices: ArrayLike<number>) => {
    let sum = 0;
    for (let i = 0; i < larger.length; i++) sum += all[indices[i]!]!;
    return sum;
  };
  const observed = sumOf(Array.from(larger.keys()));
  let asLarge = 1;
  for (let round = 0; round < rounds; round++) {
    if (sumOf(permutation(seed, `inversion/${round}`, all.length)) >= observed) asLarge++;
  }
  return asLarge / (rounds + 1);
}

/** Examples set apart above their reconstructions. */
async function picture(range: readonly [number, number], data: HostTensor, made: HostTensor, count: number) {
  const columns = Math.min(shown, count);
  const width = data.data.length / data.shape[0]!;
  const values = new Float32Array(2 * columns * width);
  for (const [row, { data: source }] of [data, made].entries()) {
    values.set(
      (source as Float32Array).subarray(count * width, (count + columns) * width),
      row * columns * width,
    );
  }
  const images = hostTensor('float32', [2 * columns, ...data.shape.slice(1)], values);
  const png = await encodePng(imageGrid(images, { range, columns, padding: 1, scale: 2 }));
  return { caption: 'Examples set apart above, what inversion finds below', png };
}

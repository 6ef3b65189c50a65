import { TraceError, tf } from '@generatrix/export';
import { type HostTensor, hostTensor } from '@generatrix/runtime/core';
import { encodePng, imageGrid } from '@generatrix/runtime/media';
import type { Dataset } from '../../data/index.ts';
import { toTensor } from '../../engine/tfjs-engine.ts';
import { buildModel, familyNamed } from '../../families/registry.ts';
import { checkpointFolder, loadLatestCheckpoint } from '../../run/checkpoint.ts';
import { readRun } from '../../run/run-folder.ts';
import { type Outcome, type Skipped, short } from '../diagnostic.ts';
import type { Evaluation } from '../evaluation.ts';
import { type Generator, generatorOf, type Inverted, invert } from '../inversion.ts';
import { choose, columnMeans, rowsOf } from '../rows.ts';
import { mean } from '../statistics.ts';

/** Examples of either split. */
const examples = 32;
const shown = 12;
/** Error, relative to that of the mean example, from which examples count as not reached. */
const unreached = 0.5;
/** Held-out error over training error from which the model is said to know its training examples. */
const better = 1.5;

/**
 * Inversion error of held-out and of training examples. It needs gradients of the generator, which a bundle's compiled
 * programs do not have, and without them a search in tens of dimensions finds nothing: so it needs the run's folder,
 * whose checkpoint and family give the generator as a function that can be traced.
 */
export async function wayBack(evaluation: Evaluation): Promise<Outcome | Skipped> {
  const { runFolder, train, heldOut } = evaluation.request;
  if (runFolder === null) {
    return { skipped: "it needs the folder of the training run: a bundle's programs have no gradients" };
  }
  const opened = await openGenerator(runFolder);
  if ('skipped' in opened) return opened;
  try {
    const count = Math.min(examples, train.size, heldOut.size);
    const [trained, others] = await Promise.all(
      [train, heldOut].map((dataset) => chosen(dataset, count, evaluation.seed)),
    );
    const data = joined(trained!.data, others!.data);
    const labels =
      trained!.labels === null ? null : Int32Array.from([...trained!.labels, ...others!.labels!]);
    const found = await invert(opened.generator, opened.state, data, labels, { seed: evaluation.seed });
    return await outcomeOf(evaluation, found, data, count);
  } catch (error) {
    if (error instanceof TraceError)
      return { skipped: `the generator has no gradient that can be traced: ${error.message}` };
    throw error;
  } finally {
    tf.dispose(opened.state);
  }
}

async function openGenerator(
  run: string,
): Promise<{ generator: Generator; state: Record<string, tf.Tensor> } | Skipped> {
  const { settings, data } = await readRun(run);
  const { model } = buildModel(familyNamed(settings.family), settings.options, data);
  const generator = generatorOf(model);
  if (generator === null) return { skipped: 'it needs a program that makes an example of one normal code' };
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

async function outcomeOf(
  { spec }: Evaluation,
  { errors, reconstructions }: Inverted,
  data: HostTensor,
  count: number,
): Promise<Outcome> {
  const rows = rowsOf(data);
  const centre = columnMeans(rows);
  const spread = mean(Float64Array.from(rows.values, (value, i) => (value - centre[i % rows.width]!) ** 2));
  const relative = (from: number) => Math.sqrt(mean(errors.subarray(from, from + count)) / spread);
  const [onTrain, onHeldOut] = [relative(0), relative(count)];
  const ratio = onHeldOut / onTrain;
  const figures = `the nearest G(z) of a held-out example is off by ${short(onHeldOut)} of the data's deviation, of a training example by ${short(onTrain)}`;
  const finding =
    onHeldOut > unreached
      ? ({ verdict: 'warning', text: `Real examples are out of the generator's reach: ${figures}.` } as const)
      : ratio > better
        ? ({
            verdict: 'warning',
            text: `Training examples are reached better than others: ${figures}.`,
          } as const)
        : ({ verdict: 'ok', text: `There is a way back from x to z: ${figures}.` } as const);
  return {
    finding,
    figures: { heldOut: onHeldOut, train: onTrain, ratio, examplesPerSide: count },
    pictures: spec.kind === 'image' ? [await picture(spec.range, data, reconstructions, count)] : [],
  };
}

/** Held-out examples above their reconstructions. */
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
  return { caption: 'Held-out examples above, what inversion finds below', png };
}

import { type HostTensor, hostTensor } from '@generatrix/runtime/core';
import { encodePng, imageGrid } from '@generatrix/runtime/media';
import { everyIndex } from '../../data/dataset.ts';
import { type Figures, type Finding, type Outcome, percent, type Skipped, short } from '../diagnostic.ts';
import type { Evaluation } from '../evaluation.ts';
import { choose, head, rowsOf } from '../rows.ts';
import { type Memorisation, type MemorisationExamples, memorisation } from './memorisation.ts';

/** Samples whose neighbours are searched among all real examples, and real examples that are asked the same. */
const searched = 2000;
/** Training examples that are searched at most; they are held in memory. */
const trainLimit = 60_000;
/** Examples set apart that take part at most. */
const apartLimit = 10_000;
/** Chance that one of the tests calls samples copies that are none. */
const level = 0.0025;
/** Estimated share of copies from which leaning towards training examples is a problem, or worth a warning. */
const copies = 0.2;
const someCopies = 0.05;
const rowsInPicture = 24;
const triplesInRow = 4;

/** Memorisation of the training set, in the space of values and of the classifier's features. */
export async function memorisationOfTraining(evaluation: Evaluation): Promise<Outcome | Skipped> {
  const { train, setApart } = evaluation.request;
  if (setApart.size < 40 || train.size < 2)
    return { skipped: 'it needs at least 40 real examples that no model was trained on' };
  const kept =
    train.size > trainLimit ? choose(train.size, trainLimit, evaluation.seed, 'copying') : everyIndex(train);
  const order = choose(setApart.size, apartLimit, evaluation.seed, 'copying/apart');
  const queries = Math.min(searched, order.length >> 1);
  const parts = [kept, order.subarray(0, queries), order.subarray(queries)];
  const [trained, real, apart] = await Promise.all(
    [train, setApart, setApart].map((dataset, i) => dataset.gather(parts[i]!)),
  );
  const samples = (await evaluation.samples()).data;
  const search = (given: MemorisationExamples) =>
    memorisation(evaluation.compiled, given, { seed: evaluation.seed });
  const inValues = await search({
    samples: head(rowsOf(samples), searched),
    real: rowsOf(real!),
    train: rowsOf(trained!),
    apart: rowsOf(apart!),
  });
  let inFeatures: Memorisation | null = null;
  if (evaluation.classifierRefusal === null) {
    const classifier = await evaluation.classifier();
    const featuresOf = async (data: HostTensor) => (await classifier.classify(data)).features;
    inFeatures = await search({
      samples: head((await evaluation.classified('samples')).features, searched),
      real: await featuresOf(real!),
      train: await featuresOf(trained!),
      apart: await featuresOf(apart!),
    });
  }
  return {
    finding: findingOf(inValues, inFeatures),
    figures: {
      values: figuresOf(inValues),
      ...(inFeatures === null ? {} : { features: figuresOf(inFeatures) }),
      samples: Math.min(searched, samples.shape[0]!),
      realExamples: queries,
      trainingExamples: kept.length,
      examplesSetApart: order.length - queries,
    },
    notes: [
      'exact and near are shares of samples that equal a training example, or lie at most a quarter as far from one as from ' +
        'any example set apart; ofReal is that share of real examples. apartShare is the share of samples whose nearest ' +
        'real example was set apart; without copying it is expectedShare, or ofReal where the parts of the data differ.',
    ],
    pictures: evaluation.spec.kind === 'image' ? await picturesOf(evaluation, inValues, kept) : [],
  };
}

function figuresOf({ neighbours: _, distances: __, exact, near, lean, equal }: Memorisation): Figures {
  return { exact: { ...exact }, near: { ...near }, lean: { ...lean }, equal };
}

function findingOf(inValues: Memorisation, inFeatures: Memorisation | null): Finding {
  const spaces = [
    { where: '', found: inValues },
    ...(inFeatures === null ? [] : [{ where: " in the classifier's features", found: inFeatures }]),
  ];
  // Three tests in each space (Bonferroni).
  const limit = level / 3;
  const { lean } = inValues;
  const nearestText = `the nearest real example was set apart for ${percent(lean.apartShare)} of samples, ${percent(lean.expectedShare)} without copying (${percent(lean.ofReal)} of real examples; p = ${short(lean.pValue)})`;
  for (const { where, found } of spaces) {
    for (const [name, what] of [
      ['exact', 'equal a training example'],
      ['near', 'nearly equal a training example'],
    ] as const) {
      const { share, ofReal, pValue } = found[name];
      if (pValue > limit) continue;
      return {
        verdict: 'problem',
        text: `The model copies training examples: ${percent(share)} of samples ${what}${where}, ${percent(ofReal)} of real examples do (p = ${short(pValue)}); ${nearestText}.`,
      };
    }
  }
  const leaning = spaces.filter(({ found }) => found.lean.pValue <= limit);
  const copied = Math.max(0, ...leaning.map(({ found }) => found.lean.copied));
  if (copied >= copies) {
    return {
      verdict: 'problem',
      text: `The model copies training examples, an estimated ${percent(copied)} of samples: ${nearestText}.`,
    };
  }
  if (copied >= someCopies) {
    return {
      verdict: 'warning',
      text: `Samples lean towards training examples (about ${percent(copied)} copies): ${nearestText}.`,
    };
  }
  const equal =
    inValues.equal > 0
      ? `; ${percent(inValues.equal)} equal a training example, as real examples do`
      : '; none equals a training example';
  return { verdict: 'ok', text: `No copying is seen: ${nearestText}${equal}.` };
}

async function picturesOf(evaluation: Evaluation, found: Memorisation, trained: Int32Array) {
  const count = found.neighbours.length / 2;
  const byDistance = Array.from({ length: count }, (_, i) => i).sort(
    (a, b) => found.distances[2 * a]! - found.distances[2 * b]!,
  );
  const random = [...choose(count, rowsInPicture, evaluation.seed, 'copying/picture')];
  return [
    {
      caption: 'Sample, nearest and second nearest training example: at random',
      png: await triples(evaluation, found, trained, random),
    },
    {
      caption: 'The same: the samples nearest to the training set',
      png: await triples(evaluation, found, trained, byDistance.slice(0, rowsInPicture)),
    },
  ];
}

/** Rows of sample | nearest | second nearest, several side by side with a gap between them. */
async function triples(
  evaluation: Evaluation,
  { neighbours }: Memorisation,
  trained: Int32Array,
  chosen: readonly number[],
): Promise<Uint8Array> {
  const { spec } = evaluation;
  if (spec.kind !== 'image') throw new Error('a picture of neighbours needs images');
  const width = spec.shape.reduce((product, side) => product * side, 1);
  const samples = rowsOf((await evaluation.samples()).data);
  const cells = 4 * chosen.length;
  const values = new Float32Array(cells * width).fill((spec.range[0] + spec.range[1]) / 2);
  for (const [i, sample] of chosen.entries()) {
    const pair = Int32Array.from([0, 1], (rank) => trained[neighbours[2 * sample + rank]!]!);
    values.set(samples.values.subarray(sample * width, (sample + 1) * width), 4 * i * width);
    values.set((await evaluation.request.train.gather(pair)).data as Float32Array, (4 * i + 1) * width);
  }
  const images = hostTensor('float32', [cells, ...spec.shape], values);
  return encodePng(imageGrid(images, { range: spec.range, columns: 4 * triplesInRow, padding: 1, scale: 2 }));
}

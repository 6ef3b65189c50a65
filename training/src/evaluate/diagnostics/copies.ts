import { hostTensor } from '@generatrix/runtime/core';
import { encodePng, imageGrid } from '@generatrix/runtime/media';
import { everyIndex } from '../../data/dataset.ts';
import { type Figures, type Finding, type Outcome, percent, short } from '../diagnostic.ts';
import type { Evaluation } from '../evaluation.ts';
import { type Memorisation, memorisation } from '../memorisation.ts';
import { choose, head, type Rows, rowsOf } from '../rows.ts';

/** Samples whose neighbours are searched among all real examples. */
const searched = 2000;
/** Training examples that are searched at most; they are held in memory. */
const trainLimit = 60_000;
const level = 0.01;
/** Estimated share of copies from which a model is said to copy, or to lean that way. */
const copies = 0.2;
const someCopies = 0.05;
const rowsInPicture = 24;
const triplesInRow = 4;

/** Memorisation of the training set, in the space of values and of the classifier's features. */
export async function copying(evaluation: Evaluation): Promise<Outcome> {
  const { train, heldOut } = evaluation.request;
  const kept =
    train.size > trainLimit ? choose(train.size, trainLimit, evaluation.seed, 'copying') : everyIndex(train);
  const trainData = await train.gather(kept);
  const heldOutData = await heldOut.gather(everyIndex(heldOut));
  const samples = await evaluation.samples();
  const search = (rows: Rows, trained: Rows, others: Rows) =>
    memorisation(evaluation.compiled, head(rows, searched), trained, others, { seed: evaluation.seed });
  const values = rowsOf(samples.data);
  const inValues = await search(values, rowsOf(trainData), rowsOf(heldOutData));
  let inFeatures: Memorisation | null = null;
  if (evaluation.classifierRefusal === null) {
    const classifier = await evaluation.classifier();
    inFeatures = await search(
      (await evaluation.classified('samples')).features,
      (await classifier.classify(trainData)).features,
      (await classifier.classify(heldOutData)).features,
    );
  }
  return {
    finding: findingOf(inValues, inFeatures),
    figures: {
      values: figuresOf(inValues),
      ...(inFeatures === null ? {} : { features: figuresOf(inFeatures) }),
      samples: Math.min(searched, values.count),
      trainingExamples: kept.length,
      heldOutExamples: Math.min(heldOut.size, kept.length),
    },
    notes: [
      'heldOutShare is the share of samples whose nearest real example was held out; without copying it is expectedShare. ' +
        'ratio is the median distance to the training set over that to as many held-out examples: 1 without copying.',
    ],
    pictures: evaluation.spec.kind === 'image' ? await picturesOf(evaluation, inValues, kept) : [],
  };
}

function figuresOf({ neighbours: _, distances: __, ...figures }: Memorisation): Figures {
  return figures;
}

function findingOf(inValues: Memorisation, inFeatures: Memorisation | null): Finding {
  const significant = [inValues, inFeatures].filter((found) => found !== null && found.pValue <= level);
  const copied = Math.max(0, ...significant.map((found) => found!.copied));
  const figures = `the nearest real example was held out for ${percent(inValues.heldOutShare)} of samples, ${percent(inValues.expectedShare)} without copying (p = ${short(inValues.pValue)}, distance ratio ${short(inValues.ratio)})`;
  const exact = inValues.exact > 0 ? `; ${percent(inValues.exact)} equal a training example` : '';
  if (copied >= copies) {
    return {
      verdict: 'problem',
      text: `The model copies training examples, an estimated ${percent(copied)} of samples: ${figures}${exact}.`,
    };
  }
  if (copied >= someCopies) {
    return {
      verdict: 'warning',
      text: `Samples lean towards training examples (about ${percent(copied)} copies): ${figures}${exact}.`,
    };
  }
  return { verdict: 'ok', text: `No copying is seen: ${figures}${exact}.` };
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

import { join } from 'node:path';
import type { Sampler } from '@generatrix/runtime';
import { canAnneal, densityOf, samplingProgram } from '@generatrix/runtime/core';
import type { Dataset } from '@generatrix/training/data';
import { evaluateModel } from '../evaluate-model.ts';
import { modelData } from '../model-data.ts';
import { openModel } from '../open-model.ts';
import { missedByChains, reconstructionError, scoreByEnergy, scoreDataset } from '../score-dataset.ts';
import type { Figure } from './record.ts';

/** Importance samples of the second bound, and the examples that it is taken over. */
const importance = { samples: 100, examples: 1000 };
/** Chains that a partition function is estimated from. */
const chains = 200;
/** Of the noise of bounds and estimates, and of samples. */
const seed = 1;

/** What a run is worth. */
export interface Judgement {
  readonly figures: Figure[];
  readonly examples: number;
  readonly binarised: boolean;
  readonly engine: string;
  /** The commands that give these figures, with RUN for the run's folder. */
  readonly commands: string[];
}

/**
 * The figures of a run on the test part: of a model with a density its log-likelihood or a bound; of one with an energy
 * an estimate; of others what samples show, and how well examples are reconstructed.
 * @param out folder for evaluations, of which the classifiers are shared by all runs
 */
export async function judgeRun(run: string, out: string): Promise<Judgement> {
  const { sampler, close } = await openModel(run, { device: 'cpu' });
  try {
    const test = await modelData(sampler, { split: 'test' }, run);
    const { programs, provenance } = sampler.manifest;
    const density = densityOf(programs);
    const scored =
      density !== undefined
        ? await byDensity(sampler, test)
        : canAnneal(sampler)
          ? await annealed(sampler, test)
          : { figures: [], commands: [] };
    const seen =
      scored.figures.length === 0 && samplingProgram(programs) !== undefined
        ? await sampled(run, out, test.spec.kind)
        : { figures: [], commands: [] };
    const rebuilt =
      scored.figures.length === 0 && 'reconstruct' in programs
        ? await rebuiltBy(sampler, test)
        : { figures: [], commands: [] };
    return {
      figures: [...scored.figures, ...seen.figures, ...rebuilt.figures],
      commands: [...scored.commands, ...seen.commands, ...rebuilt.commands],
      examples: test.size,
      binarised: await isOfBinaryImages(sampler),
      engine: provenance.engine,
    };
  } finally {
    await close();
  }
}

/** Programs that score examples, whose noise says that they turn values into 0 and 1 first, or dequantise them. */
const scoring = ['logProb', 'logWeight', 'freeEnergy', 'variationalFreeEnergy'];

/** Whether a model takes images as 0 and 1, drawn anew: it scores them with such noise, and draws such images. */
async function isOfBinaryImages(sampler: Sampler): Promise<boolean> {
  const { data, programs } = sampler.manifest;
  if (data.kind !== 'image' || samplingProgram(programs) === undefined) return false;
  const inputs = scoring.flatMap((name) => Object.values(programs[name]?.inputs ?? {}));
  const noisy = inputs.some(
    (input) =>
      input.role === 'noise' &&
      input.distribution === 'uniform' &&
      String(input.shape) === String(data.shape),
  );
  if (!noisy) return false;
  const { data: drawn } = await sampler.sample({ count: 4, seed, draw: 'sample' });
  return drawn.data.every((value: number) => value === data.range[0] || value === data.range[1]);
}

interface Part {
  readonly figures: Figure[];
  readonly commands: string[];
}

async function byDensity(sampler: Sampler, test: Dataset): Promise<Part> {
  const whole = { limit: Number.POSITIVE_INFINITY, seed };
  const { kind, mean, standardError, bitsPerDimension, count } = await scoreDataset(sampler, test, {
    ...{ ...whole, samples: 1 },
  });
  const bits: Figure = {
    ...{ name: 'bits per dimension', value: bitsPerDimension, standardError: null, unit: '' },
  };
  const command = `generatrix score RUN --split test --seed ${seed}`;
  if (kind === 'exact') {
    const note = `${count} examples`;
    return {
      figures: [{ name: 'log-likelihood', value: mean, standardError, unit: 'nats', note }, bits],
      commands: [command],
    };
  }
  const { samples, examples } = importance;
  const closer = await scoreDataset(sampler, test, { seed, samples, limit: examples });
  return {
    figures: [
      { name: 'ELBO', value: mean, standardError, unit: 'nats', note: `${count} examples` },
      {
        ...{ name: `bound by ${samples} importance samples`, value: closer.mean, unit: 'nats' },
        ...{ standardError: closer.standardError, note: `${closer.count} examples` },
      },
      bits,
    ],
    commands: [command, `${command} --samples ${samples} --limit ${examples}`],
  };
}

async function annealed(sampler: Sampler, test: Dataset): Promise<Part> {
  const { isBound, mean, standardError, partition, count, freeEnergy } = await scoreByEnergy(sampler, test, {
    ...{ limit: Number.POSITIVE_INFINITY, chains, seed },
  });
  const missed = missedByChains(freeEnergy);
  const [low, high] = partition.interval.map((logZ) => (mean + partition.logZ - logZ).toFixed(2));
  return {
    figures: [
      {
        name: `${isBound ? 'bound of the log-likelihood' : 'log-likelihood'} by annealed importance sampling`,
        ...{ value: mean, standardError, unit: 'nats' },
        note: `${count} examples; ${high} to ${low} within three standard errors of log Z, ${partition.chains} chains, ${partition.temperatures} temperatures${missed === null ? '' : `; not to be believed: ${missed}`}`,
      },
    ],
    commands: [`generatrix score RUN --split test --chains ${chains} --seed ${seed}`],
  };
}

async function rebuiltBy(sampler: Sampler, test: Dataset): Promise<Part> {
  const { mean, standardError, count } = await reconstructionError(sampler, test, {
    ...{ limit: Number.POSITIVE_INFINITY, seed },
  });
  const name = 'squared error of a reconstruction';
  return {
    figures: [{ name, value: mean, standardError, unit: '', note: `${count} examples` }],
    commands: [`generatrix score RUN --split test --seed ${seed}`],
  };
}

/** What is measured of samples, by the kind of the data. */
const metricsOf = {
  image: ['classes', 'fid', 'precision-recall', 'parzen'],
  points: ['c2st', 'mmd'],
  audio: ['c2st'],
} as const;

async function sampled(run: string, out: string, kind: keyof typeof metricsOf): Promise<Part> {
  const metrics = metricsOf[kind];
  const folder = join(out, 'evaluation');
  const found = (await evaluateModel(run, {
    ...{ metrics, out: folder, cache: join(out, 'cache'), seed, device: 'cpu' },
  })) as { readonly diagnostics: Readonly<Record<string, unknown>> };
  return {
    figures: figuresOf(found.diagnostics),
    commands: [`generatrix evaluate RUN --metrics ${metrics.join(',')} --seed ${seed}`],
  };
}

/** Where the main figures stand in an evaluation: the path to the value, to its standard error, and its unit. */
const mainFigures = [
  ['confidence of the classifier', 'classes.meanConfidence', null, ''],
  ['agreement with the class asked for', 'classes.agreementWithLabels', null, ''],
  ['Fréchet distance', 'fid.frechetDistance', null, ''],
  ['precision', 'precision-recall.precision', null, ''],
  ['recall', 'precision-recall.recall', null, ''],
  ['Parzen log-likelihood', 'parzen.logLikelihood', 'parzen.standardError', 'nats'],
  ['two-sample accuracy', 'c2st.accuracy', null, ''],
  ['squared maximum mean discrepancy', 'mmd.squared', 'mmd.deviation', ''],
] as const;

/** The main figures of an evaluation's diagnostics: those that are there. */
export function figuresOf(diagnostics: Readonly<Record<string, unknown>>): Figure[] {
  const at = (path: string): number | null => {
    let value: unknown = diagnostics;
    for (const key of path.split('.'))
      value =
        typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined;
    return typeof value === 'number' ? value : null;
  };
  return mainFigures.flatMap(([name, path, error, unit]) => {
    const value = at(path);
    return value === null ? [] : [{ name, value, standardError: error === null ? null : at(error), unit }];
  });
}

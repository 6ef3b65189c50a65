import { UserError } from '@generatrix/runtime/core';
import type { Dataset } from '../data/dataset.ts';
import { buildModel } from '../families/registry.ts';
import { dataDescription, type Family } from '../model/family.ts';
import type { Model } from '../model/model.ts';
import { checkExport } from './exported.ts';
import {
  Conformance,
  type ConformanceCheck,
  ConformanceError,
  checkPhasesTogether,
  phasesOf,
} from './model-checks.ts';
import { labelled, tinyImages, tinyPoints, tinySounds } from './tiny-data.ts';

/** On what a family is checked. */
export interface CheckRequest {
  /** Of the family; small ones make the eager engine quick. */
  readonly options?: Readonly<Record<string, unknown>>;
  /** Tiny images, images with classes, points and sounds, those that the family takes, when absent. */
  readonly dataset?: Dataset;
  /** Steps of training after which what is reported has gone its way; 200 when absent. */
  readonly steps?: number;
}

/** What became of a check; `problem` is null where the family holds to it. */
export interface CheckResult {
  /** What it was checked on. */
  readonly data: string;
  readonly title: string;
  readonly problem: string | null;
}

const batchSize = 16;

/**
 * Checks that a family holds to what the engines, the exporter and the runtime expect of one: on each kind of data
 * that it takes, its model trains compiled as it does eagerly, its programs compute what their signatures say, and its
 * bundle samples.
 * @throws UserError when it takes none of the data, with its reasons, or cannot be built.
 */
export async function* checkFamily(family: Family, request: CheckRequest = {}): AsyncGenerator<CheckResult> {
  const { options = {}, steps = 200 } = request;
  for (const [data, dataset] of suited(family, request)) {
    const { model } = buildModel(family, options, dataDescription(dataset), {}, batchSize);
    const setting = { dataset, batchSize, steps, learningRate: family.defaults.learningRate };
    for (const phase of phasesOf(model)) {
      const conformance = new Conformance(phase.model, setting);
      const named = phase.name === '' ? '' : `, ${phase.name}`;
      try {
        const opened = await problemOf(() => conformance.open());
        if (opened !== null)
          yield { data, title: `the step and the programs compile${named}`, problem: opened };
        else yield* results(`${data}${named}`, conformance.checks);
      } finally {
        await conformance.release();
      }
    }
    yield* results(data, wholeChecks(model, setting));
  }
}

function wholeChecks(
  model: Model,
  setting: ConstructorParameters<typeof Conformance>[1],
): ConformanceCheck[] {
  const together = {
    title: 'its phases together move every parameter',
    run: () => checkPhasesTogether(model, setting),
  };
  return [
    ...(model.phases === undefined ? [] : [together]),
    {
      title: 'its bundle samples finite examples, the same ones by the same seed',
      run: () => checkExport(model, setting.dataset),
    },
  ];
}

async function* results(data: string, checks: readonly ConformanceCheck[]): AsyncGenerator<CheckResult> {
  for (const { title, run } of checks) yield { data, title, problem: await problemOf(run) };
}

/** What an action says that it failed by; a defect of this package is thrown. */
async function problemOf(action: () => Promise<void>): Promise<string | null> {
  try {
    await action();
    return null;
  } catch (error) {
    if (error instanceof ConformanceError || error instanceof UserError) return error.message;
    throw error;
  }
}

/** The data that the family takes, by what to call it. */
function suited(family: Family, { dataset, options = {} }: CheckRequest): [string, Dataset][] {
  const images = tinyImages(40);
  const tiny: [string, Dataset][] = [
    ['images', images],
    ['images of 3 classes', labelled(images, 3)],
    ['points', tinyPoints(40)],
    ['sounds', tinySounds(40)],
  ];
  if (dataset !== undefined) return [[dataset.name, dataset]];
  const parsed = family.options.safeParse(options);
  if (!parsed.success) {
    buildModel(family, options, dataDescription(images));
    return [];
  }
  const reasons: string[] = [];
  const taken = tiny.filter(([data, each]) => {
    const refusal = family.refuses(dataDescription(each), parsed.data);
    if (refusal !== null) reasons.push(`${data}: ${refusal}`);
    return refusal === null;
  });
  if (taken.length > 0) return taken;
  throw new UserError(
    `${family.name}: takes none of the data that it would be checked on (${reasons.join('; ')}); name some with --data`,
  );
}

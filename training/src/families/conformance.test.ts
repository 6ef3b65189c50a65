import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Conformance, checkPhasesTogether, phasesOf } from '../check/model-checks.ts';
import { describeData } from '../check/tiny-data.ts';
import type { Model } from '../model/model.ts';
import { familyCases } from '../testing/cases.ts';
import type { FamilyCase } from '../testing/family-case.ts';
import { buildModel, families, familyNamed } from './registry.ts';

function modelOf({ family, options, training, dataset, batchSize }: FamilyCase): Model {
  return buildModel(familyNamed(family), options, describeData(dataset), training, batchSize).model;
}

it('has a case for every family', () => {
  const covered = new Set(familyCases.map(({ family }) => family));
  expect(families.map(({ name }) => name).filter((name) => !covered.has(name))).toEqual([]);
});

/** The cases with their models, one for each phase of those that train in phases. */
const trainedCases = familyCases.flatMap((familyCase) =>
  phasesOf(modelOf(familyCase)).map(({ name, model }) => ({
    name: name === '' ? familyCase.name : `${familyCase.name}, ${name}`,
    familyCase,
    model,
  })),
);

describe.each(trainedCases)('$name', ({ familyCase, model }) => {
  const conformance = new Conformance(model, familyCase);
  beforeAll(() => conformance.open());
  afterAll(() => conformance.release());
  it.each(conformance.checks)('$title', ({ run }) => run());
});

describe.each(familyCases.filter((each) => modelOf(each).phases !== undefined))('$name', (familyCase) => {
  it('its phases together move every parameter', () => checkPhasesTogether(modelOf(familyCase), familyCase));
});

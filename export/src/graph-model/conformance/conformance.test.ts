import { beforeAll, describe, expect, it } from 'vitest';
import { tf } from '../../tf.ts';
import { graphModelLowerings } from '../table.ts';
import { elementwiseCases } from './elementwise.ts';
import { expectConforms, kernelsOf, recordCase } from './harness.ts';
import { spatialCases } from './spatial.ts';
import { structureCases } from './structure.ts';

const cases = [...elementwiseCases, ...structureCases, ...spatialCases];

beforeAll(async () => {
  await tf.setBackend('cpu');
});

describe('a written GraphModel computes what tfjs does', () => {
  it.each(cases.map((test) => [test.name, test] as const))('%s', async (_, test) => {
    await expectConforms(test);
  });

  it('for every kernel that can be traced', () => {
    const exercised = new Set(cases.flatMap((test) => kernelsOf(recordCase(test).nodes)));
    const missing = Object.keys(graphModelLowerings).filter((name) => !exercised.has(name as 'Abs'));
    expect(missing).toEqual([]);
  });
});

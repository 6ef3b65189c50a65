import { beforeAll, describe, expect, it } from 'vitest';
import { conformanceCases } from '../../conformance/all.ts';
import { kernelsOf, recordCase } from '../../conformance/case.ts';
import { tf } from '../../tf.ts';
import { graphModelLowerings } from '../table.ts';
import { expectConforms } from './harness.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

describe('a written GraphModel computes what tfjs does', () => {
  it.each(conformanceCases.map((test) => [test.name, test] as const))('%s', async (_, test) => {
    await expectConforms(test);
  });

  it('for every kernel that can be traced', () => {
    const exercised = new Set(conformanceCases.flatMap((test) => kernelsOf(recordCase(test).nodes)));
    const missing = Object.keys(graphModelLowerings).filter((name) => !exercised.has(name as 'Abs'));
    expect(missing).toEqual([]);
  });
});

import { hostTensor } from '@generatrix/runtime/core';
import { expect, test } from 'vitest';
import { pointLaws } from '../data/point-laws.ts';
import { modeMetrics } from './evaluation.ts';

test('mode coverage is reported for data whose modes are known, and for no other', () => {
  const [first, second] = pointLaws.ring8.modes!.centres;
  const samples = hostTensor('float32', [4, 2], [...first!, ...first!, ...second!, 5, 5]);
  expect(modeMetrics('ring8', samples)).toEqual({ 'heldOut/modesHit': 2, 'heldOut/highQualityShare': 0.75 });
  expect(modeMetrics('moons', samples)).toEqual({});
  expect(modeMetrics('toString', samples)).toEqual({});
});

import type { FamilyCase } from '../../testing/family-case.ts';
import { tinyImages } from '../../testing/tiny-data.ts';

export const cases: readonly FamilyCase[] = [
  {
    name: 'gsn, three layers',
    family: 'gsn',
    options: { hidden: [8, 6, 4], walkback: 2, sampleSteps: 10, hiddenNoise: 0.5 },
    dataset: tinyImages(40),
    batchSize: 20,
  },
  {
    name: 'gsn, one layer, relu',
    family: 'gsn',
    options: { hidden: [8], walkback: 3, sampleSteps: 10, hiddenNoise: 0.2, activation: 'relu' },
    training: { ema: 0.9 },
    dataset: tinyImages(40),
    batchSize: 20,
  },
];

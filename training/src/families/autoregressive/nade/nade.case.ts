import type { FamilyCase } from '../../../testing/family-case.ts';
import { tinyImages } from '../../../testing/tiny-data.ts';

/** The first is small: it runs on WebGPU in software, pixel by pixel. */
export const cases: readonly FamilyCase[] = [
  {
    name: 'nade, last weights, odd size',
    family: 'nade',
    options: { hidden: 8 },
    training: { ema: 0 },
    dataset: tinyImages(24, [5, 3, 1]),
    batchSize: 8,
  },
  {
    name: 'nade',
    family: 'nade',
    options: { hidden: 12 },
    training: { ema: 0.9 },
    dataset: tinyImages(40),
    batchSize: 8,
  },
];

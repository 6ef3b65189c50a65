import { describe, expect, it } from 'vitest';
import { learningRateAt, parseSettings } from './settings.ts';

const plain = {
  family: 'vae',
  options: {},
  data: { name: 'glyphs' },
  seed: 1,
  steps: 100,
  batchSize: 10,
  learningRate: 0.4,
  engine: 'onnx',
  device: 'cpu',
  reportEvery: 1,
  evaluateEvery: 1,
  checkpointEvery: 1,
};

describe('settings', () => {
  it('are constant in their rate unless a schedule is asked for', () => {
    const settings = parseSettings(plain, 'test');
    expect([0, 50, 99].map((step) => learningRateAt(settings, step))).toEqual([0.4, 0.4, 0.4]);
  });

  it('follow half a cosine: the whole rate, half of it in the middle, almost none at the end', () => {
    const settings = parseSettings({ ...plain, schedule: 'cosine' }, 'test');
    expect(learningRateAt(settings, 0)).toBe(0.4);
    expect(learningRateAt(settings, 50)).toBeCloseTo(0.2, 12);
    expect(learningRateAt(settings, 25)).toBeCloseTo(0.4 * Math.cos(Math.PI / 8) ** 2, 12);
    expect(learningRateAt(settings, 100)).toBe(0);
  });

  it('are refused by the name of what is wrong', () => {
    expect(() => parseSettings({ ...plain, steps: 0 }, 'run.json')).toThrow(/^run\.json: steps: /);
    expect(() => parseSettings({ ...plain, schedule: 'linear' }, 'run.json')).toThrow(/schedule/);
  });
});

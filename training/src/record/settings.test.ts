import { describe, expect, it } from 'vitest';
import { parseSettings } from './settings.ts';

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
  it('of earlier releases are constant in their rate', () => {
    expect(parseSettings(plain, 'test').schedule).toBe('constant');
  });

  it('are refused by the name of what is wrong', () => {
    expect(() => parseSettings({ ...plain, steps: 0 }, 'run.json')).toThrow(/^run\.json: steps: /);
    expect(() => parseSettings({ ...plain, schedule: 'cosin' }, 'run.json')).toThrow(/schedule/);
  });
});

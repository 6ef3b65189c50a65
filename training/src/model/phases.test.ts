import { describe, expect, it } from 'vitest';
import type { Model, Phase, Step } from './model.ts';
import { describePhases, phaseOf, planPhases } from './phases.ts';

const step: Step = { noise: {}, run: ({ state }) => ({ state, metrics: {} }) };
const settings = { steps: 100, batchSize: 10, learningRate: 1, schedule: 'linear' } as const;

function modelOf(phases?: readonly Phase[]): Model {
  return { state: {}, step, batching: 'shuffled', programs: {}, ...(phases && { phases }) };
}

const three = modelOf([
  { name: 'first', steps: 20, step },
  { name: 'second', steps: 30, step, batchSize: 4, learningRate: 0.5 },
  { name: 'third', step },
]);

describe('phases', () => {
  it('follow one another; the last takes the rest of the run', () => {
    const plan = planPhases(three, settings);
    expect(plan.map(({ first, end }) => [first, end])).toEqual([
      [0, 20],
      [20, 50],
      [50, 100],
    ]);
    expect(plan.map(({ batchSize }) => batchSize)).toEqual([10, 4, 10]);
    expect([0, 19, 20, 49, 50, 99, 100].map((at) => phaseOf(plan, at).name)).toEqual([
      'first',
      'first',
      'second',
      'second',
      'third',
      'third',
      'third',
    ]);
    expect(describePhases(plan)).toBe('phases: first (steps 1 to 20), second (21 to 50), third (51 to 100)');
  });

  it('begin the schedule anew, at a rate of their own where they have one', () => {
    const [first, second, third] = planPhases(three, settings);
    expect([first!.rateAt(0), first!.rateAt(10)]).toEqual([1, 0.5]);
    expect([second!.rateAt(20), second!.rateAt(35)]).toEqual([0.5, 0.25]);
    expect([third!.rateAt(50), third!.rateAt(75)]).toEqual([1, 0.5]);
  });

  it('a model without phases has one that is the whole run', () => {
    const [only, ...others] = planPhases(modelOf(), settings);
    expect(others).toEqual([]);
    expect(only).toMatchObject({ first: 0, end: 100, batchSize: 10 });
    expect(only!.rateAt(25)).toBe(0.75);
    expect(describePhases([only!])).toBeNull();
  });

  it('refuse a run that ends before the last begins, and a warm-up longer than one', () => {
    expect(() => planPhases(three, { ...settings, steps: 50 })).toThrow(
      '--steps 50: expected more than the 50 steps of the phases before third; give --steps 51 or more',
    );
    expect(() => planPhases(three, { ...settings, warmUp: 20 })).toThrow(
      '--warm-up 20: expected fewer than the 20 steps of phase first',
    );
  });
});

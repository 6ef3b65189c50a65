import { describe, expect, it } from 'vitest';
import { learningRateAt, type Schedule, strayScheduleOption } from './schedule.ts';

const run = { learningRate: 0.4, steps: 100 };
const ratesOf = (schedule: Schedule, more: object = {}, at = [0, 25, 50, 99]) =>
  at.map((step) => learningRateAt({ ...run, schedule, ...more }, step));
const close = (actual: readonly number[], expected: readonly number[]) => {
  for (const [i, value] of actual.entries()) expect(value).toBeCloseTo(expected[i]!, 12);
};

describe('the learning rate', () => {
  it('constant', () => close(ratesOf('constant'), [0.4, 0.4, 0.4, 0.4]));

  it('cosine: whole at first, half in the middle, nothing after the end', () => {
    close(ratesOf('cosine', {}, [0, 25, 50, 100]), [0.4, 0.4 * Math.cos(Math.PI / 8) ** 2, 0.2, 0]);
  });

  it('linear: a hundredth less each step', () => close(ratesOf('linear'), [0.4, 0.3, 0.2, 0.004]));

  it('step: a factor at once, by default a tenth at each third', () => {
    close(ratesOf('step', { decayFactor: 0.5, decayEvery: 25 }, [24, 25, 74, 75]), [0.4, 0.2, 0.1, 0.05]);
    close(ratesOf('step', {}, [32, 33, 65, 66]), [0.4, 0.04, 0.04, 0.004]);
  });

  it('exponential: the same factor little by little', () => {
    close(ratesOf('exponential', { decayFactor: 0.25, decayEvery: 50 }, [0, 25, 50]), [0.4, 0.2, 0.1]);
  });

  it.each<Schedule>(['constant', 'cosine', 'linear', 'step', 'exponential'])(
    '%s rises to its full value in the warm-up, and then goes its way over what is left',
    (schedule) => {
      close(ratesOf(schedule, { warmUp: 20 }, [0, 9, 19]), [0.02, 0.2, 0.4]);
      const after = ratesOf(schedule, { warmUp: 20, decayEvery: 30 }, [20, 60, 99]);
      const alone = [0, 40, 79].map((step) =>
        learningRateAt({ ...run, steps: 80, schedule, decayEvery: 30 }, step),
      );
      close(after, alone);
    },
  );

  it('options that a schedule does not have are found', () => {
    expect(strayScheduleOption({ schedule: 'step', steps: 10, decayFactor: 0.5 })).toBeNull();
    expect(strayScheduleOption({ schedule: 'cosine', steps: 10, decayFactor: 0.5 })).toMatch(
      /^--decay-factor: .*cosine/,
    );
    expect(strayScheduleOption({ schedule: 'cosine', steps: 10, warmUp: 10 })).toMatch(/^--warm-up 10: /);
  });
});

import { expect, it } from 'vitest';
import { type Manner, StepPace } from './step-pace.ts';

interface Machine {
  /** Milliseconds of a step in each manner, as a function of the time. */
  readonly cost: (manner: Manner, now: number) => number;
  readonly bytes?: number;
  /** Steps that may be taken before something is due. */
  readonly free?: number;
}

/** Trains on a made-up clock. @returns what was run, and the pace after it. */
function trained(steps: number, { cost, bytes = 1000, free = Infinity }: Machine) {
  let now = 0;
  const pace = new StepPace(() => now);
  const runs: { manner: Manner; count: number; at: number; time: number }[] = [];
  for (let done = 0; done < steps; ) {
    const count = Math.min(pace.blockSize, free, steps - done);
    const manner = pace.mannerOf(count);
    const time = count * cost(manner, now);
    runs.push({ manner, count, at: now, time });
    now += time;
    pace.record(manner, count, time, bytes);
    done += count;
  }
  return { pace, runs };
}

const counts = (runs: { manner: Manner; count: number }[], wanted: Manner) =>
  runs.filter(({ manner }) => manner === wanted).reduce((sum, { count }) => sum + count, 0);

it('settles on blocks where they are faster, each no longer than a second, and tries them by shorter ones', () => {
  const { pace, runs } = trained(2000, { cost: (manner) => (manner === 'block' ? 25 : 40) });
  expect(pace.unused).toBe('single');
  expect(runs.slice(0, 2).map(({ manner }) => manner)).toEqual(['single', 'single']);
  expect(Math.max(...runs.slice(20).map(({ time }) => time))).toBe(1000);
  expect(pace.blockSize).toBe(40);
  expect(Math.max(...runs.filter(({ at }) => at < 1000).map(({ time }) => time))).toBeLessThanOrEqual(250);
  // 2 to warm up, 3 stretches of about ten steps each, and the one that tells how long a block may be.
  expect(counts(runs, 'single')).toBeLessThan(60);
});

it('settles on single steps where they are faster', () => {
  const { pace, runs } = trained(2000, { cost: (manner) => (manner === 'block' ? 30 : 25) });
  expect(pace.unused).toBe('block');
  expect(pace.blockSize).toBe(1);
  expect(counts(runs, 'block')).toBeLessThan(100);
});

it('is not misled by other programs that take the machine for a while', () => {
  // For a third of the time everything takes four times as long.
  const busy = (now: number) => (now % 1500 < 500 ? 4 : 1);
  for (const [block, single, unused] of [
    [12, 15, 'single'],
    [15, 12, 'block'],
  ] as const) {
    const { pace } = trained(1000, {
      cost: (manner, now) => busy(now) * (manner === 'block' ? block : single),
    });
    expect(pace.unused).toBe(unused);
  }
});

it('looks again, and takes the other manner where that has become faster', () => {
  const cost = (manner: Manner, now: number) => (manner === 'block' && now < 30_000 ? 20 : 10);
  const { pace, runs } = trained(12_000, {
    cost: (manner, now) => cost(manner, now) - (manner === 'block' ? 1 : 0),
  });
  const settled = runs.filter(({ at }) => at > 10_000 && at < 50_000);
  expect(counts(settled, 'block')).toBe(0);
  expect(pace.unused).toBe('single');
});

it('looks again at single steps, too, after it has let them go', () => {
  const cost = (manner: Manner, now: number) => (manner === 'block' ? (now < 30_000 ? 10 : 25) : 20);
  const { pace, runs } = trained(12_000, { cost });
  const settled = runs.filter(({ at }) => at > 10_000 && at < 50_000);
  expect(counts(settled, 'single')).toBe(0);
  expect(pace.unused).toBe('block');
});

it('takes steps one by one where one alone takes long, and tries blocks once that has changed', () => {
  const slow = trained(50, { cost: () => 200 });
  expect(counts(slow.runs, 'block')).toBe(0);
  const { runs } = trained(400, { cost: (_, now) => (now < 4000 ? 200 : 10) });
  expect(counts(runs, 'block')).toBeGreaterThan(0);
});

it('bounds the memory of a block', () => {
  const { runs } = trained(500, { cost: () => 0.1, bytes: 3 * 2 ** 20 });
  expect(Math.max(...runs.map(({ count }) => count))).toBe(5);
  const { runs: large } = trained(500, { cost: () => 0.1, bytes: 9 * 2 ** 20 });
  expect(counts(large, 'block')).toBe(0);
});

it('compares blocks as short as what is due allows', () => {
  const { pace, runs } = trained(2000, { cost: (manner) => (manner === 'block' ? 5 : 10), free: 3 });
  expect(Math.max(...runs.map(({ count }) => count))).toBe(3);
  expect(pace.unused).toBe('single');
});

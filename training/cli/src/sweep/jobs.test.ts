import { expect, it } from 'vitest';
import { runJobs } from './jobs.ts';

const never = new AbortController().signal;

it('runs so many at a time, in order, and gives each end in its place', async () => {
  const running = new Set<number>();
  const started: number[] = [];
  let most = 0;
  const ends = await runJobs(
    [30, 5, 5, 1],
    2,
    async (milliseconds) => {
      const index = started.push(milliseconds) - 1;
      running.add(index);
      most = Math.max(most, running.size);
      await new Promise((resolve) => setTimeout(resolve, milliseconds));
      running.delete(index);
      if (milliseconds === 1) throw new Error('broken');
      return milliseconds * 2;
    },
    never,
  );
  expect(started).toEqual([30, 5, 5, 1]);
  expect(most).toBe(2);
  expect(ends).toEqual([
    { kind: 'done', result: 60 },
    { kind: 'done', result: 10 },
    { kind: 'done', result: 10 },
    { kind: 'failed', error: new Error('broken') },
  ]);
});

it('starts none after it was stopped, and waits for those that run', async () => {
  const stop = new AbortController();
  const ends = await runJobs(
    [1, 2, 3],
    1,
    async (job, signal) => {
      stop.abort();
      await new Promise(setImmediate);
      return signal.aborted ? -job : job;
    },
    stop.signal,
  );
  expect(ends).toEqual([{ kind: 'done', result: -1 }, { kind: 'skipped' }, { kind: 'skipped' }]);
});

import { expect, test } from 'vitest';
import { latest } from './panel.ts';

test('while one value is worked on, only the last of those that come in is kept', async () => {
  const done: number[] = [];
  const release: (() => void)[] = [];
  const push = latest<number>(
    async (value) => {
      await new Promise<void>((resolve) => release.push(resolve));
      done.push(value);
    },
    () => expect.unreachable(),
  );
  for (const value of [1, 2, 3, 4]) push(value);
  while (done.length < 2) {
    release.shift()?.();
    await Promise.resolve();
  }
  await new Promise((resolve) => setTimeout(resolve, 0));
  expect(done).toEqual([1, 4]);
});

test('a task that fails is reported, and the next value is worked on all the same', async () => {
  const failures: unknown[] = [];
  const done: number[] = [];
  const push = latest<number>(
    async (value) => {
      if (value === 1) throw new Error('no');
      done.push(value);
    },
    (error) => failures.push(error),
  );
  push(1);
  push(2);
  await new Promise((resolve) => setTimeout(resolve, 0));
  expect([failures.length, done]).toEqual([1, [2]]);
});

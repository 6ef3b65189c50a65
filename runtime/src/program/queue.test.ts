import { expect, test } from 'vitest';
import { createQueue } from './queue.ts';

test('tasks never overlap, keep their order, and survive a failure', async () => {
  const queue = createQueue();
  const events: string[] = [];
  const task = (name: string, fails: boolean) => async () => {
    events.push(`${name} starts`);
    await new Promise((resolve) => setImmediate(resolve));
    events.push(`${name} ends`);
    if (fails) throw new Error(name);
    return name;
  };
  const settled = await Promise.allSettled([
    queue(task('a', false)),
    queue(task('b', true)),
    queue(task('c', false)),
  ]);
  expect(events).toEqual(['a starts', 'a ends', 'b starts', 'b ends', 'c starts', 'c ends']);
  expect(
    settled.map((result) => (result.status === 'fulfilled' ? result.value : String(result.reason))),
  ).toEqual(['a', 'Error: b', 'c']);
});

test('a task that throws before its first await rejects, and the next one runs', async () => {
  const queue = createQueue();
  const failed = queue(() => {
    throw new Error('at once');
  });
  await expect(failed).rejects.toThrow('at once');
  expect(await queue(async () => 7)).toBe(7);
});

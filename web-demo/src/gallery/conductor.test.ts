import { expect, test } from 'vitest';
import { makeConductor, type Performer } from './conductor.ts';

/** Thumbnails that take a second each, by a clock that goes on only while something is waited for. */
function stage(names: string) {
  let now = 0;
  let running = 0;
  const played: string[] = [];
  const waiting: (() => void)[] = [];
  const performers = [...names].map((name) => {
    const performer = {
      seen: true,
      renewed: undefined as number | undefined,
      async perform() {
        running += 1;
        expect(running, 'one at a time').toBe(1);
        await Promise.resolve();
        now += 1000;
        played.push(name);
        performer.renewed = now;
        running -= 1;
      },
    };
    return performer;
  });
  const clock = {
    now: () => now,
    wait: (ms: number) => {
      expect(ms, 'it rests').toBeGreaterThanOrEqual(500);
      return new Promise<void>((resolve) => {
        waiting.push(() => {
          now += ms;
          resolve();
        });
      });
    },
  };
  /** Lets so many rests pass. */
  const pass = async (rests: number) => {
    for (let i = 0; i < rests; i += 1) {
      await new Promise((resolve) => setTimeout(resolve));
      waiting.shift()?.();
    }
    await new Promise((resolve) => setTimeout(resolve));
  };
  return { performers: performers as (Performer & { seen: boolean })[], clock, played, pass };
}

test('those in sight run first, in order and one at a time; later the one that has waited longest', async () => {
  const { performers, clock, played, pass } = stage('abc');
  performers[1]!.seen = false;
  const conductor = makeConductor(performers, () => true, clock);
  await pass(1);
  expect(played).toEqual([]);
  conductor.start();
  await pass(2);
  expect(played).toEqual(['a', 'c']);
  performers[1]!.seen = true;
  conductor.look();
  await pass(1);
  expect(played.join('')).toBe('acb');
});

test('what was touched comes next, also while all is paused', async () => {
  const { performers, clock, played, pass } = stage('abc');
  const conductor = makeConductor(performers, () => true, clock);
  conductor.start();
  conductor.pause();
  await pass(3);
  expect(played).toEqual(['a']);
  conductor.now(performers[2]!);
  await pass(2);
  expect(played).toEqual(['a', 'c']);
  expect(conductor.running).toBe(false);
});

test('without renewal each runs once', async () => {
  const { performers, clock, played, pass } = stage('ab');
  makeConductor(performers, () => false, clock).start();
  await pass(20);
  expect(played).toEqual(['a', 'b']);
});

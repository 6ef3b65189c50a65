import { expect, test } from 'vitest';
import { Health } from './health.ts';

test('three offences in a row set a bundle aside; each time after that one does, for twice as long', () => {
  const health = new Health();
  expect([health.offence(0, 'a'), health.offence(1, 'b'), health.restsFor(1)]).toEqual([false, false, 0]);
  expect([health.offence(2, 'c'), health.restsFor(2), health.reason]).toEqual([true, 30_000, 'c']);
  expect(health.restsFor(30_002)).toBe(0);
  expect([health.offence(30_002, 'd'), health.restsFor(30_002)]).toEqual([true, 60_000]);
  expect(health.restsFor(90_001)).toBe(1);
});

test('what was under way when it was set aside does not count again', () => {
  const health = new Health();
  for (let i = 0; i < 3; i++) health.offence(0, '');
  expect([health.offence(10, 'late'), health.restsFor(10)]).toEqual([false, 29_990]);
});

test('a success between them forgives', () => {
  const health = new Health();
  for (let i = 0; i < 5; i++) {
    expect([health.offence(i, ''), health.offence(i, '')]).toEqual([false, false]);
    health.success();
  }
  expect(health.restsFor(5)).toBe(0);
});

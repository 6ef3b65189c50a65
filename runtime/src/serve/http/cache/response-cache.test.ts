import { expect, it } from 'vitest';
import { ResponseCache } from './response-cache.ts';

const answer = (bytes: number, model = 'a', version = '1') => ({
  ...{ model, version, labels: { model, program: 'sample' }, headers: {} },
  body: new Uint8Array(bytes),
});

it('what was not asked for the longest goes first, by bytes', () => {
  const cache = new ResponseCache(80_000);
  for (const tag of 'abcdefgh') cache.keep(tag, answer(8_488));
  expect(cache.size).toEqual({ bytes: 72_000, answers: 8 });
  expect(cache.get('a')).toBeDefined();
  cache.keep('i', answer(9_488));
  expect(['a', 'b', 'c', 'i'].map((tag) => cache.get(tag) !== undefined)).toEqual([true, false, true, true]);
  expect(cache.size.bytes).toBeLessThanOrEqual(80_000);
});

it('one answer may take an eighth of it', () => {
  const cache = new ResponseCache(80_000);
  cache.keep('fits', answer(10_000 - 512));
  cache.keep('large', answer(10_000 - 511));
  expect([cache.get('fits')?.body.length, cache.get('large')]).toEqual([9_488, undefined]);
});

it('a model version is forgotten alone', () => {
  const cache = new ResponseCache(80_000);
  cache.keep('a1', answer(10));
  cache.keep('a2', answer(10, 'a', '2'));
  cache.keep('b1', answer(10, 'b'));
  cache.forget('a', '1');
  expect(['a1', 'a2', 'b1'].filter((tag) => cache.get(tag))).toEqual(['a2', 'b1']);
  expect(cache.size.bytes).toBe(2 * 522);
});

it('of no bytes keeps nothing', () => {
  const cache = new ResponseCache(0);
  cache.keep('a', answer(0));
  expect([cache.get('a'), cache.size]).toEqual([undefined, { bytes: 0, answers: 0 }]);
  cache.forget('a', '1');
});

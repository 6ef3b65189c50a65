import { expect, test } from 'vitest';
import { expectUserError } from '../testing/test-support.ts';
import { byteSize, checkMemory } from './limits.ts';

test.each([
  [0, '0 bytes'],
  [999, '999 bytes'],
  [1000, '1 KB'],
  [19_540_000_000, '19.5 GB'],
  [3.1e12, '3.1 TB'],
  [8e21, '8000 EB'],
])('%d bytes are %s', (bytes, text) => expect(byteSize(bytes)).toBe(text));

test('what fits into memory passes; what does not is refused with the most that would', async () => {
  const check = async (count: number) => checkMemory('--batch-size', count, 100, 'examples', 1000);
  await check(10);
  await expectUserError(
    check(11),
    '--batch-size 11: examples take 1.1 KB of memory, and there are 1 KB; say at most 10',
  );
});

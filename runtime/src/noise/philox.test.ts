import { describe, expect, test } from 'vitest';
import { philox4x32 } from './philox.ts';

/** Lines `philox4x32 10` of `tests/kat_vectors` in Random123 1.14: counter, key, result. */
const knownAnswers = [
  '00000000 00000000 00000000 00000000 00000000 00000000 6627e8d5 e169c58d bc57ac4c 9b00dbd8',
  'ffffffff ffffffff ffffffff ffffffff ffffffff ffffffff 408f276d 41c83b0e a20bc7c6 6d5451fd',
  '243f6a88 85a308d3 13198a2e 03707344 a4093822 299f31d0 d16cfe09 94fdcceb 5001e420 24126ea1',
];

type Six = [number, number, number, number, number, number];

function block(...words: Six): number[] {
  const out = new Uint32Array(4);
  philox4x32(out, ...words);
  return [...out];
}

/** The same function as the paper writes it, in exact integers. */
function reference(...words: Six): number[] {
  const mask = 0xffffffffn;
  let [x0, x1, x2, x3, k0, k1] = words.map((word) => BigInt(word >>> 0)) as unknown as bigint[];
  for (let round = 0; round < 10; round++) {
    const p0 = 0xd2511f53n * x0!;
    const p1 = 0xcd9e8d57n * x2!;
    [x0, x1, x2, x3] = [(p1 >> 32n) ^ x1! ^ k0!, p1 & mask, (p0 >> 32n) ^ x3! ^ k1!, p0 & mask];
    k0 = (k0! + 0x9e3779b9n) & mask;
    k1 = (k1! + 0xbb67ae85n) & mask;
  }
  return [x0, x1, x2, x3].map(Number);
}

describe('philox4x32', () => {
  test.each(knownAnswers)('published vector %s', (line) => {
    const words = line.split(' ').map((hex) => Number.parseInt(hex, 16));
    expect(block(...(words.slice(0, 6) as Six))).toEqual(words.slice(6));
  });

  test('agrees with exact integer arithmetic on 2,000 chained inputs', () => {
    let words: Six = [1, 2, 3, 4, 5, 6];
    for (let i = 0; i < 2000; i++) {
      const out = block(...words);
      expect(out).toEqual(reference(...words));
      words = [...(out as [number, number, number, number]), words[0], words[2]];
    }
  });
});

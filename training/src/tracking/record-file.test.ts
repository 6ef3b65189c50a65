import { expect, test } from 'vitest';
import { decodeRecords, encodeRecord } from './record-file.ts';

test('a record is framed as TensorFlow frames it', () => {
  // Written by the record writer of Python's tensorboard for the data b"abc" and for no data.
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
  expect(hex(encodeRecord(Buffer.from('abc')))).toBe('0300000000000000b099490e6162636e57f121');
  expect(hex(encodeRecord(new Uint8Array(0)))).toBe('000000000000000029039807d8ea82a2');
});

test('records come back, up to the first that is torn or damaged', () => {
  const texts = ['one', '', 'three'];
  const whole = Buffer.concat(texts.map((text) => encodeRecord(Buffer.from(text))));
  const read = (bytes: Uint8Array) => decodeRecords(bytes).map((data) => Buffer.from(data).toString());
  expect(read(whole)).toEqual(texts);
  for (const cut of [1, 5, 20])
    expect(read(whole.subarray(0, whole.length - cut))).toEqual(texts.slice(0, 2));
  const damaged = Buffer.from(whole);
  damaged[12] = 0;
  expect(read(damaged)).toEqual([]);
  // A length that was never written whole must not be believed.
  const long = Buffer.from(whole);
  long[whole.length - 4 - 5 - 12] = 200;
  expect(read(long)).toEqual(texts.slice(0, 2));
});

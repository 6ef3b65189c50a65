import { writeFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { zipSync } from 'fflate';
import { expect, test } from 'vitest';
import { everyIndex, expectUserError, folderOf } from '../testing/test-support.ts';
import { splits } from './dataset.ts';
import { readNpy } from './npy.ts';
import { npy } from './npy-dataset.ts';

/** Files that NumPy 2.4.6 wrote (`numpy.lib.format.write_array`), base64. */
const written = {
  f4: 'k05VTVBZAQB2AHsnZGVzY3InOiAnPGY0JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDMsIDIpLCB9ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAMA/AAAAwAAAgD4AAEBAbxKDOgAA4EA=',
  f8: 'k05VTVBZAQB2AHsnZGVzY3InOiAnPGY4JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDMsIDIpLCB9ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAAAAAAD4PwAAAAAAAADAAAAAAAAA0D8AAAAAAAAIQPyp8dJNYlA/AAAAAAAAHEA=',
  i8: 'k05VTVBZAQB2AHsnZGVzY3InOiAnPGk4JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDIsIDIpLCB9ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoBAAAAAAAAAP7/////////AwAAAAAAAAAAAAAAAAEAAA==',
  i4: 'k05VTVBZAQB2AHsnZGVzY3InOiAnPGk0JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDMsKSwgfSAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoDAAAAAQAAAAIAAAA=',
  u1: 'k05VTVBZAQB2AHsnZGVzY3InOiAnfHUxJywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDIsIDMsIDQpLCB9ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAChQeKDI8RlBaZG54goyWoKq0vsjS3OY=',
  b1: 'k05VTVBZAQB2AHsnZGVzY3InOiAnfGIxJywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDIsIDIsIDIpLCB9ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoBAAABAQEAAA==',
  v2: 'k05VTVBZAgB0AAAAeydkZXNjcic6ICc8ZjQnLCAnZm9ydHJhbl9vcmRlcic6IEZhbHNlLCAnc2hhcGUnOiAoMywgMiksIH0gICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAMA/AAAAwAAAgD4AAEBAbxKDOgAA4EA=',
  fortran:
    'k05VTVBZAQB2AHsnZGVzY3InOiAnPGY0JywgJ2ZvcnRyYW5fb3JkZXInOiBUcnVlLCAnc2hhcGUnOiAoMywgMiksIH0gICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAMA/AACAPm8SgzoAAADAAABAQAAA4EA=',
  big: 'k05VTVBZAQB2AHsnZGVzY3InOiAnPmY0JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDMsIDIpLCB9ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAo/wAAAwAAAAD6AAABAQAAAOoMSb0DgAAA=',
  rec: 'k05VTVBZAQB2AHsnZGVzY3InOiBbKCdhJywgJzxmNCcpLCAoJ2InLCAnPGk0JyldLCAnZm9ydHJhbl9vcmRlcic6IEZhbHNlLCAnc2hhcGUnOiAoMiwpLCB9ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAAAAAAAAAAAAAAAAAAAA',
};

const file = (name: keyof typeof written): Buffer => Buffer.from(written[name], 'base64');

/** A version 1 file with this header and data: the arrays that the fixtures do not hold. */
function npyFile(descr: string, shape: readonly number[], data: Uint8Array): Buffer {
  const dims = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const header = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${dims}), }\n`;
  const start = Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, header.length, 0]);
  return Buffer.concat([start, Buffer.from(header, 'latin1'), data]);
}
const floats = (...values: number[]): Uint8Array => new Uint8Array(Float32Array.from(values).buffer);
const wholes = (...values: number[]): Uint8Array => new Uint8Array(Int32Array.from(values).buffer);

const points = [1.5, -2, 0.25, 3, 1e-3, 7];
test.each<[keyof typeof written, number[], number[]]>([
  ['f4', [3, 2], points.map(Math.fround)],
  ['v2', [3, 2], points.map(Math.fround)],
  ['fortran', [3, 2], points.map(Math.fround)],
  ['big', [3, 2], points.map(Math.fround)],
  ['f8', [3, 2], points],
  ['i8', [2, 2], [1, -2, 3, 2 ** 40]],
  ['i4', [3], [3, 1, 2]],
  ['u1', [2, 3, 4], Array.from({ length: 24 }, (_, i) => 10 * i)],
  ['b1', [2, 2, 2], [1, 0, 0, 1, 1, 1, 0, 0]],
])('reads what NumPy wrote: %s', async (name, shape, values) => {
  const dir = await folderOf({ 'a.npy': file(name) });
  const array = await readNpy(`${dir}/a.npy`);
  expect(array.shape).toEqual(shape);
  expect([...array.values]).toEqual(values);
});

test('reads half precision: normal, subnormal and largest', async () => {
  const halves = Uint16Array.of(0x3c00, 0xc000, 0x0001, 0x7bff, 0x3555, 0x8000);
  const dir = await folderOf({ 'a.npy': npyFile('<f2', [6], new Uint8Array(halves.buffer)) });
  // As NumPy 2 converts them: 1, -2, 2^-24, 65504, 0.333251953125, -0.
  expect([...(await readNpy(`${dir}/a.npy`)).values]).toEqual([1, -2, 2 ** -24, 65504, 0.333251953125, -0]);
});

test('reads the one array of an archive, or the one that is called data', async () => {
  const dir = await folderOf({
    'one.npz': zipSync({ 'arr_0.npy': file('i4') }),
    'two.npz': zipSync({ 'y.npy': file('u1'), 'data.npy': file('i4') }),
  });
  for (const name of ['one', 'two'])
    expect([...(await readNpy(`${dir}/${name}.npz`)).values]).toEqual([3, 1, 2]);
});

test('two dimensions are points, with labels from beside', async () => {
  const dir = await folderOf({ 'a.npy': file('f8'), 'a-labels.npy': file('i4') });
  const seen: [number, number][] = [];
  for (const split of splits) {
    const data = await npy({ dir, split });
    expect(data.spec).toEqual({ kind: 'points', shape: [2] });
    expect(data.classNames).toEqual(['0', '1', '2', '3']);
    for (const n of everyIndex(data)) seen.push([Number((await data.gather([n])).data[0]), data.labels![n]!]);
  }
  expect(seen.sort((a, b) => b[0] - a[0])).toEqual([
    [1.5, 3],
    [0.25, 1],
    [Math.fround(1e-3), 2],
  ]);
});

test('one dimension is points on a line', async () => {
  const data = await npy({ dir: await folderOf({ 'a.npy': file('i4') }), split: 'train' });
  expect(data.spec).toEqual({ kind: 'points', shape: [1] });
  expect((await data.gather([0])).shape).toEqual([1, 1]);
});

test('bytes of three dimensions are grey images in [0, 1]', async () => {
  const dir = await folderOf({ 'train.npy': file('u1'), 'test.npy': file('u1') });
  const data = await npy({ dir, split: 'test' });
  expect(data.spec).toEqual({ kind: 'image', shape: [3, 4, 1], range: [0, 1] });
  expect((await data.gather([1])).data).toEqual(
    Float32Array.from({ length: 12 }, (_, i) => (120 + 10 * i) / 255),
  );
});

test('booleans are images of 0 and 1; whole numbers of any width are bytes', async () => {
  const dir = await folderOf({
    'train.npy': file('b1'),
    'val.npy': file('b1'),
    'test.npy': npyFile('<i4', [1, 1, 2], wholes(0, 255)),
  });
  expect([...(await (await npy({ dir, split: 'train' })).gather([0, 1])).data]).toEqual([
    1, 0, 0, 1, 1, 1, 0, 0,
  ]);
  expect([...(await (await npy({ dir, split: 'test' })).gather([0])).data]).toEqual([0, 1]);
});

test('float images keep their own range, colour included', async () => {
  const unit = npyFile('<f4', [1, 1, 1, 3], floats(0, 0.5, 1));
  const signed = npyFile('<f4', [1, 1, 2], floats(-1, 0.25));
  const read = async (content: Buffer) =>
    npy({
      dir: await folderOf({ 'train.npy': content, 'val.npy': content, 'test.npy': content }),
      split: 'train',
    });
  const colour = await read(unit);
  expect(colour.spec).toEqual({ kind: 'image', shape: [1, 1, 3], range: [0, 1] });
  expect([...(await colour.gather([0])).data]).toEqual([0, 0.5, 1]);
  const grey = await read(signed);
  expect(grey.spec).toEqual({ kind: 'image', shape: [1, 2, 1], range: [-1, 1] });
  expect([...(await grey.gather([0])).data]).toEqual([-1, 0.25]);
});

const rows = npyFile('<f4', [2, 1], floats(1, 2));
test.each<[string, Record<string, string | Uint8Array>, (string | RegExp)[]]>([
  ['complex numbers', { 'a.npy': npyFile('<c8', [1], floats(1, 2)) }, ['a.npy', '<c8', 'astype']],
  [
    'whole numbers that float32 would round',
    { 'a.npy': npyFile('<i4', [2, 2], wholes(1, 2, 3, 16777217)) },
    ['a.npy', '16777217 in row 1, column 1', 'identifier'],
  ],
  [
    'a double beyond float32',
    { 'a.npy': npyFile('<f8', [2, 1], new Uint8Array(Float64Array.of(1, 1e300).buffer)) },
    ['a.npy', '1e+300 in row 1'],
  ],
  [
    'several arrays in an archive',
    { 'a.npy': zipSync({ 'a.npy': file('f4'), 'b.npy': file('f4') }) },
    ['a, b', 'numpy.save'],
  ],
  ['a broken archive', { 'a.npy': zipSync({ 'a.npy': file('f4') }).subarray(0, 60) }, ['broken']],
  ['a record array', { 'a.npy': file('rec') }, ['a.npy', "plain array's header"]],
  ['another kind of file', { 'a.npy': 'a list of numbers' }, ['a.npy', 'numpy.save']],
  ['an empty file', { 'a.npy': '' }, ['a.npy', 'empty file']],
  [
    'a header cut short',
    { 'a.npy': file('f4').subarray(0, 50) },
    ['a.npy', 'header of 128 bytes', 'found 50'],
  ],
  ['a version 2 header cut short', { 'a.npy': file('v2').subarray(0, 11) }, ['a.npy', 'header']],
  ['values cut short', { 'a.npy': file('f4').subarray(0, 140) }, ['a.npy', '24 bytes', 'found 12']],
  ['no examples', { 'a.npy': npyFile('<f4', [0, 2], floats()) }, ['a.npy', 'empty array of shape [0,2]']],
  ['NaN', { 'a.npy': npyFile('<f4', [2, 1], floats(1, NaN)) }, ['a.npy', 'found NaN at flat position 1']],
  [
    'one example',
    { 'a.npy': npyFile('<f4', [1, 1], floats(1)) },
    ['at least 3 different examples', 'found 1'],
  ],
  ['channels first', { 'a.npy': npyFile('<f4', [1, 3, 1, 2], floats(0, 0, 0, 0, 0, 0)) }, ['transpose']],
  ['five dimensions', { 'a.npy': npyFile('<f4', [1, 1, 1, 1, 1], floats(0)) }, ['reshape']],
  ['float pixels to 255', { 'a.npy': npyFile('<f4', [2, 1, 1], floats(0, 255)) }, ['0 to 255', 'scale']],
  [
    'whole pixels beyond bytes',
    { 'a.npy': npyFile('<i4', [2, 1, 1], wholes(-1, 256)) },
    ['0..255', '-1 to 256'],
  ],
  [
    'too many labels',
    { 'a.npy': rows, 'a_labels.npy': file('i4') },
    ['a_labels.npy', 'expected 2 labels', '3'],
  ],
  [
    'labels that are no indices',
    { 'a.npy': rows, 'a-labels.npy': npyFile('<i4', [2], wholes(-1, 1)) },
    ['a-labels.npy', 'from 0'],
  ],
  ['no array', { 'a.txt': 'x' }, ['train.npy', 'found none']],
])('refuses %s', async (_, files, texts) => {
  const dir = await folderOf(files);
  await expectUserError(npy({ dir, split: 'train' }), dir, ...texts);
});

const every = Array.from({ length: 40 * 6 }, (_, k) => (k * 37) % 201);
test.each([
  [
    'points of f4',
    npyFile('<f4', [40, 6], floats(...every.map((value) => (value === 63 ? -0 : value / 7 - 9)))),
  ],
  [
    'points of f8',
    npyFile('<f8', [40, 6], new Uint8Array(Float64Array.from(every, (v) => v / 7 - 9).buffer)),
  ],
  ['numbers of i4', npyFile('<i4', [240], wholes(...every))],
  ['images of u1', npyFile('|u1', [40, 2, 3], Uint8Array.from(every))],
  ['images of i4', npyFile('<i4', [40, 1, 2, 3], wholes(...every))],
  [
    'images of b1',
    npyFile(
      '|b1',
      [40, 2, 3],
      Uint8Array.from(every, (value) => value % 2),
    ),
  ],
  ['images of f4 in [-1, 1]', npyFile('<f4', [40, 2, 3], floats(...every.map((value) => value / 100 - 1)))],
])('a file beyond the cache is left where it is, and gives the same: %s', async (_, content) => {
  const dir = await folderOf({ 'a.npy': content });
  for (const split of splits) {
    for (const size of [undefined, 2]) {
      const whole = await npy({ dir, split, size });
      const ranged = await npy({ dir, split, size, cacheBytes: 100 });
      expect(ranged.spec).toEqual(whole.spec);
      expect(ranged.size).toBe(whole.size);
      const order = [...everyIndex(whole).toReversed(), 0];
      expect(await ranged.gather(order)).toEqual(await whole.gather(order));
    }
  }
  const old = { dir, split: 'train', splitRule: 'permutation' } as const;
  expect((await npy({ ...old, cacheBytes: 0 })).size).toBe((await npy(old)).size);
});

test('a file beyond the cache is checked whole, is no other file later, and may be packed', async () => {
  const broken = every.map((value, at) => (at === 200 ? Number.NaN : value));
  const dir = await folderOf({ 'a.npy': npyFile('<f4', [40, 6], floats(...broken)) });
  const request = { dir, split: 'train', cacheBytes: 0 } as const;
  await expectUserError(npy(request), 'found NaN at flat position 200');
  await expectUserError(npy(request), 'found NaN at flat position 200');
  await writeFile(`${dir}/a.npy`, npyFile('<f4', [40, 6], floats(...every)));
  const data = await npy(request);
  await writeFile(`${dir}/a.npy`, npyFile('<f4', [41, 6], floats(...every, 0, 0, 0, 0, 0, 0)));
  await expectUserError(data.gather([0]), 'changed while in use');
  await writeFile(`${dir}/a.npy`, gzipSync(npyFile('<f4', [40, 6], floats(...every))));
  const packed = await npy(request);
  await writeFile(`${dir}/a.npy`, npyFile('<f4', [40, 6], floats(...every)));
  expect(await (await npy(request)).gather([3])).toEqual(await packed.gather([3]));
  await writeFile(`${dir}/a.npy`, npyFile('<f4', [40, 2, 3], floats(...every)));
  await expectUserError(npy(request), 'expected float pixels in [0, 1] or [-1, 1], found 0 to 200');
  await writeFile(`${dir}/a.npy`, npyFile('<f4', [40, 6], floats(...every)).subarray(0, 500));
  await expectUserError(npy(request), 'expected 960 bytes for shape [40,6]');
});

test.each([2n ** 53n + 1n, -(2n ** 53n) - 1n, 2n ** 60n + 1n])(
  'an integer that a double rounds is refused: %s',
  async (value) => {
    const values = new Uint8Array(BigInt64Array.of(value, 1n, 2n, 3n).buffer);
    const dir = await folderOf({ 'a.npy': npyFile('<i8', [4, 1], values) });
    for (const cacheBytes of [undefined, 0])
      await expectUserError(npy({ dir, split: 'train', cacheBytes }), 'row 0, column 0', 'identifier');
  },
);

test('whole-number images of 0 and 1 alone, which would be all but black, are refused; booleans are not', async () => {
  const bits = Uint8Array.of(0, 0, 0, 1, 1, 0, 1, 1);
  const numbers = await folderOf({ 'a.npy': npyFile('|u1', [4, 2, 1], bits) });
  await expectUserError(npy({ dir: numbers, split: 'train' }), 'only 0 and 1', 'astype(bool)');
  const booleans = await folderOf({ 'a.npy': npyFile('|b1', [4, 2, 1], bits) });
  const parts = await Promise.all(splits.map((split) => npy({ dir: booleans, split })));
  const rows = await Promise.all(parts.map(async (part) => [...(await part.gather(everyIndex(part))).data]));
  expect(rows.flat().filter((value) => value === 1)).toHaveLength(4);
});

test('bytes in Fortran order are laid out anew', async () => {
  const file = npyFile('|u1', [2, 3], Uint8Array.of(1, 4, 2, 5, 3, 6));
  const fortran = Buffer.from(file.toString('latin1').replace(': False', ': True '), 'latin1');
  const dir = await folderOf({ 'a.npy': fortran });
  expect([...(await readNpy(`${dir}/a.npy`)).values]).toEqual([1, 2, 3, 4, 5, 6]);
});

import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { UserError } from '../errors.ts';
import { hostTensor } from '../program/tensor.ts';
import { decodeSafetensors, encodeSafetensors } from './safetensors.ts';

/** Builds a file from its parts by hand: length, header text as given, data. */
function fileOf(header: string | object, data: readonly number[] = [], declaredLength?: bigint): Uint8Array {
  const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(declaredLength ?? BigInt(text.length));
  return Buffer.concat([length, text, Uint8Array.from(data)]);
}

const mixed = {
  'layer/w': hostTensor('float32', [2, 3], [1, -2.5, Number.NaN, Number.POSITIVE_INFINITY, -0, 1e-45]),
  step: hostTensor('int32', [], [-(2 ** 31)]),
  mask: hostTensor('bool', [3], [1, 0, 1]),
  empty: hostTensor('float32', [0, 4], []),
  'Größe "x"\n': hostTensor('int32', [2], [1, 2 ** 31 - 1]),
};

test('a tiny file has the bytes of the published format', () => {
  const bytes = encodeSafetensors({ b: hostTensor('int32', [1], [258]), a: hostTensor('float32', [1], [1]) });
  const header =
    '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},' +
    '"b":{"dtype":"I32","shape":[1],"data_offsets":[4,8]}}';
  const padded = Math.ceil(header.length / 8) * 8;
  const expected = [
    ...[padded, 0, 0, 0, 0, 0, 0, 0],
    ...Buffer.from(header.padEnd(padded, ' ')),
    ...[0, 0, 0x80, 0x3f],
    ...[2, 1, 0, 0],
  ];
  expect([...bytes]).toEqual(expected);
});

test('tensors are written by type, then by name, as the reference implementation does', () => {
  const tensors = {
    '10': hostTensor('float32', [], [1]),
    m: hostTensor('bool', [1], [1]),
    '9': hostTensor('float32', [], [2]),
    i: hostTensor('int32', [], [3]),
  };
  const bytes = encodeSafetensors(tensors, { k: 'v' });
  const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
  expect(length % 8).toBe(0);
  expect(
    Buffer.from(bytes.subarray(8, 8 + length))
      .toString()
      .trimEnd(),
  ).toBe(
    '{"__metadata__":{"k":"v"},"10":{"dtype":"F32","shape":[],"data_offsets":[0,4]},' +
      '"9":{"dtype":"F32","shape":[],"data_offsets":[4,8]},"i":{"dtype":"I32","shape":[],"data_offsets":[8,12]},' +
      '"m":{"dtype":"BOOL","shape":[1],"data_offsets":[12,13]}}',
  );
});

test('what cannot be written is refused', () => {
  const one = hostTensor('float32', [], [1]);
  expect(() => encodeSafetensors({ __metadata__: one })).toThrow('__metadata__');
  expect(() => encodeSafetensors({ a: { ...one, shape: [2] } })).toThrow('needs 2 values, got 1');
});

test('tensors and metadata come back bit for bit', () => {
  const metadata = { step: '12', text: 'ü\n"' };
  const bytes = encodeSafetensors(mixed, metadata);
  const read = decodeSafetensors(bytes, 'file');
  expect(read.metadata).toEqual(metadata);
  expect(Object.keys(read.tensors).sort()).toEqual(Object.keys(mixed).sort());
  for (const [name, tensor] of Object.entries(mixed)) {
    const { dtype, shape, data } = read.tensors[name]!;
    expect([dtype, shape]).toEqual([tensor.dtype, tensor.shape]);
    // As bytes, so that NaN payloads and the sign of zero count.
    const raw = (values: typeof data): Buffer =>
      Buffer.from(values.buffer, values.byteOffset, values.byteLength);
    expect(raw(data).equals(raw(tensor.data))).toBe(true);
  }
});

test('a view into a larger buffer is written by itself, and unaligned data is read', () => {
  const whole = Float32Array.from([9, 1, 2, 9]);
  const view = hostTensor('float32', [2], whole.subarray(1, 3));
  const { tensors } = decodeSafetensors(encodeSafetensors({ view }), 'file');
  expect([...tensors.view!.data]).toEqual([1, 2]);
  const header = {
    a: { dtype: 'BOOL', shape: [1], data_offsets: [0, 1] },
    b: { dtype: 'F32', shape: [1], data_offsets: [1, 5] },
  };
  const odd = decodeSafetensors(fileOf(header, [1, 0, 0, 0x80, 0x3f]), 'file');
  expect([...odd.tensors.b!.data]).toEqual([1]);
});

const f32 = (shape: number[], begin: number, end: number): object => ({
  dtype: 'F32',
  shape,
  data_offsets: [begin, end],
});
const broken: [string, Uint8Array, string[]][] = [
  ['shorter than the length field', Uint8Array.of(1, 2, 3), ['3 bytes', 'cut short']],
  ['a length beyond the bound', fileOf('{}', [], 100_000_001n), ['100000001']],
  ['a length beyond 2^53', fileOf('{}', [], 2n ** 64n - 1n), ['18446744073709551615']],
  ['a header cut short', fileOf('{}', [], 3n), ['expected a header of 3 bytes, found 2']],
  ['no JSON', fileOf('{"a":'), ['JSON']],
  ['no UTF-8', fileOf('{}', [0xff, 0xff], 4n), ['JSON']],
  ['no object', fileOf('[]'), ['JSON']],
  ['metadata that is no text', fileOf({ __metadata__: { a: 1 } }), ['__metadata__']],
  ['an unknown type', fileOf({ a: { ...f32([1], 0, 2), dtype: 'F16' } }, [0, 0]), ['"a"', 'F16']],
  ['a type named like a method', fileOf({ a: { ...f32([1], 0, 4), dtype: 'toString' } }), ['toString']],
  ['a missing field', fileOf({ a: { dtype: 'F32', shape: [1] } }), ['"a"', 'data_offsets']],
  ['a negative dimension', fileOf({ a: f32([-1], 0, 4) }, [0, 0, 0, 0]), ['"a"', 'shape']],
  ['a size unlike the shape', fileOf({ a: f32([2], 0, 4) }, [0, 0, 0, 0]), ['"a"', '8 bytes apart', '[0,4]']],
  ['a shape beyond all bounds', fileOf({ a: f32([2 ** 50, 2 ** 50], 0, 4) }, [0, 0, 0, 0]), ['"a"']],
  ['data cut short', fileOf({ a: f32([2], 0, 8) }, [0, 0, 0, 0]), ['"a"', 'cut short']],
  ['data left over', fileOf({ a: f32([1], 0, 4) }, [0, 0, 0, 0, 9]), ['expected 4 bytes', 'found 5']],
  ['an overlap', fileOf({ a: f32([1], 0, 4), b: f32([1], 2, 6) }, [0, 0, 0, 0, 0, 0]), ['"b"', 'overlaps']],
  ['a gap', fileOf({ a: f32([1], 0, 4), b: f32([1], 5, 9) }, Array(9).fill(0)), ['"b"', 'gap']],
  ['a reversed range', fileOf({ a: f32([1], 4, 0) }, [0, 0, 0, 0]), ['"a"']],
  [
    'a bool that is 2',
    fileOf({ m: { dtype: 'BOOL', shape: [1], data_offsets: [0, 1] } }, [2]),
    ['"m"', 'found others'],
  ],
];

function expectRefused(bytes: Uint8Array, where: string, texts: readonly string[]): void {
  let thrown: unknown = null;
  try {
    decodeSafetensors(bytes, where);
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(UserError);
  const { message } = thrown as UserError;
  expect(message.startsWith(`${where}: `)).toBe(true);
  expect(message).not.toContain('\n');
  for (const text of texts) expect(message).toContain(text);
}

test.each(broken)('refused, naming the file: %s', (_, bytes, texts) => {
  expectRefused(bytes, 'net.safetensors', texts);
});

test('every truncation of a good file is refused', () => {
  const bytes = encodeSafetensors({ a: mixed['layer/w'], m: mixed.mask });
  for (let length = 0; length < bytes.length; length++) {
    expectRefused(bytes.subarray(0, length), 'cut', ['cut short']);
  }
});

const python = process.env.GENERATRIX_PYTHON ?? 'python3';
const hasReference = spawnSync(python, ['-c', 'import safetensors.numpy']).status === 0;
if (!hasReference) console.log(`skipped safetensors cross-check: ${python} has no package 'safetensors'`);

test.skipIf(!hasReference)('the reference implementation reads ours, and we read its', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'generatrix-safetensors-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'ours.safetensors'), encodeSafetensors(mixed, { note: 'ü' }));
  const script = `
import sys, numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file
tensors = {}
with safe_open(sys.argv[1] + '/ours.safetensors', 'np') as f:
    assert f.metadata() == {'note': 'ü'}, f.metadata()
    for name in f.keys():
        tensors[name] = f.get_tensor(name)
assert tensors['mask'].dtype == np.bool_ and tensors['mask'].tolist() == [True, False, True]
assert tensors['step'].dtype == np.int32 and tensors['step'].shape == () and int(tensors['step']) == -2**31
w = tensors['layer/w']
assert w.dtype == np.float32 and w.shape == (2, 3)
assert w.view(np.uint32).tolist() == [[0x3f800000, 0xc0200000, 0x7fc00000], [0x7f800000, 0x80000000, 1]]
assert tensors['empty'].shape == (0, 4)
save_file(tensors, sys.argv[1] + '/theirs.safetensors', metadata={'note': 'ü'})
`;
  const run = spawnSync(python, ['-c', script, folder], { encoding: 'utf8' });
  expect(run.stderr).toBe('');
  const theirs = decodeSafetensors(await readFile(join(folder, 'theirs.safetensors')), 'theirs');
  expect(theirs.metadata).toEqual({ note: 'ü' });
  // Not only the same tensors: the same file.
  const ours = await readFile(join(folder, 'ours.safetensors'));
  expect(ours.equals(await readFile(join(folder, 'theirs.safetensors')))).toBe(true);
});

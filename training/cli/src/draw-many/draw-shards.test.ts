import { execFileSync } from 'node:child_process';
import { readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Sampler } from '@generatrix/runtime';
import { drawLabels, hostTensor, type SampleRequest } from '@generatrix/runtime/core';
import { expectUserError, folderOf } from '@generatrix/training/testing';
import { describe, expect, it, test } from 'vitest';
import { drawShards, type ShardsRequest, verifyShards } from './draw-shards.ts';
import { formats } from './formats.ts';
import { blockRows, runRows, shardRanges } from './plan.ts';

/** Blocks of 64: 2^13 values a sample. */
const shape = [128, 64, 1] as const;
const size = 128 * 64;
const classFrequencies = [0.25, 0.75];

const manifest = {
  data: { kind: 'image', shape, range: [0, 1], classFrequencies },
  programs: {
    sample: {
      inputs: { label: { role: 'label', dtype: 'int32', shape: [], classes: 2 } },
      outputs: { x: { dtype: 'float32', shape, meaning: 'data' } },
    },
  },
} as unknown as Sampler['manifest'];

/** Each sample begins with its index, and has one value after that. */
function valuesOf(seed: number, first: number, count: number): Float32Array {
  const values = new Float32Array(count * size);
  for (let i = 0; i < count; i++) {
    values.fill(seed / 7 + (first + i) / 1000, i * size, (i + 1) * size);
    values[i * size] = first + i;
  }
  return values;
}

/** A model whose samples are known numbers, and what it was asked for. */
function model(failAt = Number.POSITIVE_INFINITY) {
  const asked: number[] = [];
  const sample = async ({ seed, firstIndex = 0, count, batchSize }: SampleRequest) => {
    if (firstIndex >= failAt) throw new Error('the machine is gone');
    // Programs run on the same rows, however the samples are cut: rounding may depend on it.
    expect([firstIndex % runRows, count % runRows, batchSize]).toEqual([0, 0, runRows]);
    asked.push(firstIndex);
    const values = valuesOf(Number(seed), firstIndex, count);
    return { seed: seed!, outputs: {}, data: hostTensor('float32', [count, ...shape], values) };
  };
  return { asked, manifest, sample } as Pick<Sampler, 'sample' | 'manifest'> & { asked: number[] };
}

const request = (out: string, other: Partial<ShardsRequest> = {}): ShardsRequest => ({
  ...{ program: 'sample', seed: 3, count: 300, shards: 1, format: 'npy', out },
  ...other,
});
const quiet = () => undefined;
const draw = async (other: Partial<ShardsRequest> = {}, drawn = model()) => {
  const out = other.out ?? (await folderOf({}));
  return { out, asked: drawn.asked, manifest: await drawShards(drawn, request(out, other), quiet) };
};
const list = async (out: string) => (await readdir(out)).sort();

/** What .npy files hold after their headers, one after the other. */
async function bytesOf(out: string, ending: RegExp): Promise<Buffer> {
  const files = (await list(out)).filter((file) => ending.test(file));
  const all = await Promise.all(files.map((file) => readFile(join(out, file))));
  return Buffer.concat(all.map((bytes) => bytes.subarray(10 + bytes.readUInt16LE(8))));
}

test('shards are whole blocks, without a gap, as even as they go', () => {
  expect(blockRows(manifest.data)).toBe(128);
  expect(blockRows({ shape: [2] })).toBe(65_536);
  expect(blockRows({ shape: [1024, 1024, 3] })).toBe(runRows);
  for (const [count, shards] of [
    [1, 1],
    [300, 3],
    [64_000, 7],
    [1_000_001, 64],
  ] as const) {
    const ranges = shardRanges(count, shards, 64);
    let next = 0;
    for (const range of ranges) {
      expect(range.first).toBe(next);
      expect(range.first % 64).toBe(0);
      next += range.count;
    }
    expect(next).toBe(count);
    const blocks = ranges.map((range) => Math.ceil(range.count / 64));
    expect(Math.max(...blocks) - Math.min(...blocks)).toBeLessThanOrEqual(1);
  }
});

describe('samples', () => {
  it('are the same bits, whoever draws which shard, in whatever order', async () => {
    const single = await draw();
    const out = await folderOf({});
    for (const shard of [2, 0]) {
      expect((await draw({ out, shards: 3, shard })).manifest).toBeNull();
    }
    const { manifest: last, asked } = await draw({ out, shards: 3, shard: 1 });
    expect(asked).toEqual([128]);
    expect(last!.samplesSha256).toBe(single.manifest!.samplesSha256);
    const values = await bytesOf(out, /\d\.npy$/);
    expect(values.equals(await bytesOf(single.out, /\d\.npy$/))).toBe(true);
    expect(values.equals(Buffer.from(valuesOf(3, 0, 300).buffer))).toBe(true);
    const labels = await bytesOf(out, /labels\.npy$/);
    expect([...new Int32Array(new Uint8Array(labels).buffer)]).toEqual(
      Array.from({ length: 300 }, (_, i) => i % 2),
    );
    expect((await draw({ seed: 4 })).manifest!.samplesSha256).not.toBe(last!.samplesSha256);
  });

  it('have one hash in all formats, and manifest.json lists their files', async () => {
    const hashes = new Set<string>();
    for (const format of formats) {
      const { out, manifest: written } = await draw({ format, shards: 2, count: 130 });
      hashes.add(written!.samplesSha256);
      expect(JSON.parse(await readFile(join(out, 'manifest.json'), 'utf8'))).toEqual(written);
      expect(written!.shards.map(({ first, count }) => [first, count])).toEqual([
        [0, 128],
        [128, 2],
      ]);
      const files = written!.shards.flatMap((shard) => shard.files.map(({ file }) => file));
      expect((await list(out)).filter((file) => !file.endsWith('.json'))).toEqual(files.sort());
    }
    expect(hashes.size).toBe(1);
  });

  it('carry the classes that the model gave them', async () => {
    const labels = async (other: Partial<ShardsRequest>) => [
      ...new Int32Array(new Uint8Array(await bytesOf((await draw(other)).out, /labels\.npy$/)).buffer),
    ];
    expect(await labels({ count: 3, label: 1 })).toEqual([1, 1, 1]);
    expect(await labels({ count: 300, labels: 'data' })).toEqual([
      ...drawLabels(classFrequencies, { seed: 3, firstIndex: 0, count: 300 }),
    ]);
  });
});

describe('a run that ended early', () => {
  it('is taken up: whole shards are kept, the broken one is drawn again, nothing half is seen', async () => {
    const out = await folderOf({});
    await expect(draw({ out, shards: 3 }, model(128))).rejects.toThrow('the machine is gone');
    const first = [
      'shard-00000-of-00003.json',
      'shard-00000-of-00003.labels.npy',
      'shard-00000-of-00003.npy',
    ];
    expect(await list(out)).toEqual(first);
    const { asked, manifest: whole } = await draw({ out, shards: 3 });
    expect(asked).toEqual([128, 256]);
    expect(whole!.samplesSha256).toBe((await draw()).manifest!.samplesSha256);
    expect((await draw({ out, shards: 3 })).asked).toEqual([]);
  });

  const file = 'shard-00001-of-00003.npy';
  it.each([
    ['a file is missing', (path: string) => rm(path), `${file} is missing`],
    [
      'a file is cut',
      (path: string) => truncate(path, 1000),
      `${file} has 1000 bytes where 4194432 were written`,
    ],
    [
      'a bit is turned',
      async (path: string) => {
        const bytes = await readFile(path);
        bytes[5000]! ^= 1;
        await writeFile(path, bytes);
      },
      `${file} is not what was written: its SHA-256 differs`,
    ],
    [
      'its record is missing',
      (path: string) => rm(path.replace('.npy', '.json')),
      'it was not drawn, or not to its end',
    ],
  ])('is told by its hashes: %s', async (_, harm, words) => {
    const { out, manifest: whole } = await draw({ shards: 3 });
    const drawn = model();
    const asked = request(out, { shards: 3 });
    expect(await verifyShards(drawn, asked)).toEqual(whole);
    await harm(join(out, file));
    await expectUserError(
      verifyShards(drawn, asked),
      `shard 1 of 3: ${words}; draw it with the same command`,
    );
    expect(await verifyShards(drawn, { ...asked, shard: 0 })).toBeNull();
    expect(drawn.asked).toEqual([]);
    expect((await draw({ out, shards: 3 })).asked).toEqual([128]);
    expect(await verifyShards(drawn, asked)).toEqual(whole);
  });
});

it('a folder of other samples is refused, and so is what makes no sense', async () => {
  const { out } = await draw({ shards: 3 });
  const again = (other: Partial<ShardsRequest>) => draw({ out, shards: 3, ...other });
  await expectUserError(
    again({ seed: 4 }),
    'is of samples with seed 3, and 4 is asked for; give another --out',
  );
  await expectUserError(again({ label: 1 }), 'with label undefined, and 1 is asked for');
  await expectUserError(again({ shard: 3 }), '--shard 3: shards are counted from 0; say at most 2');
  await expectUserError(again({ shards: 4 }), '--shards 4: 300 samples are 3 blocks of 128', 'say at most 3');
  await writeFile(join(out, 'shard-00000-of-00003.json'), '{');
  await expectUserError(again({}), 'expected the record of a shard, found other content; delete it');
});

const python = (() => {
  try {
    execFileSync('python3', ['-c', 'import numpy, pyarrow'], { stdio: 'ignore' });
    return true;
  } catch {
    console.log('skipped "Python reads the files": no python3 with numpy and pyarrow');
    return false;
  }
})();

test.skipIf(!python)('Python reads the files of every format, and finds the same values', async () => {
  const folders = await Promise.all(formats.map(async (format) => (await draw({ format, count: 130 })).out));
  const script = `
import io, sys, json, tarfile
import numpy as np, pyarrow.parquet as pq
parquet, npy, tar = (folder + '/shard-00000-of-00001' for folder in sys.argv[1:])
table = pq.read_table(parquet + '.parquet')
shape = json.loads(table.schema.metadata[b'shape'])
values = np.stack(table['values'].to_numpy()).reshape(-1, *shape)
array, labels = np.load(npy + '.npy'), np.load(npy + '.labels.npy')
with tarfile.open(tar + '.tar') as file:
    members = {m.name: file.extractfile(m).read() for m in file.getmembers()}
order = sorted(name for name in members if name.endswith('.npy'))
drawn = np.stack([np.load(io.BytesIO(members[name])) for name in order])
classes = [int(members[name.replace('npy', 'cls')]) for name in order]
print(json.dumps([array.dtype.str, array.shape, (values == array).all().item(), (drawn == array).all().item(),
  labels.tolist() == classes == table['label'].to_pylist() == [i % 2 for i in range(130)],
  table['index'].to_pylist() == list(range(130)), order[129], float(array[129, 127, 63, 0])]))
`;
  const printed = JSON.parse(
    execFileSync('python3', ['-c', script, ...folders], { encoding: 'utf8' }),
  ) as unknown;
  const last = valuesOf(3, 129, 1).at(-1);
  const wanted = ['<f4', [130, 128, 64, 1], true, true, true, true, '000000129.npy', last];
  expect(printed).toEqual(wanted);
});

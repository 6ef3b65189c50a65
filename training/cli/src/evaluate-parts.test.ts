import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { command } from './test-command.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'generatrix-parts-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** An IDX file of bytes. */
function idx(shape: readonly number[], value: (index: number) => number): Uint8Array {
  const header = new DataView(new ArrayBuffer(4 + 4 * shape.length));
  header.setUint32(0, 0x0800 + shape.length);
  shape.forEach((size, axis) => {
    header.setUint32(4 + 4 * axis, size);
  });
  const values = Uint8Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, index) => value(index));
  return Buffer.concat([new Uint8Array(header.buffer), values]);
}

async function images(name: string, test: { side: number; classes: number }): Promise<string> {
  const dir = join(folder, name);
  await mkdir(dir);
  for (const [part, side, classes] of [
    ['train', 4, 10],
    ['t10k', test.side, test.classes],
  ] as const) {
    await writeFile(
      join(dir, `${part}-images-idx3-ubyte`),
      idx([40, side, side], (index) => (index * 37) % 256),
    );
    await writeFile(
      join(dir, `${part}-labels-idx1-ubyte`),
      idx([40], (index) => index % classes),
    );
  }
  return dir;
}

it('test images of another size, and classes that were not trained, are refused in one line', async () => {
  const run = join(folder, 'run');
  const good = await images('good', { side: 4, classes: 10 });
  const trained = await command(
    ...['train', 'vae', '--data', 'mnist', '--data-dir', good, '--steps', '1', '--batch-size', '8'],
    ...['--out', run],
  );
  expect(trained.status, trained.stderr).toBe(0);
  for (const [name, test, message] of [
    ['size', { side: 6, classes: 10 }, 'the test part to hold image of shape 4x4x1'],
    ['classes', { side: 4, classes: 12 }, 'expected test labels 0 to 9'],
  ] as const) {
    const dir = await images(name, test);
    const out = join(folder, `evaluation-${name}`);
    const { status, stderr } = await command(
      ...['evaluate', run, '--data-dir', dir, '--metrics', 'parzen', '--out', out],
    );
    expect(status).toBe(1);
    expect(stderr).toContain(message);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  }
});

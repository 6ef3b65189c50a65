import { createHash } from 'node:crypto';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { cudaLibraries, cudaProviders, engineVersion } from '@generatrix/runtime';
import { expectUserError, folderOf } from '@generatrix/training/testing';
import { zipSync } from 'fflate';
import { afterAll, beforeAll, beforeEach, describe, expect, it, test } from 'vitest';
import { fetchWheel } from './fetch-wheel.ts';
import { unpackWheel } from './unpack-wheel.ts';
import { onnxruntimeVersion, wheels } from './wheels.ts';

const library = Uint8Array.from({ length: 300_000 }, (_, i) => Math.imul(i, i * 2654435761) >>> 24);
const content = Buffer.from(
  zipSync({ 'nvidia/cu13/lib/libone.so.1': library, 'nvidia/cu13/lib/libother.so.1': library.subarray(1) }),
);
const sha256 = createHash('sha256').update(content).digest('hex');
const file = 'one-1.0-py3-none-any.whl';
const wheel = { project: 'one', file, sha256, bytes: content.length };

/** What the stand-in for the index does, and what it was asked. */
let served = { form: 'json', sha256, body: content, breakAt: Number.POSITIVE_INFINITY, silent: false };
let asked: (string | undefined)[] = [];
let breakOff = () => {};

const server = createServer((request, response) => {
  if (request.url === '/simple/one/') {
    const url = `../../files/${file}`;
    response.end(
      served.form === 'json'
        ? JSON.stringify({ files: [{ url, hashes: { sha256: served.sha256 } }] })
        : `<html><a href="${url}#sha256=${served.sha256}">${file}</a></html>`,
    );
    return;
  }
  if (request.url !== `/files/${file}`) {
    response.writeHead(404).end();
    return;
  }
  asked.push(request.headers.range);
  if (served.silent) return;
  const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
  response.writeHead(from > 0 ? 206 : 200);
  const rest = served.body.subarray(from);
  breakOff = () => response.destroy();
  if (served.breakAt < rest.length) response.write(rest.subarray(0, served.breakAt));
  else response.end(rest);
});

let index = '';
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  index = `http://127.0.0.1:${(server.address() as AddressInfo).port}/simple`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  served = { form: 'json', sha256, body: content, breakAt: Number.POSITIVE_INFINITY, silent: false };
  asked = [];
});

test('the wheels are those of the installed onnxruntime, and hold all that the runtime opens', () => {
  expect(onnxruntimeVersion).toBe(engineVersion());
  const held = new Set(wheels.flatMap(({ libraries }) => Object.keys(libraries)));
  expect([...cudaProviders, ...cudaLibraries].filter((name) => !held.has(name))).toEqual([]);
});

describe('a wheel', () => {
  it.each(['json', 'html'])('comes from an index in %s', async (form) => {
    served.form = form;
    const path = join(await folderOf({}), file);
    const heard: number[] = [];
    await fetchWheel(wheel, path, { index, onBytes: (bytes) => heard.push(bytes) });
    expect((await readFile(path)).equals(content)).toBe(true);
    expect(heard.at(-1)).toBe(content.length);
  });

  it('that broke off is gone on with, not begun again', async () => {
    const path = join(await folderOf({}), file);
    served.breakAt = 1000;
    // Once it has come, since what a connection breaks off with is lost.
    const breaking = fetchWheel(wheel, path, { index, onBytes: () => breakOff() });
    await expectUserError(breaking, /run the command again, it goes on/);
    const { size } = await stat(path);
    expect(size).toBeGreaterThan(0);
    served.breakAt = Number.POSITIVE_INFINITY;
    await fetchWheel(wheel, path, { index });
    expect(asked).toEqual([undefined, `bytes=${size}-`]);
    expect((await readFile(path)).equals(content)).toBe(true);
  });

  it('with another checksum leaves nothing behind', async () => {
    const folder = await folderOf({});
    served.body = Buffer.from(content);
    served.body[100]! ^= 1;
    await expectUserError(
      () => fetchWheel(wheel, join(folder, file), { index }),
      /expected sha256 .* it was deleted/,
    );
    expect(await readdir(folder)).toEqual([]);
  });

  it('of which the index says another checksum is not fetched', async () => {
    served.sha256 = sha256.replace(/^./, (digit) => (digit === '0' ? '1' : '0'));
    const fetching = async () => fetchWheel(wheel, join(await folderOf({}), file), { index });
    await expectUserError(fetching, /expected a file with sha256/);
    expect(asked).toEqual([]);
  });

  it('that the index lacks, and an index that is silent or gone, are said in a line', async () => {
    const path = join(await folderOf({}), file);
    await expectUserError(
      () => fetchWheel({ ...wheel, file: 'two.whl' }, path, { index }),
      /has no two\.whl; PIP_INDEX_URL/,
    );
    await expectUserError(() => fetchWheel({ ...wheel, project: 'two' }, path, { index }), /answers 404/);
    served.silent = true;
    await expectUserError(() => fetchWheel(wheel, path, { index, patience: 50 }), /nothing came for 0.05 s/);
    await expectUserError(
      () => fetchWheel(wheel, path, { index: 'http://127.0.0.1:1/simple' }),
      /127\.0\.0\.1:1.*(bad port|ECONNREFUSED)/,
    );
  });
});

describe('a library', () => {
  const unpack = async (libraries: Record<string, number>, bytes: Uint8Array = content) => {
    const folder = await folderOf({});
    const path = join(await folderOf({}), file);
    await writeFile(path, bytes);
    return { folder, unpacking: unpackWheel({ file, libraries }, path, folder) };
  };

  it('is taken out of its wheel, alone', async () => {
    const { folder, unpacking } = await unpack({ 'libone.so.1': library.length });
    await unpacking;
    expect(await readdir(folder)).toEqual(['libone.so.1']);
    expect((await readFile(join(folder, 'libone.so.1'))).equals(Buffer.from(library))).toBe(true);
  });

  it.each([
    ['of another size', { 'libone.so.1': 5 }, content, /expected libone\.so\.1 of 5 bytes in it, got 300000/],
    ['that is not there', { 'libtwo.so.1': 5 }, content, /expected libtwo\.so\.1 of 5 bytes in it, got 0/],
    ['cut off', { 'libone.so.1': library.length }, content.subarray(0, 9000), /expected a whole wheel/],
  ])('%s leaves nothing behind', async (_, libraries, bytes, words) => {
    const { folder, unpacking } = await unpack(libraries, bytes);
    await expectUserError(() => unpacking, words);
    expect(await readdir(folder)).toEqual([]);
  });
});

import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { UserError } from '../errors.ts';
import { memorySource, sharedBundle, testBundle } from '../testing/bundle.ts';
import { openBundle, type Progress, type ReadOptions } from './bundle.ts';
import { sha256Hex } from './sha256.ts';
import { readRunnable } from './signature-check.ts';
import { folderSource } from './source-node.ts';
import { webSource } from './source-web.ts';

const { files, manifest } = testBundle(['sample', 'encode']);

/** Refused with one line, as a UserError. */
async function expectRefused(attempt: Promise<unknown>, message: RegExp): Promise<void> {
  const error = await attempt.then(
    () => expect.fail('it was accepted'),
    (reason: unknown) => reason as Error,
  );
  expect(error).toBeInstanceOf(UserError);
  expect(error.message).toMatch(message);
  expect(error.message).not.toContain('\n');
}

test('sha256Hex gives the vectors of FIPS 180-4 ("abc", empty)', () => {
  expect(sha256Hex(new TextEncoder().encode('abc'))).toBe(
    'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
  );
  expect(sha256Hex(new Uint8Array())).toBe(
    'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  );
});

describe('weights that programs share', () => {
  const shared = sharedBundle();
  const weightsFile = shared.files['weights.safetensors']!;

  test('are read with the program, and once for both; progress is that of all files', async () => {
    const source = memorySource(shared.files);
    const bundle = await openBundle(source);
    const progress: Progress[] = [];
    const reading = {
      ...source,
      read: async (path: string, options: ReadOptions = {}) => {
        const bytes = await source.read(path);
        options.onProgress?.({ received: bytes.length, total: bytes.length });
        return bytes;
      },
    };
    const counted = await openBundle(reading);
    const { onnx, weights } = await readRunnable(counted, 'sample', { onProgress: (p) => progress.push(p) });
    const [first, all] = [onnx.length, onnx.length + weightsFile.length];
    expect(progress).toEqual([
      { received: first, total: all },
      { received: all, total: all },
    ]);
    expect(weights).toEqual({ 'weights.safetensors': weightsFile });
    const again = await readRunnable(bundle, 'sample');
    const other = await readRunnable(bundle, 'decode');
    expect(other.weights['weights.safetensors']).toBe(again.weights['weights.safetensors']);
    expect(source.reads.filter((path) => path === 'weights.safetensors')).toHaveLength(2);
  });

  test('are verified as all files are', async () => {
    const changed = weightsFile.slice();
    changed[changed.length - 1]! ^= 1;
    const read = async (bytes: Uint8Array) =>
      readRunnable(
        await openBundle(memorySource({ ...shared.files, 'weights.safetensors': bytes })),
        'decode',
      );
    await expectRefused(read(changed), /: weights\.safetensors was changed/);
    await expectRefused(read(weightsFile.slice(1)), /: weights\.safetensors has \d+ bytes where/);
  });

  test('are none where programs hold them', async () => {
    const { weights } = await readRunnable(await openBundle(memorySource(files)), 'sample');
    expect(weights).toEqual({});
  });
});

describe('openBundle', () => {
  test('reads the manifest at once and programs when asked for', async () => {
    const source = memorySource(files);
    const bundle = await openBundle(source);
    expect(source.reads).toEqual(['model.json']);
    expect(bundle.manifest).toEqual(manifest);
    expect(await bundle.readProgram('encode')).toBe(files['encode.onnx']);
    expect(source.reads).toEqual(['model.json', 'encode.onnx']);
  });

  test('names the file that is longer, shorter or changed', async () => {
    const onnx = files['sample.onnx']!;
    const flipped = onnx.slice();
    flipped[flipped.length >> 1]! ^= 1;
    const open = (bytes: Uint8Array) => openBundle(memorySource({ ...files, 'sample.onnx': bytes }));
    const short = onnx.slice(0, -1);
    const read = async (bytes: Uint8Array) => (await open(bytes)).readProgram('sample');
    await expectRefused(read(short), new RegExp(`sample\\.onnx has ${short.length} bytes .* ${onnx.length}`));
    await expectRefused(read(Uint8Array.from([...onnx, 0])), /sample\.onnx has/);
    await expectRefused(read(flipped), /sample\.onnx was changed/);
    await expect((await open(flipped)).readProgram('encode')).resolves.toBe(files['encode.onnx']);
  });

  test('a program that is not there: says which are; names of object methods are not programs', async () => {
    const bundle = await openBundle(memorySource(files));
    await expectRefused(bundle.readProgram('decode'), /no program 'decode' \(it has: sample, encode\)/);
    await expectRefused(bundle.readProgram('constructor'), /no program 'constructor'/);
  });

  test('a manifest that is not JSON, or a page', async () => {
    const open = (text: string) =>
      openBundle(memorySource({ ...files, 'model.json': new TextEncoder().encode(text) }));
    await expectRefused(open('{"format"'), /memory: model\.json is not JSON: /);
    await expectRefused(open('<!doctype html><p>Hello'), /looks like a web page/);
  });
});

describe('a folder', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'generatrix-bundle-'));
    await writeBundle(join(folder, 'vae'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  async function writeBundle(to: string): Promise<void> {
    await mkdir(to, { recursive: true });
    for (const [path, bytes] of Object.entries(files)) await writeFile(join(to, path), bytes);
  }

  test('gives the files, and their size as progress', async () => {
    const bundle = await openBundle(await folderSource(join(folder, 'vae')));
    const progress: Progress[] = [];
    const bytes = await bundle.readProgram('sample', { onProgress: (step) => progress.push(step) });
    expect([...bytes]).toEqual([...files['sample.onnx']!]);
    expect(progress).toEqual([{ received: bytes.length, total: bytes.length }]);
  });

  test('a run that was exported is taken as its bundle', async () => {
    await writeBundle(join(folder, 'run', 'bundle'));
    const bundle = await openBundle(await folderSource(join(folder, 'run')));
    expect(bundle.manifest.name).toBe('test-points');
  });

  test('missing folder, folder without bundle, file, missing file', async () => {
    await expectRefused(folderSource(join(folder, 'none')), /none: there is no such folder/);
    await expectRefused(folderSource(folder), /neither model\.json .* nor bundle\/model\.json/);
    await expectRefused(folderSource(join(folder, 'vae', 'model.json')), /this is a file/);
    await rm(join(folder, 'vae', 'sample.onnx'));
    const bundle = await openBundle(await folderSource(join(folder, 'vae')));
    await expectRefused(bundle.readProgram('sample'), /sample\.onnx cannot be read: the file is missing/);
  });

  test('links inside the folder are followed, links out of it refused', async () => {
    await writeFile(join(folder, 'secret'), files['sample.onnx']!);
    await rm(join(folder, 'vae', 'sample.onnx'));
    await symlink(join(folder, 'secret'), join(folder, 'vae', 'sample.onnx'));
    await symlink(join(folder, 'vae', 'encode.onnx'), join(folder, 'vae', 'inside'));
    const source = await folderSource(join(folder, 'vae'));
    await expectRefused(source.read('sample.onnx'), /link that leads out of the bundle/);
    await expectRefused(source.read('../secret'), /not a path inside the bundle/);
    expect((await source.read('inside')).length).toBe(files['encode.onnx']!.length);
    // A bundle reached through a link is as good as any.
    await symlink(join(folder, 'vae'), join(folder, 'alias'));
    const alias = await folderSource(join(folder, 'alias'));
    expect((await alias.read('encode.onnx')).length).toBe(files['encode.onnx']!.length);
  });

  test('an aborted signal', async () => {
    const source = await folderSource(join(folder, 'vae'));
    await expect(source.read('model.json', { signal: AbortSignal.abort('enough') })).rejects.toBe('enough');
  });
});

describe('a web server', () => {
  const half = files['sample.onnx']!.length >> 1;
  const routes: Record<string, (response: ServerResponse) => void> = {
    '/gz/sample.onnx': (response) => {
      const body = gzipSync(files['sample.onnx']!);
      response.writeHead(200, { 'Content-Encoding': 'gzip', 'Content-Length': body.length }).end(body);
    },
    '/cut/sample.onnx': (response) => {
      response.writeHead(200, { 'Content-Length': files['sample.onnx']!.length });
      response.write(files['sample.onnx']!.slice(0, half), () => response.destroy());
    },
    '/slow/sample.onnx': (response) => {
      response.writeHead(200, { 'Content-Length': files['sample.onnx']!.length });
      response.write(files['sample.onnx']!.slice(0, half));
    },
    '/long/sample.onnx': (response) => {
      response.writeHead(200);
      for (let i = 0; i < 4; i++) response.write(files['sample.onnx']!);
      response.end();
    },
  };
  let server: Server;
  let home: string;
  beforeAll(async () => {
    server = createServer((request, response) => {
      const path = request.url!;
      const bytes = files[path.replace(/^\/\w+\//, '')];
      if (routes[path]) routes[path](response);
      else if (bytes) response.writeHead(200, { 'Content-Length': bytes.length }).end(bytes);
      else response.writeHead(404).end('not here');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    home = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  const read = async (
    folder: string,
    options: Parameters<Awaited<ReturnType<typeof open>>['readProgram']>[1] = {},
  ) => (await open(folder)).readProgram('sample', options);
  const open = (folder: string) => openBundle(webSource(`${home}/${folder}?v=1#top`));

  test.each(['plain', 'gz'])('%s: gives the files and counts their bytes', async (folder) => {
    const progress: Progress[] = [];
    const bytes = await read(folder, { onProgress: (step) => progress.push(step) });
    expect([...bytes]).toEqual([...files['sample.onnx']!]);
    expect(progress[0]).toEqual({ received: 0, total: bytes.length });
    expect(progress.at(-1)).toEqual({ received: bytes.length, total: bytes.length });
  });

  test('missing files, broken downloads, files that never end, and nobody there', async () => {
    await expectRefused(
      webSource(`${home}/x/`).read('none.onnx'),
      /none\.onnx cannot be fetched: the server answered 404/,
    );
    await expectRefused(read('cut'), /sample\.onnx: the download broke off/);
    await expectRefused(read('long'), /sample\.onnx is longer than/);
    await expectRefused(
      webSource('http://127.0.0.1:1/x').read('model.json'),
      /model\.json cannot be fetched/,
    );
  });

  test('what is no address', () => {
    expect(() => webSource('models/vae')).toThrow(UserError);
    expect(() => webSource('http://')).toThrow("'http://': expected the address");
    expect(webSource('models/vae', 'https://a.b/page/index.html?x').describe()).toBe(
      'https://a.b/page/models/vae/',
    );
  });

  test('abort, before and during a download', async () => {
    await expect(read('plain', { signal: AbortSignal.abort('before') })).rejects.toBe('before');
    const abort = new AbortController();
    const onProgress = ({ received }: Progress) => received > 0 && abort.abort('during');
    await expect(read('slow', { signal: abort.signal, onProgress })).rejects.toBe('during');
  });
});

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openBundle } from '../bundle/bundle.ts';
import { encodeManifest } from '../bundle/manifest.ts';
import { UserError } from '../errors.ts';
import { fillNoise } from '../noise/noise.ts';
import { createExecutor } from '../ort/ort-node.ts';
import { hostTensor } from '../program/tensor.ts';
import { memorySource, sharedBundle, testBundle } from '../testing/bundle.ts';
import { loadSampler, openFolder } from './load-node.ts';
import { createSampler } from './sampler.ts';

const { files } = testBundle(['sample']);
let folder: string;
let server: Server;
let address: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'generatrix-load-'));
  await mkdir(join(folder, 'run', 'bundle'), { recursive: true });
  await mkdir(join(folder, 'coder'));
  for (const [path, bytes] of Object.entries(files))
    await writeFile(join(folder, 'run', 'bundle', path), bytes);
  for (const [path, bytes] of Object.entries(testBundle(['encode']).files)) {
    await writeFile(join(folder, 'coder', path), bytes);
  }
  server = createServer((request, response) => {
    const bytes = files[request.url!.replace('/model/', '')];
    response.writeHead(bytes ? 200 : 404).end(bytes);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  server.close();
  server.closeAllConnections();
  await rm(folder, { recursive: true, force: true });
});

test('a folder, a file URL and a web address give the same samples', async () => {
  const run = join(folder, 'run');
  const direct = createSampler(await openBundle(memorySource(files)), await createExecutor('cpu'));
  const { data } = await direct.sample({ count: 5, seed: 1 });
  for (const source of [
    run,
    pathToFileURL(run),
    pathToFileURL(run).href,
    `${address}/model`,
    new URL(`${address}/model/`),
  ]) {
    const progress: number[] = [];
    const sampler = await loadSampler(source, {
      device: 'cpu',
      threads: 1,
      onProgress: (p) => progress.push(p.received),
    });
    expect(sampler.device).toBe('cpu');
    expect(sampler.deviceReports).toEqual([{ device: 'cpu', available: true, reason: '' }]);
    expect(progress.at(-1), 'the sampling program is loaded').toBe(files['sample.onnx']!.length);
    expect((await sampler.sample({ count: 5, seed: 1 })).data).toEqual(data);
    await sampler.release();
  }
});

test('auto takes a device that works, and a model without samples loads, too', async () => {
  const sampler = await loadSampler(join(folder, 'coder'));
  expect(['cpu', 'cuda']).toContain(sampler.device);
  expect(sampler.deviceReports.at(-1)).toEqual({ device: sampler.device, available: true, reason: '' });
  await sampler.release();
});

test('what cannot be loaded is refused', async () => {
  await expect(loadSampler(join(folder, 'none'))).rejects.toThrow(UserError);
  await expect(loadSampler(`${address}/other`)).rejects.toThrow(/model\.json cannot be fetched: .* 404/);
  await expect(loadSampler(join(folder, 'run'), { device: 'wasm' })).rejects.toThrow(UserError);
  await expect(loadSampler(join(folder, 'run'), { signal: AbortSignal.abort('no') })).rejects.toBe('no');
});

test('openFolder reads without running', async () => {
  const bundle = await openFolder(join(folder, 'run'));
  expect(Object.keys(bundle.manifest.programs)).toEqual(['sample']);
  await expect(openFolder(join(folder, 'none'))).rejects.toThrow('no such folder');
});

/** Writes a bundle's files into a folder of the test's. */
async function written(name: string, bundle: Readonly<Record<string, Uint8Array>>): Promise<string> {
  const path = join(folder, name);
  await mkdir(path);
  for (const [file, bytes] of Object.entries(bundle)) await writeFile(join(path, file), bytes);
  return path;
}

test('programs that share a file of weights compute with them', async () => {
  const sampler = await loadSampler(await written('shared', sharedBundle().files), { device: 'cpu' });
  const { data } = await sampler.sample({ count: 4, seed: 3 });
  const z = fillNoise({
    ...{ distribution: 'normal', seed: 3, stream: 'sample/x', firstIndex: 0, count: 4 },
    shape: [3],
  });
  // z W, written out.
  const expected = Array.from({ length: 4 }, (_, i) => [z[3 * i + 1]!, 2 * z[3 * i]!, z[3 * i + 2]! / 2]);
  expect([...data.data]).toEqual(expected.flat());
  const decoded = await sampler.decode(hostTensor('float32', [1, 3], [1, 2, 3]));
  expect([...decoded.data]).toEqual([2, 2, 1.5]);
  await sampler.release();
});

test('a program takes weights from the files of the manifest alone, whatever lies in the folder', async () => {
  const { files: evil, manifest } = sharedBundle({ location: 'other.bin' });
  const path = await written('evil', { ...evil, 'other.bin': evil['weights.safetensors']! });
  const refused = await loadSampler(path, { device: 'cpu' }).catch((error: unknown) => error as Error);
  expect(refused).toBeInstanceOf(UserError);
  expect((refused as Error).message).toMatch(
    /^test-points\/sample: cpu cannot run .*keeps the weight 'W' in another file, 'other\.bin', where only weights\.safetensors may/,
  );
  // The same where a bundle of the first version has such a program.
  const { weights: _, ...rest } = manifest;
  const { weights: __, ...sample } = manifest.programs.sample!;
  const first = encodeManifest({ ...rest, version: 1, programs: { sample } });
  const old = await written('old', {
    ...evil,
    'other.bin': evil['weights.safetensors']!,
    'model.json': first,
  });
  await expect(loadSampler(old, { device: 'cpu' })).rejects.toThrow(/'other\.bin', where only none may/);
});

import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { loadSampler } from '@generatrix/runtime';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Outside, openOutside } from './packed.ts';
import type { Project } from './project.ts';

/**
 * What a user does who has nothing but Node and a registry: installs the packages by their names, in an empty project, and
 * trains, exports, samples and serves. It takes minutes: `npm run test:install`.
 */
const wanted = process.env.GENERATRIX_INSTALL === '1';

let outside: Outside;

beforeAll(async () => {
  if (wanted) outside = await openOutside();
}, 600_000);
afterAll(() => outside?.close());

/** Node of a release line, as the registry has it. */
async function installedNode(line: number): Promise<string> {
  const name = `node-${process.platform}-${process.arch}`;
  const project = outside.newProject();
  await project.install('--ignore-scripts', `${name}@${line}`);
  return join(project.folder, 'node_modules', name, 'bin/node');
}

/** Trains, exports and samples as the command does, and returns the folder of models. */
async function trainAndExport({ folder, run }: Project): Promise<string> {
  const settings = [
    '--data',
    'ring8',
    '--data-size',
    '400',
    '--steps',
    '5',
    '--seed',
    '1',
    '--device',
    'cpu',
  ];
  await run('generatrix', 'train', 'gmm', ...settings, '--out', 'runs/gmm');
  await run('generatrix', 'export', 'runs/gmm', '--out', 'models/gmm');
  await run('generatrix', 'sample', 'models/gmm', '--count', '9', '--seed', '42', '--out', 'samples.npy');
  return join(folder, 'models');
}

/** Serves the project's models while something is done. */
async function whileServing<T>(
  { folder }: Project,
  node: string,
  then: (url: string) => Promise<T>,
): Promise<T> {
  const command = join(folder, 'node_modules/generatrix/bin/generatrix.mjs');
  const child = spawn(node, [command, 'serve', 'models', '--port', '0', '--workers', '1'], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  try {
    const url = await new Promise<string>((resolve, reject) => {
      let text = '';
      child.stdout.on('data', (part: Buffer) => {
        text += part.toString();
        const found = /listening on (\S+)/.exec(text)?.[1];
        if (found) resolve(found);
      });
      child.once('exit', (status) => reject(new Error(`the server ended with status ${status}: ${text}`)));
    });
    return await then(url);
  } finally {
    child.kill('SIGTERM');
    await ended;
  }
}

const answer = async (url: string) => {
  const response = await fetch(url);
  return { status: response.status, type: response.headers.get('content-type'), text: await response.text() };
};

describe.runIf(wanted)('installed from a registry, in an empty project', () => {
  const lines = [Number(process.versions.node.split('.')[0]), 22, 24];
  it.each([...new Set(lines)])('the command works on Node %i', { timeout: 900_000 }, async (line) => {
    const own = process.versions.node.startsWith(`${line}.`);
    const node = own ? process.execPath : await installedNode(line);
    const project = outside.newProject(node);
    expect(await project.run('node', '--version')).toMatch(`v${line}.`);
    await project.install('generatrix');
    const models = await trainAndExport(project);
    // The checkout, another copy of the same code, draws the same from what the installed command has trained.
    const sampler = await loadSampler(join(models, 'gmm'), { device: 'cpu' });
    const { data } = await sampler.sample({ count: 9, seed: 42 });
    await sampler.release();
    const file = readFileSync(join(project.folder, 'samples.npy'));
    const values = file.subarray(file.length - data.data.byteLength);
    expect(Buffer.from(data.data.buffer).equals(values)).toBe(true);
    await whileServing(project, node, async (url) => {
      const page = await answer(`${url}/`);
      expect(page).toMatchObject({ status: 200, type: expect.stringContaining('text/html') });
      const script = /<script type="module"[^>]* src="(?<path>[^"]+)"/.exec(page.text)!.groups!.path!;
      expect(await answer(new URL(script, `${url}/`).href)).toMatchObject({ status: 200 });
      const drawn = await fetch(`${url}/v1/models/gmm/samples`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ count: 9, seed: 42 }),
      });
      const { data: served } = (await drawn.json()) as { data: number[][] };
      expect(Float32Array.from(served.flat())).toEqual(data.data);
    });
  });

  it('packages have their types, as a bundler and as Node find them', { timeout: 600_000 }, async () => {
    const project = outside.newProject();
    await project.install(
      '@generatrix/server',
      '@generatrix/training',
      '@types/node@20.19.43',
      '@types/express@5.0.6',
    );
    project.write(
      'use.ts',
      `import { traceBatched, tf, writeOnnx } from '@generatrix/export';
import { loadSampler, type Samples } from '@generatrix/node';
import { loadConfig, startServer } from '@generatrix/server';
import { encodePng } from '@generatrix/server/media';
import { loadDataset } from '@generatrix/training';
import { type Manifest, parseManifest } from '@generatrix/runtime/core';
import { loadSampler as loadInPage } from '@generatrix/runtime/web';

const sampler = await loadSampler('models/gmm', { device: 'cpu' });
const samples: Samples = await sampler.sample({ count: 9, seed: 42 });
const shape: readonly number[] = samples.data.shape;
const manifest: Manifest = parseManifest('{}', 'model.json');
const family: string = manifest.family;
// @ts-expect-error a seed is a number
await sampler.sample({ count: 9, seed: 'x' });
// @ts-expect-error an int is no text: the types of the manifest are there
const wrong: number = manifest.family;
export { traceBatched, tf, writeOnnx, loadConfig, startServer, encodePng, loadDataset, loadInPage, shape, family, wrong };
`,
    );
    const compiler = createRequire(import.meta.url)
      .resolve('typescript/package.json')
      .replace('package.json', 'bin/tsc');
    const flags = [
      '--noEmit',
      '--strict',
      '--target',
      'es2022',
      '--lib',
      'es2023,dom,dom.iterable',
      '--types',
      'node',
    ];
    for (const kind of [
      ['--module', 'esnext', '--moduleResolution', 'bundler'],
      ['--module', 'node16', '--moduleResolution', 'node16'],
    ]) {
      await project.run('node', compiler, ...flags, '--skipLibCheck', ...kind, 'use.ts');
    }
  });
});

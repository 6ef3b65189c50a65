import { spawn } from 'node:child_process';
import { cpSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadSampler } from '@generatrix/runtime';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureChromium } from '../browser/ensure-chromium.ts';
import { openChromium } from '../browser/open-chromium.ts';
import { serveFolder } from '../browser/serve.ts';
import { type Outside, openOutside } from './packed.ts';
import type { Project } from './project.ts';

/** The examples and what `generatrix new` writes, each as a project of its own, by the lines of its README. */
const wanted = process.env.GENERATRIX_INSTALL === '1';
const chromium = wanted ? await ensureChromium() : { reason: 'not asked for' };
if (wanted && 'reason' in chromium)
  console.log(`the page of examples/react is not opened: ${chromium.reason}`);
const examples = fileURLToPath(new URL('../../examples/', import.meta.url));

let outside: Outside;
let imported: Project;
/** The four samples of seed 42 that the checkout draws of the imported bundle. */
let expected: number[];

/** A copy of an example outside the checkout, installed. */
async function installedExample(name: string): Promise<Project> {
  const project = outside.newProject();
  cpSync(join(examples, name), project.folder, {
    recursive: true,
    filter: (path) => !/node_modules|\/(dist|runs|public)$/.test(path),
  });
  await project.install();
  return project;
}

beforeAll(async () => {
  if (!wanted) return;
  outside = await openOutside();
  imported = await installedExample('import');
  await imported.run('npm', 'run', 'import');
  const sampler = await loadSampler(join(imported.folder, 'imported'), { device: 'cpu' });
  const { data } = await sampler.sample({ count: 4, seed: 42 });
  await sampler.release();
  expected = Array.from(data.data as Float32Array);
}, 900_000);

afterAll(() => outside?.close());

/** A port that nothing listens on. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0);
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describe.runIf(wanted)('as a project of its own, from a registry', { timeout: 900_000 }, () => {
  it('examples/import prints the samples of the bundle that it made', async () => {
    expect(await imported.run('npm', 'start', '--silent')).toBe(
      `samples of shape [4, 2]: ${expected.join(', ')}\n`,
    );
  });

  it('examples/worker prints the first of them', async () => {
    const { run } = await installedExample('worker');
    expect(await run('npm', 'start', '--silent', '--', join(imported.folder, 'imported'))).toContain(
      expected.slice(0, 4).join(', '),
    );
  });

  it('examples/express answers with them', async () => {
    const { folder } = await installedExample('express');
    const port = await freePort();
    const bundle = join(imported.folder, 'imported');
    const child = spawn(process.execPath, ['main.mjs', bundle, String(port)], { cwd: folder });
    const ended = new Promise((resolve) => child.once('exit', resolve));
    try {
      await new Promise((resolve, reject) => {
        child.stdout.once('data', resolve);
        child.once('exit', (status) => reject(new Error(`it ended with status ${status}`)));
      });
      const answer = await fetch(`http://localhost:${port}/samples?count=4&seed=42`);
      expect(await answer.json()).toEqual({ seed: 42, shape: [4, 2], values: expected });
    } finally {
      child.kill();
      await ended;
    }
  });

  it('examples/react has its types, builds, and draws what Node draws, by each seed', async () => {
    const { folder, run } = await installedExample('react');
    await run('npm', 'run', 'model');
    await run('npm', 'run', 'check');
    await run('npm', 'run', 'build');
    if ('reason' in chromium) return;
    const sampler = await loadSampler(join(folder, 'public/models/ring8'), { device: 'cpu' });
    const server = await serveFolder(join(folder, 'dist'), {});
    const browser = await openChromium();
    try {
      const page = await browser.newPage();
      await page.goto(server.url);
      for (const seed of [42, 43]) {
        const { data } = await sampler.sample({ count: 100, seed });
        const line = page.locator('output', { hasText: `with seed ${seed},` });
        await line.waitFor();
        const [, x, y] = /first at (\S+), (\S+)$/.exec((await line.textContent()) ?? '')!;
        expect(Number(x)).toBeCloseTo(data.data[0] as number, 4);
        expect(Number(y)).toBeCloseTo(data.data[1] as number, 4);
        await page.getByRole('button', { name: 'Next seed' }).click();
      }
    } finally {
      await browser.close();
      await server.close();
      await sampler.release();
    }
  });

  it('what generatrix new writes passes its own test', async () => {
    const maker = outside.newProject();
    await maker.install('generatrix');
    await maker.run('generatrix', 'new', 'my-model');
    const project = outside.newProject();
    cpSync(join(maker.folder, 'my-model'), project.folder, { recursive: true });
    await project.install();
    const said = await project.run('npm', 'test');
    expect(said).toMatch(/pass 1\b/);
    expect(said).toMatch(/fail 0\b/);
  });
});

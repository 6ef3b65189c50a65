import { spawn, spawnSync } from 'node:child_process';
import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { command } from 'generatrix/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { waitUntilIdle } from './demo-page.ts';
import { ensureChromium } from './ensure-chromium.ts';
import { type OpenChromium, openChromium } from './open-chromium.ts';

const chromium = await ensureChromium();
const python = spawnSync('python3', ['--version']).status === 0;
const missing = 'reason' in chromium ? chromium.reason : python ? '' : 'there is no python3 to serve it with';
if (missing !== '') console.log(`skipped: the static site on another server (${missing})`);

const zoo = fileURLToPath(new URL('../../models', import.meta.url));

/** A site lies in a folder of a server that knows nothing of it. */
let folder: string;
const site = () => join(folder, 'some/path');

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'generatrix-static-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test('generatrix site writes the page, the models that come along and those named, these first', async () => {
  const own = join(folder, 'own');
  await cp(join(zoo, 'gan-ring8'), join(own, 'mine'), { recursive: true });
  const outcome = await command('site', own, '--out', site());
  expect(outcome).toMatchObject({ status: 0, stderr: '' });
  const list = JSON.parse(await readFile(join(site(), 'models/index.json'), 'utf8')) as { path: string }[];
  const zooModels = (await readdir(zoo, { withFileTypes: true })).filter((entry) => entry.isDirectory());
  const named = zooModels.map(({ name }) => `models/${name}`).filter((path) => path.includes('-'));
  expect(list.map(({ path }) => path)).toEqual(['models/mine', ...named]);
  for (const { path } of list) expect(await readdir(join(site(), path))).toContain('model.json');
  expect(await readdir(site())).toEqual(
    expect.arrayContaining(['index.html', 'model.html', 'assets', 'ort']),
  );
});

test('a folder that is not a site of its own is left alone, and a site without --overwrite', async () => {
  const foreign = await command('site', '--out', folder);
  expect(foreign).toMatchObject({ status: 1, stdout: '' });
  expect(foreign.stderr).toMatch(/^generatrix: .*: holds files that are no site of this command; .*\n$/);
  const again = await command('site', '--out', site());
  expect(again.stderr).toMatch(/^generatrix: .*: holds a site already; replace it with --overwrite, .*\n$/);
  const empty = await command('site', join(folder, 'nowhere'), '--out', join(folder, 'new'));
  expect(empty.stderr).toMatch(
    /^generatrix: .*nowhere: expected a folder of bundles, found none in it; .*\n$/,
  );
  expect(await readdir(folder)).not.toContain('new');
});

describe.skipIf(missing !== '')('below a path of another server', () => {
  let browser: OpenChromium;
  let url: string;
  let server: ReturnType<typeof spawn>;

  beforeAll(async () => {
    server = spawn(
      'python3',
      ['-u', '-m', 'http.server', '0', '--bind', '127.0.0.1', '--directory', folder],
      {
        stdio: ['ignore', 'pipe', 'ignore'],
      },
    );
    const port = await new Promise<string>((resolve, reject) => {
      let said = '';
      server.stdout?.on('data', (part: Buffer) => {
        said += part.toString();
        const found = / port (\d+)/.exec(said)?.[1];
        if (found !== undefined) resolve(found);
      });
      server.once('error', reject);
      server.once('exit', () => reject(new Error(`the server ended: ${said}`)));
    });
    url = `http://127.0.0.1:${port}/some/path/`;
    browser = await openChromium();
  });
  afterAll(async () => {
    await browser?.close();
    server?.kill();
  });

  test('the gallery lists all models and one samples; nothing is asked of anyone else', async () => {
    const page = await browser.newPage();
    const elsewhere: string[] = [];
    const failed: string[] = [];
    page.on('request', (request) => {
      if (!request.url().startsWith(url) && !/^(blob|data):/.test(request.url()))
        elsewhere.push(request.url());
    });
    page.on('response', (response) => {
      if (response.status() >= 400) failed.push(response.url());
    });
    page.on('pageerror', (error) => failed.push(error.message));
    await page.goto(url);
    await page.waitForSelector('#main[data-state="ready"]');
    await page.goto(`${url}model.html?model=models/gan-ring8&device=wasm&count=50`);
    expect(await waitUntilIdle(page)).toBe('ready');
    await page.close();
    // Browsers ask the root of a server for its icon.
    const unasked = (address: string) => !address.endsWith('/favicon.ico');
    expect(elsewhere.filter(unasked)).toEqual([]);
    expect(failed.filter(unasked)).toEqual([]);
  });
});

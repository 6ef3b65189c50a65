import { cpSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createServer } from 'vite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { elementPage, expectDrawn, writePageBundle } from '../browser/element-fixture.ts';
import { ensureChromium } from '../browser/ensure-chromium.ts';
import { type OpenChromium, openChromium } from '../browser/open-chromium.ts';
import { serveFolder } from '../browser/serve.ts';
import { type Outside, openOutside } from './packed.ts';
import type { Project } from './project.ts';

/** A page of one's own with the element, as bundlers build it: `npm run test:install`. */
const chromium = process.env.GENERATRIX_INSTALL === '1' ? await ensureChromium() : { reason: '' };
const possible = 'path' in chromium;
if ('reason' in chromium && chromium.reason !== '') console.log(`pages skipped: ${chromium.reason}`);

let outside: Outside;
let project: Project;
let browser: OpenChromium;
let expected: number[];

beforeAll(async () => {
  if (!possible) return;
  outside = await openOutside();
  project = outside.newProject();
  const bundlers = ['vite@8.3.8', 'webpack@5.113.0', 'webpack-cli@7.3.1', 'esbuild@0.28.2'];
  await project.install('@generatrix/element', ...bundlers);
  expected = await writePageBundle(join(project.folder, 'public/models/gmm'));
  browser = await openChromium();
}, 600_000);

afterAll(async () => {
  await browser?.close();
  await outside?.close();
});

/** Opens the built page of a folder, and checks what it draws. */
async function expectPage(folder: string): Promise<void> {
  cpSync(join(project.folder, 'public'), folder, { recursive: true });
  const server = await serveFolder(folder);
  const page = await browser.newPage();
  try {
    await page.goto(server.url);
    await expectDrawn(page, expected);
  } finally {
    await page.close();
    await server.close();
  }
}

/** An empty folder for the built page. */
function output(name: string): string {
  const folder = join(project.folder, name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  return folder;
}

/** Megabytes of WASM, packed or not, in a folder. */
function wasmMegabytes(folder: string): number {
  const files = readdirSync(folder, { recursive: true }) as string[];
  const sizes = files.filter((file) => /wasm|\.gz$/.test(file)).map((file) => statSync(join(folder, file)));
  return sizes
    .filter((file) => file.isFile() && file.size > 1e6)
    .reduce((sum, { size }) => sum + size / 1e6, 0);
}

const script = elementPage('<script type="module" src="./main.js"></script>');

describe.runIf(possible)('a page with the element', () => {
  it.each([
    ['@generatrix/element', 15],
    ['@generatrix/element/wasm', 4],
  ])('built by Vite from %s', { timeout: 300_000 }, async (entry, limit) => {
    project.write('main.js', `import '${entry}';`);
    project.write('index.html', script);
    const out = output('by-vite');
    await project.run('vite', 'build', '--outDir', out, '--emptyOutDir');
    await expectPage(out);
    expect(wasmMegabytes(out)).toBeGreaterThan(3);
    expect(wasmMegabytes(out)).toBeLessThan(limit);
  });

  it('served by Vite while it is developed', { timeout: 300_000 }, async () => {
    project.write('main.js', `import '@generatrix/element';`);
    project.write('index.html', script);
    const server = await createServer({ root: project.folder, configFile: false, logLevel: 'silent' });
    const page = await browser.newPage();
    try {
      await server.listen();
      await page.goto(server.resolvedUrls!.local[0]!);
      await expectDrawn(page, expected);
    } finally {
      await page.close();
      await server.close();
    }
  });

  it('built by webpack', { timeout: 300_000 }, async () => {
    project.write('main.js', `import '@generatrix/element';`);
    const out = output('by-webpack');
    await project.run('webpack', '--mode', 'production', '--entry', './main.js', '--output-path', out);
    project.write('by-webpack/index.html', script);
    await expectPage(out);
  });

  it('built by esbuild, with the files copied beside it', { timeout: 300_000 }, async () => {
    project.write('main.js', `import '@generatrix/element';`);
    const out = output('by-esbuild');
    await project.run('esbuild', 'main.js', '--bundle', '--format=esm', `--outdir=${out}`);
    cpSync(join(project.folder, 'node_modules/@generatrix/element/dist/files'), join(out, 'files'), {
      recursive: true,
    });
    project.write('by-esbuild/index.html', script);
    await expectPage(out);
  });

  it('imported where there is no page: nothing fails', { timeout: 60_000 }, async () => {
    const said = await project.run(
      'node',
      '-e',
      `import('@generatrix/element').then((m) => console.log(typeof m.loadSampler))`,
    );
    expect(said.trim()).toBe('function');
  });
});

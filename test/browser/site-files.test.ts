import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeSite, type SiteFixture } from './site-fixture.ts';

let fixture: SiteFixture;
beforeAll(async () => {
  fixture = await makeSite();
}, 240_000);
afterAll(() => fixture?.remove());

describe('what the library weighs', () => {
  const kilobytes = async (files: readonly string[]) => {
    const sizes = await Promise.all(
      files.map(async (file) => gzipSync(await readFile(join(fixture.site, file))).length),
    );
    return sizes.reduce((sum, size) => sum + size, 0) / 1000;
  };

  /** Scripts that a script imports, however deep; those it imports on demand too, where `wanted` names them. */
  async function closure(entry: string, wanted: RegExp): Promise<string[]> {
    const found = new Set<string>();
    const visit = async (file: string): Promise<void> => {
      if (found.has(file)) return;
      found.add(file);
      const text = await readFile(join(fixture.site, file), 'utf8');
      const fixed = [...text.matchAll(/(?:from|import)\s*["'`]\.\/((?:assets\/)?[\w.-]+\.js)["'`]/g)];
      const named = [...text.matchAll(/["'`](?:\.\/)?((?:assets\/)?[\w.-]+\.js)["'`]/g)];
      const next = [...fixed, ...named.filter(([, name]) => wanted.test(name!))].map(([, name]) =>
        name!.startsWith('assets/') ? name! : `${file.startsWith('assets/') ? 'assets/' : ''}${name}`,
      );
      for (const name of next) await visit(name);
    };
    await visit(entry);
    return [...found];
  }

  test('less than 72 kB of script, and 4.5 MB before the first sample on WASM, model not counted', async () => {
    const scripts = await closure('generatrix-sampler.js', /(^|\/)(worker-|ort\.wasm\.min)/);
    expect(scripts.filter((file) => file.includes('worker-'))).toHaveLength(1);
    expect(scripts.filter((file) => file.includes('ort.wasm'))).toHaveLength(1);
    const script = (await kilobytes(scripts)) + (await kilobytes(['ort/ort-wasm-simd-threaded.mjs']));
    const engine = (await readFile(join(fixture.site, 'ort/ort-wasm-simd-threaded.wasm.gz'))).length / 1000;
    console.log(
      `script ${script.toFixed(1)} kB, onnxruntime's WASM ${engine.toFixed(0)} kB: ${scripts.join(', ')}`,
    );
    expect(script).toBeLessThan(72);
    expect(script + engine).toBeLessThan(4500);
  });

  test('pages have no inline script or style, which a strict policy would refuse', async () => {
    const pages = (await readdir(fixture.site, { recursive: true })).filter((file) => file.endsWith('.html'));
    expect(pages.length).toBeGreaterThan(3);
    for (const file of pages) {
      const text = await readFile(join(fixture.site, file), 'utf8');
      expect(text, file).not.toMatch(/<style|\sstyle=|<script(?![^>]*\bsrc=)|\son\w+=/);
    }
  });

  test('the README shows the example as it is', async () => {
    const web = fileURLToPath(new URL('../../web-demo/', import.meta.url));
    const example = await readFile(join(web, 'examples/embed.html'), 'utf8');
    for (const folder of [web, join(web, '..')]) {
      expect(await readFile(join(folder, 'README.md'), 'utf8')).toContain(`\`\`\`html\n${example}\`\`\``);
    }
  });
});

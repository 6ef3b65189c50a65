import { cp, mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { build } from 'vite';
import { neededParts } from './bundled-parts.ts';

/** Builds the scripts of the element's package, with onnxruntime's files beside them, into a folder. */
export async function buildElement(demo: string, out: string): Promise<void> {
  await rm(out, { recursive: true, force: true });
  for (const mode of ['library', 'worker', 'offline']) {
    await build({
      configFile: join(demo, 'vite.element.config.ts'),
      root: demo,
      mode,
      logLevel: 'error',
      build: { outDir: out },
    });
  }
}

/** Copies the declarations of the element's package, of those that were compiled with `web-demo`. */
export async function copyElementTypes(demo: string, out: string): Promise<void> {
  const compiled = join(demo, 'dist/src');
  const entries = ['index', 'wasm', 'react'].map((name) => join(compiled, 'packaged', `${name}.d.ts`));
  for (const part of neededParts(compiled, entries)) {
    await mkdir(dirname(join(out, part)), { recursive: true });
    await cp(join(compiled, part), join(out, part));
  }
}

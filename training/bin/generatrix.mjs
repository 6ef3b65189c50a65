#!/usr/bin/env node
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

/**
 * Starts the command line. In a checkout the TypeScript sources lie beside: they are compiled first, which takes a
 * fraction of a second when nothing changed. In an installed package only the compiled files exist.
 */
const root = fileURLToPath(new URL('../../', import.meta.url));
if (existsSync(new URL('../src/cli/main.ts', import.meta.url))) {
  const compiler = createRequire(import.meta.url)
    .resolve('typescript/package.json')
    .replace('package.json', 'bin/tsc');
  const { status } = spawnSync(process.execPath, [compiler, '-b', 'training'], {
    cwd: root,
    stdio: 'inherit',
  });
  if (status !== 0) {
    console.error('generatrix: the sources do not compile; see the errors above');
    process.exit(1);
  }
}
const { main } = await import('../dist/cli/main.js');
await main(process.argv);

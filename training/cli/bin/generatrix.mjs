#!/usr/bin/env node
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nodeRefusal } from './node-version.mjs';

const refusal = nodeRefusal(process.versions.node);
if (refusal !== null) {
  console.error(refusal);
  process.exit(1);
}

/**
 * Starts the command line. In a checkout the TypeScript sources lie beside: they are compiled first where they are
 * newer than the last compilation. In an installed package only the compiled files exist.
 */
const root = fileURLToPath(new URL('../../../', import.meta.url));

/** Whether a package's sources changed since it was compiled. */
function isStale(name) {
  const compiled = statSync(join(root, name, 'dist/tsconfig.tsbuildinfo'), { throwIfNoEntry: false });
  if (compiled === undefined) return true;
  const sources = readdirSync(join(root, name, 'src'), { recursive: true, withFileTypes: true });
  return sources.some(
    (entry) => statSync(join(entry.parentPath ?? entry.path, entry.name)).mtimeMs > compiled.mtimeMs,
  );
}

const inCheckout = existsSync(new URL('../src/main.ts', import.meta.url));
if (inCheckout && ['runtime', 'export', 'training', 'training/cli'].some(isStale)) {
  const compiler = createRequire(import.meta.url)
    .resolve('typescript/package.json')
    .replace('package.json', 'bin/tsc');
  const { status } = spawnSync(process.execPath, [compiler, '-b', 'training/cli'], {
    cwd: root,
    stdio: 'inherit',
  });
  if (status !== 0) {
    console.error('generatrix: the sources do not compile; see the errors above');
    process.exit(1);
  }
}
const { main } = await import('../dist/main.js');
await main(process.argv);

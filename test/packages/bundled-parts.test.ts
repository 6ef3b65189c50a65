import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { neededParts } from './bundled-parts.ts';

test('of a package travels what is used, with its declarations and licence', () => {
  const folder = mkdtempSync(join(tmpdir(), 'generatrix-parts-'));
  const files = {
    'package.json': '{}',
    LICENSE: 'MIT',
    'README.md': '',
    'index.js': "export * from './a.js'; export * from './b.js';",
    'a.js': "import { c } from './deep/c.js'; import fs from 'node:fs'; const d = import('./deep/d.js');",
    'a.d.ts': "export type T = import('./deep/types.js').T;",
    'b.js': '',
    'deep/c.js': "import '../a.js';",
    'deep/c.d.ts': '',
    'deep/d.js': '',
    'deep/types.d.ts': '',
    'deep/types.js': '',
    'deep/e.js': '',
  };
  try {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), text);
    }
    expect(neededParts(folder, [join(folder, 'a.js')])).toEqual(
      [
        'LICENSE',
        'a.d.ts',
        'a.js',
        'deep/c.d.ts',
        'deep/c.js',
        'deep/d.js',
        'deep/types.d.ts',
        'deep/types.js',
        'package.json',
      ].toSorted(),
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

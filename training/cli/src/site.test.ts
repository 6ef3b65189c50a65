import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { isNewer } from './site.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'generatrix-built-'));
  mkdirSync(join(folder, 'src/view'), { recursive: true });
  mkdirSync(join(folder, 'node_modules'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Writes a file as of some second. */
function write(name: string, second: number): string {
  const file = join(folder, name);
  writeFileSync(file, '');
  utimesSync(file, second, second);
  return file;
}

test('a page is built anew where it is missing, or a source is newer', () => {
  const folders = [folder, join(folder, 'src')];
  write('src/view/text.ts', 100);
  write('index.html', 100);
  expect(isNewer(folders, join(folder, 'built.html'))).toBe(true);
  const built = write('node_modules/built.html', 200);
  expect(isNewer(folders, built)).toBe(false);
  write('src/view/text.ts', 300);
  expect(isNewer(folders, built)).toBe(true);
  write('src/view/text.ts', 100);
  write('model.html', 300);
  expect(isNewer(folders, built)).toBe(true);
});

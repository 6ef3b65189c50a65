import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { families } from '@generatrix/training';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const git = (...args: string[]) => execFileSync('git', args, { cwd: root, encoding: 'utf8' });
const tracked = git('ls-files', '--cached', '--others', '--exclude-standard').trim().split('\n');
const known = new Set(tracked.flatMap((file) => [file, ...parents(file)]));
const pages = tracked.filter((file) => file.endsWith('.md') && file !== 'CHANGELOG.md');

/** Folders that a file lies in. */
function parents(file: string): string[] {
  const parts = file.split('/').slice(0, -1);
  return parts.map((_, i) => parts.slice(0, i + 1).join('/'));
}

test.each(pages)('%s names only files that exist', (page) => {
  const text = readFileSync(`${root}/${page}`, 'utf8');
  const links = [...text.matchAll(/\]\(([^)#:\s]+)[^)]*\)/g)].map(([, path]) =>
    posix.join(posix.dirname(page), path!),
  );
  const paths = [
    ...text.matchAll(/`((?:runtime|export|training|web-demo|test|docs|results)\/[\w./-]*[\w/-])/g),
  ]
    .map(([, path]) => path!)
    .filter((path) => !/[A-Z]{3,}|dist/.test(path) && path !== 'docs/api');
  const missing = [...links, ...paths]
    .map((path) => path.replace(/\/$/, ''))
    // A test is named by the beginning of its file's name, as vitest takes it.
    .filter((path) => !known.has(path) && !tracked.some((file) => file.startsWith(path)));
  expect(missing).toEqual([]);
});

test('README has every family in its table', () => {
  const readme = readFileSync(`${root}/README.md`, 'utf8');
  const rows = readme
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .join('\n');
  expect(families.map(({ name }) => name).filter((name) => !rows.includes(`\`${name}\``))).toEqual([]);
});

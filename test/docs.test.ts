import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildModel, dataDescription, families, familyNamed } from '@generatrix/training';
import { loadDataset } from '@generatrix/training/data';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const text = (path: string) => readFileSync(`${root}/${path}`, 'utf8');
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
  const markdown = text(page);
  const links = [...markdown.matchAll(/\]\((?!\w+:)([^)#:\s]+)[^)]*\)/g)].map(([, path]) =>
    posix.join(posix.dirname(page), path!),
  );
  const paths = [
    ...markdown.matchAll(/`((?:runtime|export|training|web-demo|test|docs|results)\/[\w./-]*[\w/-])/g),
  ]
    .map(([, path]) => path!)
    .filter((path) => !/[A-Z]{3,}|dist/.test(path) && path !== 'docs/api');
  const missing = [...links, ...paths]
    .map((path) => path.replace(/\/$/, ''))
    // A test is named by the beginning of its file's name, as vitest takes it.
    .filter((path) => !known.has(path) && !tracked.some((file) => file.startsWith(path)));
  expect(missing).toEqual([]);
});

test('the index of docs has every page', () => {
  const index = text('docs/README.md');
  const others = pages.filter((page) => page.startsWith('docs/') && page !== 'docs/README.md');
  expect(others.filter((page) => !index.includes(`](${page.slice('docs/'.length)})`))).toEqual([]);
});

test('architecture.md has every room, in the order that is held', () => {
  const rules = text('.dependency-cruiser.mjs');
  const page = text('docs/architecture.md');
  for (const place of ['runtime/src', 'training/src']) {
    const [, list] = new RegExp(`'${place}': \\[([^\\]]*)\\]`).exec(rules)!;
    const rooms = [...list!.matchAll(/'([^']+)'/g)].map(([, room]) => room);
    const table = page.slice(page.indexOf(`| \`${place}/\``)).split('\n\n')[0]!;
    expect([...table.matchAll(/^\| `([^`/]+)` /gm)].map(([, room]) => room)).toEqual(rooms);
  }
});

/** Family, what its score is, and its line of training, as README's table has them. */
const rows = [...text('README.md').matchAll(/^\| `(\w+)` *\|[^|]*\| *([^|]*?) *\| `([^`]*)` *\|$/gm)].map(
  ([, family, score, line]) => ({ family: family!, score: score!, line: line!.split(/\s+/) }),
);

test('README has every family once', () => {
  expect(rows.map(({ family }) => family).toSorted()).toEqual(families.map(({ name }) => name).toSorted());
});

test.each(rows)(
  'README: $family can be trained as its line says, and has the score',
  async ({ family, score, line: [named, ...flags] }) => {
    expect(named).toBe(family);
    const given = new Map(flags.flatMap((flag, i) => (flag.startsWith('--') ? [[flag, flags[i + 1]!]] : [])));
    const name = given.get('--data')!;
    const sound = {
      spec: { kind: 'audio', shape: [64], sampleRate: 64, range: [-1, 1] },
      classNames: [],
    } as const;
    const data =
      name === 'audio'
        ? sound
        : dataDescription(await loadDataset({ name, split: 'train', seed: 1, size: 40 }));
    const options = Object.fromEntries(
      [...given]
        .filter(([flag]) => !['--data', '--data-dir', '--clip-seconds'].includes(flag))
        .map(([flag, value]) => [
          flag.slice(2).replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase()),
          Number(value),
        ]),
    );
    const { programs } = buildModel(familyNamed(family), options, data).model;
    const meanings = Object.values(programs).flatMap(({ signature }) =>
      Object.values(signature.outputs).map(({ meaning }) => meaning),
    );
    const kinds = { exact: meanings.includes('logProb'), bound: meanings.includes('logWeight') };
    const estimated = 'anneal' in programs ? 'estimate' : 'none';
    const kind = kinds.exact ? 'exact' : kinds.bound ? 'bound' : estimated;
    expect(score.split(/[; ]/)[0]).toBe(kind);
  },
);

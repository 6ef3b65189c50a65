import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { command } from './test-command.ts';

let folder: string;
const at = (name: string) => join(folder, name);
const quick = ['--steps', '3', '--device', 'cpu', '--threads', '1'];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'generatrix-synthesize-test-'));
  const rows = Array.from({ length: 60 }, (_, i) => {
    const price = i % 9 === 0 ? '' : (3 + ((i * 37) % 50) / 8).toFixed(2);
    return `${1000 + ((i * 7919) % 500)},${price},"${['Köln, NRW', 'Bonn'][i % 2]}",${['yes', 'no', 'no'][i % 3]}\n`;
  });
  await writeFile(at('shop.csv'), `visits,price,city,bought\n${rows.join('')}`);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

it('writes rows with the columns, decimals and gaps of the table, the same for a seed, and says how near they are', async () => {
  const keep = at('run');
  const given = [at('shop.csv'), '--target', 'bought', '--rows', '200', '--seed', '7', ...quick];
  const { status, stdout, stderr } = await command(
    ...['synthesize', ...given, '--out', at('a.csv'), '--keep', keep],
  );
  expect(status, stderr).toBe(0);
  expect(stdout).toMatch(/privacy: \d+ of 200 rows \(.* %\) are exact copies of training rows/);
  const text = await readFile(at('a.csv'), 'utf8');
  const lines = text.trimEnd().split('\n');
  expect(lines[0]).toBe('visits,price,city,bought');
  expect(lines).toHaveLength(201);
  for (const line of lines.slice(1)) expect(line).toMatch(/^\d+,(\d+\.\d\d)?,("Köln, NRW"|Bonn),(yes|no)$/);
  // The bundle has all that it takes: rows of one class, and the rows of the same seed again.
  const sampled = await command('sample', keep, '--count', '30', '--label', '1', '--out', at('b.csv'));
  expect(sampled.status, sampled.stderr).toBe(0);
  const classes = (await readFile(at('b.csv'), 'utf8')).trimEnd().split('\n').slice(1);
  expect(classes.every((line) => line.endsWith(',yes'))).toBe(true);
  await command('sample', keep, '--count', '200', '--seed', '7', '--labels', 'data', '--out', at('c.csv'));
  expect(await readFile(at('c.csv'), 'utf8')).toBe(text);
  const picture = await command('sample', keep, '--count', '2', '--out', at('b.png'));
  expect(picture).toMatchObject({ status: 1, stderr: expect.stringMatching(/written as \.csv or \.npy/) });
  const again = await command('synthesize', ...given, '--out', at('a.csv'), '--keep', keep);
  expect(again).toMatchObject({ status: 1, stderr: expect.stringMatching(/already holds a run/) });
});

it('refuses in a line what it cannot do', async () => {
  const refused = async (pattern: RegExp, ...flags: string[]) => {
    const { status, stderr } = await command('synthesize', ...flags, ...quick);
    expect({ status, stderr }).toMatchObject({ status: 1, stderr: expect.stringMatching(pattern) });
    expect(stderr.trim().split('\n')).toHaveLength(1);
  };
  await refused(/no-such\.csv: expected/, at('no-such.csv'));
  await refused(/--out .*\.png: rows of a table are written as \.csv/, at('shop.csv'), '--out', at('a.png'));
  await refused(/expected a column price2/, at('shop.csv'), '--target', 'price2', '--out', at('d.csv'));
  await refused(/--labels: .*--target/, at('shop.csv'), '--labels', 'balanced', '--out', at('d.csv'));
});

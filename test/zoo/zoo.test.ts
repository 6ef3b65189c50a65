import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkParity, createExecutor, openFolder } from '@generatrix/runtime';
import { families } from '@generatrix/training';
import { expect, test } from 'vitest';
import { likelihoodOf } from './figure.ts';
import { nameOf, withoutModel, zooModels } from './models.ts';
import { zooPage } from './page.ts';
import { filesOf, parityOf, readZoo } from './record.ts';
import { commandOf } from './train-model.ts';

/** The models in the repository: what a fresh checkout has, held to what is written down of them. */
const root = fileURLToPath(new URL('../../', import.meta.url));
const folder = join(root, 'models');
const records = await readZoo(folder);

test('every family has a model, or a reason why not', () => {
  const missing = families
    .map(({ name }) => name)
    .filter((name) => !zooModels.some(({ family }) => family === name));
  expect(missing.toSorted()).toEqual(Object.keys(withoutModel).toSorted());
  expect(Object.values(withoutModel).every((reason) => reason.length > 20)).toBe(true);
});

test('the record has the models of the list, by the commands that it has, in its order', () => {
  expect(records.map(({ name, command }) => [name, command])).toEqual(
    zooModels.map((model) => [nameOf(model), commandOf(model)]),
  );
});

test('the repository has the files of the record, unchanged, and no others; 12 MB at most', async () => {
  const tracked = execFileSync('git', ['ls-files', 'models/*/*'], { cwd: root, encoding: 'utf8' });
  const recorded = records.flatMap(({ name, files }) =>
    Object.keys(files).map((file) => `models/${name}/${file}`),
  );
  expect(tracked.trim().split('\n').toSorted()).toEqual(recorded.toSorted());
  for (const { name, files } of records) expect(await filesOf(join(folder, name)), name).toEqual(files);
  const bytes = records.map((record) => {
    const sum = Object.values(record.files).reduce((total, file) => total + file.bytes, 0);
    expect(sum).toBe(record.bytes);
    return sum;
  });
  expect(bytes.reduce((sum, each) => sum + each, 0)).toBeLessThanOrEqual(12e6);
});

test('the page is what the record gives', () => {
  expect(readFileSync(join(folder, 'README.md'), 'utf8')).toBe(zooPage(records, withoutModel));
});

test.each(records.map((record) => [record.name, record] as const))(
  '%s: its manifest states the figures of the record, and its programs agree with their reference',
  async (name, { metrics, figure, parity, family, data, seed }) => {
    const bundle = await openFolder(join(folder, name));
    const { manifest } = bundle;
    expect(manifest.provenance.metrics).toEqual(metrics);
    expect([manifest.family, manifest.data.name, manifest.provenance.seed]).toEqual([family, data, seed]);
    if (figure.name === 'likelihood') expect(figure).toEqual(likelihoodOf(metrics));
    expect(parityOf(manifest)).toEqual(parity);
    expect(parity.passed).toBe(true);
    const executor = await createExecutor('cpu');
    const rows = await checkParity(bundle, executor);
    expect(rows.filter(({ passed }) => !passed)).toEqual([]);
  },
);

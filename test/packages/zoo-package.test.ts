import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { readZoo } from '../zoo/record.ts';
import { packageProblems } from './lint.ts';
import { stagePackage } from './stage.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

test('the package of the zoo holds every file of its record, and resolves as its package.json says', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'generatrix-zoo-'));
  try {
    const staged = join(folder, 'staged');
    await stagePackage(join(root, 'models'), staged, '0.0.1', join(root, 'LICENSE'));
    const said = execFileSync('npm', ['pack', '--json', '--pack-destination', folder, staged], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const [packed] = JSON.parse(said) as { filename: string; files: { path: string; size: number }[] }[];
    if (packed === undefined) throw new Error('npm packed nothing');
    const models = await readZoo(join(root, 'models'));
    const recorded = models.flatMap(({ name, files }) => Object.keys(files).map((file) => `${name}/${file}`));
    const beside = ['LICENSE', 'README.md', 'package.json', 'zoo.json'];
    expect(packed.files.map(({ path }) => path).toSorted()).toEqual([...recorded, ...beside].toSorted());
    expect(await packageProblems(join(folder, packed.filename))).toEqual([]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

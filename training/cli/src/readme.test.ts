import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeWav } from '@generatrix/runtime/media';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { command } from './test-command.ts';

const pageAt = (path: string) => readFile(new URL(`../../../${path}`, import.meta.url), 'utf8');

/** The commands of a page's shell blocks, in their order, without comments, continued lines joined. */
const commandsOf = (page: string) =>
  [...page.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)]
    .filter(([, language]) => language === '')
    .flatMap(([, , block]) => block!.replaceAll('\\\n', ' ').split('\n'))
    .map((line) => line.replace(/\s+#.*$/, '').trim())
    .filter((line) => line !== '');
// README begins a run that the page of training begins, too: what README alone has comes after that.
const ofTraining = commandsOf(await pageAt('docs/training.md'));
const ofReadme = commandsOf(await pageAt('README.md'));
const commands = [...ofTraining, ...ofReadme.filter((line) => !ofTraining.includes(line))];

const small = ['--steps', '2', '--device', 'cpu', '--batch-size', '4', '--data-size', '40'];
const tinyNet = ['--layers', '1', '--filters', '2'];

/** Two shards of a block each, in the place of very many. */
const fewShards = ['--count', '2048', '--shards', '2'];

/** What makes a command short, by how it begins; a command without a rule fails the test. Null: not run here. */
const rules: readonly (readonly [start: string, added: readonly string[] | null])[] = [
  ['npm install', null],
  ['curl ', null],
  // It serves until it is stopped; the tests of the server start it.
  ['npx generatrix serve', null],
  // Its runs are processes of their own; test/cli/sweep.test.ts starts them.
  ['npx generatrix train vae --sweep', null],
  ['npx generatrix train vae --config', ['--steps', '2']],
  ['npx generatrix compare', []],
  ['npx generatrix train vae --help', []],
  ['npx generatrix train vae --dry-run', ['--device', 'cpu', '--data-size', '40', '--hidden', '4']],
  ['npx generatrix train vae --data glyphs', [...small, '--hidden', '4', '--latent', '2']],
  ['npx generatrix train vae --data mnist', [...small, '--filters', '2,2', '--latent', '2']],
  ['npx generatrix train gmm', [...small, '--components', '2']],
  ['npx generatrix train pixelcnn', [...small, ...tinyNet]],
  [
    'npx generatrix train wavenet',
    [...small, ...tinyNet, '--clip-seconds', '0.02', '--stacks', '1', '--skip-filters', '4', '--levels', '8'],
  ],
  ['npx generatrix reproduce --list', []],
  // It trains whole presets; test/cli/reproduce.test.ts begins one.
  ['npx generatrix reproduce', null],
  // From a run of a flow, which nothing here trains.
  ['npx generatrix train shortcut --data moons --init-from', null],
  ['npx generatrix train shortcut', [...small, '--width', '4', '--embedding', '4']],
  ['npx generatrix inspect', ['--data-size', '40']],
  ['npx generatrix list', []],
  // Beyond this it asks the registry; wheel.test.ts fetches from a stand-in.
  ['npx generatrix cuda --dry-run', process.platform === 'linux' && process.arch === 'x64' ? [] : null],
  ['npx generatrix resume', []],
  // Of a diffusion, which nothing here trains; sample-chain.test.ts does.
  ['npx generatrix sample runs/ddpm', null],
  ['npx generatrix synthesize', ['--rows', '20', '--steps', '2', '--device', 'cpu']],
  ['npx generatrix sample', ['--count', '2']],
  [
    'npx generatrix draw-many runs/vae --count 1000000 --seed 42 --shards 64 --out samples --shard',
    [...fewShards, '--shard', '1'],
  ],
  ['npx generatrix draw-many', fewShards],
  ['npx generatrix complete runs/pixelcnn', ['--count', '1']],
  ['npx generatrix complete runs/wavenet', ['--count', '1', '--seconds', '0.01']],
  // Of a Boltzmann machine, which nothing here trains; partition.test.ts does.
  ['npx generatrix complete runs/rbm', null],
  // Nor is a flow of images; complete-strength.test.ts does.
  ['npx generatrix complete runs/flowmatching', null],
  ['npx generatrix partition', null],
  ['npx generatrix score', ['--data-size', '20', '--samples', '2']],
  ['npx generatrix evaluate', ['--data-size', '40', '--count', '20', '--metrics', 'mmd']],
  // Its sampler has hundreds of steps; folders.test.ts has the flags for a smaller model.
  ['npx generatrix export runs/pixelcnn', null],
  ['npx generatrix export', ['--with-examples', '5']],
  ['npx generatrix parity', ['--devices', 'cpu']],
];

let folder: string;
const working = process.cwd();

/** IDX files of 60 images of 8x8 to train and 20 to test. */
async function writeIdx(path: string): Promise<void> {
  for (const [name, count] of [
    ['train', 60],
    ['t10k', 20],
  ] as const) {
    const head = (type: number, dims: number[]) => {
      const bytes = Buffer.alloc(4 + 4 * dims.length);
      bytes.writeUInt32BE(0x0800 + type, 0);
      for (const [i, dim] of dims.entries()) bytes.writeUInt32BE(dim, 4 + 4 * i);
      return bytes;
    };
    const pixels = Buffer.from(Array.from({ length: count * 64 }, (_, i) => (i * 37) % 256));
    const labels = Buffer.from(Array.from({ length: count }, (_, i) => i % 10));
    await writeFile(join(path, `${name}-images-idx3-ubyte`), Buffer.concat([head(3, [count, 8, 8]), pixels]));
    await writeFile(join(path, `${name}-labels-idx1-ubyte`), Buffer.concat([head(1, [count]), labels]));
  }
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'generatrix-readme-'));
  await mkdir(join(folder, 'DIR'));
  await writeIdx(join(folder, 'DIR'));
  for (let clip = 0; clip < 40; clip++) {
    const wave = Float32Array.from({ length: 160 }, (_, t) => Math.sin(t * (0.1 + 0.01 * clip)));
    await writeFile(join(folder, 'DIR', `clip-${clip}.wav`), encodeWav(wave, 8000));
  }
  const rows = Array.from({ length: 40 }, (_, i) => `${(i * 7) % 13}.5,${['red', 'blue'][i % 2]}\n`);
  await writeFile(join(folder, 'table.csv'), `size,colour\n${rows.join('')}`);
  process.chdir(folder);
});
afterAll(async () => {
  process.chdir(working);
  await rm(folder, { recursive: true, force: true });
});

it('README and the page of training have commands, each with a rule that makes it short', () => {
  expect(commands.length).toBeGreaterThan(15);
  const without = commands.filter((line) => !rules.some(([start]) => line.startsWith(start)));
  expect(without).toEqual([]);
});

// One after the other in one folder, as a reader would: each builds on those before it.
it.sequential.each(commands.filter((line) => line.startsWith('npx generatrix')))('%s', async (line) => {
  const added = rules.find(([start]) => line.startsWith(start))?.[1];
  if (added === null) return;
  const given = line.split(/\s+/).slice(2);
  const needed = (added ?? []).filter((_, i, all) => {
    // Examples go with a trainable bundle only.
    const flag = i % 2 === 0 ? all[i] : all[i - 1];
    return flag !== '--with-examples' || given.includes('--trainable');
  });
  const { status, stderr } = await command(...given, ...needed);
  expect(status, stderr).toBe(0);
});

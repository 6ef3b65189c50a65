import { join } from 'node:path';
import { familyNamed, type RunConfig, readConfig } from '@generatrix/training';
import { parseSettings } from '@generatrix/training/record';
import { expectUserError, folderOf } from '@generatrix/training/testing';
import { Command } from 'commander';
import { expect, test } from 'vitest';
import { withFamily } from './plugins.ts';
import { addTrainFlags, trainSettings } from './train-settings.ts';

const given = { family: 'gmm', steps: 7, options: { components: 3 }, data: { name: 'moons', size: 50 } };

test.each([
  ['a.json', JSON.stringify(given)],
  ['run.json', JSON.stringify({ settings: given, data: { spec: {} } })],
  ['a.mjs', `export default ${JSON.stringify(given)};`],
  [
    'a.ts',
    `interface Own { readonly family: string }\nconst own: Own & object = ${JSON.stringify(given)};\nexport default own satisfies Own;`,
  ],
])('reads settings from %s', async (name, text) => {
  const folder = await folderOf({ [name]: text });
  expect(await readConfig(join(folder, name))).toEqual(given);
});

test.each<[string, string, RegExp]>([
  [
    'a.json',
    '{"family":"vae","stepps":3}',
    /a\.json: stepps: there is no such setting; did you mean steps\?$/,
  ],
  ['a.json', '{"family":"vae","options":{"laten":3}}', /options\.laten: .*did you mean options\.latent\?$/],
  ['a.json', '{"family":"vae","ema":1}', /a\.json: ema: /],
  ['a.json', '{"family":"vae","steps":"many"}', /a\.json: steps: /],
  ['a.json', '{"family":"vea"}', /unknown family 'vea'/],
  ['a.json', '{"steps":3}', /a\.json: family: expected the name of a family/],
  ['a.json', '[1]', /a\.json: expected an object of settings/],
  ['a.json', '{', /a\.json: expected settings, but it does not load: /],
  ['a.mjs', 'throw new Error("no\\nway")', /a\.mjs:1:\d+: it does not load: no way$/],
  ['a.yaml', 'family: vae', /--config .*a\.yaml: expected a file that ends in \.json, \.js, /],
  ['b.json', '{}', /--config .*a\.json: expected a file of settings there, found none/],
])('refuses %s: %s', async (name, text, message) => {
  const folder = await folderOf({ [name]: text });
  await expectUserError(readConfig(join(folder, name === 'b.json' ? 'a.json' : name)), message);
});

test('flags go before a preset, a preset before a file, a file before the defaults', () => {
  const gan = familyNamed('gan');
  const preset = gan.reproduce['ring8-average']!;
  const config: RunConfig = {
    ...{ family: 'gan', steps: 5, learningRate: 0.125, seed: 9, keep: 'best', options: { latent: 99 } },
    ...{ data: { name: 'moons', size: 50 } },
  };
  const settings = trainSettings(gan, { preset: 'ring8-average', seed: '4', config: 'x' }, config);
  expect(settings).toMatchObject({ seed: 4, keep: 'best', data: { name: preset.data } });
  expect(settings.steps).toBe(preset.training.steps);
  expect(settings.options).toMatchObject(preset.options);
  // Data of another name brings none of the file's settings along.
  expect(settings.data).not.toHaveProperty('size');
  const alone = trainSettings(gan, { dataSize: '60' }, config);
  expect(alone).toMatchObject({ steps: 5, learningRate: 0.125, seed: 9, batchSize: gan.defaults.batchSize });
  expect(alone.data).toEqual({ name: 'moons', size: 60 });
  expect(alone.options).toEqual({ latent: 99 });
});

test('the settings of a run are settings for another', async () => {
  const settings = parseSettings(trainSettings(familyNamed('vae'), { steps: '30', keep: 'best' }), 'test');
  const folder = await folderOf({ 'run.json': JSON.stringify({ settings, data: {} }) });
  const again = trainSettings(familyNamed('vae'), {}, await readConfig(join(folder, 'run.json')));
  expect(parseSettings(again, 'test')).toEqual(settings);
});

test('the family that a file names takes its place among the arguments', async () => {
  const folder = await folderOf({ 'a.json': JSON.stringify(given) });
  const file = join(folder, 'a.json');
  const with_ = ['node', 'generatrix', 'train', 'gmm', '--config', file, '--steps', '3'];
  expect(await withFamily(with_.filter((each) => each !== 'gmm'))).toEqual(with_);
  expect(await withFamily(with_)).toEqual(with_);
  expect(await withFamily(['node', 'generatrix', 'train', `--config=${file}`])).toEqual([
    ...['node', 'generatrix', 'train', 'gmm', `--config=${file}`],
  ]);
  expect(() => trainSettings(familyNamed('vae'), { config: file }, given)).toThrow(
    /it is for family gmm, not vae/,
  );
});

test('options of training: flags go before a preset, a preset before a file, and the family says the rest', () => {
  const gan = familyNamed('gan');
  const file = { family: 'gan', options: { latent: 3, averaging: 0.5, beta1: 0.25 }, accumulate: 2 };
  const settings = trainSettings(gan, {}, file);
  // What earlier releases have among the family's options is no option of it any more.
  expect(settings).toMatchObject({ options: { latent: 3 }, ema: 0.5, beta1: 0.25, accumulate: 2 });
  expect(settings.options).toEqual({ latent: 3 });
  const preset = { preset: 'ring8-average' };
  expect(trainSettings(gan, preset, file).ema).toBe(0.999);
  expect(trainSettings(gan, { ...preset, ema: '0.75' }, file).ema).toBe(0.75);
  expect(trainSettings(gan, { averaging: '0.125' }, file).ema).toBe(0.125);
  expect(trainSettings(gan, {}).ema).toBeUndefined();
});

test('another optimizer than that of a file leaves what only that one has', () => {
  const file = { family: 'vae', optimizer: 'adam', beta1: 0.5, epsilon: 1e-4, weightDecay: 0.1 } as const;
  const settings = trainSettings(familyNamed('vae'), { optimizer: 'sgd', momentum: '0.5' }, file);
  expect(settings).toMatchObject({ optimizer: 'sgd', momentum: 0.5, weightDecay: 0.1 });
  expect(Object.keys(settings)).not.toContain('beta1');
  expect(Object.keys(settings)).not.toContain('epsilon');
});

test('a schedule and its options come from flags, and are checked with the run', () => {
  const flags = { schedule: 'step', decayFactor: '0.5', decayEvery: '10', warmUp: '5', steps: '40' };
  const settings = trainSettings(familyNamed('vae'), flags);
  expect(parseSettings(settings, 'settings')).toMatchObject({
    ...{ schedule: 'step', decayFactor: 0.5, decayEvery: 10, warmUp: 5 },
  });
  expect(() => parseSettings({ ...settings, schedule: 'cosine' }, 'settings')).toThrow(
    /--decay-factor: schedule cosine/,
  );
  expect(() => parseSettings({ ...settings, warmUp: 40 }, 'settings')).toThrow(
    /--warm-up 40: expected fewer than the 40/,
  );
});

test('a family without presets says so, in its help and where one is asked for', async () => {
  const bare = { ...familyNamed('gan'), name: 'bare', reproduce: {} };
  const parsed = (...flags: string[]) => {
    const command = new Command().exitOverride().configureOutput({ writeErr: () => {} });
    addTrainFlags(command, bare);
    return { command, parse: () => command.parse(flags, { from: 'user' }) };
  };
  const { command, parse } = parsed('--preset', 'mnist');
  expect(command.helpInformation()).toMatch(/--preset <name>\s+published settings: bare has none\n/);
  expect(parse).toThrow(/'mnist' is invalid. Family bare has no presets; leave it out.$/);
});

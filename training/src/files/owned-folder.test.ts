import { mkdir, readdir, symlink } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { expectUserError, folderOf } from '../testing/test-support.ts';
import { checkReplaceable, foreignFile, tritonMarker } from './owned-folder.ts';

const sha256 = 'a'.repeat(64);
const entry = (file: string) => ({ file, bytes: 1, sha256 });
/** A manifest that names a file in every place where a manifest names files. */
const manifest = JSON.stringify({
  format: 'generatrix-bundle',
  version: 1,
  programs: { sample: entry('sample.onnx') },
  reference: entry('reference.safetensors'),
  sample: { ...entry('sample.png'), seed: 1, count: 1 },
  graphModels: { sample: { files: { 'graph-model/sample/model.json': { bytes: 1, sha256 } } } },
  training: { step: entry('training/step.onnx'), programs: { sample: entry('training/sample.onnx') } },
});
const bundle = {
  'model.json': manifest,
  'sample.onnx': '',
  'reference.safetensors': '',
  'sample.png': '',
  'graph-model/sample/model.json': '',
  'training/step.onnx': '',
  'training/sample.onnx': '',
};
const triton = {
  [tritonMarker]: JSON.stringify({ format: 'generatrix-triton', version: 1, files: ['m/1/model.onnx'] }),
  'm/1/model.onnx': '',
};

const within = (folder: string, files: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(files).map(([path, text]) => [`${folder}/${path}`, text]));

test('nothing, an empty folder, and with overwrite a bundle or a Triton repository may be replaced', async () => {
  const folder = await folderOf({ ...within('bundle', bundle), ...within('triton', triton) });
  await mkdir(join(folder, 'empty'));
  for (const name of ['none', 'empty']) {
    await checkReplaceable(join(folder, name), { overwrite: false });
  }
  for (const name of ['bundle', 'triton']) {
    const refused = checkReplaceable(join(folder, name), { overwrite: false });
    await expectUserError(refused, `${name}: holds an exported model already`, '--overwrite');
    await checkReplaceable(join(folder, name), { overwrite: true });
  }
});

const foreign: [string, Record<string, string>, string][] = [
  ['a thesis', { 'chapter 1.tex': 'years' }, 'chapter 1.tex'],
  ['a hidden file', { '.env': 'secret' }, '.env'],
  ['a file beside a bundle', { ...bundle, 'notes.txt': 'mine' }, 'notes.txt'],
  ['a file deep in a bundle', { ...bundle, 'training/mine.csv': '1' }, 'training/mine.csv'],
  ['a file beside Triton models', { ...triton, 'm/2/model.onnx': 'mine' }, 'm/2/model.onnx'],
  ['a model.json that is not ours', { 'model.json': '{"format":"graph-model"}' }, 'model.json'],
  ['a model.json that is torn', { 'model.json': manifest.slice(0, 40) }, 'model.json'],
  ['a run', { 'run.json': '{}', 'checkpoints/step-0000001.safetensors': '' }, 'checkpoints/step-0000001'],
];
test.each(foreign)('not even with overwrite: %s', async (_, files, named) => {
  const folder = await folderOf(within('target', files));
  const checked = checkReplaceable(join(folder, 'target'), { overwrite: true });
  await expectUserError(checked, 'target: not replaced, as it holds', named, 'choose another path');
});

test('an empty folder of the user is a reason too, and a link; what file managers leave is none', async () => {
  const folder = await folderOf({ ...within('bundle', bundle), 'bundle/.DS_Store': '' });
  const target = join(folder, 'bundle');
  expect(await foreignFile(target)).toEqual({ path: null });
  await mkdir(join(target, 'mine'));
  expect(await foreignFile(target)).toEqual({ path: 'mine' });
  const linked = await folderOf({ ...within('bundle', { ...bundle, 'sample.png': '' }) });
  await symlink('/etc/hostname', join(linked, 'bundle/link'));
  expect(await foreignFile(join(linked, 'bundle'))).toEqual({ path: 'link' });
});

test('never a link, whatever it points to', async () => {
  const folder = await folderOf(within('bundle', bundle));
  await symlink(join(folder, 'bundle'), join(folder, 'link'));
  await symlink(join(folder, 'nowhere'), join(folder, 'broken'));
  for (const [link, aim] of [
    ['link', 'bundle'],
    ['link/', 'bundle'],
    ['broken', 'nowhere'],
  ] as const) {
    const checked = checkReplaceable(`${folder}/${link}`, { overwrite: true });
    await expectUserError(checked, `found a link to ${join(folder, aim)}`);
  }
  expect((await readdir(join(folder, 'bundle'))).length).toBeGreaterThan(3);
});

test('never the working folder, the home folder, an input, or a folder around one, through links too', async () => {
  const folder = await folderOf({ ...within('runs/vae/bundle', bundle), file: '' });
  const input = join(folder, 'runs/vae/bundle');
  await symlink(join(folder, 'runs'), join(folder, 'linked'));
  const check = (path: string) => checkReplaceable(path, { overwrite: true, inputs: [input] });
  await expectUserError(check(input), `${input}: is ${input}, which is never replaced`);
  await expectUserError(check(join(folder, 'runs')), `holds ${input}, so it is never replaced`);
  await expectUserError(check(join(folder, 'linked/vae')), `holds ${input}, so it is never replaced`);
  await expectUserError(check('.'), 'is the working folder');
  await expectUserError(check('..'), 'holds the working folder');
  await expectUserError(check('/'), 'holds the working folder');
  await expectUserError(check(homedir()), 'home folder');
  await expectUserError(check(dirname(homedir())), '');
  await expectUserError(check(join(folder, 'file')), 'found a file');
  await expectUserError(check(join(folder, 'file/deeper')), 'a part of the path is a file');
});

import { describe, expect, test } from 'vitest';
import { UserError } from '../errors.ts';
import { checkParity } from '../model/parity.ts';
import { createSampler } from '../model/sampler.ts';
import { createExecutor } from '../ort/ort-node.ts';
import type { ProgramPort } from '../program/executor.ts';
import { memorySource, testBundle } from '../testing/bundle.ts';
import { openBundle } from './bundle.ts';
import { checkSignature, checkStepState } from './signature-check.ts';

interface Json {
  [key: string]: Json | Json[] | string | number | undefined;
}

/** The bundle of the tests with an edited manifest; its programs, sizes and hashes are as they were. */
async function edited(edit: (sample: { inputs: Json; outputs: Json }, manifest: Json) => void) {
  const { files } = testBundle(['sample', 'encode']);
  const manifest = JSON.parse(new TextDecoder().decode(files['model.json'])) as Json;
  edit((manifest.programs as Json).sample as { inputs: Json; outputs: Json }, manifest);
  return openBundle(
    memorySource({ ...files, 'model.json': new TextEncoder().encode(JSON.stringify(manifest)) }),
  );
}

const edits: Record<string, readonly [Parameters<typeof edited>[0], RegExp]> = {
  'an input of another length': [
    ({ inputs }) => Object.assign(inputs.z!, { shape: [4] }),
    /sample\.onnx: its inputs are z float32 \[batch, 3\], model\.json says z float32 \[batch, 4\]; .*export/,
  ],
  'an input of another rank': [
    ({ inputs }) => Object.assign(inputs.z!, { shape: [1, 3] }),
    /z float32 \[batch, 3\], model\.json says z float32 \[batch, 1, 3\]/,
  ],
  'an input of another name': [
    ({ inputs }) => {
      inputs.w = inputs.z;
      delete inputs.z;
    },
    /its inputs are z float32 \[batch, 3\], model\.json says w float32 \[batch, 3\]/,
  ],
  'a scalar that is given for each example': [
    ({ inputs }) => Object.assign(inputs, { temperature: { dtype: 'float32', shape: [], role: 'latent' } }),
    /temperature float32 \[\], model\.json says temperature float32 \[batch\]/,
  ],
  'an input that the program does not take': [
    ({ inputs }) => Object.assign(inputs, { more: { dtype: 'float32', shape: [], role: 'latent' } }),
    /its inputs are fewer, model\.json says more float32 \[batch\]/,
  ],
  'an input left out': [
    ({ inputs }) => delete inputs.temperature,
    /its inputs are temperature float32 \[\], model\.json says fewer/,
  ],
  'an output of another type': [
    ({ outputs }) => Object.assign(outputs.level!, { dtype: 'float32' }),
    /its outputs are level int32 \[batch\], model\.json says level float32 \[batch\]/,
  ],
  'an output of another length': [
    ({ outputs }) => Object.assign(outputs.level!, { shape: [2] }),
    /level int32 \[batch\], model\.json says level int32 \[batch, 2\]/,
  ],
  'data of another shape throughout': [
    ({ outputs }, manifest) => {
      Object.assign(manifest.data!, { shape: [5] });
      Object.assign(outputs.data!, { shape: [5] });
      delete (manifest.programs as Json).encode;
    },
    /data float32 \[batch, 3\], model\.json says data float32 \[batch, 5\]/,
  ],
};

describe('a manifest that was edited apart from its programs', () => {
  test.each(Object.keys(edits))('%s is refused before anything is drawn', async (name) => {
    const [edit, message] = edits[name]!;
    const bundle = await edited(edit);
    const sampler = createSampler(bundle, await createExecutor('cpu'));
    const refused = await sampler.prepare('sample').catch((error: unknown) => error);
    await sampler.release();
    expect(refused).toBeInstanceOf(UserError);
    expect((refused as Error).message).toMatch(message);
    expect((refused as Error).message).not.toContain('\n');
  });

  test('is refused by the check of parity, too', async () => {
    const { files } = testBundle(['encode'], {});
    const text = new TextDecoder().decode(files['model.json']).replaceAll('"y"', '"z"');
    const bundle = await openBundle(memorySource({ ...files, 'model.json': new TextEncoder().encode(text) }));
    await expect(checkParity(bundle, await createExecutor('cpu'))).rejects.toThrow(UserError);
  });

  test('data whose shape is not that of the programs is refused when the manifest is read', async () => {
    const opened = edited((_, manifest) => Object.assign(manifest.data!, { shape: [5] }));
    await expect(opened).rejects.toThrow(
      "model.json: programs.sample.outputs: expected 'data' to be of the data's shape [5], found [3]",
    );
  });
});

describe('checkSignature', () => {
  const port = (name: string, shape: (number | string)[]): ProgramPort => ({ name, dtype: 'float32', shape });
  const declared = {
    inputs: { z: { role: 'noise', distribution: 'normal', dtype: 'float32', shape: [8, 8] } },
    outputs: {},
  } as const;
  const against = (shape: (number | string)[]) => () =>
    checkSignature('x.onnx', declared, { inputs: [port('z', shape)], outputs: [] });

  test('dimensions that a program leaves open fit any; as many values in another shape do not', () => {
    expect(against(['n', 8, 8])).not.toThrow();
    expect(against(['n', 'height', 8])).not.toThrow();
    expect(against(['n', 16, 4])).toThrow('z float32 [n, 16, 4], model.json says z float32 [batch, 8, 8]');
    expect(against(['n', 64])).toThrow(UserError);
    expect(against([4, 8, 8])).toThrow(UserError);
  });

  test('a program may take tensors of the training state, of their shapes', () => {
    const inputs = [port('z', ['n', 8, 8]), port('state/w', [3])];
    const check = (shape: number[]) => () =>
      checkSignature('x.onnx', declared, { inputs, outputs: [] }, { w: { shape }, unused: { shape: [9] } });
    expect(check([3])).not.toThrow();
    expect(check([4])).toThrow('state/w float32 [3], model.json says state/w float32 [4]');
  });
});

test('a training step takes and returns the declared state', () => {
  const of = (prefix: string, shape: number[]) => [
    { name: `${prefix}/w`, dtype: 'float32' as const, shape },
    { name: 'other', dtype: 'float32' as const, shape: [] },
  ];
  const check = (taken: number[], returned: number[]) => () =>
    checkStepState(
      'step.onnx',
      { w: { shape: [2] } },
      { inputs: of('state', taken), outputs: of('next', returned) },
    );
  expect(check([2], [2])).not.toThrow();
  expect(check([3], [2])).toThrow(
    'step.onnx: its inputs are state/w float32 [3], model.json says state/w float32 [2]',
  );
  expect(check([2], [3])).toThrow('its outputs are next/w float32 [3]');
});

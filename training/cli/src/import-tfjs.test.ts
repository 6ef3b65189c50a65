import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { graphModelFiles, tf, traceBatched } from '@generatrix/export';
import { folderOf } from '@generatrix/training/testing';
import { beforeAll, describe, expect, it } from 'vitest';
import { command } from './test-command.ts';
import { expectSame, given, samplesOf, weights } from './test-import.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

describe('a TensorFlow.js model', () => {
  it('a LayersModel that tf.io saved gives what it predicts', async () => {
    const z = tf.input({ shape: [8], name: 'z' });
    const y = tf.input({ shape: [3], name: 'y' });
    const dense = (units: number) =>
      tf.layers.dense({
        units,
        activation: 'tanh',
        kernelInitializer: tf.initializers.randomNormal({ seed: 3 }),
      });
    const hidden = tf.layers.concatenate().apply([z, y]) as tf.SymbolicTensor;
    const image = tf.layers
      .reshape({ targetShape: [4, 5, 1] })
      .apply(dense(20).apply(hidden)) as tf.SymbolicTensor;
    const model = tf.model({ inputs: [z, y], outputs: image });
    const folder = await folderOf({});
    await model.save(
      tf.io.withSaveHandler(
        async ({ modelTopology, format, generatedBy, convertedBy, weightSpecs, weightData }) => {
          const weightsManifest = [{ paths: ['./weights.bin'], weights: weightSpecs }];
          const json = { modelTopology, format, generatedBy, convertedBy, weightsManifest };
          await writeFile(join(folder, 'model.json'), JSON.stringify(json));
          await writeFile(join(folder, 'weights.bin'), new Uint8Array(weightData as ArrayBuffer));
          return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } };
        },
      ),
    );
    const out = join(folder, 'bundle');
    const made = await command(
      'import',
      join(folder, 'model.json'),
      '--out',
      out,
      '--noise',
      'z=normal',
      '--label',
      'y=3',
    );
    expect(made.status, made.stderr).toBe(0);
    const { z: drawn, y: labels } = given(3);
    const rows = tf.oneHot(tf.tensor1d(labels!.data as Int32Array, 'int32'), 3);
    const expected = model.predict([tf.tensor2d(drawn!.data as Float32Array, [5, 8]), rows]) as tf.Tensor;
    expectSame(await samplesOf(out), [5, 4, 5, 1], expected.dataSync());
    const parity = await command('parity', out, '--devices', 'cpu');
    expect(parity.status, parity.stderr).toBe(0);
  });

  it('a GraphModel gives what it computes, sizes that it leaves open given', async () => {
    const graph = traceBatched(
      ({ z }) => ({ image: tf.reshape(tf.sin(tf.matMul(z as tf.Tensor2D, weights(8, 24))), [-1, 1, 4, 6]) }),
      { z: { dtype: 'float32', shape: [8], batched: true } },
    );
    const files = graphModelFiles(graph, { name: 'g' });
    const open = JSON.parse(new TextDecoder().decode(files['model.json'])) as {
      modelTopology: { node: { name: string; attr: { shape?: { shape: { dim: { size: string }[] } } } }[] };
    };
    const placeholder = open.modelTopology.node.find(({ name }) => name === 'z')!;
    placeholder.attr.shape!.shape.dim[1]!.size = '-1';
    const folder = await folderOf({
      ...files,
      'open/model.json': JSON.stringify(open),
      'open/weights.bin': files['weights.bin'],
    });
    const expected = tf.sin(
      tf.matMul(tf.tensor2d(given().z!.data as Float32Array, [5, 8]), weights(8, 24) as tf.Tensor2D),
    );
    const sized = [
      ['model.json', []],
      ['open/model.json', ['--size', 'z=8']],
    ] as const;
    for (const [file, flags] of sized) {
      const out = join(folder, 'out', file);
      const made = await command('import', join(folder, file), '--out', out, '--noise', 'z=normal', ...flags);
      expect(made.status, made.stderr).toBe(0);
      expectSame(await samplesOf(out), [5, 4, 6, 1], expected.dataSync());
    }
    const unsized = await command(
      'import',
      join(folder, 'open/model.json'),
      '--out',
      join(folder, 'no'),
      '--noise',
      'z=normal',
    );
    expect(unsized.stderr).toMatch(
      /the size of its input z float32 \[batch, \?\] is open: give it with --size z=N/,
    );
  });

  it('is refused in one line', async () => {
    const outside = {
      format: 'layers-model',
      modelTopology: {},
      weightsManifest: [{ paths: ['../../w.bin'], weights: [] }],
    };
    const folder = await folderOf({
      'other.json': '{"a": 1}',
      'bundle.json': '{"format": "generatrix-bundle"}',
      'broken.json': '{',
      'outside.json': JSON.stringify(outside),
      'missing.json': JSON.stringify({ ...outside, weightsManifest: [{ paths: ['w.bin'], weights: [] }] }),
      'unbuilt.json': JSON.stringify({
        ...outside,
        weightsManifest: [],
        modelTopology: { class_name: 'Nonsense', config: {} },
      }),
    });
    const refusals: [string, RegExp][] = [
      ['other.json', /expected the model\.json of a TensorFlow\.js LayersModel or GraphModel/],
      ['bundle.json', /is a bundle already/],
      ['broken.json', /broken\.json: expected the model\.json/],
      ['outside.json', /'\.\.\/\.\.\/w\.bin' lie outside its folder/],
      ['missing.json', /w\.bin: expected weights, there is no such file/],
      ['unbuilt.json', /cannot build this layers-model/],
    ];
    for (const [file, message] of refusals) {
      const { status, stderr } = await command('import', join(folder, file), '--out', join(folder, 'out'));
      expect(status, file).toBe(1);
      expect(stderr).toMatch(message);
      expect(stderr.trim().split('\n')).toHaveLength(1);
    }
  });
});

import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { tf, trace, traceBatched, writeOnnx } from '@generatrix/export';
import { createExecutor, type HostTensor, loadSampler } from '@generatrix/runtime';
import { folderOf } from '@generatrix/training/testing';
import { beforeAll, describe, expect, it } from 'vitest';
import { command } from './test-command.ts';
import { channelsLast, expectSame, given, samplesOf, weights } from './test-import.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const python = spawnSync('python3', ['-c', 'import onnx, onnxruntime, numpy']).status === 0;
if (!python) console.log('skipped what onnx writes: no python3 with onnx and onnxruntime here');

/** Channels first, one-hot classes, a second output: what a generator written elsewhere looks like. */
const generator = () =>
  writeOnnx(
    traceBatched(
      ({ z, y }) => {
        const hidden = tf.add(
          tf.matMul(z as tf.Tensor2D, weights(8, 6)),
          tf.matMul(y as tf.Tensor2D, weights(3, 6)),
        );
        const image = tf.tanh(tf.matMul(hidden as tf.Tensor2D, weights(6, 3 * 4 * 5)));
        return { features: hidden, image: tf.reshape(image, [-1, 3, 4, 5]) };
      },
      {
        z: { dtype: 'float32', shape: [8], batched: true },
        y: { dtype: 'float32', shape: [3], batched: true },
      },
    ),
    { name: 'generator' },
  );
const declared = ['--noise', 'z=normal', '--label', 'y=3', '--output', 'image'];

describe('an ONNX file', () => {
  it('gives the values that onnxruntime gives for the file itself', async () => {
    const folder = await folderOf({ 'generator.onnx': generator() });
    const [path, out] = [join(folder, 'generator.onnx'), join(folder, 'bundle')];
    const { status, stdout, stderr } = await command(
      'import',
      path,
      '--out',
      out,
      ...declared,
      '--class-names',
      'a,b,c',
    );
    expect(status, stderr).toBe(0);
    expect(stdout).toContain(`generatrix sample ${out}`);

    const { z, y } = given(3);
    const rows = Float32Array.from({ length: 15 }, (_, i) => (y!.data[Math.floor(i / 3)] === i % 3 ? 1 : 0));
    const program = await (await createExecutor('cpu')).load('direct', generator());
    const direct = await program.run({ z: z!, y: { dtype: 'float32', shape: [5, 3], data: rows } });
    const image = direct.image as HostTensor;
    await program.release();
    expectSame(await samplesOf(out), [5, 4, 5, 3], channelsLast(image.data, [5, 3, 4, 5]));

    const manifest = JSON.parse(await readFile(join(out, 'model.json'), 'utf8'));
    expect(manifest).toMatchObject({
      name: 'generator',
      family: 'imported',
      data: { kind: 'image', shape: [4, 5, 3], range: [-1, 1], classNames: ['a', 'b', 'c'] },
      sample: { file: 'sample.png', count: 64 },
    });
    expect((await readFile(join(out, 'sample.png'))).length).toBeGreaterThan(100);
    const parity = await command('parity', out, '--devices', 'cpu');
    expect(parity.status, parity.stderr).toBe(0);
    expect(parity.stdout).toContain('sample');
    const drawn = await command(
      'sample',
      out,
      '--count',
      '2',
      '--label',
      '1',
      '--out',
      join(folder, 'two.png'),
    );
    expect(drawn.status, drawn.stderr).toBe(0);
  });

  it('a flat output becomes images, sound or points, as is said', async () => {
    const flat = writeOnnx(
      traceBatched(({ z }) => ({ y: tf.matMul(z as tf.Tensor2D, weights(8, 12)) }), {
        z: { dtype: 'float32', shape: [8], batched: true },
      }),
      { name: 'flat' },
    );
    const folder = await folderOf({ 'flat.onnx': flat });
    const expected = tf.matMul(
      tf.tensor2d(given().z!.data as Float32Array, [5, 8]),
      weights(8, 12) as tf.Tensor2D,
    );
    const kinds = [
      [
        ['--shape', '3x4x1', '--range', '0,1'],
        [3, 4, 1],
      ],
      [['--sample-rate', '8000'], [12]],
      [[], [12]],
    ] as const;
    for (const [i, [flags, shape]] of kinds.entries()) {
      const out = join(folder, String(i));
      const made = await command(
        'import',
        join(folder, 'flat.onnx'),
        '--out',
        out,
        '--noise',
        'z=normal',
        ...flags,
      );
      expect(made.status, made.stderr).toBe(0);
      expectSame(await samplesOf(out), [5, ...shape], expected.dataSync());
    }
  });

  it('may decode, encode or score, and does so with what it is given', async () => {
    const [kernel, spread] = [weights(4, 6) as tf.Tensor2D, 0.5];
    const written = (fn: (x: tf.Tensor2D) => tf.Tensor, size: number): Uint8Array =>
      writeOnnx(
        traceBatched(({ x }) => ({ y: fn(x as tf.Tensor2D) }), {
          x: { dtype: 'float32', shape: [size], batched: true },
        }),
        { name: 'part' },
      );
    /** log N(x; 0, spread^2) of each row. */
    const density = (x: tf.Tensor2D) =>
      tf.sub(
        tf.div(tf.sum(tf.square(x), 1), -2 * spread ** 2),
        6 * Math.log(spread * Math.sqrt(2 * Math.PI)),
      );
    const folder = await folderOf({
      'decode.onnx': written((h) => tf.matMul(h, kernel), 4),
      'encode.onnx': written((x) => tf.matMul(x, kernel, false, true), 6),
      'logProb.onnx': written(density, 6),
    });
    const codes = {
      dtype: 'float32',
      shape: [3, 4],
      data: weights(3, 4).dataSync() as Float32Array,
    } as const;
    const points = {
      dtype: 'float32',
      shape: [3, 6],
      data: weights(3, 6).dataSync() as Float32Array,
    } as const;
    const opened = async (program: string, role: string, ...flags: string[]) => {
      const out = join(folder, program);
      const made = await command(
        'import',
        join(folder, `${program}.onnx`),
        '--out',
        out,
        '--program',
        program,
        role,
        'x',
        ...flags,
      );
      expect(made.status, made.stderr).toBe(0);
      return loadSampler(out, { device: 'cpu' });
    };
    const decoder = await opened('decode', '--latent');
    expectSame(
      await decoder.decode(codes),
      [3, 6],
      tf.matMul(weights(3, 4) as tf.Tensor2D, kernel).dataSync(),
    );
    await decoder.release();
    const encoder = await opened('encode', '--data');
    const expected = tf.matMul(weights(3, 6) as tf.Tensor2D, kernel, false, true);
    expectSame(await encoder.encode(points), [3, 4], expected.dataSync());
    await encoder.release();
    const scorer = await opened('logProb', '--data');
    const { values, kind } = await scorer.logProb({ data: points });
    expect(kind).toBe('exact');
    expect(values).toHaveLength(3);
    for (const [i, value] of density(weights(3, 6) as tf.Tensor2D)
      .dataSync()
      .entries()) {
      expect(values[i]).toBeCloseTo(value, 4);
    }
    await scorer.release();
  });

  it.skipIf(!python)('written by Python: half precision, int64 classes, one example at a time', async () => {
    const script = `
import json, sys, numpy as np, onnx, onnxruntime as ort
from onnx import helper as h, TensorProto as T, numpy_helper as nh
rng = np.random.default_rng(0)
weights = [nh.from_array((rng.normal(size=(8, 24)) / 10).astype('f2'), 'w'), nh.from_array(rng.normal(size=(4, 8)).astype('f2'), 'table'),
  nh.from_array(np.array([-1, 1, 4, 6], dtype='i8'), 'shape'), nh.from_array(np.array([1], dtype='i8'), 'axis'), nh.from_array(np.array(True), 'yes')]
half = h.make_graph([h.make_node('Add', ['z', 'row'], ['sum'])], 'then', [], [h.make_tensor_value_info('sum', T.FLOAT16, None)])
other = h.make_graph([h.make_node('Identity', ['row'], ['same'])], 'else', [], [h.make_tensor_value_info('same', T.FLOAT16, None)])
nodes = [h.make_node('Squeeze', ['y', 'axis'], ['flat']), h.make_node('Gather', ['table', 'flat'], ['row']),
  h.make_node('If', ['yes'], ['in'], then_branch=half, else_branch=other),
  h.make_node('MatMul', ['in', 'w'], ['m']), h.make_node('Tanh', ['m'], ['t']), h.make_node('Reshape', ['t', 'shape'], ['image'])]
graph = h.make_graph(nodes, 'g', [h.make_tensor_value_info('z', T.FLOAT16, [1, 8]), h.make_tensor_value_info('y', T.INT64, [1, 1])],
  [h.make_tensor_value_info('image', T.FLOAT16, [1, 1, 4, 6])], weights)
model = h.make_model(graph, opset_imports=[h.make_opsetid('', 16)]); model.ir_version = 8
onnx.checker.check_model(model, full_check=True)
onnx.save(model, sys.argv[1] + '/half.onnx')
onnx.save(model, sys.argv[1] + '/outside.onnx', save_as_external_data=True, location='weights.bin', size_threshold=0)
given = json.load(open(sys.argv[1] + '/given.json'))
session = ort.InferenceSession(sys.argv[1] + '/half.onnx', providers=['CPUExecutionProvider'])
rows = [session.run(None, {'z': np.array(z, 'f2')[None], 'y': np.array([[y]], 'i8')})[0] for z, y in zip(given['z'], given['y'])]
json.dump(np.concatenate(rows).astype('f4').ravel().tolist(), open(sys.argv[1] + '/expected.json', 'w'))
`;
    const { z, y } = given(4);
    const rows = Array.from({ length: 5 }, (_, i) => Array.from(z!.data.slice(8 * i, 8 * i + 8)));
    const folder = await folderOf({ 'given.json': JSON.stringify({ z: rows, y: Array.from(y!.data) }) });
    const { status, stderr } = spawnSync('python3', ['-c', script, folder], { encoding: 'utf8' });
    expect(status, stderr).toBe(0);
    const expected = JSON.parse(await readFile(join(folder, 'expected.json'), 'utf8')) as number[];
    // With its weights inside, and in a file beside it.
    for (const file of ['half.onnx', 'outside.onnx']) {
      const out = join(folder, 'bundle', file);
      const flags = ['--noise', 'z=normal', '--label', 'y=4'];
      const made = await command('import', join(folder, file), '--out', out, ...flags);
      expect(made.status, made.stderr).toBe(0);
      const samples = await samplesOf(out);
      expect(samples.shape).toEqual([5, 4, 6, 1]);
      // A unit in the last place of half precision below 1 is 5e-4.
      for (const [i, value] of expected.entries()) {
        expect(Math.abs(samples.data[i]! - value)).toBeLessThan(1e-3);
      }
    }
  });

  it('is refused in one line, with the cure, and nothing is written', async () => {
    const whole = generator();
    const folder = await folderOf({
      'g.onnx': whole,
      'cut.onnx': whole.slice(0, whole.length - 900),
      'text.onnx': 'not a model',
      'empty.onnx': '',
      'random.onnx': writeOnnx(
        traceBatched(({ z }) => ({ y: tf.sub(z!, tf.mean(z!, 0, true)) }), {
          z: { dtype: 'float32', shape: [8], batched: true },
        }),
        { name: 'random' },
      ),
      'fixed.onnx': writeOnnx(
        trace(({ z }) => ({ y: tf.reshape(tf.matMul(z as tf.Tensor2D, weights(8, 6)), [2, 3, 2]) }), {
          z: { dtype: 'float32', shape: [2, 8] },
        }),
        { name: 'fixed' },
      ),
    });
    const refusals: [string, string[], RegExp][] = [
      ['g.onnx', [], /what is its input z float32 \[batch, 8\] for\? Add --noise z=normal/],
      [
        'g.onnx',
        ['--noise', 'z=normal', '--label', 'y=3'],
        /which of its outputs.*--output: features, image/,
      ],
      [
        'g.onnx',
        ['--noise', 'z=normal', '--label', 'y=3', '--output', 'x'],
        /no output 'x' \(it has: features, image\)/,
      ],
      [
        'g.onnx',
        [...declared, '--noise', 'w=normal'],
        /has no input 'w' \(it has: z float32 \[batch, 8\]; y/,
      ],
      [
        'g.onnx',
        ['--noise', 'z=normal', '--label', 'y=4', '--output', 'image'],
        /'y'.*\[batch, 3\].*one of 4/,
      ],
      ['g.onnx', [...declared, '--shape', '28x28x1'], /\[3,4,5\].*28x28x1; change --shape/],
      ['g.onnx', [...declared, '--size', 'z=9'], /input z float32 \[batch, 8\] cannot have the size 9/],
      ['g.onnx', [...declared, '--layout', 'nhwc'], /images of 5 channels.*--layout/],
      ['g.onnx', ['--noise', 'z=gauss'], /--noise: expected INPUT=normal or INPUT=uniform, got 'z=gauss'/],
      [
        'g.onnx',
        ['--noise', 'z=normal', '--label', 'z=3'],
        /--label z: the input is declared as noise already/,
      ],
      ['g.onnx', [...declared, '--range', '1'], /--range: expected LOW,HIGH/],
      ['cut.onnx', declared, /cut\.onnx: expected an ONNX file, found something else or a part of one/],
      ['text.onnx', declared, /text\.onnx: expected an ONNX file/],
      ['empty.onnx', declared, /empty\.onnx: expected an ONNX file/],
      ['missing.onnx', declared, /missing\.onnx: expected an ONNX file.*no such file/],
      ['random.onnx', ['--noise', 'z=normal'], /differs by .* training mode/],
      [
        'fixed.onnx',
        ['--noise', 'z=normal'],
        /fixed\.onnx: .*(fixed number of examples|first axis of any size)/,
      ],
    ];
    for (const [file, flags, message] of refusals) {
      const out = join(folder, 'bundle');
      const { status, stderr } = await command('import', join(folder, file), '--out', out, ...flags);
      expect(status, `${file} ${flags.join(' ')}`).toBe(1);
      expect(stderr).toMatch(message);
      expect(stderr.trim().split('\n')).toHaveLength(1);
      await expect(readFile(join(out, 'model.json'))).rejects.toThrow(/ENOENT/);
    }
  });
});

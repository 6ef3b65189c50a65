import { describe, expect, test } from 'vitest';
import { openBundle } from '../bundle/bundle.ts';
import { UserError } from '../errors.ts';
import { fillNoise } from '../noise/noise.ts';
import { createExecutor } from '../ort/ort-node.ts';
import type { Executor } from '../program/executor.ts';
import { type HostTensor, hostTensor } from '../program/tensor.ts';
import { classShift, memorySource, type TestProgram, testBundle, weights } from '../testing/bundle.ts';
import type { SampleRequest } from './contract.ts';
import { createSampler, type Sampler } from './sampler.ts';

/** Counts what is loaded, run and released on the CPU. */
async function countingExecutor() {
  const cpu = await createExecutor('cpu');
  const log: string[] = [];
  const executor: Executor = {
    device: 'cpu',
    load: async (name, onnx, options) => {
      log.push(`load ${name}`);
      const program = await cpu.load(name, onnx, options);
      return {
        ...program,
        inputs: program.inputs,
        outputs: program.outputs,
        run: (inputs) => {
          log.push('run');
          return program.run(inputs);
        },
        release: () => {
          log.push(`release ${name}`);
          return program.release();
        },
      };
    },
  };
  return { executor, log };
}

async function open(...programs: TestProgram[]) {
  const { files } = testBundle(programs);
  const source = memorySource(files);
  const { executor, log } = await countingExecutor();
  return { sampler: createSampler(await openBundle(source), executor), log, source, files };
}

/** temperature z W + E[label], in double precision. */
function expectedData(seed: number, first: number, labels: readonly number[], temperature = 1): number[] {
  const z = fillNoise({
    distribution: 'normal',
    seed,
    stream: 'sample/z',
    firstIndex: first,
    count: labels.length,
    shape: [3],
  });
  return labels.flatMap((label, i) =>
    [0, 1, 2].map((column) => {
      const turned = [0, 1, 2].reduce((sum, row) => sum + z[i * 3 + row]! * weights[row]![column]!, 0);
      return temperature * turned + classShift[label]![column]!;
    }),
  );
}

/** One rounding to float32 for each of three operations, on values up to 32. */
const rounding = 3 * 32 * 2 ** -24;

function expectValues(tensor: HostTensor, shape: number[], values: readonly number[]): void {
  expect(tensor.shape).toEqual(shape);
  for (const [i, value] of values.entries()) {
    expect(Math.abs(tensor.data[i]! - value), `value ${i}`).toBeLessThanOrEqual(rounding);
  }
}

async function expectRefused(attempt: Promise<unknown>, message: RegExp): Promise<void> {
  const error = await attempt.then(
    () => expect.fail('it was accepted'),
    (reason: unknown) => reason as Error,
  );
  expect(error.message).toMatch(message);
  expect(error.message).not.toContain('\n');
  expect(error).toBeInstanceOf(UserError);
}

describe('sample', () => {
  test('computes what the program says, of the noise for the seed', async () => {
    const { sampler } = await open('sample');
    const { seed, data, outputs } = await sampler.sample({ count: 3, seed: 5, firstIndex: 4 });
    expect(seed).toBe(5);
    expect(outputs.data).toBe(data);
    expect([...outputs.level!.data], 'classes in turn, by index').toEqual([0, 1, 0]);
    expectValues(data, [3, 3], expectedData(5, 4, [0, 1, 0]));
  });

  test('a class for all, a class for each, and a scalar by its name', async () => {
    const { sampler } = await open('sample');
    const all = await sampler.sample({ count: 2, seed: 1, label: 1, temperature: 0.25 });
    expectValues(all.data, [2, 3], expectedData(1, 0, [1, 1], 0.25));
    const each = await sampler.sample({ count: 2, seed: 1, label: Int32Array.of(1, 0) });
    expectValues(each.data, [2, 3], expectedData(1, 0, [1, 0]));
  });

  test('any batch size, and any part of the samples, gives the same', async () => {
    const { sampler, log } = await open('sample');
    const labels = Int32Array.from({ length: 10 }, (_, i) => (i * i) % 2);
    const whole = await sampler.sample({ count: 10, seed: 9, label: labels });
    for (const batchSize of [1, 3, 10, 1000]) {
      log.length = 0;
      expect((await sampler.sample({ count: 10, seed: 9, label: labels, batchSize })).outputs).toEqual(
        whole.outputs,
      );
      expect(log, 'runs').toHaveLength(Math.ceil(10 / batchSize));
    }
    const part = await sampler.sample({ count: 4, seed: 9, firstIndex: 5, label: labels.slice(5, 9) });
    expect([...part.data.data]).toEqual([...whole.data.data.slice(15, 27)]);
  });

  test('without a seed: a random one, which gives the same again', async () => {
    const { sampler } = await open('sample');
    const first = await sampler.sample({ count: 2 });
    expect((await sampler.sample({ count: 2, seed: first.seed })).data).toEqual(first.data);
    expect((await sampler.sample({ count: 2 })).seed, 'one chance in 2^32').not.toBe(first.seed);
  });

  test('stops between batches when it is aborted', async () => {
    const { sampler, log } = await open('sample');
    const abort = new AbortController();
    const sampling = sampler.sample({ count: 100, batchSize: 1, signal: abort.signal });
    setImmediate(() => abort.abort('enough'));
    await expect(sampling).rejects.toBe('enough');
    expect(log.filter((line) => line === 'run').length).toBeLessThan(100);
  });

  test.each<[Partial<Record<string, unknown>>, RegExp]>([
    [{ count: 0 }, /count: expected a whole number from 1, got 0/],
    [{ count: 1.5 }, /count: .* got 1\.5/],
    [{ count: undefined }, /count: .* got undefined/],
    [{ batchSize: 0 }, /batchSize: .* got 0/],
    [{ seed: -1 }, /seed/],
    [{ firstIndex: -1 }, /first sample index/],
    [{ label: 2 }, /label 2 is out of range: the classes are 0 to 1/],
    [{ label: 0.5 }, /label: expected a whole number, got 0\.5/],
    [{ label: 2 ** 32 }, /label: expected a whole number/],
    [{ label: Int32Array.of(0) }, /needs 2 labels/],
    [{ program: 'paint' }, /no program 'paint' \(it has: sample, encode\)/],
    [{ program: 'encode' }, /data is missing/],
    [{ program: 'encode', label: 1 }, /takes no label/],
    [{ temperature: 3 }, /'temperature': expected a number from 0 to 2, got 3/],
    [{ temprature: 1 }, /no scalar 'temprature' \(it has: temperature\)/],
    [{ temperature: '1' }, /'temperature': expected a number, got 1/],
  ])('%o is refused before anything runs', async (request, message) => {
    const { sampler, log } = await open('sample', 'encode');
    await expectRefused(sampler.sample({ count: 2, ...request } as SampleRequest), message);
    expect(log.filter((line) => line === 'run')).toEqual([]);
  });
});

describe('the other programs', () => {
  const data = hostTensor('float32', [3, 3], [1, 2, 3, 4, 5, 6, -1, 0, 0.5]);

  test('encode and decode, in batches', async () => {
    const { sampler } = await open('encode', 'decode');
    const latent = await sampler.encode(data, { batchSize: 2 });
    expect(latent).toEqual(
      hostTensor(
        'float32',
        [3, 3],
        data.data.map((value) => 2 * value),
      ),
    );
    expect(await sampler.decode(latent)).toEqual(data);
    await expectRefused(
      sampler.encode(hostTensor('float32', [3, 2], new Float32Array(6))),
      /program encode: input 'x': expected data float32 \[3,3\], got float32 \[3,2\]/,
    );
    await expectRefused(sampler.encode(hostTensor('float32', [0, 3], [])), /at least one example/);
    await expectRefused(sampler.logProb({ data }), /has no density/);
  });

  test('an exact density comes before a bound, and needs the class', async () => {
    const { sampler } = await open('logWeight', 'logProb');
    const label = Int32Array.of(1, 0, 1);
    expect(await sampler.logProb({ data, label, batchSize: 2, samples: 5 })).toEqual({
      values: Float32Array.of(10 + 40 + 90, 0, -10 + 15),
      kind: 'exact',
    });
    await expectRefused(sampler.logProb({ data }), /needs a label, 0 to 1/);
  });

  test('a bound: draws are keyed, and 2,000 of them approach the closed form', async () => {
    const { sampler } = await open('logWeight');
    const x = hostTensor('float32', [2, 3], [0.3, -0.2, 0.1, 0.5, 0.5, 0]);
    const { values, kind } = await sampler.logProb({ data: x, samples: 2, seed: 3, firstIndex: 6, label: 1 });
    const weight = (draw: number, i: number) => {
      const eps = fillNoise({
        distribution: 'normal',
        seed: 3,
        stream: 'logWeight/eps',
        firstIndex: 6 + i,
        count: 1,
        draw,
        shape: [3],
      });
      return eps.reduce((sum, value, j) => sum + value * x.data[3 * i + j]!, 0);
    };
    expect(kind).toBe('bound');
    for (const i of [0, 1]) {
      const mean = (Math.exp(weight(0, i)) + Math.exp(weight(1, i))) / 2;
      expect(values[i]).toBeCloseTo(Math.log(mean), 5);
    }
    const one = await sampler.logProb({ data: x, seed: 3, firstIndex: 6, batchSize: 1 });
    expect(one.values[1]).toBeCloseTo(weight(0, 1), 5);
    // exp(w) is log-normal: its mean over k draws has relative variance (e^s - 1) / k, s = |x|^2 <= 0.5.
    const many = await sampler.logProb({ data: x, samples: 2000 });
    for (const i of [0, 1]) {
      const square = [0, 1, 2].reduce((sum, j) => sum + x.data[3 * i + j]! ** 2, 0);
      const fourSigma = 4 * Math.sqrt(Math.expm1(square) / 2000);
      expect(Math.abs(many.values[i]! - square / 2)).toBeLessThan(fourSigma);
    }
  });
});

describe('programs of a sampler', () => {
  test('are loaded when first used, once, and released together', async () => {
    const { sampler, log, source } = await open('sample', 'encode', 'decode');
    expect(source.reads).toEqual(['model.json']);
    await Promise.all([1, 2, 3].map((seed) => sampler.sample({ count: 1, seed })));
    await sampler.prepare('encode');
    expect(log.filter((line) => line.startsWith('load'))).toEqual([
      'load test-points/sample',
      'load test-points/encode',
    ]);
    await sampler.release();
    await sampler.release();
    expect(log.filter((line) => line.startsWith('release'))).toHaveLength(2);
    await expect(sampler.sample({ count: 1 })).rejects.toThrow('was released');
  });

  test('calls side by side do not mix', async () => {
    const { sampler } = await open('sample');
    const seeds = [1, 2, 3, 4, 5];
    const draw = (from: Sampler, seed: number) => from.sample({ count: 7, seed, batchSize: 2 });
    const alone = [];
    for (const seed of seeds) alone.push((await draw(sampler, seed)).data);
    const together = await Promise.all(seeds.map((seed) => draw(sampler, seed)));
    expect(together.map(({ data }) => data)).toEqual(alone);
  });

  test('one that could not be read can be tried again', async () => {
    const { sampler, files } = await open('sample');
    const onnx = files['sample.onnx']!;
    files['sample.onnx'] = onnx.slice(1);
    await expectRefused(sampler.sample({ count: 1 }), /sample\.onnx has/);
    files['sample.onnx'] = onnx;
    expect((await sampler.sample({ count: 1 })).data.shape).toEqual([1, 3]);
  });
});

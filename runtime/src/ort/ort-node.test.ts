import { afterAll, describe, expect, test } from 'vitest';
import type { Executor } from '../program/executor.ts';
import { type HostTensor, hostTensor } from '../program/tensor.ts';
import { createExecutor, openDevice, reportDevices } from './ort-node.ts';
import { encodeTinyOnnx } from './tiny-onnx.ts';

/** product = x W, flags = product > 0, next = steps + 1: every type, a weight, and any batch size. */
const mixed = encodeTinyOnnx({
  nodes: [
    ['MatMul', ['x', 'W'], ['product']],
    ['Greater', ['product', 'zero'], ['flags']],
    ['Add', ['steps', 'one'], ['next']],
  ],
  constants: {
    W: ['float32', [3, 2], [1, 0, 0, 1, 1, -1]],
    zero: ['float32', [], [0]],
    one: ['int32', [], [1]],
  },
  inputs: { x: ['float32', ['batch', 3]], steps: ['int32', []] },
  outputs: { product: ['float32', ['batch', 2]], flags: ['bool', ['batch', 2]], next: ['int32', []] },
});
const mixedInputs = {
  x: hostTensor('float32', [2, 3], [1, 2, 3, -4, 5, -6]),
  steps: hostTensor('int32', [], [41]),
};
/** x W by hand: [1+3, 2-3], [-4-6, 5+6]. */
const mixedOutputs = {
  product: hostTensor('float32', [2, 2], [4, -1, -10, 11]),
  flags: hostTensor('bool', [2, 2], [1, 0, 0, 1]),
  next: hostTensor('int32', [], [42]),
};

/** state' = 2 state + 1, and its sum. */
const recurrence = encodeTinyOnnx({
  nodes: [
    ['Add', ['state', 'state'], ['twice']],
    ['Add', ['twice', 'one'], ['after']],
    ['ReduceSum', ['after'], ['sum'], { keepdims: 0 }],
  ],
  constants: { one: ['float32', [], [1]] },
  inputs: { state: ['float32', [4]] },
  outputs: { after: ['float32', [4]], sum: ['float32', []] },
});

const reports = await reportDevices();

/** What every device must do. */
function executorSuite(device: 'cpu' | 'cuda' | 'webgpu') {
  const report = reports.find((entry) => entry.device === device)!;
  if (!report.available) console.log(`skipped: ${device} does not work here: ${report.reason}`);
  describe.skipIf(!report.available)(device, () => {
    const open = (): Promise<Executor> => createExecutor(device);

    test('writes outputs to memory that it is given, or to its own', async () => {
      const program = await (await open()).load('mixed', mixed);
      const into = {
        product: hostTensor('float32', [2, 2], [9, 9, 9, 9]),
        flags: hostTensor('bool', [2, 2], [1, 1, 1, 1]),
      };
      const outputs = await program.run(mixedInputs, into);
      expect(outputs).toEqual(mixedOutputs);
      for (const name of ['product', 'flags'] as const)
        expect(outputs[name] === into[name], name).toBe(device === 'cpu');
      if (device === 'cpu') {
        const short = { product: hostTensor('float32', [4], [0, 0, 0, 0]) };
        await expect(program.run(mixedInputs, short)).rejects.toThrow(
          "mixed: the target of output 'product' must be float32 [batch,2], got float32 [4]",
        );
        const state = await (await open()).load('recurrence', recurrence);
        const tensor = hostTensor('float32', [4], [0, 1, 2, 3]);
        await expect(state.run({ state: tensor }, { after: tensor })).rejects.toThrow(
          "recurrence: the target of output 'after' is memory of an input",
        );
        await state.release();
      }
      await program.release();
    });

    test('runs a program with all types', async () => {
      const program = await (await open()).load('mixed', mixed);
      expect(program.inputs.map(({ name, dtype }) => [name, dtype])).toEqual([
        ['x', 'float32'],
        ['steps', 'int32'],
      ]);
      expect(program.outputs.map(({ name, dtype }) => [name, dtype])).toEqual([
        ['product', 'float32'],
        ['flags', 'bool'],
        ['next', 'int32'],
      ]);
      expect(await program.run(mixedInputs)).toEqual(mixedOutputs);
      await program.release();
    });

    test('runs that overlap all give their own answer, and one that fails harms no other', async () => {
      const program = await (await open()).load('mixed', mixed);
      const wrong = { ...mixedInputs, x: hostTensor('float32', [1, 2], [1, 2]) };
      const runs = Array.from({ length: 8 }, (_, i) =>
        i === 3 ? program.run(wrong) : program.run({ ...mixedInputs, steps: hostTensor('int32', [], [i]) }),
      );
      const settled = await Promise.allSettled(runs);
      const next = settled.map((run) =>
        run.status === 'fulfilled' ? (run.value.next as HostTensor).data[0] : 'x',
      );
      expect(next).toEqual([1, 2, 3, 'x', 5, 6, 7, 8]);
      await program.release();
    });

    test('state fed back and forth stays right, wherever it is kept', async () => {
      const program = await (await open()).load('recurrence', recurrence, { keepOnDevice: ['after'] });
      let state = (await program.run({ state: hostTensor('float32', [4], [0, 1, 2, 3]) })).after!;
      let sum = 0;
      for (let i = 0; i < 3; i++) {
        const outputs = await program.run({ state });
        if ('location' in state) state.dispose();
        state = outputs.after!;
        const total = outputs.sum!;
        if ('location' in total) throw new Error('sum was not asked to stay on the device');
        sum = total.data[0]!;
      }
      expect('location' in state).toBe(device === 'webgpu');
      const host = 'location' in state ? await state.download() : state;
      // 2^4 x + 2^4 - 1
      expect(host).toEqual(hostTensor('float32', [4], [15, 31, 47, 63]));
      expect(sum).toBe(156);
      if ('location' in state) state.dispose();
      await program.release();
    });

    test('release waits for runs, may be called twice, and ends the program', async () => {
      const program = await (await open()).load('mixed', mixed);
      const run = program.run(mixedInputs);
      await Promise.all([program.release(), program.release()]);
      expect(await run).toEqual(mixedOutputs);
      await expect(program.run(mixedInputs)).rejects.toThrow('mixed: the program was released');
    });

    test.each<[string, Record<string, HostTensor>, string]>([
      ['missing', { x: mixedInputs.x }, "mixed: input 'steps' is missing"],
      [
        'of another type',
        { ...mixedInputs, steps: hostTensor('float32', [], [1]) },
        "mixed: input 'steps' must be int32 [], got float32 []",
      ],
      [
        'of another shape',
        { ...mixedInputs, x: hostTensor('float32', [2, 4], new Float32Array(8)) },
        "mixed: input 'x' must be float32 [batch,3], got float32 [2,4]",
      ],
      [
        'too short',
        { ...mixedInputs, x: { dtype: 'float32', shape: [2, 3], data: new Float32Array(5) } },
        "mixed: input 'x' of shape [2,3] needs 6 values, got 5",
      ],
    ])('an input that is %s is named', async (_, inputs, message) => {
      const program = await (await open()).load('mixed', mixed);
      await expect(program.run(inputs)).rejects.toThrow(message);
      await program.release();
    });

    test('bytes that are no program, and types that programs do not have', async () => {
      const executor = await open();
      await expect(executor.load('broken', mixed.slice(0, 100))).rejects.toThrow(
        new RegExp(`^broken: ${device} cannot run this program: .*`),
      );
      const int64 = encodeTinyOnnx({
        nodes: [['Identity', ['x'], ['y']]],
        inputs: { x: ['int64', [2]] },
        outputs: { y: ['int64', [2]] },
      });
      await expect(executor.load('wide', int64)).rejects.toThrow("'x' has type int64");
    });

    test('takes values in memory that threads share', async () => {
      const shared = new Float32Array(new SharedArrayBuffer(24));
      shared.set(mixedInputs.x.data);
      const program = await (await open()).load('mixed', mixed);
      const x = { dtype: 'float32', shape: [2, 3], data: shared } as HostTensor;
      expect(await program.run({ ...mixedInputs, x })).toEqual(mixedOutputs);
      await program.release();
    });
  });
}

executorSuite('cpu');
executorSuite('cuda');
executorSuite('webgpu');

describe('choosing a device', () => {
  test('every device is reported, the CPU as available', () => {
    expect(reports.map(({ device }) => device)).toEqual(['cpu', 'cuda', 'webgpu']);
    expect(reports[0]).toEqual({ device: 'cpu', available: true, reason: '' });
    for (const { available, reason } of reports) expect(available).toBe(reason === '');
    for (const { reason } of reports) expect(reason).not.toContain('\n');
  });

  test('auto takes CUDA where it works, else the CPU, and says why', async () => {
    const cuda = reports.find(({ device }) => device === 'cuda')!;
    const { executor, reports: considered } = await openDevice('auto');
    expect(executor.device).toBe(cuda.available ? 'cuda' : 'cpu');
    expect(considered.at(-1)).toEqual({ device: executor.device, available: true, reason: '' });
    if (!cuda.available) expect(considered[0]).toMatchObject({ device: 'cuda', available: false });
  });

  test('a device that does not work is refused with the reason', async () => {
    for (const { device, available, reason } of reports) {
      if (available) continue;
      const error = await createExecutor(device).catch((caught: unknown) => caught);
      expect(error).toMatchObject({
        name: 'UserError',
        message: expect.stringContaining(`device '${device}' does not work here: `),
      });
      if (device === 'cuda') expect((error as Error).message).toContain(reason);
    }
  });

  test('names and options that make no sense are refused', async () => {
    await expect(createExecutor('wasm')).rejects.toThrow(
      "device 'wasm': expected one of auto, cpu, cuda, webgpu on this platform",
    );
    await expect(createExecutor('cpu', { threads: 0 })).rejects.toThrow(
      'threads: expected a whole number from 1',
    );
  });

  test('threads do not change results', async () => {
    const one = await (await createExecutor('cpu', { threads: 1 })).load('mixed', mixed);
    const two = await (await createExecutor('cpu')).load('mixed', mixed, { threads: 2 });
    expect(await one.run(mixedInputs)).toEqual(await two.run(mixedInputs));
    await Promise.all([one.release(), two.release()]);
  });
});

afterAll(() => console.log(reports));

describe('GENERATRIX_THREADS', () => {
  const before = process.env.GENERATRIX_THREADS;
  afterAll(() => {
    if (before === undefined) delete process.env.GENERATRIX_THREADS;
    else process.env.GENERATRIX_THREADS = before;
  });

  test.each(['0', '1.5', 'two', '-1'])('%s is refused in one line', async (value) => {
    process.env.GENERATRIX_THREADS = value;
    await expect(createExecutor('cpu')).rejects.toThrow(
      new RegExp(`GENERATRIX_THREADS is '${value}': give a whole number of threads, 1 or more$`),
    );
  });

  test('is passed over where the caller names a number', async () => {
    process.env.GENERATRIX_THREADS = 'two';
    const executor = await createExecutor('cpu', { threads: 1 });
    const program = await executor.load('mixed', mixed);
    expect(await program.run(mixedInputs)).toEqual(mixedOutputs);
    await program.release();
  });
});

import { type BatchedInput, type TensorFunction, tf, traceBatched, writeOnnx } from '@generatrix/export';
import { downloadAll } from '@generatrix/runtime';
import { type HostTensor, hostTensor } from '@generatrix/runtime/core';
import { launchChromium } from 'generatrix/browser';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ensureChromium } from './ensure-chromium.ts';
import { type BrowserExecutor, openBrowserExecutor } from './run-program.ts';

const chromium = await ensureChromium();
if ('reason' in chromium) console.log(`browser executor tests skipped: ${chromium.reason}`);

const write = (fn: TensorFunction, inputs: Record<string, BatchedInput>) =>
  writeOnnx(traceBatched(fn, inputs), { name: 'fixture' });

/** y = x A + b: small integers and halves, so every device must be exact. */
const A = tf.tensor2d([1, 2, 3, 4, 5, 6], [2, 3]);
const affine = write(({ x, b }) => ({ y: x!.matMul(A).add(b!) }), {
  x: { dtype: 'float32', shape: [2], batched: true },
  b: { dtype: 'float32', shape: [], batched: false },
});
const doubling = write(({ i }) => ({ twice: i!.add(i!) }), {
  i: { dtype: 'int32', shape: [], batched: true },
});
const garbage = Uint8Array.from({ length: 64 }, (_, i) => 255 - i);

describe.skipIf('reason' in chromium).each([
  ['wasm', false],
  ['wasm', true],
  ['webgpu', false],
] as const)('programs in the browser on %s, isolated: %s', (device, isolated) => {
  let executor: BrowserExecutor;
  beforeAll(async () => {
    executor = await openBrowserExecutor(device, { isolated });
  });
  afterAll(() => executor?.close());
  const run = async (name: string, onnx: Uint8Array, inputs: Readonly<Record<string, HostTensor>>) => {
    const program = await executor.load(name, onnx);
    const outputs = await downloadAll(await program.run(inputs));
    await program.release();
    return outputs;
  };

  test('gives the values that arithmetic gives, at any batch size', async () => {
    const b = hostTensor('float32', [], [0.5]);
    const two = await run('affine', affine, { x: hostTensor('float32', [2, 2], [1, 0, 2, -1]), b });
    expect(two).toEqual({ y: hostTensor('float32', [2, 3], [1.5, 2.5, 3.5, -1.5, -0.5, 0.5]) });
    const one = await run('affine', affine, { x: hostTensor('float32', [1, 2], [0, 1]), b });
    expect(one).toEqual({ y: hostTensor('float32', [1, 3], [4.5, 5.5, 6.5]) });
  });

  test('keeps int32 as int32', async () => {
    const { twice } = await run('doubling', doubling, {
      i: hostTensor('int32', [3], [1, -5, 1 << 29]),
    });
    expect(twice).toEqual(hostTensor('int32', [3], [2, -10, 1 << 30]));
  });

  test('reports a program it cannot run, and runs the next one', async () => {
    await expect(run('vae/garbage', garbage, {})).rejects.toThrow('vae/garbage');
    const outputs = await run('doubling', doubling, { i: hostTensor('int32', [1], [4]) });
    expect([...outputs.twice!.data]).toEqual([8]);
  });
});

test.skipIf('reason' in chromium)('a page that is opened is all that Chromium loads', async () => {
  const browser = await launchChromium();
  try {
    const page = await (await browser.newContext()).newPage();
    await page.goto('about:blank');
    const session = await browser.newBrowserCDPSession();
    // Every kind of target, Chromium's own pages for its address bar among them.
    const { targetInfos } = await session.send('Target.getTargets', { filter: [{}] });
    expect(new Set(targetInfos.map(({ url }) => url))).toEqual(new Set(['about:blank']));
  } finally {
    await browser.close();
  }
});

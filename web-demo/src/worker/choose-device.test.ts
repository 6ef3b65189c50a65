import { expect, test } from 'vitest';
import { chooseDevice, type DeviceTrial } from './choose-device.ts';

const { signal } = new AbortController();

/** A clock that only drawing moves. */
let now = 0;
const time = async (task: () => Promise<unknown>) => {
  const start = now;
  await task();
  return now - start;
};

/** A model that takes so many milliseconds on each device; a text is why a device does not work. */
function tried(on: Readonly<Record<'wasm' | 'webgpu', number | string>>) {
  const log: string[] = [];
  const trial: DeviceTrial<'wasm' | 'webgpu'> = {
    open: async (device) => {
      log.push(`open ${device}`);
      const found = on[device as 'wasm' | 'webgpu'];
      if (typeof found === 'string') throw new Error(found);
      return device as 'wasm' | 'webgpu';
    },
    batch: async (device) => {
      log.push(`time ${device}`);
      now += on[device] as number;
    },
    close: async (device) => void log.push(`close ${device}`),
  };
  return { log, trial };
}

test('where WASM is faster it is taken, and the page can say by how much', async () => {
  const { log, trial } = tried({ wasm: 40, webgpu: 120 });
  const chosen = await chooseDevice(trial, undefined, signal, time);
  expect(chosen).toEqual({
    opened: 'wasm',
    choice: { device: 'wasm', note: '3 times faster here than WebGPU', compared: true },
    passedOver: [
      {
        device: 'webgpu',
        available: false,
        reason: 'slower here: 120 ms for what takes 40 ms on WASM',
      },
    ],
  });
  expect(log).toEqual(['open wasm', 'time wasm', 'open webgpu', 'time webgpu', 'close webgpu']);
});

test('where WebGPU is faster it is taken', async () => {
  const { log, trial } = tried({ wasm: 300, webgpu: 200 });
  const chosen = await chooseDevice(trial, undefined, signal, time);
  expect(chosen).toMatchObject({
    opened: 'webgpu',
    choice: { device: 'webgpu', note: '1.5 times faster here than WASM', compared: true },
  });
  expect(log.at(-1)).toBe('close wasm');
});

test('a model that takes less than a frame on WASM costs no other engine', async () => {
  const { log, trial } = tried({ wasm: 4, webgpu: 1 });
  const chosen = await chooseDevice(trial, undefined, signal, time);
  expect(chosen).toMatchObject({ opened: 'wasm', choice: { note: '', compared: false } });
  expect(log).toEqual(['open wasm', 'time wasm']);
  // The page says that there was no trial, and why.
  const reason = 'not tried: WASM takes 4.0 ms for a batch';
  expect(chosen).toMatchObject({ passedOver: [{ device: 'webgpu', available: false, reason }] });
});

test('the one that works is taken without a comparison; where none does, each says why', async () => {
  const noGpu = await chooseDevice(tried({ wasm: 90, webgpu: 'no GPU' }).trial, undefined, signal, time);
  expect(noGpu).toMatchObject({
    opened: 'wasm',
    choice: { note: '', compared: false },
    passedOver: [{ device: 'webgpu', available: false, reason: 'no GPU' }],
  });
  const noWasm = await chooseDevice(tried({ wasm: 'wrong', webgpu: 5 }).trial, undefined, signal, time);
  expect(noWasm).toMatchObject({ opened: 'webgpu', passedOver: [{ device: 'wasm', reason: 'wrong' }] });
  expect(await chooseDevice(tried({ wasm: 'a', webgpu: 'b' }).trial, undefined, signal, time)).toEqual([
    { device: 'wasm', available: false, reason: 'a' },
    { device: 'webgpu', available: false, reason: 'b' },
  ]);
});

test('what was found before is taken without a trial, unless it works no more', async () => {
  const before = { device: 'webgpu', note: '2 times faster here than WASM', compared: true } as const;
  const again = tried({ wasm: 40, webgpu: 20 });
  expect(await chooseDevice(again.trial, before, signal, time)).toEqual({
    opened: 'webgpu',
    choice: before,
    passedOver: [],
  });
  expect(again.log).toEqual(['open webgpu']);
  const gone = tried({ wasm: 40, webgpu: 'no GPU' });
  expect(await chooseDevice(gone.trial, before, signal, time)).toMatchObject({
    opened: 'wasm',
    passedOver: [{ device: 'webgpu', reason: 'no GPU' }],
  });
});

test('a trial that is given up leaves nothing open', async () => {
  const controller = new AbortController();
  const { log, trial } = tried({ wasm: 40, webgpu: 20 });
  const stopping: typeof trial = {
    ...trial,
    batch: async (device) => {
      if (device === 'webgpu') controller.abort(new Error('cancelled'));
      controller.signal.throwIfAborted();
      await trial.batch!(device);
    },
  };
  await expect(chooseDevice(stopping, undefined, controller.signal, time)).rejects.toThrow('cancelled');
  expect(log).toEqual(['open wasm', 'time wasm', 'open webgpu', 'close webgpu', 'close wasm']);
});

import { type Device, type DeviceReport, messageOf } from '@generatrix/runtime/web';
import { deviceName, formatTime } from '../view/text.ts';

/** How a model is tried on a device. */
export interface DeviceTrial<Opened> {
  /** Opens it there, ready to draw. @throws why the device does not work, or computes it wrongly. */
  open(device: Device): Promise<Opened>;
  /** Draws a batch, to be timed; nothing for a model that draws none. */
  readonly batch: ((opened: Opened) => Promise<unknown>) | undefined;
  close(opened: Opened): Promise<void>;
}

/** What a trial found, to be remembered. */
export interface DeviceChoice {
  readonly device: 'wasm' | 'webgpu';
  /** Why, as a visitor reads it: `3 times faster here than WebGPU`; empty where nothing was compared. */
  readonly note: string;
  /** Whether the two were compared. */
  readonly compared: boolean;
}

export interface Chosen<Opened> {
  readonly opened: Opened;
  readonly choice: DeviceChoice;
  /** The devices that were passed over, and why. */
  readonly passedOver: readonly DeviceReport[];
}

/** Milliseconds of a batch on WASM that no other device need beat: a frame of the screen. */
const frame = 16;

/**
 * Takes the device on which this model is faster. A GPU is often several times slower than WASM for a small model,
 * whose many short steps cost more to hand over than to compute. Where WASM takes less than a frame of the screen, the
 * GPU's engine is not even fetched.
 * @param time milliseconds that a task takes
 * @param remembered what an earlier trial found; it is tried by itself, unless it works no more
 * @returns the choice; where no device works, the reports that say why
 * @throws when the signal says stop.
 */
export async function chooseDevice<Opened>(
  trial: DeviceTrial<Opened>,
  remembered: DeviceChoice | undefined,
  signal: AbortSignal,
  time: (task: () => Promise<unknown>) => Promise<number> = timeOf,
): Promise<Chosen<Opened> | readonly DeviceReport[]> {
  const passedOver: DeviceReport[] = [];
  const attempt = async (
    device: DeviceChoice['device'],
    isTimed = true,
  ): Promise<Tried<Opened> | undefined> => {
    let opened: Opened | undefined;
    try {
      const tried = await trial.open(device);
      opened = tried;
      const { batch } = trial;
      return { opened, ms: batch !== undefined && isTimed ? await time(() => batch(tried)) : 0 };
    } catch (error) {
      if (opened !== undefined) await trial.close(opened);
      signal.throwIfAborted();
      passedOver.push({ device, available: false, reason: messageOf(error) });
      return undefined;
    }
  };
  const alone = (device: DeviceChoice['device'], { opened }: Tried<Opened>): Chosen<Opened> => ({
    opened,
    choice: { device, note: '', compared: false },
    passedOver,
  });

  if (remembered !== undefined) {
    const before = await attempt(remembered.device, false);
    if (before !== undefined) return { ...alone(remembered.device, before), choice: remembered };
    passedOver.length = 0;
  }
  const wasm = await attempt('wasm');
  if (wasm !== undefined && wasm.ms < frame) {
    const reason = `not tried: WASM takes ${formatTime(wasm.ms)} for a batch`;
    passedOver.push({ device: 'webgpu', available: false, reason });
    return alone('wasm', wasm);
  }
  const webgpu = await attempt('webgpu').catch(async (error: unknown) => {
    if (wasm !== undefined) await trial.close(wasm.opened);
    throw error;
  });
  if (wasm === undefined) return webgpu === undefined ? passedOver : alone('webgpu', webgpu);
  if (webgpu === undefined) return alone('wasm', wasm);

  const isWasm = wasm.ms <= webgpu.ms;
  const [device, other] = isWasm ? (['wasm', 'webgpu'] as const) : (['webgpu', 'wasm'] as const);
  const [faster, slower] = isWasm ? [wasm, webgpu] : [webgpu, wasm];
  await trial.close(slower.opened);
  const note = `${timesFaster(slower.ms / faster.ms)} here than ${deviceName(other)}`;
  const reason = `slower here: ${formatTime(slower.ms)} for what takes ${formatTime(faster.ms)} on ${deviceName(device)}`;
  passedOver.push({ device: other, available: false, reason });
  return { opened: faster.opened, choice: { device, note, compared: true }, passedOver };
}

interface Tried<Opened> {
  readonly opened: Opened;
  readonly ms: number;
}

/** `3 times faster`, `1.4 times faster`, `no slower` */
function timesFaster(ratio: number): string {
  if (!(ratio >= 1.05)) return 'no slower';
  return `${ratio < 2 ? ratio.toFixed(1) : Math.round(ratio)} times faster`;
}

/**
 * Milliseconds that a task takes: the least of a few runs after the first, which may compile. It takes a quarter of a
 * second, or two runs.
 */
export async function timeOf(task: () => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  const begin = performance.now();
  while (times.length < 2 || (times.length < 5 && performance.now() - begin < 250)) {
    const start = performance.now();
    await task();
    times.push(performance.now() - start);
  }
  return Math.min(...times.slice(1));
}

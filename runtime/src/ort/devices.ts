import { messageOf, UserError } from '../errors.ts';
import type { Device, DeviceReport, DeviceRequest, Executor } from '../program/executor.ts';

export interface ExecutorOptions {
  /** Threads of the CPU or WASM pool; the device's own default when absent. Programs may ask for another number. */
  readonly threads?: number;
}

export interface OpenedDevice {
  readonly executor: Executor;
  /** The devices that were considered, in order; the one in use is the one that is available. */
  readonly reports: readonly DeviceReport[];
}

/** The devices of a platform and how to open one. */
export interface Platform {
  readonly devices: readonly Device[];
  /** What `auto` tries, best first. */
  readonly automatic: readonly Device[];
  /** Opens a device and proves that it works. @throws with the reason. */
  readonly open: (
    device: Device,
    options: ExecutorOptions & { readonly automatic: boolean },
  ) => Promise<Executor>;
}

/**
 * Opens the device that was asked for; `auto` takes the first that works.
 * @throws UserError when it does not work, with the reason (with `auto`, the reason for each).
 */
export async function openOn(
  platform: Platform,
  request: DeviceRequest,
  options: ExecutorOptions = {},
): Promise<OpenedDevice> {
  const automatic = request === 'auto';
  if (!automatic && !platform.devices.includes(request)) {
    const known = platform.devices.join(', ');
    throw new UserError(`device '${request}': expected one of auto, ${known} on this platform`);
  }
  const { threads } = options;
  if (threads !== undefined && (!Number.isSafeInteger(threads) || threads < 1)) {
    throw new UserError(`threads: expected a whole number from 1, got ${threads}`);
  }
  const reports: DeviceReport[] = [];
  for (const device of automatic ? platform.automatic : [request]) {
    try {
      const executor = await platform.open(device, { ...options, automatic });
      reports.push({ device, available: true, reason: '' });
      return { executor, reports };
    } catch (error) {
      reports.push({ device, available: false, reason: messageOf(error) });
    }
  }
  if (!automatic) throw new UserError(`device '${request}' does not work here: ${reports[0]!.reason}`);
  throw new UserError(
    `no device works here: ${reports.map(({ device, reason }) => `${device}: ${reason}`).join('; ')}`,
  );
}

/** Turns an attempt to use a device into a report on it. */
export async function reportOn(device: Device, attempt: Promise<unknown>): Promise<DeviceReport> {
  const reason = await attempt.then(() => '', messageOf);
  return { device, available: reason === '', reason };
}

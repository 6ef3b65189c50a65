import { describe, expect, test } from 'vitest';
import { UserError } from '../errors.ts';
import type { Device, Executor } from '../program/executor.ts';
import { openOn, type Platform, reportOn } from './devices.ts';

/** A platform where some devices fail, each with its own reason. */
function platform(failures: Partial<Record<Device, string>>, tried: string[] = []): Platform {
  return {
    devices: ['cpu', 'cuda', 'webgpu'],
    automatic: ['cuda', 'cpu'],
    open: async (device, { automatic }) => {
      tried.push(`${device}${automatic ? ' automatically' : ''}`);
      const failure = failures[device];
      if (failure !== undefined) throw new Error(failure);
      return { device } as Executor;
    },
  };
}

describe('openOn', () => {
  test('auto takes the best device that works, and tries no further', async () => {
    const tried: string[] = [];
    const { executor, reports } = await openOn(platform({}, tried), 'auto');
    expect(executor.device).toBe('cuda');
    expect(reports).toEqual([{ device: 'cuda', available: true, reason: '' }]);
    expect(tried).toEqual(['cuda automatically']);
  });

  test('auto reports what it passed over, on one line', async () => {
    const { executor, reports } = await openOn(platform({ cuda: 'no driver\n  at all' }), 'auto');
    expect(executor.device).toBe('cpu');
    expect(reports).toEqual([
      { device: 'cuda', available: false, reason: 'no driver at all' },
      { device: 'cpu', available: true, reason: '' },
    ]);
  });

  test('a named device never falls back to another', async () => {
    const tried: string[] = [];
    const opening = openOn(platform({ webgpu: 'no adapter' }, tried), 'webgpu');
    await expect(opening).rejects.toThrow(new UserError("device 'webgpu' does not work here: no adapter"));
    expect(tried).toEqual(['webgpu']);
  });

  test('when nothing works, every reason is given', async () => {
    await expect(openOn(platform({ cuda: 'no driver', cpu: 'no memory' }), 'auto')).rejects.toThrow(
      new UserError('no device works here: cuda: no driver; cpu: no memory'),
    );
  });

  test('devices of other platforms and numbers of threads that make no sense are refused', async () => {
    await expect(openOn(platform({}), 'wasm')).rejects.toThrow(
      "device 'wasm': expected one of auto, cpu, cuda, webgpu",
    );
    for (const threads of [0, -1, 1.5, Number.NaN]) {
      await expect(openOn(platform({}), 'cpu', { threads })).rejects.toThrow(
        'threads: expected a whole number from 1',
      );
    }
  });
});

test('reportOn gives the reason of a failure', async () => {
  expect(await reportOn('cpu', Promise.resolve(3))).toEqual({ device: 'cpu', available: true, reason: '' });
  expect(await reportOn('cuda', Promise.reject(new Error('no driver')))).toEqual({
    device: 'cuda',
    available: false,
    reason: 'no driver',
  });
});

import {
  checkParity,
  createExecutor,
  type Device,
  type DeviceReport,
  openFolder,
  type ParityRow,
  reportDevices,
} from '@generatrix/runtime';
import { UserError } from '@generatrix/runtime/core';
import { graphModelParity } from '@generatrix/training';
import type { Command } from 'commander';
import { browserParity } from './browser/site-parity.ts';
import { type Cell, textTable } from './table.ts';

/** Every runtime that `--devices all` goes through. */
export const parityDevices = ['tfjs', 'cpu', 'cuda', 'webgpu', 'browser-wasm', 'browser-webgpu'] as const;
export type ParityDevice = (typeof parityDevices)[number];

const titles: Record<ParityDevice, string> = {
  tfjs: 'GraphModel in tfjs',
  cpu: 'onnxruntime-node cpu',
  cuda: 'onnxruntime-node cuda',
  webgpu: 'onnxruntime-node webgpu',
  'browser-wasm': 'onnxruntime-web wasm',
  'browser-webgpu': 'onnxruntime-web webgpu',
};

/** `generatrix parity BUNDLE`: every program on every runtime against the eager tfjs reference in the bundle. */
export function addParity(program: Command): void {
  program
    .command('parity')
    .description('check that every program computes the same, to rounding, on every runtime')
    .argument('<bundles...>', 'folders of bundles or of runs')
    .option('--devices <list>', `all, or some of ${parityDevices.join(', ')}`, 'all')
    .option('--json', 'print one line of JSON for each bundle and runtime instead of the table')
    .action(async (bundles: string[], { devices, json }: { devices: string; json?: boolean }) => {
      const chosen = parseDevices(devices);
      const failed: string[] = [];
      for (const bundle of bundles) {
        if (bundles.length > 1 && !json) console.log(bundle);
        const passed = await (json ? printParityJson : printParity)(bundle, chosen);
        if (!passed) failed.push(bundle);
      }
      if (failed.length > 0) {
        throw new UserError(
          `${failed.join(', ')}: an output differs by more than the tolerance (FAILED in the table)`,
        );
      }
    });
}

function parseDevices(text: string): ParityDevice[] {
  if (text === 'all') return [...parityDevices];
  return text.split(',').map((name) => {
    const device = parityDevices.find((known) => known === name);
    if (device === undefined)
      throw new UserError(`--devices: there are ${parityDevices.join(', ')}, got '${name}'`);
    return device;
  });
}

/** Prints `{bundle, device, rows}` (an error that is infinite as null) or `{bundle, device, notRun}` for each runtime, a line each. */
async function printParityJson(bundle: string, devices: readonly ParityDevice[]): Promise<boolean> {
  let passed = true;
  for (const device of devices) {
    const outcome = await runDevice(bundle, device);
    const notRun = typeof outcome === 'string';
    console.log(JSON.stringify({ bundle, device, ...(notRun ? { notRun: outcome } : { rows: outcome }) }));
    passed &&= notRun || outcome.every((row) => row.passed);
  }
  return passed;
}

/** Prints the table of runtime by program; true when every row that could run passed. */
export async function printParity(folder: string, devices: readonly ParityDevice[]): Promise<boolean> {
  const rows: Cell[][] = [];
  let passed = true;
  for (const device of devices) {
    const outcome = await runDevice(folder, device);
    if (typeof outcome === 'string') {
      rows.push([titles[device], { colSpan: 6, content: `not run: ${outcome}` }]);
      continue;
    }
    for (const row of outcome) {
      passed &&= row.passed;
      rows.push([
        titles[device],
        row.program,
        row.output,
        row.maxAbsoluteError.toExponential(1),
        row.maxRelativeError.toExponential(1),
        row.flips,
        row.passed ? 'ok' : 'FAILED',
      ]);
    }
  }
  const head = ['runtime', 'program', 'output', 'max abs error', 'relative to scale', 'flips', ''];
  console.log(textTable(head, rows));
  return passed;
}

const reports = new Map<Device, Promise<DeviceReport>>();

/** Whether a device works here: found out once, however many bundles there are. */
function reportOf(device: Device): Promise<DeviceReport> {
  const report = reports.get(device) ?? reportDevices([device]).then(([only]) => only!);
  reports.set(device, report);
  return report;
}

/** The rows of one runtime, or one line that says why it was not run. */
async function runDevice(folder: string, device: ParityDevice): Promise<ParityRow[] | string> {
  switch (device) {
    case 'tfjs':
      return graphModelParity(await openFolder(folder));
    case 'cpu':
    case 'cuda':
    case 'webgpu': {
      const { available, reason } = await reportOf(device);
      if (!available) return reason;
      return checkParity(await openFolder(folder), await createExecutor(device));
    }
    case 'browser-wasm':
      return browserParity(folder, 'wasm');
    case 'browser-webgpu':
      return browserParity(folder, 'webgpu');
  }
}

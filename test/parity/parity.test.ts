import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkParity, createExecutor, openFolder, type ParityRow } from '@generatrix/runtime';
import { graphModelParity } from '@generatrix/training';
import { familyCases } from '@generatrix/training/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureChromium } from '../browser/ensure-chromium.ts';
import { type BrowserExecutor, openBrowserExecutor } from '../browser/run-program.ts';
import { startCommand } from '../cli/run-command.ts';
import { allCases } from './all-cases.ts';
import { writeModelBundle } from './model-bundles.ts';
import { softwareVulkan } from './software-vulkan.ts';

/** A line that `generatrix parity --json` prints. */
interface Line {
  readonly bundle: string;
  readonly device: string;
  readonly rows?: ParityRow[];
  readonly notRun?: string;
}

/**
 * Every program of every family, on every runtime there is here, against the eager tfjs run that its bundle
 * carries. The tolerance is `parityTolerance` of the runtime, 1e-4 of an output's scale; integers must be equal.
 */
const table: { runtime: string; model: string; row: ParityRow }[] = [];
const notRun: string[] = [];

let folder: string;
const bundleOf = (index: number) => join(folder, String(index));

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'generatrix-parity-'));
  for (const [i, familyCase] of familyCases.entries()) await writeModelBundle(bundleOf(i), familyCase);
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
  const lines = table.map(({ runtime, model, row }) =>
    [
      runtime.padEnd(24),
      model.padEnd(34),
      `${row.program}/${row.output}`.padEnd(28),
      row.maxAbsoluteError.toExponential(1).padStart(8),
      row.maxRelativeError.toExponential(1).padStart(8),
    ].join(' '),
  );
  console.log(['runtime, model, output, largest error, relative to scale', ...lines, ...notRun].join('\n'));
});

function record(runtime: string, model: string, rows: readonly ParityRow[]): void {
  for (const row of rows) table.push({ runtime, model, row });
  expect(rows.length).toBeGreaterThan(0);
  expect(rows.filter((row) => !row.passed)).toEqual([]);
}

function skip(runtime: string, reason: string): void {
  notRun.push(`${runtime}: not run: ${reason}`);
}

const cases = familyCases.map(({ name }, index) => ({ name, index }));

describe.each(cases)('$name', ({ name, index }) => {
  it('as a GraphModel in tfjs', async () => {
    const rows = await graphModelParity(await openFolder(bundleOf(index)));
    record('GraphModel in tfjs', name, rows as ParityRow[]);
  });

  it('on onnxruntime-node, CPU', async () => {
    record(
      'onnxruntime-node cpu',
      name,
      await checkParity(await openFolder(bundleOf(index)), await createExecutor('cpu')),
    );
  });
});

const chromium = await ensureChromium();
const missing = 'reason' in chromium ? chromium.reason : '';

/** A software adapter compiles every shader of every program on the CPU, and one process may take all models. */
const softwareTimeout = allCases ? 1_800_000 : 480_000;

/** The first case of each family, or all. */
const webgpuCases = cases.filter(
  ({ index }) =>
    allCases || familyCases.findIndex(({ family }) => family === familyCases[index]!.family) === index,
);
/**
 * Node's WebGPU has the kernels of the browser's: some models, or all. (`training-devices.test.ts` takes a VAE, with
 * and without convolutions, and a PixelCNN there.)
 */
const kinds = ['gmm, full', 'realnvp, points', 'dcgan, least squares'];
const processCases = cases.filter(({ name }) => allCases || kinds.includes(name));

it(
  "in a process of its own, on onnxruntime-node's GPU devices",
  async () => {
    const devices = ['webgpu', 'cuda'] as const;
    const bundles = processCases.map(({ index }) => bundleOf(index));
    const { stdout, stderr } = await startCommand(
      ['parity', ...bundles, '--devices', devices.join(), '--json'],
      softwareVulkan(chromium) ?? {},
    ).outcome;
    const lines = stdout.split('\n').filter((line) => line.startsWith('{'));
    expect(bundles.length).toBeGreaterThanOrEqual(kinds.length);
    expect(lines.length, stderr).toBe(bundles.length * devices.length);
    for (const [i, line] of lines.entries()) {
      const { bundle, device, rows, notRun: reason } = JSON.parse(line) as Line;
      const [at, expected] = [Math.floor(i / devices.length), devices[i % devices.length]];
      expect({ bundle, device }).toEqual({ bundle: bundles[at], device: expected });
      if (rows !== undefined) record(`onnxruntime-node ${device}`, processCases[at]!.name, rows);
      else if (at === 0) skip(`onnxruntime-node ${device}`, reason!);
    }
  },
  softwareTimeout,
);

describe.each(['wasm', 'webgpu'] as const)('in Chromium, %s', (device) => {
  if (missing !== '') skip(`onnxruntime-web ${device}`, missing);
  let browser: BrowserExecutor;
  beforeAll(async () => {
    if (missing === '') browser = await openBrowserExecutor(device);
  });
  afterAll(() => browser?.close());

  const some = device === 'webgpu' ? webgpuCases : cases;
  it.skipIf(missing !== '').each(some)('$name', async ({ name, index }) => {
    record(`onnxruntime-web ${device}`, name, await checkParity(await openFolder(bundleOf(index)), browser));
  });
});

/**
 * `npm run bench:large [-- MILLIONS ...]`: exports and samples a model of that many million weights (100 and 600 when
 * absent), as ONNX files that hold their weights and as a bundle whose programs share them. Each part runs in a process
 * of its own, whose time and peak memory are printed. 600 million take about 8 GB of memory and 2.4 GB of disk.
 */
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  type BundleFormat,
  type BundleRequest,
  type ExportedProgram,
  ForeignData,
  packBundle,
  tf,
  traceExported,
  writeOnnx,
} from '@generatrix/export';
import { hostTensor, loadSampler, messageOf } from '@generatrix/runtime';

const side = 28;
const layers = 4;

/** Weights of a perceptron from a code to an image, about as many million as asked for, none a power of two. */
function weightsOf(millions: number): Record<string, tf.Tensor2D> {
  const width = Math.round(Math.sqrt((millions * 1e6) / layers) - (64 + side * side) / layers / 2);
  const sizes = [64, ...new Array<number>(layers + 1).fill(width), side * side];
  const weights = sizes.slice(1).map((to, i) => {
    const from = sizes[i]!;
    const scale = 2 / Math.sqrt(from);
    // A cheap sequence without a period: drawing normals would take longer than what is measured.
    const values = new Float32Array(from * to);
    for (let k = 0; k < values.length; k++) values[k] = scale * (((k * 0.618034 + i * 0.414214) % 1) - 0.5);
    return [`layer${i}`, tf.tensor2d(values, [from, to])] as const;
  });
  return Object.fromEntries(weights);
}

function requestOf(weights: Record<string, tf.Tensor2D>, formats: readonly BundleFormat[]): BundleRequest {
  const run: ExportedProgram['run'] = ({ z }) => {
    const matrices = Object.values(weights);
    const last = matrices.length - 1;
    const h = matrices.slice(0, last).reduce<tf.Tensor>((x, w) => tf.tanh(tf.matMul(x, w)), z!);
    return { data: tf.reshape(tf.sigmoid(tf.matMul(h, matrices[last]!)), [-1, side, side, 1]) };
  };
  const outputs = { data: { dtype: 'float32', shape: [side, side, 1], meaning: 'data' } } as const;
  const code = { dtype: 'float32', shape: [64] } as const;
  return {
    about: {
      ...{ name: 'large', family: 'none', options: {} },
      data: { kind: 'image', shape: [side, side, 1], range: [0, 1], name: 'none', classNames: [] },
      provenance: { seed: 1, dataset: 'none', steps: 0, engine: 'none', metrics: {}, generatrixVersion: '0' },
    },
    programs: {
      sample: {
        signature: { inputs: { z: { ...code, role: 'noise', distribution: 'normal' } }, outputs },
        run,
      },
      decode: { signature: { inputs: { z: { ...code, role: 'latent' } }, outputs }, run },
    },
    formats,
    weights,
    examples: hostTensor('float32', [2, side, side, 1], new Float32Array(2 * side * side)),
  };
}

/** What is measured, by name. Each returns what it has to say. */
const parts: Readonly<Record<string, (millions: number, folder: string) => Promise<string>>> = {
  'traced and written': async (millions) => {
    const { programs } = requestOf(weightsOf(millions), ['onnx']);
    return timed(async () => {
      const graph = traceExported('sample', programs.sample!, new ForeignData({ borrow: true }));
      return `one file of ${(writeOnnx(graph, { name: 'sample' }).length / 1e6).toFixed(0)} MB`;
    });
  },
  onnx: async (millions) => {
    const weights = weightsOf(millions);
    return timed(async () => {
      const files = await packBundle(requestOf(weights, ['onnx']));
      return sizes(files);
    });
  },
  shared: async (millions, folder) => {
    const weights = weightsOf(millions);
    return timed(async () => {
      const files = await packBundle(requestOf(weights, ['shared']));
      for (const [file, bytes] of Object.entries(files)) await writeFile(join(folder, file), bytes);
      return sizes(files);
    });
  },
  sample: async (_, folder) => {
    if ((await stat(join(folder, 'model.json')).catch(() => null)) === null) return 'there is no bundle';
    return timed(async () => {
      const sampler = await loadSampler(folder, { device: 'cpu' });
      const { data } = await sampler.sample({ count: 16, seed: 42 });
      await sampler.release();
      const mean = Array.from<number>(data.data).reduce((sum, value) => sum + value, 0) / data.data.length;
      return `16 images of mean ${mean.toFixed(4)}`;
    });
  },
};

function sizes(files: Readonly<Record<string, Uint8Array>>): string {
  const total = Object.values(files).reduce((sum, { length }) => sum + length, 0);
  return `${Object.keys(files).length} files of ${(total / 1e6).toFixed(0)} MB together`;
}

async function timed(task: () => Promise<string>): Promise<string> {
  const [before, start, used] = [process.resourceUsage().maxRSS, performance.now(), process.cpuUsage()];
  const said = await task().catch((error: unknown) => `refused: ${messageOf(error)}`);
  const seconds = ((performance.now() - start) / 1000).toFixed(2);
  const { user, system } = process.cpuUsage(used);
  const busy = ((user + system) / 1e6).toFixed(2);
  const gigabytes = (kibibytes: number) => ((kibibytes * 1024) / 1e9).toFixed(2);
  return `${seconds} s (${busy} s of computing), peak ${gigabytes(process.resourceUsage().maxRSS)} GB (before ${gigabytes(before)} GB): ${said}`;
}

const [part, millions, folder] = process.argv.slice(2);
if (part !== undefined && Object.hasOwn(parts, part)) {
  await tf.setBackend('cpu');
  console.log(`${millions} million weights, ${part}: ${await parts[part]!(Number(millions), folder!)}`);
} else {
  const asked = process.argv.slice(2).map(Number);
  for (const size of asked.length === 0 ? [100, 600] : asked) {
    const bundle = await mkdtemp(join(tmpdir(), 'generatrix-large-'));
    try {
      for (const name of Object.keys(parts)) {
        const self = fileURLToPath(import.meta.url);
        spawnSync(process.execPath, [self, name, String(size), bundle], { stdio: 'inherit' });
      }
    } finally {
      await rm(bundle, { recursive: true });
    }
  }
}

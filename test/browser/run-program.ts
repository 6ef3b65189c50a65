import { mkdtemp, rm } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { HostTensor } from '@generatrix/runtime/core';
import { openWatchedPage } from 'generatrix/browser';
import { build } from 'vite';
import { madeOnce } from '../once-per-run.ts';
import { openChromium } from './open-chromium.ts';
import { type Handler, serveFolder } from './serve.ts';
import { pack, unpack } from './tensor-pack.ts';

/** Devices that programs run on in a browser. */
export type BrowserDevice = 'wasm' | 'webgpu';
type Tensors = Readonly<Record<string, HostTensor>>;

export interface BrowserExecutor {
  /**
   * Runs one program, bytes of ONNX, in the page and returns its outputs.
   * @param weights files that it takes weights from, by their names
   * @throws what the page's executor threw, such as an operator it lacks.
   */
  run(
    name: string,
    onnx: Uint8Array,
    inputs: Tensors,
    weights?: Readonly<Record<string, Uint8Array>>,
  ): Promise<Record<string, HostTensor>>;
  close(): Promise<void>;
}

/**
 * Builds a Vite page with the site's own configuration, so that it bundles onnxruntime as the site does; once in a run of
 * the tests.
 */
export async function buildPage(root: string, outDir: string): Promise<void> {
  const configFile = fileURLToPath(new URL('../../web-demo/vite.config.ts', import.meta.url));
  await madeOnce(`page ${root}`, outDir, async (folder) => {
    await build({ configFile, root, logLevel: 'warn', build: { outDir: folder, emptyOutDir: true } });
  });
}

/**
 * Opens a headless Chromium page that runs programs through the project's own web executor: one browser and one
 * page for any number of programs. WebGPU runs on a software adapter.
 * @param options.isolated cross-origin isolation, which lets WASM use threads; off by default
 * @throws when there is no Chromium (see `ensureChromium`) or the device does not work in it.
 */
export async function openBrowserExecutor(
  device: BrowserDevice,
  options: { readonly isolated?: boolean } = {},
): Promise<BrowserExecutor> {
  const folder = await mkdtemp(join(tmpdir(), 'generatrix-runner-'));
  const jobs = new Map<number, { packet: Uint8Array; answer?: Uint8Array }>();
  const undo: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })];
  const close = async () => {
    for (const step of undo.splice(0).reverse()) await step();
  };
  try {
    await buildPage(fileURLToPath(new URL('./page', import.meta.url)), folder);
    const server = await serveFolder(folder, { isolated: options.isolated, handler: answerJobs(jobs) });
    undo.push(() => server.close());
    const browser = await openChromium({ webgpu: device === 'webgpu' });
    undo.push(() => browser.close());
    const watched = await openWatchedPage(await browser.newContext(), server.url);
    const { page } = watched;
    page.setDefaultTimeout(0);
    await page.goto(server.url);
    const trouble = await page.evaluate((wanted) => window.openExecutor(wanted), device);
    if (trouble) throw new Error(`browser executor: ${device} does not work in this Chromium: ${trouble}`);
    let last = 0;
    return {
      close,
      async run(name, onnx, inputs, weights) {
        last += 1;
        const job = {
          packet: pack({ text: name, program: onnx, weights, tensors: inputs }),
          answer: undefined,
        };
        jobs.set(last, job);
        try {
          return await finish(name, last, jobs, (id) => page.evaluate((n) => window.runJob(n), id));
        } catch (error) {
          throw new Error([(error as Error).message, ...watched.lines].join('\n'));
        }
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Runs one program in a browser of its own; for several programs, keep one `openBrowserExecutor`. */
export async function runInBrowser(job: {
  readonly device: BrowserDevice;
  readonly program: Uint8Array;
  readonly inputs: Tensors;
}): Promise<Record<string, HostTensor>> {
  const executor = await openBrowserExecutor(job.device);
  try {
    return await executor.run('program', job.program, job.inputs);
  } finally {
    await executor.close();
  }
}

type Jobs = Map<number, { packet: Uint8Array; answer?: Uint8Array }>;

async function finish(name: string, id: number, jobs: Jobs, start: (id: number) => Promise<void>) {
  try {
    await start(id);
    const answer = jobs.get(id)?.answer;
    if (!answer) throw new Error(`${name}: the page ran the program but sent no outputs`);
    return { ...unpack(answer).tensors };
  } finally {
    jobs.delete(id);
  }
}

/** GET /job/N gives the page its packet; POST /job/N brings the outputs. */
function answerJobs(jobs: Jobs): Handler {
  return (request, response, path) => {
    const job = path.startsWith('/job/') ? jobs.get(Number(path.slice('/job/'.length))) : undefined;
    if (!job) return false;
    if (request.method !== 'POST') {
      response.writeHead(200, { 'Content-Type': 'application/octet-stream' }).end(job.packet);
      return true;
    }
    readBody(request).then(
      (body) => {
        job.answer = body;
        response.writeHead(204).end();
      },
      () => response.destroy(),
    );
    return true;
  };
}

async function readBody(request: IncomingMessage): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

import { mkdtemp, rm } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Executor, HostTensor } from '@generatrix/runtime/core';
import { openWatchedPage } from 'generatrix/browser';
import { build } from 'vite';
import { madeOnce } from '../once-per-run.ts';
import { openChromium } from './open-chromium.ts';
import { type Handler, serveFolder } from './serve.ts';
import { type Packet, pack, unpack } from './tensor-pack.ts';

/** Devices that programs run on in a browser. */
export type BrowserDevice = 'wasm' | 'webgpu';

/** The project's own web executor, in a page of its own. */
export interface BrowserExecutor extends Executor {
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
 * Opens a headless Chromium page that runs programs through the project's own web executor: one page for any number of
 * programs. WebGPU runs on a software adapter.
 * @param options.isolated cross-origin isolation, which lets WASM use threads; off by default
 * @throws when there is no Chromium (see `ensureChromium`) or the device does not work in it.
 */
export async function openBrowserExecutor(
  device: BrowserDevice,
  options: { readonly isolated?: boolean } = {},
): Promise<BrowserExecutor> {
  const folder = await mkdtemp(join(tmpdir(), 'generatrix-runner-'));
  const jobs = new Jobs();
  const undo: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })];
  const close = async () => {
    for (const step of undo.splice(0).reverse()) await step();
  };
  try {
    await buildPage(fileURLToPath(new URL('./page', import.meta.url)), folder);
    const server = await serveFolder(folder, { isolated: options.isolated, handler: jobs.answer });
    undo.push(() => server.close());
    const browser = await openChromium({ webgpu: device === 'webgpu' });
    undo.push(() => browser.close());
    const watched = await openWatchedPage(await browser.newContext(), server.url);
    const { page } = watched;
    page.setDefaultTimeout(0);
    await page.goto(server.url);
    const trouble = await page.evaluate((wanted) => window.openExecutor(wanted), device);
    if (trouble) throw new Error(`browser executor: ${device} does not work in this Chromium: ${trouble}`);
    const inPage = async <T>(packet: Packet, action: (id: number) => Promise<T>) => {
      try {
        return await jobs.finish(packet, action);
      } catch (error) {
        throw new Error([(error as Error).message, ...watched.lines].join('\n'));
      }
    };
    return {
      device,
      close,
      async load(name, onnx, { weights } = {}) {
        const compile = async (id: number) => ({
          id,
          ports: await page.evaluate((n) => window.loadProgram(n), id),
        });
        const packet = { text: name, program: onnx, weights, tensors: {} };
        const { id: program, ports } = (await inPage(packet, compile)).result;
        return {
          ...ports,
          async run(inputs) {
            const tensors = inputs as Readonly<Record<string, HostTensor>>;
            const { answer } = await inPage({ text: name, program: new Uint8Array(), tensors }, (id) =>
              page.evaluate(([p, n]) => window.runProgram(p, n), [program, id] as const),
            );
            if (!answer) throw new Error(`${name}: the page ran the program but sent no outputs`);
            return { ...unpack(answer).tensors };
          },
          release: () => page.evaluate((n) => window.releaseProgram(n), program),
        };
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** What the page is told to do: GET /job/N gives it a packet, POST /job/N brings what it answers. */
class Jobs {
  readonly #jobs = new Map<number, { readonly packet: Uint8Array; answer?: Uint8Array }>();
  #last = 0;

  /** Offers a packet to the page as long as the action takes, which is told its number. */
  async finish<T>(packet: Packet, action: (id: number) => Promise<T>) {
    const id = ++this.#last;
    const job: { readonly packet: Uint8Array; answer?: Uint8Array } = { packet: pack(packet) };
    this.#jobs.set(id, job);
    try {
      const result = await action(id);
      return { result, answer: job.answer };
    } finally {
      this.#jobs.delete(id);
    }
  }

  readonly answer: Handler = (request, response, path) => {
    const job = path.startsWith('/job/') ? this.#jobs.get(Number(path.slice('/job/'.length))) : undefined;
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

import { spawn } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import type { Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { UserError } from '@generatrix/runtime/core';
import { pageHeaders } from '@generatrix/runtime/serve';
import express from 'express';
import { bundleNamed, bundlesOf, modelList } from './model-list.ts';

/** How many ports after the wanted one are tried when it is taken. */
const portsTried = 20;

export interface SiteServer {
  readonly url: string;
  close(): Promise<void>;
}

/** The page as it lies in the published package. */
const packaged = fileURLToPath(new URL('../site', import.meta.url));

/** In a checkout, the folder of the page's sources; nothing elsewhere. */
function sourcesOfSite(): string | undefined {
  try {
    return dirname(createRequire(import.meta.url).resolve('@generatrix/web-demo/package.json'));
  } catch {
    return undefined;
  }
}

/**
 * Folder of the page's static files: what the package brings along; in a checkout they are built with Vite where the
 * sources have changed since they last were.
 * @throws UserError when there are none, or they cannot be built.
 */
export async function builtSite(): Promise<string> {
  if (existsSync(join(packaged, 'index.html'))) return packaged;
  const folder = sourcesOfSite();
  if (folder === undefined) throw new UserError(`${packaged}: the page is missing: install generatrix again`);
  const built = join(folder, 'dist-site');
  if (isNewer([join(folder, 'src'), folder, join(folder, '../runtime/src')], join(built, 'index.html'))) {
    const vite = createRequire(join(folder, 'package.json')).resolve('vite/package.json');
    const unfinished = join(folder, `dist-site-${process.pid}`);
    try {
      const flags = ['--logLevel', 'warn', '--outDir', unfinished, '--emptyOutDir'];
      await run(process.execPath, [join(dirname(vite), 'bin/vite.js'), 'build', ...flags], folder);
      await rm(built, { recursive: true, force: true });
      // Another process that builds at the same time may have been faster: its page is as good.
      await rename(unfinished, built).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
      });
    } finally {
      await rm(unfinished, { recursive: true, force: true });
    }
  }
  return built;
}

/**
 * Whether one of the files in some folders has changed since another file was written, or that one does not exist. Of a
 * folder called `src` all files count, of another those that lie in it directly.
 */
export function isNewer(folders: readonly string[], than: string): boolean {
  const written = statSync(than, { throwIfNoEntry: false })?.mtimeMs;
  if (written === undefined) return true;
  return folders.some((folder) =>
    readdirSync(folder, { recursive: basename(folder) === 'src', withFileTypes: true }).some(
      (entry) => entry.isFile() && statSync(join(entry.parentPath, entry.name)).mtimeMs > written,
    ),
  );
}

/** Runs a command without a word; what it says on standard error is told when it fails. */
function run(command: string, args: string[], cwd: string): Promise<void> {
  return new Promise((resolve, reject) => {
    // Whatever the caller's own mode: the page of the development server looks for its engine at the server's root.
    const env = { ...process.env, NODE_ENV: 'production' };
    const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve();
      else reject(new UserError(`${cwd}: the page cannot be built: ${lastLine(said) || `status ${code}`}`));
    });
  });
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1)!.trim();
}

/**
 * Serves the page and the bundles of some folders on the loopback interface. `models/index.json` lists the bundles
 * found, so that the page knows what to offer.
 * @param models folders of bundles, all served as one: of two bundles of one name, that of the first folder
 * @param port the first port to try; the next free one is taken. 0 lets the system choose.
 */
export async function serveSite(site: string, models: readonly string[], port: number): Promise<SiteServer> {
  const app = express();
  app.disable('x-powered-by');
  app.use(pageHeaders());
  app.use((_, response, next) => {
    response.set('Cache-Control', 'no-cache');
    next();
  });
  app.get('/models/index.json', async (_, response) => {
    response.json(modelList(await bundlesOf(models)));
  });
  app.get('/favicon.ico', (_, response) => {
    response.status(204).end();
  });
  app.use('/models/:name', async (request, response, next) => {
    const folder = await bundleNamed(models, request.params.name);
    if (folder === null) response.sendStatus(404);
    else express.static(folder, { fallthrough: false, dotfiles: 'deny' })(request, response, next);
  });
  app.use(express.static(site));
  // Without it express would print what a page asked for in vain, with a stack trace.
  const notServed: express.ErrorRequestHandler = (error: { status?: number }, _request, response, _next) => {
    response.sendStatus(error.status ?? 500);
  };
  app.use(notServed);
  const server = await listen(app, port);
  return {
    url: `http://localhost:${(server.address() as AddressInfo).port}/`,
    close: () =>
      new Promise((resolve, reject) => {
        server.close((error) => (error ? reject(error) : resolve()));
        server.closeAllConnections();
      }),
  };
}

async function listen(app: express.Express, port: number): Promise<Server> {
  const last = port === 0 ? 0 : Math.min(65_535, port + portsTried);
  for (let candidate = port; ; candidate++) {
    const server = await tryListen(app, candidate);
    if (server !== null) return server;
    if (candidate >= last) throw new UserError(`--port: ports ${port} to ${last} are all taken`);
  }
}

function tryListen(app: express.Express, port: number): Promise<Server | null> {
  return new Promise((resolve, reject) => {
    const server = app.listen(port, '127.0.0.1');
    server.once('listening', () => resolve(server));
    server.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? resolve(null) : reject(error),
    );
  });
}

import { existsSync } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import express, { type RequestHandler, Router } from 'express';
import type { Manifest } from '../../bundle/manifest-schema.ts';
import { UserError } from '../../errors.ts';
import { ServeError } from '../engine/engine.ts';
import type { ServerContext } from './context.ts';
import { HttpError } from './http-error.ts';
import { methodNotAllowed, parameter } from './route.ts';

/** Pages and files are asked about again each time; what did not change is not sent again. */
const noCache = 'no-cache';

/**
 * Bundles by URL, as the gallery page and `loadSampler` in a page read them: `/models/index.json` and, of each model's
 * default version, the files that its manifest names. Nothing else in the folder can be read.
 */
export function bundleFiles({ engine }: ServerContext, guarded: readonly RequestHandler[]): Router {
  const router = Router();
  router.use(...(guarded.length > 0 ? guarded : [((_request, _response, next) => next()) as RequestHandler]));
  router
    .route('/index.json')
    .get((_request, response) => {
      const names = new Set(engine.models().map(({ name }) => name));
      response.set('Cache-Control', noCache).json(
        [...names].map((name) => ({
          name,
          path: `models/${name}`,
          title: engine.model(name).manifest.name,
        })),
      );
    })
    .all(methodNotAllowed(['get']));
  router
    .route('/:model/*file')
    .get(async (request, response) => {
      const model = engine.model(parameter(request, 'model'));
      const path = ([] as string[]).concat(request.params.file ?? []).join('/');
      if (!filesOf(model.manifest).has(path)) {
        throw new HttpError(404, `model ${model.name} has no such file`);
      }
      const root = await realpath(model.folder);
      const file = await realpath(join(root, path)).catch(() => '');
      if (!file.startsWith(`${root}/`)) throw new HttpError(404, `model ${model.name} has no such file`);
      response.set('Cache-Control', noCache);
      await sendFile(response, file.slice(root.length + 1), root);
    })
    .all(methodNotAllowed(['get']));
  return router;
}

function sendFile(response: express.Response, path: string, root: string): Promise<void> {
  return new Promise((resolve, reject) => {
    response.sendFile(path, { root, dotfiles: 'allow', cacheControl: false }, (error?: Error) => {
      // A client that disconnects midway is no failure.
      if (!error || response.headersSent) resolve();
      else reject(new ServeError('not-found', 'the file cannot be read'));
    });
  });
}

function filesOf({
  programs,
  weights = [],
  reference,
  sample,
  graphModels,
  portable,
}: Manifest): Set<string> {
  return new Set([
    'model.json',
    ...[...Object.values(programs), ...weights].map(({ file }) => file),
    ...[reference, sample].flatMap((entry) => (entry ? [entry.file] : [])),
    ...Object.values(portable?.programs ?? {}).flatMap(({ file, parts = [] }) => [
      file,
      ...parts.map((part) => part.file),
    ]),
    ...Object.values(graphModels ?? {}).flatMap(({ files }) => Object.keys(files)),
  ]);
}

/**
 * The built page at `/`.
 * @param folder what Vite wrote
 * @throws UserError when it holds no page.
 */
export function sitePages(folder: string): RequestHandler {
  if (!existsSync(join(folder, 'index.html'))) {
    throw new UserError(`site ${folder}: there is no index.html: build the page, or give another folder`);
  }
  return express.static(folder, {
    dotfiles: 'ignore',
    setHeaders: (response) => response.setHeader('Cache-Control', noCache),
  });
}

import express, { type Request, type RequestHandler, type Response } from 'express';
import type { ServedModel } from '../engine/engine.ts';
import { collectBody } from './collect-body.ts';
import type { ServerContext } from './context.ts';
import { HttpError, tooLarge } from './http-error.ts';
import type { JsonLimits } from './json/scan.ts';
import { scopeOf } from './request-scope.ts';

/** A body of more bytes than this, which needs no decompression, is read into memory of its own as it comes. */
const large = 2 ** 20;
/** For what a request says besides its values, bytes. */
const room = 65_536;
/** A number as text, its comma, and the space and brackets that it may stand in; twice that of its binary forms. */
const bytesPerValue = 64;
/** Values that are no tensor's. */
const otherValues = 8192;

/**
 * Values that a request to a model can have a use for: everything that one of its programs takes, for as many rows as
 * one request may ask for, and a class for each.
 */
export function valuesNeeded({ manifest }: ServedModel, maxCount: number): number {
  const rows = Object.values(manifest.programs).map(({ inputs }) =>
    Object.values(inputs).reduce((sum, { shape = [] }) => sum + shape.reduce((a, b) => a * b, 1), 0),
  );
  return otherValues + maxCount * (1 + Math.max(0, ...rows));
}

/**
 * Reads a body of any type, decompressed, up to the limit, or up to what a request to its model can need if that is less.
 * One that announces more is refused before it comes. The client that asked whether to go on is told so only here, when
 * nothing else is against its request.
 * @param modelOf the model that a request names; it throws when there is none
 */
export function bodyReader(
  { maxBodyBytes, maxJsonDepth }: { maxBodyBytes: number } & Pick<JsonLimits, 'maxJsonDepth'>,
  { limits }: Pick<ServerContext, 'limits'>,
  modelOf?: (request: Request, response: Response) => ServedModel,
): RequestHandler {
  const readers = new Map<number, RequestHandler>();
  return (request, response, next) => {
    const model = modelOf?.(request, response);
    const maxValues = model ? valuesNeeded(model, limits.of(model.name).maxCount) : otherValues;
    const limit = Math.min(maxBodyBytes, room + bytesPerValue * maxValues);
    scopeOf(response).json = { maxJsonDepth, maxValues };
    const length = Number(request.headers['content-length'] ?? 0);
    if (length > limit) {
      // What is on its way is not read: the connection ends with the answer.
      throw new HttpError(413, tooLarge(limit), { Connection: 'close' });
    }
    if (request.headers.expect !== undefined) response.writeContinue();
    if (length > large && isPlain(request)) {
      collectBody(request, length).then(
        (body) => {
          request.body = body;
          next();
        },
        () => next(new HttpError(400, 'the request ended before its body was complete')),
      );
      return;
    }
    const reader = readers.get(limit) ?? express.raw({ type: () => true, limit, inflate: true });
    readers.set(limit, reader);
    reader(request, response, next);
  };
}

function isPlain({ headers }: Request): boolean {
  return (headers['content-encoding'] ?? 'identity').toLowerCase() === 'identity';
}

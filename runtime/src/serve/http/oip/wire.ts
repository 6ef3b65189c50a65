import type { Request, Response } from 'express';
import type { ServerContext } from '../context.ts';
import { HttpError } from '../http-error.ts';
import { bodyBytes, readJson } from '../json-body.ts';

/** The header of the binary tensor data extension: how many bytes of the body are JSON. */
export const jsonLengthHeader = 'Inference-Header-Content-Length';

/**
 * A body's JSON, and the bytes of tensors that follow it.
 * @throws HttpError 400.
 */
export async function splitBody(
  context: ServerContext,
  request: Request,
  response: Response,
): Promise<{ json: unknown; binary: Uint8Array }> {
  const bytes = bodyBytes(request);
  const header = request.get(jsonLengthHeader);
  if (header === undefined) {
    if (bytes.length === 0) throw new HttpError(400, 'the request has no body');
    return { json: await readJson(context, request, response), binary: new Uint8Array() };
  }
  const length = /^\d{1,10}$/.test(header) ? Number(header) : Number.NaN;
  if (!(length >= 1 && length <= bytes.length)) {
    throw new HttpError(
      400,
      `${jsonLengthHeader}: expected a whole number from 1 to the body's ${bytes.length} bytes, got '${header.slice(0, 20)}'`,
    );
  }
  const json = await readJson(context, request, response, length);
  return { json, binary: bodyBytes(request).subarray(length) };
}

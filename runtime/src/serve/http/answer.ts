import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { Response } from 'express';
import type { ServerContext } from './context.ts';
import { type AnswerPart, answerBytes, TensorText } from './json/tensor-text.ts';
import { scopeOf } from './request-scope.ts';

/** Values of all tensors of an answer that are written at once; more are written by another thread. */
const valuesAtOnce = 8192;
/** Bytes that are handed to a connection at once. */
const chunkBytes = 2 ** 20;

/**
 * Answers with JSON in which tensors stand as `TensorText`. A long one is written in chunks, apart from the main thread,
 * each when the client has taken the one before.
 */
export async function sendJson(context: ServerContext, response: Response, value: object): Promise<void> {
  response.type('json');
  let held: Uint8Array | null = null;
  for await (const chunk of jsonChunks(context, value)) {
    if (held) await write(response, held);
    held = chunk;
  }
  // A single chunk gets a length, and what fails before the second has a status to say it with.
  if (response.headersSent) response.end(held);
  else response.send(Buffer.from(held ?? []));
}

/** JSON in which tensors stand as `TensorText`, a chunk at a time. */
export async function* jsonChunks({ text }: ServerContext, value: object): AsyncGenerator<Uint8Array, void> {
  const parts = partsOf(value);
  const values = parts.reduce(
    (sum, part) => sum + (typeof part === 'string' ? 0 : part.tensor.data.length),
    0,
  );
  if (values <= valuesAtOnce) yield* answerBytes(parts);
  else yield* text.write(parts);
}

/** Answers with bytes, not all at once where they are many: each chunk when the client has taken the one before. */
export async function sendBytes(response: Response, parts: readonly Uint8Array[]): Promise<void> {
  const total = parts.reduce((sum, { length }) => sum + length, 0);
  response.set('Content-Length', String(total));
  if (total <= chunkBytes) {
    // One call of the system for all of it.
    response.cork();
    for (const part of parts) response.write(part);
    response.end();
    response.uncork();
    return;
  }
  for (const { buffer, byteOffset, length } of parts) {
    for (let at = 0; at < length; at += chunkBytes) {
      const size = Math.min(chunkBytes, length - at);
      await write(response, new Uint8Array(buffer, byteOffset + at, size));
    }
  }
  response.end();
}

/** Writes, and waits where the client reads more slowly than this is written. */
export async function write(response: Response, chunk: Uint8Array): Promise<void> {
  if (!response.write(chunk)) await once(response, 'drain', { signal: scopeOf(response).signal });
}

/** No text of a client can hold what is drawn here, once for all answers: nobody is told. */
const mark = randomUUID();
const marked = new RegExp(`"${mark}(\\d+)"`);

/** The text between tensors, and the tensors. */
function partsOf(value: object): AnswerPart[] {
  const tensors: TensorText[] = [];
  const text = JSON.stringify(value, (_key, item: unknown) =>
    item instanceof TensorText ? `${mark}${tensors.push(item) - 1}` : item,
  );
  if (tensors.length === 0) return [text];
  return text.split(marked).map((piece, i) => {
    if (i % 2 === 0) return piece;
    const { tensor, flat } = tensors[Number(piece)]!;
    const { data } = tensor;
    // The memory is handed to another thread: what is a part of a larger one is copied.
    const whole = data.byteLength === data.buffer.byteLength;
    return { tensor: whole ? tensor : ({ ...tensor, data: data.slice() } as typeof tensor), flat };
  });
}

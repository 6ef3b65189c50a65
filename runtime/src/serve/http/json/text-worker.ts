import { createHash } from 'node:crypto';
import { parentPort } from 'node:worker_threads';
import { HttpError } from '../http-error.ts';
import { compactLists, isNumberList } from './number-list.ts';
import { parseJson } from './parse.ts';
import { answerBytes } from './tensor-text.ts';
import type { FromTextThread, ToTextThread } from './thread-messages.ts';

/** The thread that reads and writes large JSON: between two chunks of one text it does what others have asked for. */

const port = parentPort!;
const texts = new Map<number, Generator<Uint8Array<ArrayBuffer>, void>>();

const send = (message: FromTextThread, transfer: readonly ArrayBuffer[] = []) =>
  port.postMessage(message, transfer);

port.on('message', (message: ToTextThread) => {
  const { id } = message;
  switch (message.kind) {
    case 'parse':
      try {
        const { bytes, length, limits, keep } = message;
        const value = compactLists(parseJson(bytes.subarray(0, length), limits), keep);
        const digest = createHash('sha256').update(bytes).digest();
        send({ id, kind: 'value', value, bytes, digest }, [...buffersOf(value), bytes.buffer]);
      } catch (error) {
        if (!(error instanceof HttpError)) throw error;
        send({ id, kind: 'refused', status: error.status, message: error.message });
      }
      return;
    case 'write':
      texts.set(id, answerBytes(message.parts));
      return;
    case 'next': {
      const text = texts.get(id);
      if (!text) {
        send({ id, kind: 'refused', status: 503, message: 'the thread that wrote the answer has ended' });
        return;
      }
      const next = text.next();
      if (next.done) texts.delete(id);
      const chunk = next.done ? null : next.value;
      send({ id, kind: 'chunk', chunk }, chunk ? [chunk.buffer] : []);
      return;
    }
    case 'drop':
      texts.delete(id);
  }
});

function buffersOf(value: unknown): ArrayBuffer[] {
  if (isNumberList(value)) return [value.numbers.buffer as ArrayBuffer];
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(buffersOf);
}

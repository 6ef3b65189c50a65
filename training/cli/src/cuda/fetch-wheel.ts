import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, rm, stat } from 'node:fs/promises';
import { messageOf, UserError } from '@generatrix/runtime/core';
import type { Wheel } from './wheels.ts';

export interface FetchOptions {
  /** Address of a package index that speaks as PyPI's simple one does, such as `https://pypi.org/simple`. */
  readonly index: string;
  /** Hears how many bytes of the file are there. */
  readonly onBytes?: (bytes: number) => void;
  /** How long the other side may be silent, milliseconds. */
  readonly patience?: number;
}

/**
 * Fetches a wheel, going on where an earlier try stopped, and checks that it is the one that is meant.
 * @param path where it goes
 * @throws UserError when the index has no such file or another one, or the network fails; what was fetched stays, to be
 *   gone on with, unless its checksum is wrong: then it is deleted.
 */
export async function fetchWheel(
  wheel: Pick<Wheel, 'project' | 'file' | 'sha256' | 'bytes'>,
  path: string,
  options: FetchOptions,
): Promise<void> {
  const { onBytes = () => undefined, patience = 60_000 } = options;
  const { url, sha256 } = await locate(wheel, options.index, patience);
  if (sha256 !== wheel.sha256) {
    throw new UserError(
      `${wheel.file}: expected a file with sha256 ${wheel.sha256} at ${options.index}, it offers ${sha256 ?? 'one without'}`,
    );
  }
  const there = await stat(path).then(
    ({ size }) => size,
    () => 0,
  );
  if (there < wheel.bytes) await download(url, path, there, onBytes, patience);
  const got = await hashOf(path);
  if (got === wheel.sha256) return;
  await rm(path, { force: true });
  throw new UserError(
    `${wheel.file}: expected sha256 ${wheel.sha256}, what came has ${got}; it was deleted, run the command again`,
  );
}

/** Where the index has a file, and what it says is its checksum. */
async function locate({ project, file }: Pick<Wheel, 'project' | 'file'>, index: string, patience: number) {
  const page = `${index.replace(/\/+$/, '')}/${project}/`;
  const text = await talking(page, patience, {}, async (answer) => {
    if (!answer.ok) throw new UserError(`${page}: the package index answers ${answer.status}`);
    return answer.text();
  });
  // Both forms of the simple index name the address of a file, then its checksum; old mirrors have only HTML.
  for (const { url, sha256 } of filesOf(text)) {
    const address = new URL(url, page);
    if (address.pathname.endsWith(`/${file}`)) return { url: address.href, sha256 };
  }
  throw new UserError(`${page}: has no ${file}; PIP_INDEX_URL names another index`);
}

interface IndexedFile {
  readonly url: string;
  readonly sha256: string | undefined;
}

function filesOf(text: string): IndexedFile[] {
  try {
    const { files } = JSON.parse(text) as { files: { url: string; hashes: { sha256?: string } }[] };
    return files.map(({ url, hashes }) => ({ url, sha256: hashes.sha256 }));
  } catch {
    return [...text.matchAll(/href="([^"#]+)(?:#sha256=([0-9a-f]{64}))?"/g)].map(([, url, sha256]) => ({
      url: url!,
      sha256,
    }));
  }
}

async function download(
  url: string,
  path: string,
  from: number,
  onBytes: (bytes: number) => void,
  patience: number,
): Promise<void> {
  await talking(url, patience, from > 0 ? { range: `bytes=${from}-` } : {}, async (answer, heard) => {
    if (!answer.ok || answer.body === null) throw new UserError(`${url}: answers ${answer.status}`);
    const resumed = answer.status === 206;
    let bytes = resumed ? from : 0;
    const file = await open(path, resumed ? 'a' : 'w');
    try {
      for await (const chunk of answer.body as AsyncIterable<Uint8Array>) {
        heard();
        await file.writeFile(chunk);
        bytes += chunk.length;
        onBytes(bytes);
      }
    } finally {
      await file.close();
    }
  });
}

/** A request that fails, in one line, when the other side is silent for too long. */
async function talking<Result>(
  url: string,
  patience: number,
  headers: Record<string, string>,
  use: (answer: Response, heard: () => void) => Promise<Result>,
): Promise<Result> {
  const silence = new AbortController();
  const timer = setTimeout(() => silence.abort(new Error(`nothing came for ${patience / 1000} s`)), patience);
  const { address, authorization } = withoutUser(url);
  const accept = 'application/vnd.pypi.simple.v1+json, text/html;q=0.5, */*;q=0.1';
  try {
    const answer = await fetch(address, {
      headers: { accept, ...authorization, ...headers },
      signal: silence.signal,
    });
    return await use(answer, () => timer.refresh());
  } catch (error) {
    if (error instanceof UserError) throw error;
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
    throw new UserError(`${address}: ${messageOf(cause)}; run the command again, it goes on from there`);
  } finally {
    clearTimeout(timer);
  }
}

/** Requests take no address with a user in it. */
function withoutUser(url: string): { address: string; authorization: Record<string, string> } {
  const address = new URL(url);
  const { username, password } = address;
  if (username === '') return { address: address.href, authorization: {} };
  address.username = '';
  address.password = '';
  const user = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return {
    address: address.href,
    authorization: { authorization: `Basic ${Buffer.from(user).toString('base64')}` },
  };
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

import { UserError } from '@generatrix/runtime/core';
import { Header, Pax } from 'tar';
import { readRangeNow, type SeenFile } from './file-ranges.ts';

/** A plain file inside a tar file, and where its bytes lie. */
export interface TarMember {
  readonly name: string;
  readonly offset: number;
  readonly size: number;
}

const blockBytes = 512;
/** Bytes read at once: many small members, or the header of one large. */
const windowBytes = 64 * 1024;

/**
 * The plain files in a tar file (ustar, GNU or pax), in order. Only headers are read, not what lies between them.
 * @throws UserError when it is packed, no tar file, or cut off.
 */
export function* tarMembers(file: SeenFile): Generator<TarMember> {
  let window = { start: 0, bytes: new Uint8Array(0) };
  const bytesAt = (offset: number, length: number): Buffer => {
    if (offset < window.start || offset + length > window.start + window.bytes.length) {
      const wanted = Math.min(Math.max(length, windowBytes), file.size - offset);
      if (wanted < length) throw cutOff(file, offset + length);
      window = { start: offset, bytes: readRangeNow(file, { offset, length: wanted }) };
    }
    return Buffer.from(window.bytes.buffer, offset - window.start, length);
  };
  let [extended, common]: [Pax | undefined, Pax | undefined] = [undefined, undefined];
  for (let at = 0; at + blockBytes <= file.size; ) {
    const header = headerOf(bytesAt(at, blockBytes), extended, common);
    if (header?.nullBlock) return;
    if (!header?.cksumValid) throw notTar(file, at);
    const [body, size] = [at + blockBytes, header.size ?? 0];
    if (body + size > file.size) throw cutOff(file, body + size);
    at = body + Math.ceil(size / blockBytes) * blockBytes;
    const text = () => bytesAt(body, size).toString('utf8');
    if (header.type === 'ExtendedHeader') extended = Pax.parse(text(), extended, false);
    else if (header.type === 'GlobalExtendedHeader') common = Pax.parse(text(), common, true);
    else if (header.type === 'NextFileHasLongPath') {
      extended = Object.assign(new Pax(extended ?? {}), { path: text().replace(/\0.*$/s, '') });
    } else {
      if (/^(File|OldFile|ContiguousFile)$/.test(header.type)) {
        // The header's own name may have a part of the long one put before it.
        const name = extended?.path ?? common?.path ?? header.path ?? '';
        yield { name, offset: body, size };
      }
      extended = undefined;
    }
  }
}

/** Null when a field of the header is nonsense, which the library reports by throwing. */
function headerOf(block: Buffer, extended: Pax | undefined, common: Pax | undefined): Header | null {
  try {
    return new Header(block, 0, extended, common);
  } catch {
    return null;
  }
}

function notTar({ path }: SeenFile, at: number): UserError {
  return new UserError(
    at === 0
      ? `${path}: expected a tar file, found another kind of file; unpack it if it is compressed (gunzip, unzstd)`
      : `${path}: expected a tar header at byte ${at}, found other bytes; fetch it again`,
  );
}

function cutOff({ path, size }: SeenFile, needed: number): UserError {
  return new UserError(`${path}: expected ${needed} bytes or more, found ${size}; fetch it again`);
}

import { messageOf, UserError } from '@generatrix/runtime/core';

/** What the system's errors mean, and what helps. */
const meanings: Readonly<Record<string, readonly [meaning: string, cure: string]>> = {
  ENOSPC: ['the disk is full', 'make room or choose another path'],
  EDQUOT: ['the quota is used up', 'make room or choose another path'],
  EFBIG: ['the file is larger than the file system takes', 'choose another path'],
  EACCES: ['permission denied', 'check the permissions of the file and its folder'],
  EPERM: ['not permitted', 'check the permissions of the file and its folder'],
  EROFS: ['the file system is read-only', 'choose another path'],
  ENOENT: ['there is no such file or folder', 'check the path, create its folder'],
  ENOTDIR: ['a part of the path is a file', 'choose another path'],
  EISDIR: ['a folder stands there', 'choose another path'],
  EEXIST: ['something stands there already', 'choose another path'],
  ENOTEMPTY: ['the folder is not empty', 'choose another path'],
  ELOOP: ['its links go in a circle', 'choose another path'],
  ENAMETOOLONG: ['the name is too long', 'choose a shorter one'],
  EINVAL: ['the file system does not take this', 'choose another path'],
  EBUSY: ['something else uses it', 'end that, or choose another path'],
  ETXTBSY: ['something else runs it', 'end that, or choose another path'],
  EXDEV: ['it lies on another file system', 'choose another path'],
  EMFILE: ['too many files are open', 'raise the limit: ulimit -n 4096'],
  ENFILE: ['too many files are open on this machine', 'end other programs'],
  ENOMEM: ['no memory is left', 'end other programs, or ask for less'],
  EIO: ['reading or writing failed', 'check the disk'],
  ESTALE: ['the network file system lost it', 'try again'],
  ENODEV: ['there is no such device', 'choose another path'],
  ENXIO: ['there is no such device', 'choose another path'],
  EADDRINUSE: ['the port is taken', 'choose another port'],
  EADDRNOTAVAIL: ['this machine does not have the address', 'choose another address'],
  ECONNREFUSED: ['nothing listens there', 'check the address'],
  ECONNRESET: ['the other side broke the connection off', 'try again'],
  ETIMEDOUT: ['there was no answer', 'check the address and the network'],
  ENOTFOUND: ['there is no such host', 'check the address and the network'],
  EAI_AGAIN: ['the name of the host could not be looked up', 'check the network'],
};

/** The system's code of an error such as ENOSPC; empty for every other error. */
export function systemCode(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return /^E[A-Z0-9_]+$/.test(code) && !code.startsWith('ERR_') ? code : '';
}

/**
 * An error of the system (a full disk, a missing permission) as one line with its meaning and a cure.
 * @param what what was to be done, such as `expected to write a file there`
 */
export function systemError(path: string, what: string, error: unknown): UserError {
  const code = systemCode(error);
  const [meaning, cure] = meanings[code] ?? [messageOf(error), 'check the path and the disk'];
  return new UserError(`${path}: ${what}, ${meaning}${code === '' ? '' : ` (${code})`}; ${cure}`);
}

/** Any error that the system raised, as one line for the user; null when it is no such error. */
export function asUserError(error: unknown): UserError | null {
  if (error instanceof UserError) return error;
  const code = systemCode(error);
  if (code !== '') {
    const { path, dest, syscall, address, port } = error as NodeJS.ErrnoException & {
      dest?: string;
      address?: string;
      port?: number;
    };
    const where = dest ?? path ?? (address === undefined ? undefined : `${address}:${port ?? ''}`);
    return systemError(where ?? 'the system', `${syscall ?? 'a call'} failed`, error);
  }
  if (
    error instanceof RangeError &&
    /allocation failed|Invalid (typed )?array(buffer)? length/i.test(error.message)
  ) {
    return new UserError(`not enough memory: ${messageOf(error)}; ask for less at once`);
  }
  return null;
}

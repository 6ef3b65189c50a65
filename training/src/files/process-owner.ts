import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { z } from 'zod';

/** Who writes: a process, told from a later one of the same id by the moment it was started. */
export const ownerSchema = z.object({
  pid: z.number().int().positive(),
  host: z.string(),
  /** Tells machines, their boots and their containers of one name apart; process ids mean something only inside. */
  realm: z.string(),
  /** When the process was started, in the system's own words; null where the system does not say. */
  processStarted: z.string().nullable(),
});
export type Owner = z.infer<typeof ownerSchema>;

/** `elsewhere`: on another machine or in another container, whose processes cannot be seen from here. */
export type OwnerStatus = 'running' | 'gone' | 'elsewhere';

let own: Owner | null = null;

/** This process. */
export function thisProcess(): Owner {
  own ??= {
    pid: process.pid,
    host: hostname(),
    realm: realm(),
    processStarted: startOf(process.pid),
  };
  return own;
}

/** Does the process that wrote this still run? */
export function statusOf(owner: Owner): OwnerStatus {
  const self = thisProcess();
  if (owner.host !== self.host) return 'elsewhere';
  if (owner.realm !== self.realm) {
    // Outside of containers the namespace is the same after another boot, before which nothing still runs.
    const [boot, space] = owner.realm.split('/');
    const [ownBoot, ownSpace] = self.realm.split('/');
    return boot !== ownBoot && space === ownSpace ? 'gone' : 'elsewhere';
  }
  if (!exists(owner.pid) || procStat(owner.pid)?.[0] === 'Z') return 'gone';
  const started = startOf(owner.pid);
  return owner.processStarted === null || started === null || started === owner.processStarted
    ? 'running'
    : 'gone';
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Not permitted to signal it: it exists.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/** On Linux the boot and the process namespace; empty elsewhere, where the host's name must do. */
function realm(): string {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return `${boot}/${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return '';
  }
}

/** Fields of a process on Linux, from its state on (field 3); the name before them may hold spaces. */
function procStat(pid: number): string[] | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return null;
  }
}

/** Linux: ticks since boot (field 22). macOS and BSD: what `ps` says. Null where neither works. */
function startOf(pid: number): string | null {
  const ticks = procStat(pid)?.[19];
  if (ticks !== undefined) return ticks;
  if (process.platform === 'linux' || process.platform === 'win32') return null;
  try {
    const started = execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim();
    return started === '' ? null : started;
  } catch {
    return null;
  }
}

/** An owner as a part of a file's name: `PLACE-PID-START`, from which `tagStatus` tells what became of it. */
export function ownerTag({ host, realm: where, pid, processStarted }: Owner = thisProcess()): string {
  return `${short(`${host}/${where}`)}-${pid}-${processStarted === null ? '0' : short(processStarted)}`;
}

/** What became of the owner that a tag names. */
export function tagStatus(tag: string): OwnerStatus {
  const [place, pid, started] = tag.split('-');
  const now = { ...thisProcess(), pid: Number(pid) };
  if (place !== ownerTag(now).split('-')[0]) return 'elsewhere';
  if (!exists(now.pid) || procStat(now.pid)?.[0] === 'Z') return 'gone';
  const running = ownerTag({ ...now, processStarted: startOf(now.pid) }).split('-')[2];
  return started === '0' || running === '0' || running === started ? 'running' : 'gone';
}

const short = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, 8);

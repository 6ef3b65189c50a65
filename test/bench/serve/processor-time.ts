import { readdirSync, readFileSync } from 'node:fs';

/** Linux counts a process's time in hundredths of a second. */
const ticksPerSecond = 100;

/** Processor time of a process, all its threads, user and system, seconds: proc(5), `/proc/PID/stat`. */
export function cpuTime(pid: number): number {
  const { ticks } = statOf(pid);
  return ticks / ticksPerSecond;
}

/** Processor time of a process and of those that it started, seconds. */
export function cpuTimeOfTree(pid: number): number {
  return treeOf(pid).reduce((sum, member) => sum + cpuTime(member), 0);
}

/** Memory of a process that no other process has, bytes: the private parts of `/proc/PID/smaps_rollup`. */
export function privateBytes(pid: number): number {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  return [...text.matchAll(/^Private_\w+: +(\d+) kB$/gm)].reduce((sum, [, kb]) => sum + 1024 * Number(kb), 0);
}

/** A process and those that it started. */
export function treeOf(pid: number): number[] {
  const children = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((other) => parentOf(other) === pid);
  return [pid, ...children.flatMap(treeOf)];
}

function parentOf(pid: number): number | null {
  try {
    return statOf(pid).parent;
  } catch {
    return null; // it has ended meanwhile
  }
}

function statOf(pid: number): { parent: number; ticks: number } {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The name, in brackets, may have spaces and brackets of its own.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { parent: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]) };
}

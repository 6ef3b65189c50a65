import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** A runtime that we did not write: how it is started, and where `install.sh` puts it. */
export interface OtherRuntime {
  /** Heading of its column. */
  readonly title: string;
  /** The command and its arguments before those of `run_programs.py`, which it takes. */
  readonly command: (folder: string) => readonly string[];
  /** Whether it runs programs, or only reads them. */
  readonly computes: boolean;
}

const script = fileURLToPath(new URL('./run_programs.py', import.meta.url));
const python =
  (environment: string, runtime: string) =>
  (folder: string): readonly string[] => [join(folder, environment, 'bin', 'python'), script, runtime];

export const otherRuntimes: readonly OtherRuntime[] = [
  { title: 'onnx checker', command: python('newest', 'checker'), computes: false },
  { title: 'onnx reference evaluator', command: python('newest', 'reference'), computes: true },
  { title: 'onnxruntime, oldest', command: python('oldest', 'onnxruntime'), computes: true },
  { title: 'onnxruntime, newest', command: python('newest', 'onnxruntime'), computes: true },
  { title: 'OpenVINO', command: python('newest', 'openvino'), computes: true },
  { title: 'rten', command: (folder) => [join(folder, 'rten', 'release', 'rten-run')], computes: true },
  { title: 'tract', command: python('newest', 'tract'), computes: true },
  { title: 'onnx2torch', command: python('torch', 'onnx2torch'), computes: true },
  { title: 'OpenCV', command: python('newest', 'opencv'), computes: true },
];

/** The version of a runtime, or why it does not run here. */
export function probe({ command }: OtherRuntime, folder: string): { version: string } | { reason: string } {
  const [program, ...rest] = command(folder) as [string, ...string[]];
  if (!existsSync(program)) return { reason: 'not installed' };
  const { status, stdout, stderr } = spawnSync(program, [...rest, 'version'], { encoding: 'utf8' });
  if (status === 0) return { version: stdout.trim() };
  return { reason: (stderr ?? '').trim().split('\n').at(-1) ?? 'does not start' };
}

/** A program to run: a model file, the inputs in a safetensors file, and where the outputs go. */
export interface Job {
  readonly model: string;
  readonly reference: string;
  readonly program: string;
  readonly out: string;
}

/** No program of the small models takes a runtime longer than this, loading it included. */
const patienceMs = 60_000;

/**
 * Runs programs one after the other in one process of a runtime; another is started after a program that ends it, or
 * that takes too long.
 * @param file where the list of programs may be written
 * @returns for each program null, or why it did not run
 */
export async function runJobs(
  { command }: OtherRuntime,
  folder: string,
  jobs: readonly Job[],
  file: string,
): Promise<readonly (string | null)[]> {
  const lines = jobs.map(({ model, reference, program, out }) => [model, reference, program, out].join('\t'));
  await writeFile(file, `${lines.join('\n')}\n`);
  const results: (string | null)[] = [];
  while (results.length < jobs.length) {
    const ended = await runFrom(command(folder), file, results);
    if (results.length < jobs.length) results.push(ended);
  }
  return results;
}

/** Runs jobs from the first without a result on, until the process ends; returns how it did. */
async function runFrom(
  command: readonly string[],
  file: string,
  results: (string | null)[],
): Promise<string> {
  const [program, ...rest] = command as [string, ...string[]];
  const child = spawn(program, [...rest, file, String(results.length)], {
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...process.env, OMP_NUM_THREADS: '1', RTEN_NUM_THREADS: '1' },
  });
  let late = false;
  const stop = () => {
    late = true;
    child.kill('SIGKILL');
  };
  let timer = setTimeout(stop, patienceMs);
  for await (const line of createInterface({ input: child.stdout })) {
    const [, word, message] = /^(start|ok|failed) \d+ ?(.*)$/.exec(line) ?? [];
    clearTimeout(timer);
    timer = setTimeout(stop, patienceMs);
    if (word === 'ok') results.push(null);
    if (word === 'failed') results.push(message ?? '');
  }
  clearTimeout(timer);
  if (late) return `takes more than ${patienceMs / 1000} s`;
  const { exitCode, signalCode } = await ended(child);
  return `ends the process (${signalCode ?? `exit code ${exitCode}`})`;
}

async function ended(child: ReturnType<typeof spawn>) {
  if (child.exitCode === null && child.signalCode === null) {
    await new Promise((resolve) => child.once('close', resolve));
  }
  return child;
}

/** What a runtime wrote for a job. */
export async function outputsOf({ out }: Job): Promise<Uint8Array> {
  return readFile(out);
}

import { readFile, rename, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export interface FaultOptions {
  readonly url: string;
  /** Folder of the bundles that are served. */
  readonly folder: string;
  /** Their names. */
  readonly models: readonly string[];
  /** By `performance.now()`, when the faults end. */
  readonly end: number;
}

export interface FaultResult {
  /** How often each fault was made. */
  readonly made: Record<string, number>;
  /** What was answered to a wrong request otherwise than by a refusal of one line. */
  readonly strange: string[];
}

/** Between two faults, ms, at most. */
const intervalMs = 700;
/** Times that each fault is made at least, however short the time is. */
const leastRounds = 2;
/** How long a stalled client stays, ms. */
const stalledMs = 10_000;

const badBodies: readonly string[] = [
  '{"count": ',
  '{"count": 1e9}',
  '{"count": 1, "nothing": 1}',
  '['.repeat(5000),
  '{"count": NaN}',
  `{"label": [${'0,'.repeat(20_000)}0]}`,
  '\u0000',
];

/** Makes, one after the other until the end, what servers meet: workers that die, bundles that change, clients that stall or send nonsense. */
export async function makeFaults({ url, folder, models, end }: FaultOptions): Promise<FaultResult> {
  const made: Record<string, number> = {};
  const strange: string[] = [];
  const sockets = new Set<Socket>();
  const stall = (bytes: string) => {
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname, () => socket.write(bytes));
    sockets.add(socket);
    socket.on('error', () => undefined).once('close', () => sockets.delete(socket));
    // Never read from: what the server sends fills the system's buffers.
    socket.pause();
    setTimeout(() => socket.destroy(), stalledMs).unref();
  };
  const post = (path: string, body: string) =>
    `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  const faults: Readonly<Record<string, (turn: number) => Promise<void> | void>> = {
    'bad body': async (turn) => {
      const body = badBodies[turn % badBodies.length]!;
      const response = await fetch(new URL(`/v1/models/${models[turn % models.length]}/samples`, url), {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body,
      });
      const text = await response.text();
      const good = response.status === 400 && /^\{"error":"[^\n]{5,400}"\}$/.test(text);
      if (!good) strange.push(`${response.status} to ${body.slice(0, 30)}: ${text.slice(0, 100)}`);
    },
    'unread answer': (turn) =>
      stall(post(`/v1/models/${models[turn % models.length]}/samples`, '{"count": 1000}')),
    'unsent body': (turn) =>
      stall(post(`/v1/models/${models[turn % models.length]}/samples`, '{"count": 1000}').slice(0, -4)),
    'client gone': async (turn) => {
      const controller = new AbortController();
      const asked = fetch(new URL(`/v1/models/${models[turn % models.length]}/samples?count=200`, url), {
        signal: controller.signal,
      });
      await sleep(turn % 7);
      controller.abort();
      await asked.then((response) => response.body?.cancel()).catch(() => undefined);
    },
    'hot reload': (turn) => replaceBundle(join(folder, models[turn % models.length]!), turn),
    'worker killed': async (turn) => {
      const workers = await workersOf(process.pid);
      if (workers.length > 0) process.kill(workers[turn % workers.length]!, 'SIGKILL');
    },
  };
  const names = Object.keys(faults);
  const least = leastRounds * names.length;
  const interval = Math.min(intervalMs, Math.max(0, end - performance.now()) / (2 * least));
  for (let turn = 0; turn < least || performance.now() < end - stalledMs / 2; turn++) {
    const name = names[turn % names.length]!;
    await faults[name]!(Math.floor(turn / names.length));
    made[name] = (made[name] ?? 0) + 1;
    await sleep(interval);
  }
  for (const socket of sockets) socket.destroy();
  return { made, strange };
}

/** The same model as another bundle: its samples stay, its digest does not. */
async function replaceBundle(folder: string, turn: number): Promise<void> {
  const path = join(folder, 'model.json');
  const manifest = JSON.parse(await readFile(path, 'utf8')) as { provenance: Record<string, unknown> };
  manifest.provenance.steps = 1000 + turn;
  await writeFile(`${path}.new`, JSON.stringify(manifest, null, 2));
  await rename(`${path}.new`, path);
}

/** Worker processes of a process; none where the system does not say. */
async function workersOf(pid: number): Promise<number[]> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  const found: number[] = [];
  for (const child of children.trim().split(' ')) {
    const command = await readFile(`/proc/${child}/cmdline`, 'utf8').catch(() => '');
    if (command.includes('engine/worker.')) found.push(Number(child));
  }
  return found;
}

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { WebSocket } from 'ws';
import { type EngineFound, lineOf } from './engine.ts';
import { findProgram } from './find-program.ts';

/** Starts headless Firefox and speaks WebDriver BiDi with it (https://w3c.github.io/webdriver-bidi). */
export async function startFirefox(): Promise<EngineFound> {
  const path = findProgram('FIREFOX_PATH', ['firefox-esr', 'firefox']);
  if (path === undefined)
    return { reason: 'no firefox-esr or firefox on the path; say where in FIREFOX_PATH' };
  const profile = await mkdtemp(join(tmpdir(), 'generatrix-firefox-'));
  const child = spawn(
    path,
    ['--headless', '--remote-debugging-port=0', '--profile', profile, '--no-remote'],
    {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, MOZ_CRASHREPORTER_DISABLE: '1' },
    },
  );
  const end = async () => {
    await stopped(child);
    await rm(profile, { recursive: true, force: true, maxRetries: 3 });
  };
  try {
    const session = await openSession(`${await listening(child)}/session`);
    const { capabilities } = await session.ask('session.new', { capabilities: {} });
    const { contexts } = await session.ask('browsingContext.getTree', {});
    const { context } = contexts[0]!;
    return {
      version: `firefox ${capabilities.browserVersion}`,
      async open(url) {
        await session.ask('browsingContext.navigate', { context, url, wait: 'complete' });
      },
      async evaluate(expression) {
        // As JSON, which spares the protocol's own form of values.
        const { type, result, exceptionDetails } = await session.ask('script.evaluate', {
          expression: `(async () => JSON.stringify([await (${expression})]))()`,
          target: { context },
          awaitPromise: true,
        });
        if (type === 'exception') throw new Error(exceptionDetails.text);
        return JSON.parse(result.value)[0];
      },
      async close() {
        session.close();
        await end();
      },
    };
  } catch (error) {
    await end();
    return { reason: `${path} does not start: ${lineOf(error)}` };
  }
}

async function stopped(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = new Promise((resolve) => child.once('exit', resolve));
  child.kill();
  await exit;
}

/** The address that Firefox says it listens on. */
function listening(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error('it names no address within 60 s')), 60_000);
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`it ended with ${code}`)));
    createInterface({ input: child.stderr! }).on('line', (line) => {
      const address = /WebDriver BiDi listening on (ws:\S+)/.exec(line)?.[1];
      if (address === undefined) return;
      clearTimeout(late);
      resolve(address);
    });
  });
}

/** The parts of answers that are read here; which of them an answer has follows from the question. */
interface Answer {
  readonly capabilities: { readonly browserVersion: string };
  readonly contexts: readonly { readonly context: string }[];
  readonly type: string;
  readonly result: { readonly value: string };
  readonly exceptionDetails: { readonly text: string };
}

interface Session {
  ask(method: string, params: object): Promise<Answer>;
  close(): void;
}

async function openSession(address: string): Promise<Session> {
  const socket = new WebSocket(address);
  await new Promise((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('error', reject);
  });
  const waiting = new Map<number, { resolve(answer: Answer): void; reject(error: Error): void }>();
  let last = 0;
  socket.on('message', (text) => {
    const { id, type, result, message } = JSON.parse(String(text)) as {
      id?: number;
      type: string;
      result: Answer;
      message?: string;
    };
    const asked = waiting.get(id ?? -1);
    waiting.delete(id ?? -1);
    if (type === 'error') asked?.reject(new Error(message));
    else asked?.resolve(result);
  });
  socket.on('close', () => {
    for (const { reject } of waiting.values()) reject(new Error('Firefox has gone'));
  });
  return {
    ask: (method, params) =>
      new Promise((resolve, reject) => {
        last += 1;
        waiting.set(last, { resolve, reject });
        socket.send(JSON.stringify({ id: last, method, params }));
      }),
    close: () => socket.close(),
  };
}

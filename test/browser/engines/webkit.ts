import { type ChildProcess, spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { type EngineFound, lineOf } from './engine.ts';
import { findProgram } from './find-program.ts';

/** Debian's browser of WebKitGTK, made for tests. */
const miniBrowsers = ['4.1', '6.0', '4.0'].map(
  (version) =>
    `/usr/lib/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu/webkit2gtk-${version}/MiniBrowser`,
);

/** Starts WebKitGTK on a display of its own and speaks WebDriver with it (https://www.w3.org/TR/webdriver2). */
export async function startWebKit(): Promise<EngineFound> {
  const driver = findProgram('WEBKIT_DRIVER_PATH', ['WebKitWebDriver']);
  const browser = findProgram('MINIBROWSER_PATH', miniBrowsers);
  const display = findProgram('XVFB_PATH', ['Xvfb']);
  if (driver === undefined || browser === undefined)
    return { reason: "no WebKitWebDriver with its MiniBrowser: Debian's package webkit2gtk-driver has both" };
  if (display === undefined) return { reason: "no Xvfb: Debian's package xvfb has it" };

  const screen = spawn(display, ['-displayfd', '3', '-screen', '0', '1280x900x24'], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
  });
  const port = await freePort();
  let service: ChildProcess | undefined;
  const end = async () => {
    for (const child of [service, screen]) {
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) continue;
      const exit = new Promise((resolve) => child.once('exit', resolve));
      child.kill();
      await exit;
    }
  };
  try {
    service = spawn(driver, [`--port=${port}`], {
      stdio: 'ignore',
      env: {
        ...process.env,
        DISPLAY: `:${await displayOf(screen)}`,
        LIBGL_ALWAYS_SOFTWARE: '1',
        // Its sandbox is refused to root, which containers usually are.
        ...(process.getuid?.() === 0 ? { WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: '1' } : {}),
      },
    });
    const base = `http://127.0.0.1:${port}`;
    const options = { binary: browser, args: ['--automation'] };
    const { sessionId, capabilities } = (await untilUp(() =>
      ask('POST', `${base}/session`, {
        capabilities: { alwaysMatch: { 'webkitgtk:browserOptions': options } },
      }),
    )) as { sessionId: string; capabilities: { browserVersion: string } };
    const session = `${base}/session/${sessionId}`;
    await ask('POST', `${session}/timeouts`, { script: 120_000 });
    return {
      version: `webkitgtk ${capabilities.browserVersion}`,
      async open(url) {
        await ask('POST', `${session}/url`, { url });
      },
      async evaluate(expression) {
        const script = `const done = arguments[0];
          (async () => (${expression}))().then((value) => done({ value }), (error) => done({ error: String(error) }));`;
        const answer = await ask('POST', `${session}/execute/async`, { script, args: [] });
        const { value, error } = answer as { value: unknown; error?: string };
        if (error !== undefined) throw new Error(error);
        return value;
      },
      async close() {
        await ask('DELETE', session).catch(() => undefined);
        await end();
      },
    };
  } catch (error) {
    await end();
    return { reason: `${driver} does not start a browser: ${lineOf(error)}` };
  }
}

/** @throws the driver's message where it answers with an error. */
async function ask(method: string, url: string, body?: object): Promise<unknown> {
  const response = await fetch(url, {
    method,
    ...(body === undefined
      ? {}
      : { body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } }),
  });
  const { value } = (await response.json()) as { value: { message?: string } };
  if (!response.ok) throw new Error(value.message ?? `status ${response.status}`);
  return value;
}

/** Asks until the driver is up, which takes a moment. @throws its own errors at once. */
async function untilUp(task: () => Promise<unknown>): Promise<unknown> {
  for (let tries = 0; ; tries += 1) {
    try {
      return await task();
    } catch (error) {
      if (!(error instanceof TypeError) || tries > 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

/** The number of the display that Xvfb has opened. */
function displayOf(screen: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    screen.once('exit', (code) => reject(new Error(`Xvfb ended with ${code}`)));
    screen.stdio[3]!.once('data', (text) => resolve(String(text).trim()));
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

import { execFile, spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

/** Where Chromium is, or one line that says why there is none. */
export type ChromiumFound = { readonly path: string } | { readonly reason: string };

const names = ['chromium', 'chromium-browser', 'google-chrome'];
let found: Promise<ChromiumFound> | undefined;

/**
 * Finds a Chromium: `CHROMIUM_PATH`, then `chromium`, `chromium-browser` and `google-chrome` on the path. Where
 * there is none and we are root on a Debian-like system, installs the distribution's package, once, and says so.
 * Never throws: tests skip with the reason that comes back.
 */
export function ensureChromium(): Promise<ChromiumFound> {
  found ??= findOrInstall();
  return found;
}

async function findOrInstall(): Promise<ChromiumFound> {
  const wanted = process.env.CHROMIUM_PATH;
  if (wanted) {
    return isExecutable(wanted)
      ? { path: wanted }
      : { reason: `CHROMIUM_PATH is ${wanted}, which is no executable file` };
  }
  const present = onPath();
  if (present) return { path: present };
  const obstacle = whyNotInstall();
  if (obstacle) return { reason: `no ${names.join(', ')} on the path, and ${obstacle}; set CHROMIUM_PATH` };
  try {
    await install();
  } catch (error) {
    return { reason: `no Chromium, and installing it failed: ${(error as Error).message.split('\n')[0]}` };
  }
  const installed = onPath();
  return installed
    ? { path: installed }
    : { reason: 'the package chromium is installed but not on the path' };
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function onPath(): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter).filter(Boolean);
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find(isExecutable);
}

function whyNotInstall(): string | undefined {
  if (process.getuid?.() !== 0) return 'we are not root, so it cannot be installed';
  if (!existsSync('/etc/debian_version')) return 'this is no Debian-like system';
  if (spawnSync('apt-get', ['--version']).status !== 0) return 'there is no apt-get';
  return undefined;
}

/** Under a lock: several test processes may find Chromium missing at the same moment. */
async function install(): Promise<void> {
  console.log('No Chromium found: running apt-get update && apt-get install -y chromium (once)');
  const lock = join(tmpdir(), 'generatrix-chromium.lock');
  const script =
    'command -v chromium || (apt-get update && apt-get install -y --no-install-recommends chromium)';
  await promisify(execFile)('flock', [lock, 'sh', '-c', script], {
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    maxBuffer: 64 * 1024 * 1024,
  });
  console.log('Installed the package chromium');
}

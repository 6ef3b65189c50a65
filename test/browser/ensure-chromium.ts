import { execFile, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type ChromiumFound, findChromium } from 'generatrix/browser';

let found: Promise<ChromiumFound> | undefined;

/**
 * Finds a Chromium for the tests. Where there is none and we are root on a Debian-like system, installs the
 * distribution's package, once, and says so. Never throws: tests skip with the reason that comes back.
 */
export function ensureChromium(): Promise<ChromiumFound> {
  found ??= findOrInstall();
  return found;
}

async function findOrInstall(): Promise<ChromiumFound> {
  const present = findChromium();
  if ('path' in present || process.env.CHROMIUM_PATH) return present;
  const obstacle = whyNotInstall();
  if (obstacle) return { reason: `${present.reason} (${obstacle})` };
  try {
    await install();
  } catch (error) {
    return { reason: `no Chromium, and installing it failed: ${(error as Error).message.split('\n')[0]}` };
  }
  return findChromium();
}

function whyNotInstall(): string | undefined {
  if (process.getuid?.() !== 0) return 'we are not root, so it is not installed';
  if (!existsSync('/etc/debian_version')) return 'this is no Debian-like system, so it is not installed';
  if (spawnSync('apt-get', ['--version']).status !== 0) return 'there is no apt-get to install it';
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

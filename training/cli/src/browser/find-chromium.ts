import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Where Chromium is, or one line that says why there is none. */
export type ChromiumFound = { readonly path: string } | { readonly reason: string };

const names = ['chromium', 'chromium-browser', 'google-chrome'];

/** Finds a Chromium: `CHROMIUM_PATH`, then `chromium`, `chromium-browser` and `google-chrome` on the path. */
export function findChromium(): ChromiumFound {
  const wanted = process.env.CHROMIUM_PATH;
  if (wanted) {
    return isExecutable(wanted)
      ? { path: wanted }
      : { reason: `CHROMIUM_PATH is ${wanted}, which is no executable file` };
  }
  const folders = (process.env.PATH ?? '').split(delimiter).filter(Boolean);
  const path = names.flatMap((name) => folders.map((folder) => join(folder, name))).find(isExecutable);
  if (path !== undefined) return { path };
  return {
    reason: `no ${names.join(', ')} on the path; install Chromium, or say where it is in CHROMIUM_PATH`,
  };
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

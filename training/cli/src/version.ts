import { readFileSync } from 'node:fs';

interface PackageJson {
  readonly version: string;
}

/** The version of the package, as its package.json states it. */
export const version = (
  JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as PackageJson
).version;

import { createRequire } from 'node:module';
import { dirname } from 'node:path';

/**
 * Folder of the models that come with the package `@generatrix/models`. In a checkout it
 * is `models/`. They are a package of their own, since pages can use them without the command, which they outweigh.
 */
export function zooFolder(): string {
  return dirname(createRequire(import.meta.url).resolve('@generatrix/models/package.json'));
}

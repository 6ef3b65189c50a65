import { z } from 'zod';
import { configSchema } from './config-schema.ts';
import type { ServerContext } from './context.ts';

/** Paths on the server's disk and hashes of keys, which are for who runs it. */
const hidden = {
  models: true,
  site: true,
  socket: true,
  tlsCert: true,
  tlsKey: true,
  apiKeys: true,
} as const;
const shown = configSchema.omit({ ...hidden, modelSettings: true });
const limitsSchema = z.object({
  maxCount: z.int(),
  maxBatch: z.int(),
  maxWaitMs: z.int(),
  queueLimit: z.int(),
  timeoutMs: z.int(),
  workers: z.int(),
  priority: z.int(),
});

/** What `GET /config` says. */
export const shownConfigSchema = z.object({
  settings: z
    .record(z.string(), z.unknown())
    .describe('Of the server, by name, those that were left out with their defaults'),
  tls: z.boolean(),
  api_keys: z.array(z.string()).describe('Their names'),
  models: z.record(z.string(), limitsSchema).describe('What holds for each model that is served'),
});

/** The settings in force, without what is secret. */
export function showConfig({
  config,
  limits,
  engine,
}: Pick<ServerContext, 'config' | 'limits' | 'engine'>): z.output<typeof shownConfigSchema> {
  const names = [...new Set(engine.models().map(({ name }) => name))];
  const known = Object.keys(shown.shape) as (keyof typeof shown.shape)[];
  return {
    settings: Object.fromEntries(known.map((name) => [name, config[name] ?? null])),
    tls: config.tlsCert !== undefined,
    api_keys: config.apiKeys.map((key) => key.split(':')[0]!),
    models: Object.fromEntries(names.map((name) => [name, limits.of(name)])),
  };
}

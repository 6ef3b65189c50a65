import { z } from 'zod';

const whole = (least: number, most: number) => z.int().min(least).max(most);
const limits = {
  maxBatch: whole(1, 65_536),
  maxWaitMs: whole(0, 10_000),
  queueLimit: whole(1, 10_000_000),
  timeoutMs: whole(1, 86_400_000),
  maxCount: whole(1, 1_000_000),
};
/** What one model may have instead of what all have. */
const modelLimits = z
  .strictObject({ ...limits, workers: whole(1, 256), priority: whole(-1000, 1000) })
  .partial();

const milliseconds = (least: number) => z.int().min(least).max(86_400_000);
const port = z.int().min(0).max(65_535);

/**
 * Everything that can be configured. Each field is a key of the configuration file, `GENERATRIX_` and its name in
 * capitals in the environment, and a flag of `generatrix serve`.
 */
export const configSchema = z.strictObject({
  models: z.string().min(1).describe('folder whose sub-folders are bundles, NAME/ or NAME/VERSION/'),
  host: z.string().min(1).default('127.0.0.1').describe('address to listen on; 0.0.0.0 for every interface'),
  port: port.default(8080).describe('port to listen on; 0 lets the system choose'),
  socket: z
    .string()
    .min(1)
    .optional()
    .describe('Unix domain socket to listen on, a path, instead of host and port'),
  socketMode: z
    .string()
    .regex(/^[0-7]{3}$/, { error: 'expected permission bits such as 660' })
    .default('600')
    .describe('who may connect to the socket: its permission bits, octal'),
  device: z.enum(['auto', 'cpu', 'cuda', 'webgpu']).default('auto').describe('where programs run'),
  workers: z.int().min(0).max(256).default(0).describe('worker processes; 0: as many as there are cores'),
  workerMemoryMb: z
    .int()
    .min(0)
    .max(16_777_216)
    .default(0)
    .describe(
      'memory of a worker, MB; one that takes more is replaced; 0: its share of 3/4 of what there is',
    ),
  modelMemoryMb: z
    .int()
    .min(0)
    .max(16_777_216)
    .default(0)
    .describe(
      'memory of a worker for programs that stay compiled, about, MB; those not asked for longest go first; 0: half of its memory',
    ),
  threadsPerWorker: z.int().min(1).max(256).default(1).describe('threads of each run of a program'),
  maxBatch: limits.maxBatch.default(64).describe('rows in one run of a program'),
  maxWaitMs: limits.maxWaitMs.default(5).describe('how long a batch waits for more rows, ms'),
  queueLimit: limits.queueLimit.default(4096).describe('rows that may wait; more get 429'),
  timeoutMs: limits.timeoutMs
    .default(30_000)
    .describe('for one request, until its answer is sent, ms; then 504'),
  maxCount: limits.maxCount.default(1024).describe('rows that one request may ask for'),
  modelSettings: z
    .record(z.string().min(1), modelLimits)
    .default({})
    .describe(
      'by model, as JSON, what it has instead: maxCount, maxBatch, maxWaitMs, queueLimit, timeoutMs; workers that have it; priority, 0 where unsaid, the higher the sooner',
    ),
  cacheBytes: z
    .int()
    .min(0)
    .max(68_719_476_736)
    .default(67_108_864)
    .describe('answers to seeded requests that are kept, bytes; 0: none'),
  cacheMaxAgeSeconds: z
    .int()
    .min(0)
    .max(31_536_000)
    .default(0)
    .describe(
      'how long clients and CDNs may use an answer to a seeded request without asking again, s; a bundle that is replaced shows after that',
    ),
  watch: z.boolean().default(true).describe('load bundles that change while the server runs'),
  modelControl: z
    .enum(['folder', 'explicit'])
    .default('folder')
    .describe('serve what the folder has; explicit: what loadModels and requests to load name'),
  loadModels: z
    .array(z.string().min(1))
    .default([])
    .describe('bundles to load at the start where modelControl is explicit'),
  readyWhen: z
    .enum(['all', 'any'])
    .default('all')
    .describe('ready when all bundles are served and well, or when any is'),
  site: z
    .string()
    .default('auto')
    .describe('folder of the built page; auto: the packaged one; none: no page'),
  maxBodyBytes: z
    .int()
    .min(1024)
    .max(1_073_741_824)
    .default(16_777_216)
    .describe('body, decompressed, bytes'),
  answerBytes: z
    .int()
    .min(1024)
    .max(1_099_511_627_776)
    .default(1_073_741_824)
    .describe('memory of all answers under way, bytes; more get 429'),
  maxJsonDepth: z.int().min(8).max(256).default(32).describe('lists and objects within one another'),
  maxConnections: z.int().min(1).max(1_000_000).default(1024).describe('open connections; more are cut off'),
  headersTimeoutMs: milliseconds(100).default(10_000).describe('for the headers of a request to arrive, ms'),
  requestTimeoutMs: milliseconds(100).default(60_000).describe('for a whole request to arrive, ms'),
  keepAliveTimeoutMs: milliseconds(0)
    .default(65_000)
    .describe(
      'that an idle connection is kept, ms; longer than by the load balancer in front, commonly 60 s',
    ),
  shutdownGraceMs: milliseconds(0).default(2_000).describe('between unready and closed, ms'),
  shutdownTimeoutMs: milliseconds(0).default(60_000).describe('for open requests to end at shutdown, ms'),
  apiKeys: z
    .array(z.string().regex(/^[\w.-]{1,64}:[0-9a-f]{64}$/, { error: 'expected NAME:SHA256 in hex' }))
    .max(10_000)
    .default([])
    .describe('NAME:HASH of each key, SHA-256 in hex; none: no key is asked for'),
  rateLimitPerMinute: z
    .int()
    .min(0)
    .max(10_000_000)
    .default(0)
    .describe('requests of one key, or of one address where there are no keys; 0: no limit'),
  corsOrigins: z
    .array(
      z
        .string()
        .regex(/^(\*|https?:\/\/[^\s/]+)$/, { error: 'expected an origin such as https://a.example' }),
    )
    .default([])
    .describe('origins whose pages may call, such as https://a.example; * for all'),
  trustProxy: z
    .int()
    .min(0)
    .max(16)
    .default(0)
    .describe('proxies in front whose X-Forwarded-For is believed'),
  tlsCert: z.string().min(1).optional().describe('certificate chain, a PEM file; with tlsKey turns TLS on'),
  tlsKey: z.string().min(1).optional().describe('private key, a PEM file'),
  grpcPort: port.optional().describe('port of the Open Inference Protocol over gRPC; absent: off'),
  managementPort: port.optional().describe('loopback port of POST /reload and GET /status; absent: off'),
  logLevel: z
    .enum(['silent', 'error', 'warn', 'info', 'debug'])
    .default('info')
    .describe('lines of JSON on standard error, one for each request at info'),
});

export type ServeConfig = z.infer<typeof configSchema>;

/** One field: its names in the three places that can set it, and what a text must become. */
export interface ConfigField {
  readonly name: keyof ServeConfig;
  /** `--max-batch` */
  readonly flag: string;
  /** `GENERATRIX_MAX_BATCH` */
  readonly variable: string;
  /** `object`: JSON. */
  readonly kind: 'string' | 'integer' | 'boolean' | 'array' | 'object';
  readonly description: string;
  readonly choices?: readonly string[];
  readonly default?: unknown;
}

interface FieldSchema {
  readonly type: ConfigField['kind'];
  readonly description?: string;
  readonly enum?: readonly string[];
  readonly default?: unknown;
}

/** All fields, in the order of the schema, for flags, help and documentation. */
export const configFields: readonly ConfigField[] = Object.entries(
  z.toJSONSchema(configSchema, { io: 'input' }).properties as Record<string, FieldSchema>,
).map(([name, schema]) => {
  const words = name.replace(/[A-Z]/g, (letter) => `_${letter}`);
  return {
    name: name as keyof ServeConfig,
    flag: `--${words.toLowerCase().replaceAll('_', '-')}`,
    variable: `GENERATRIX_${words.toUpperCase()}`,
    kind: schema.type,
    description: schema.description ?? '',
    ...(schema.enum && { choices: schema.enum }),
    ...('default' in schema && { default: schema.default }),
  };
});

import { UserError } from '@generatrix/runtime/core';
import {
  type ConfigField,
  configFields,
  loadConfig,
  type RunningServer,
  type ServeConfig,
  startServer,
} from '@generatrix/runtime/serve';
import { type Command, Option } from 'commander';
import { bucketAddress, followBucket } from './bucket-models.ts';
import { builtSite } from './site.ts';

/** `generatrix serve MODELS`: a sampling endpoint for every bundle of a folder. */
export function addServe(program: Command): void {
  const command = program
    .command('serve')
    .description(
      'serve every bundle of a folder over HTTP: its own sampling interface, the Open Inference Protocol v2, the page',
    )
    .argument(
      '[models]',
      'folder whose sub-folders are bundles, NAME/ or NAME/VERSION/, or s3://BUCKET/PREFIX that holds such',
    )
    .option('--config <file>', 'settings as JSON; GENERATRIX_NAME in the environment and flags go before it')
    .option('--bucket-seconds <n>', 'seconds between looks for changes in s3://...', '30');
  for (const field of configFields) if (field.name !== 'models') command.addOption(optionOf(field));
  command.action(async (models: string | undefined, options: Record<string, string>) => {
    const { config: file, bucketSeconds, ...flags } = options;
    const everyMs = 1000 * secondsOf(bucketSeconds!);
    const config = await loadConfig({ flags: { ...flags, models }, environment: process.env, file });
    const site = await siteOf(config);
    const address = bucketAddress(config.models);
    const bucket =
      address &&
      (await followBucket(address, {
        everyMs,
        onProblem: (line) => console.error(line),
      }));
    try {
      const server = await startServer(bucket ? { ...config, models: bucket.folder } : config, { site });
      // Who reads that it listens may send a signal at once.
      const stopped = untilStopped(server);
      report(server, site);
      await stopped;
    } finally {
      await bucket?.stop();
    }
  });
}

/** @throws UserError when they are none */
function secondsOf(text: string): number {
  const value = Number(text);
  if (value >= 1 && value <= 86_400) return value;
  throw new UserError(`--bucket-seconds ${text}: expected a number from 1 to 86400`);
}

function optionOf({ flag, kind, description, choices, default: standard, variable }: ConfigField): Option {
  const value = { string: 'text', integer: 'n', boolean: 'true|false', array: 'list', object: 'json' }[kind];
  const shown = kind === 'object' ? '' : [standard].flat().join(',');
  const usual = shown === '' ? '' : `; default ${shown}`;
  const option = new Option(`${flag} <${value}>`, `${description} (${variable}${usual})`);
  return choices === undefined ? option : option.choices([...choices]);
}

/** The folder of the page that a server with these settings shows, built where it is to be; undefined for none. */
export async function siteOf({ site }: Pick<ServeConfig, 'site'>): Promise<string | undefined> {
  if (site === 'none') return undefined;
  return site === 'auto' ? builtSite() : site;
}

/** One line for each model served, and for each refused. */
function report({ url, managementUrl, grpcAddress, engine }: RunningServer, site: string | undefined): void {
  for (const { name, version, manifest } of engine.models()) {
    const programs = Object.keys(manifest.programs).join(', ');
    console.log(`serving ${name} version ${version} (${manifest.family}): ${programs}`);
  }
  for (const { name, version, reason } of engine.refused()) {
    console.log(`refused ${name} version ${version}: ${reason}`);
  }
  const socket = /^unix:(.*)/s.exec(url)?.[1];
  if (socket !== undefined)
    console.log(`curl --unix-socket ${socket} http://localhost/docs says what can be asked`);
  else
    console.log(`${url}/docs says what can be asked${site === undefined ? '' : `; the page is at ${url}/`}`);
  if (grpcAddress !== undefined) console.log(`gRPC on ${grpcAddress}`);
  if (managementUrl !== undefined) console.log(`management at ${managementUrl}`);
  console.log(`listening on ${url} (Ctrl-C or SIGTERM ends it when open requests are done; twice, at once)`);
}

/** The first signal stops the server in order, the second at once. */
function untilStopped(server: RunningServer): Promise<void> {
  return new Promise((resolve, reject) => {
    let signalled = false;
    const onSignal = () => {
      if (signalled) process.exit(1);
      signalled = true;
      server.stop().then(resolve, reject);
    };
    process.on('SIGTERM', onSignal).on('SIGINT', onSignal);
  });
}

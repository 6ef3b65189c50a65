import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UserError } from '../../errors.ts';
import { loadConfig } from './config.ts';
import { configFields } from './config-schema.ts';

let folder: string;
let file: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'generatrix-config-'));
  file = join(folder, 'serve.json');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const models = 'models';

describe('loadConfig', () => {
  it('takes flags before the environment before the file before the defaults', async () => {
    await writeFile(
      file,
      JSON.stringify({ models, port: 1, maxBatch: 2, queueLimit: 3, corsOrigins: ['http://a'] }),
    );
    const config = await loadConfig({
      file,
      environment: {
        GENERATRIX_PORT: '10',
        GENERATRIX_MAX_BATCH: '20',
        GENERATRIX_WATCH: 'false',
        PATH: '/bin',
      },
      flags: { port: '100', host: undefined },
    });
    expect(config).toMatchObject({
      models,
      port: 100,
      maxBatch: 20,
      queueLimit: 3,
      maxCount: 1024,
      watch: false,
      corsOrigins: ['http://a'],
    });
  });

  it('reads lists with commas, and ignores what Kubernetes says of a service of our name', async () => {
    const config = await loadConfig({
      flags: { models },
      environment: {
        GENERATRIX_CORS_ORIGINS: 'https://a.example, https://b.example',
        GENERATRIX_PORT: 'tcp://10.0.0.1:80',
      },
    });
    expect(config).toMatchObject({ port: 8080, corsOrigins: ['https://a.example', 'https://b.example'] });
  });

  it.each([
    [{ flags: { models, port: '99999' } }, '--port: expected number to be <=65535, got 99999'],
    [{ flags: { models, port: 'http' } }, '--port: expected number, got "http"'],
    [
      { flags: { models }, environment: { GENERATRIX_WATCH: 'perhaps' } },
      'GENERATRIX_WATCH: expected boolean, got "perhaps"',
    ],
    [
      { flags: { models, device: 'tpu' } },
      '--device: expected one of "auto"|"cpu"|"cuda"|"webgpu", got "tpu"',
    ],
    [
      { flags: { models, apiKeys: 'alice:secret' } },
      '--api-keys: expected NAME:SHA256 in hex, got a list of 1',
    ],
    [{ flags: { models, tlsCert: 'a.pem' } }, '--tls-cert: TLS needs tlsKey too'],
    [
      { flags: { models }, environment: { GENERATRIX_WORKRES: '2' } },
      'GENERATRIX_WORKRES: there is no such setting; did you mean GENERATRIX_WORKERS?',
    ],
    [
      { flags: { models }, environment: { generatrix_port: '80' } },
      'generatrix_port: there is no such setting; did you mean GENERATRIX_PORT?',
    ],
    [{ environment: {} }, 'models: expected string, got nothing'],
  ])('names the source of a wrong value: %j', async (sources, message) => {
    await expect(loadConfig(sources)).rejects.toThrow(new UserError(message));
  });

  it('leaves alone what others set: Kubernetes for a service of that name, and what is not the server’s', async () => {
    const environment = {
      GENERATRIX_SERVICE_HOST: '10.0.0.1',
      GENERATRIX_PORT_8080_TCP_ADDR: '10.0.0.1',
      GENERATRIX_THREADS: '1',
      GENERATRIX_WORKERZ: '',
    };
    expect(await loadConfig({ flags: { models }, environment })).toEqual(
      await loadConfig({ flags: { models } }),
    );
  });

  it('names the file, the key, and what is wrong there', async () => {
    const refuse = async (text: string, message: RegExp) => {
      await writeFile(file, text);
      await expect(loadConfig({ file })).rejects.toThrow(message);
    };
    await refuse('{"models": "m", "prot": 1}', /serve\.json: prot: there is no such setting$/);
    await refuse(
      '{"models": "m", "maxBatch": 0}',
      /serve\.json: maxBatch: expected number to be >=1, got 0$/,
    );
    await refuse('{"models": ', /serve\.json: the configuration is not JSON/);
    await refuse('[1]', /serve\.json: expected an object of settings, got a list of 1$/);
    await expect(loadConfig({ file: join(folder, 'none.json') })).rejects.toThrow(/cannot be read/);
  });
});

it('every field has a flag, a variable and a description', () => {
  const port = configFields.find(({ name }) => name === 'maxBodyBytes');
  expect(port).toMatchObject({
    flag: '--max-body-bytes',
    variable: 'GENERATRIX_MAX_BODY_BYTES',
    kind: 'integer',
  });
  for (const { description } of configFields) expect(description).not.toBe('');
});

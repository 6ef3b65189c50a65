import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Address } from './requests.ts';

export interface ServerProcess extends Address {
  readonly pid: number;
  stop(): Promise<void>;
}

const command = fileURLToPath(new URL('../../../../training/cli/bin/generatrix.mjs', import.meta.url));

/** `generatrix serve` in a process of its own. @param flags besides the ports, the log and the page */
export async function startServer(models: string, flags: readonly string[]): Promise<ServerProcess> {
  const own = ['--port', '0', '--grpc-port', '0', '--log-level', 'silent', '--site', 'none'];
  const child = spawn(process.execPath, [command, 'serve', models, ...own, ...flags], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const address = await new Promise<Address>((resolve, reject) => {
    let text = '';
    child.stdout.on('data', (bytes: Buffer) => {
      text += bytes.toString();
      const [url, grpc] = [/listening on (\S+)/.exec(text), /gRPC on (\S+)/.exec(text)];
      if (url && grpc) resolve({ url: url[1]!, grpc: grpc[1]! });
    });
    child.once('exit', (status) => reject(new Error(`the server ended with status ${status}: ${text}`)));
  });
  return {
    ...address,
    pid: child.pid!,
    stop: () =>
      new Promise((resolve) => {
        child.once('exit', () => resolve());
        child.kill('SIGTERM');
      }),
  };
}

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename } from 'node:path';
import type { PackageManifest } from './published.ts';

/**
 * A registry with packed packages as if they were published; for all others it sends to the registry that npm is set to.
 * So packages are installed by their names, as a user does.
 * @param tarballs paths of packed packages
 */
export async function startRegistry(tarballs: readonly string[]): Promise<{ url: string; close(): void }> {
  const upstream = execFileSync('npm', ['config', 'get', 'registry'], { encoding: 'utf8' }).trim();
  const packed = new Map(
    tarballs.map((file) => {
      const text = execFileSync('tar', ['-xOzf', file, 'package/package.json'], { encoding: 'utf8' });
      const manifest = JSON.parse(text) as PackageManifest;
      return [manifest.name, { file, manifest }];
    }),
  );
  const files = new Map(tarballs.map((file) => [basename(file), file]));
  let url = '';
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url!, 'http://localhost').pathname.slice(1));
    const file = files.get(path);
    if (file !== undefined) return void response.end(readFileSync(file));
    const found = packed.get(path);
    if (found === undefined && path.startsWith('@generatrix/')) {
      response.writeHead(404).end('{}'); // as of a platform whose binaries were not packed
      return;
    }
    if (found === undefined) {
      response.writeHead(307, { Location: new URL(request.url!.slice(1), upstream).href }).end();
      return;
    }
    const { manifest } = found;
    const bytes = readFileSync(found.file);
    const integrity = `sha512-${createHash('sha512').update(bytes).digest('base64')}`;
    const dist = { tarball: `${url}/${basename(found.file)}`, integrity };
    response.setHeader('Content-Type', 'application/json');
    response.end(
      JSON.stringify({
        name: manifest.name,
        'dist-tags': { latest: manifest.version },
        versions: { [manifest.version]: { ...manifest, dist } },
      }),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, close: () => server.close() };
}

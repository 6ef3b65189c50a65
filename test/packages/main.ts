import { resolve } from 'node:path';
import { packageProblems } from './lint.ts';
import { packAll } from './pack.ts';

/**
 * `npm run pack -- [FOLDER] [--this-platform]`: tarballs of all packages, into `packed/` or the folder named, with
 * onnxruntime's binaries for every platform or for this one alone.
 */
const flags = process.argv.slice(2);
const [folder = 'packed'] = flags.filter((flag) => !flag.startsWith('--'));
const out = resolve(folder);
const megabytes = (bytes: number) => (bytes / 1e6).toFixed(2).padStart(8);
let faults = 0;
for (const { name, file, size, unpackedSize } of await packAll(out, !flags.includes('--this-platform'))) {
  console.log(`${megabytes(size)} MB packed ${megabytes(unpackedSize)} MB unpacked  ${name}`);
  // Binaries alone have nothing to resolve.
  if (/-(arm64|x64)$/.test(name)) continue;
  for (const problem of await packageProblems(file)) {
    faults += 1;
    console.error(`${name}: ${problem}`);
  }
}
console.log(`in ${out}`);
if (faults > 0) process.exitCode = 1;

import { readFile } from 'node:fs/promises';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';

/** All packages are ES modules: these two ways of finding types are for those that are not. */
const notForModules = ['node10', 'node16-cjs'];

/**
 * What publint and "are the types wrong" find in a packed package, one line each; they check what its package.json
 * promises against what it holds, and that TypeScript finds its types as a bundler and as Node do.
 */
export async function packageProblems(tarball: string): Promise<string[]> {
  const bytes = await readFile(tarball);
  const { messages, pkg } = await publint({
    pack: { tarball: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) },
    strict: true,
  });
  const found = messages.map((message) => formatMessage(message, pkg, { color: false }) ?? message.code);
  const analysis = await checkPackage(createPackageFromTarballData(new Uint8Array(bytes)));
  const problems = analysis.types === false ? [] : analysis.problems;
  for (const problem of problems) {
    if ('resolutionKind' in problem && notForModules.includes(problem.resolutionKind)) continue;
    found.push(JSON.stringify(problem));
  }
  return found;
}

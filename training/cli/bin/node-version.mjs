/** The oldest Node that runs this: `engines` in package.json says the same. */
export const leastNode = '20.19';

/**
 * Why this Node cannot run the command, in one line, or null. This file and the launcher parse on Node 14 and later.
 * @param {string} version such as `18.19.0`
 */
export function nodeRefusal(version) {
  const [major, minor] = version.split('.').map(Number);
  const [leastMajor, leastMinor] = leastNode.split('.').map(Number);
  if (major > leastMajor || (major === leastMajor && minor >= leastMinor)) return null;
  return `generatrix: needs Node ${leastNode} or later, this is Node ${version}; install a newer one from nodejs.org`;
}

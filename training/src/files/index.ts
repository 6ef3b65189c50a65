/** Writing so that a kill leaves no half file, locks, and what the machine has room for. */
export { checkFileWritable, makeFolder, writeFileAtomic } from './atomic.ts';
export { checkSpace } from './disk-space.ts';
export { takeLock } from './lock.ts';
export { checkMemory } from './memory-limit.ts';
export { foreignFile } from './owned-folder.ts';

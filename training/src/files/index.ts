/** Writing so that a kill leaves no half file, locks, and what the machine has room for. */
export { checkFileWritable, makeFolder, writeFileAtomic } from './atomic.ts';
export { checkMemory, checkSpace } from './limits.ts';
export { takeLock } from './lock.ts';
export { foreignFile } from './owned-folder.ts';
export { clearSiblings } from './siblings.ts';

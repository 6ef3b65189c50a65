/** Loaded on demand only, by `digest.ts`; a file of its own, so that bundlers can leave it out of what loads first. */
export { sha256Hex } from './sha256.ts';

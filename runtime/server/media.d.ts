/** Samples as pictures, sounds and arrays, in Node. */
export * from '@generatrix/runtime/media';

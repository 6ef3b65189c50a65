/**
 * Whether every model goes to every device, as in `npm run parity`. On a software adapter WebGPU takes seconds for
 * each, minutes for all: `npm test` takes some.
 */
export const allCases = process.env.GENERATRIX_ALL_CASES === '1';

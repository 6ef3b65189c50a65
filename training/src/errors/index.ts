/** How errors read. */
export { closestNames } from './closest-names.ts';
export { asUserError } from './system-error.ts';

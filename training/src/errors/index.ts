/** How errors read. */
export { closestNames } from './closest-names.ts';
export { flagOf } from './describe-issue.ts';
export { asUserError } from './system-error.ts';

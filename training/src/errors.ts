export { UserError } from '@generatrix/runtime/core';

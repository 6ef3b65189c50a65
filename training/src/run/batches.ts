export { type Batch, batchPlan, stepInputs } from '@generatrix/runtime/core';

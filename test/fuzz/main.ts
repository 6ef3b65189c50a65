import { parseArgs } from 'node:util';
import { tf } from '@generatrix/export';
import { createExecutor } from '@generatrix/runtime';
import { describeFailure, fuzz } from './cases.ts';

const { values } = parseArgs({
  options: { cases: { type: 'string', default: '5000' }, seed: { type: 'string', default: '1' } },
});
const [cases, seed] = [Number(values.cases), Number(values.seed)];
await tf.setBackend('cpu');
const { same, refused, failures } = await fuzz(seed, cases, await createExecutor('cpu', { threads: 1 }));
for (const failure of failures) console.log(`${describeFailure(failure)}\n`);
console.log(
  `seeds ${seed} to ${seed + cases - 1}: ${same} the same, ${failures.length} different; refused in one line:`,
);
for (const [message, count] of [...refused].toSorted(([, a], [, b]) => b - a))
  console.log(`${String(count).padStart(6)}  ${message}`);
if (failures.length > 0) process.exitCode = 1;

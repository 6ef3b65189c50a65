import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { tf } from '@generatrix/export';
import { createExecutor } from '@generatrix/runtime';
import { describeFailure, fuzz } from './cases.ts';
import type { Program } from './program.ts';
import { checkInReference, referenceAvailable, writeForReference } from './reference.ts';

const usage = `Compares random programs, traced and written as ONNX, in onnxruntime with eager tfjs, and what is the same with onnx's
reference evaluator where python3 has onnx. Prints each difference with its seed and a small program.

npm run fuzz -- [--cases N] [--seed N]

--cases N   how many programs, one per seed (default 5000)
--seed N    the first seed (default 1)`;

const { values } = parseArgs({
  options: {
    cases: { type: 'string', default: '5000' },
    seed: { type: 'string', default: '1' },
    help: { type: 'boolean', default: false },
  },
});
const [cases, seed] = [Number(values.cases), Number(values.seed)];
if (values.help) console.log(usage);
else if (!Number.isInteger(cases) || cases < 1 || !Number.isInteger(seed) || seed < 0) {
  console.error(
    `--cases takes a number from 1 and --seed one from 0, got ${values.cases} and ${values.seed}`,
  );
  process.exitCode = 1;
} else process.exitCode = (await run()) ? 0 : 1;

/** Whether all programs are the same everywhere. */
async function run(): Promise<boolean> {
  await tf.setBackend('cpu');
  const folder = mkdtempSync(join(tmpdir(), 'generatrix-fuzz-'));
  const written = new Map<string, Program>();
  const withReference = referenceAvailable();
  try {
    const { same, refused, failures } = await fuzz(
      seed,
      cases,
      await createExecutor('cpu', { threads: 1 }),
      (own, program, { onnx, inputs, outputs }) => {
        if (!withReference) return;
        written.set(String(own), program);
        writeForReference(join(folder, String(own)), onnx, inputs, outputs);
      },
    );
    for (const failure of failures) console.log(`${describeFailure(failure)}\n`);
    console.log(
      `seeds ${seed} to ${seed + cases - 1}: ${same} the same, ${failures.length} different; refused in one line:`,
    );
    for (const [message, count] of [...refused].toSorted(([, a], [, b]) => b - a)) {
      console.log(`${String(count).padStart(6)}  ${message}`);
    }
    if (!withReference) {
      console.log("not compared with onnx's reference evaluator: no python3 with onnx and numpy here");
      return failures.length === 0;
    }
    const differences = await checkInReference(folder);
    for (const { name, message } of differences) {
      console.log(
        `\nreference evaluator: ${describeFailure({ seed: Number(name), program: written.get(name)!, message })}`,
      );
    }
    console.log(
      `reference evaluator: ${written.size - differences.length} the same, ${differences.length} different`,
    );
    return failures.length + differences.length === 0;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

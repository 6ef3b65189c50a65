import { createExecutor, fillInputs, openFolder, readRunnable } from '@generatrix/runtime';
import { cpuTime } from './processor-time.ts';

/**
 * The sampling program on a session of its own, in a process of its own, with its inputs ready: what serving is held to.
 * Runs as long as it is told to, each time that it is told.
 */
export interface BareResult {
  readonly rows: number;
  /** Of the process, seconds. */
  readonly processor: number;
  readonly seconds: number;
}

const [bundle, rows] = [process.argv[2]!, Number(process.argv[3])];
const folder = await openFolder(bundle);
const { onnx, weights } = await readRunnable(folder, 'sample');
const executor = await createExecutor('cpu', { threads: 1 });
const program = await executor.load('sample', onnx, { weights });
const inputs = fillInputs('sample', folder.manifest.programs.sample!.inputs, {
  seed: 1,
  firstIndex: 0,
  count: rows,
});
for (let i = 0; i < 20; i++) await program.run(inputs);

process.on('message', (seconds: number) => {
  void measure(seconds).then((result) => process.send!(result));
});
process.on('disconnect', () => process.exit(0));
process.send!('ready');

async function measure(seconds: number): Promise<BareResult> {
  const [started, used] = [performance.now(), cpuTime(process.pid)];
  let done = 0;
  while (performance.now() - started < 1000 * seconds) {
    await program.run(inputs);
    done += rows;
  }
  return {
    rows: done,
    processor: cpuTime(process.pid) - used,
    seconds: (performance.now() - started) / 1000,
  };
}

import { execFile } from 'node:child_process';
import type { Device } from '../program/executor.ts';
import { probeAnswer, probeInput, probeProgram } from './probe.ts';

/** A GPU that is there answers in a second or two; drivers that compile shaders for the first time take longer. */
const patienceMs = 60_000;

/** What the other process runs: plain CommonJS, since it must start without a build or a loader. */
const script = `
const [enginePath, device, program, input] = process.argv.slice(1);
const ort = require(enginePath);
(async () => {
  const options = { executionProviders: [device], logSeverityLevel: 3 };
  const session = await ort.InferenceSession.create(Buffer.from(program, 'base64'), options);
  const a = new ort.Tensor('float32', JSON.parse(input), [2, 2]);
  const { y } = await session.run({ a });
  return { answer: [...y.data] };
})().catch((error) => ({ failure: String(error.message) })).then((result) => {
  process.stdout.write(JSON.stringify(result), () => process.exit(0));
});
`;

export interface ProbeOptions {
  readonly timeoutMs?: number;
  readonly libraryPath?: string | undefined;
}

/**
 * Tries a device in a child process, so that a crash or a hang does no harm here.
 * @param enginePath where onnxruntime-node is
 * @param options.timeoutMs how long to wait for an answer, milliseconds
 * @param options.libraryPath a folder where it finds shared libraries first
 * @throws with the reason when the device does not work.
 */
export async function probeInChild(
  device: Device,
  enginePath: string,
  { timeoutMs = patienceMs, libraryPath }: ProbeOptions = {},
): Promise<void> {
  const program = Buffer.from(probeProgram).toString('base64');
  const args = ['-e', script, enginePath, device, program, JSON.stringify(probeInput)];
  const paths = [libraryPath, process.env.LD_LIBRARY_PATH].filter(
    (path) => path !== undefined && path !== '',
  );
  const env = paths.length === 0 ? process.env : { ...process.env, LD_LIBRARY_PATH: paths.join(':') };
  const output = await new Promise<string>((resolve, reject) => {
    execFile(process.execPath, args, { timeout: timeoutMs, killSignal: 'SIGKILL', env }, (error, stdout) => {
      if (!error) resolve(stdout);
      else if (error.killed) reject(new Error(`no answer within ${timeoutMs / 1000} s`));
      else reject(new Error(`it crashes the process (${error.signal ?? `exit code ${error.code}`})`));
    });
  });
  const { answer, failure } = JSON.parse(output) as { answer?: number[]; failure?: string };
  if (failure !== undefined) throw new Error(failure);
  if (String(answer) !== String(probeAnswer)) {
    throw new Error(`it computes wrongly: expected [${probeAnswer}], got [${answer}]`);
  }
}

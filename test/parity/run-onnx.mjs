import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createExecutor, decodeSafetensors, encodeSafetensors } from '@generatrix/runtime';

/**
 * `node run-onnx.mjs DEVICE FOLDER NAME...`: runs FOLDER/NAME.onnx with the inputs in NAME.inputs.safetensors and
 * writes NAME.outputs.safetensors, for each name. In a process of its own, since a software driver is found by
 * environment variables that are read at its start. Exits with 3 and the reason where there is no such device.
 */
const [device, folder, ...names] = process.argv.slice(2);
const executor = await createExecutor(device).catch((error) => {
  console.error(error.message);
  process.exit(3);
});
for (const name of names) {
  const program = await executor.load(name, await readFile(join(folder, `${name}.onnx`)));
  const file = `${name}.inputs.safetensors`;
  const { tensors } = decodeSafetensors(await readFile(join(folder, file)), file);
  const outputs = await program.run(tensors);
  await writeFile(join(folder, `${name}.outputs.safetensors`), encodeSafetensors(outputs));
  await program.release();
}
// The WebGPU provider keeps the process alive.
process.exit(0);

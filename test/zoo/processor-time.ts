/** Loaded before a command (`node --import`): writes the processor time that its process took to the file that is named. */
import { writeFileSync } from 'node:fs';

const file = process.env.GENERATRIX_PROCESSOR_TIME;
process.once('exit', () => {
  const { user, system } = process.cpuUsage();
  if (file !== undefined) writeFileSync(file, String((user + system) / 1e6));
});

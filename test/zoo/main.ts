import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { messageOf, UserError } from '@generatrix/runtime/core';
import { writeFileAtomic } from '@generatrix/training/files';
import { nameOf, withoutModel, zooModels } from './models.ts';
import { zooPage } from './page.ts';
import { readZoo, zooJson } from './record.ts';
import { isDone, Stopped, trainModel } from './train-model.ts';

/**
 * `npm run zoo -- [NAME...] [--again]`: trains the models of the zoo that are missing, were changed or have another
 * command now, all or those named, and writes `models/zoo.json` and `models/README.md` after each.
 */
const root = fileURLToPath(new URL('../../../', import.meta.url)); // from test/dist/zoo
const zoo = join(root, 'models');
const runs = join(root, 'runs/zoo');

async function main(flags: readonly string[]): Promise<void> {
  const again = flags.includes('--again');
  const names = flags.filter((flag) => flag !== '--again');
  const known = zooModels.map(nameOf);
  const stray = names.find((name) => !known.includes(name));
  if (stray !== undefined)
    throw new UserError(`${stray}: no model of the zoo; expected some of ${known.join(', ')}`);
  const chosen = zooModels.filter((model) => names.length === 0 || names.includes(nameOf(model)));
  const records = new Map((await readZoo(zoo)).map((record) => [record.name, record]));
  const failed: string[] = [];
  for (const [at, model] of chosen.entries()) {
    const name = nameOf(model);
    const place = `[${at + 1}/${chosen.length}] ${name}`;
    if (!again && (await isDone(model, records.get(name), zoo))) {
      console.log(`${place}: is there`);
      continue;
    }
    console.log(`\n${place}: ${model.flags}`);
    try {
      records.set(name, await trainModel(model, runs, zoo));
    } catch (error) {
      if (error instanceof Stopped) throw error;
      console.error(`${place}: ${messageOf(error)}`);
      failed.push(name);
      continue;
    }
    // In the order of the list, whatever was trained first; what the list no longer has is dropped.
    const listed = known.flatMap((each) => records.get(each) ?? []);
    await writeFileAtomic(join(zoo, 'zoo.json'), zooJson(listed));
    await writeFileAtomic(join(zoo, 'README.md'), zooPage(listed, withoutModel));
    const { figure, processorSeconds, bytes } = records.get(name)!;
    console.log(`${place}: ${figure.text}, ${processorSeconds} s, ${Math.round(bytes / 1000)} kB`);
  }
  if (failed.length > 0) throw new UserError(`failed: ${failed.join(', ')}; the others are done`);
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  if (error instanceof Stopped) {
    console.error('\nstopped; go on with: npm run zoo');
    process.exitCode = 130;
  } else if (error instanceof UserError) {
    console.error(`zoo: ${error.message}`);
    process.exitCode = 1;
  } else throw error;
}

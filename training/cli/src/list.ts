import { cudaParts, reportDevices } from '@generatrix/runtime';
import { knownFamilies } from '@generatrix/training';
import { datasetCatalogue, datasetPlugins } from '@generatrix/training/data';
import type { Command } from 'commander';
import { textTable } from './table.ts';

/** `generatrix list`: what there is, what is available here, and why not. */
export function addList(program: Command): void {
  program
    .command('list')
    .description('families, data sets and devices: what is available here, and why not')
    .action(async () => {
      print(
        'Families',
        ['name', 'what it is', 'place in the taxonomy'],
        knownFamilies().map(({ name, title, taxonomy }) => [name, title, taxonomy.join(' > ')]),
      );
      print(
        'Data sets',
        ['name', 'what it is', 'needs'],
        [
          ...datasetCatalogue.map(({ name, aliases, summary, needs }) => [
            [name, ...aliases].join(', '),
            summary,
            needs === 'nothing' ? '' : `--data-dir ${needs.toUpperCase()}`,
          ]),
          ...datasetPlugins().map(({ name, summary }) => [name, summary, '']),
        ],
      );
      const devices = await reportDevices();
      print(
        'Devices here',
        ['name', 'available', 'why not'],
        devices.map(({ device, available, reason }) => [device, available ? 'yes' : 'no', reason]),
      );
      const cuda = devices.find(({ device }) => device === 'cuda');
      if (cuda?.available !== false || process.platform !== 'linux' || process.arch !== 'x64') return;
      print(
        'What CUDA needs here',
        ['part', 'in order', 'what is wrong, and the cure'],
        cudaParts().map(({ part, fault }) => [part, fault === null ? 'yes' : 'no', fault ?? '']),
      );
    });
}

function print(title: string, head: string[], rows: string[][]): void {
  console.log(`${title}\n${textTable(head, rows, { wrap: true })}`);
}

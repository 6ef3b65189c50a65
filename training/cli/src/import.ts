import { UserError } from '@generatrix/runtime/core';
import {
  type DeclaredInput,
  type ImportedProgram,
  importedPrograms,
  importModel,
} from '@generatrix/training';
import { type Command, Option } from 'commander';
import { realNumber, wholeNumber } from './flags.ts';

interface ImportFlags {
  readonly out: string;
  readonly overwrite?: boolean;
  readonly name?: string;
  readonly program: ImportedProgram;
  readonly noise: readonly string[];
  readonly label: readonly string[];
  readonly data: readonly string[];
  readonly latent: readonly string[];
  readonly scalar: readonly string[];
  readonly size: readonly string[];
  readonly output?: string;
  readonly shape?: string;
  readonly layout?: 'nhwc' | 'nchw';
  readonly range: string;
  readonly sampleRate?: string;
  readonly classNames?: string;
}

const collect = (value: string, before: readonly string[]) => [...before, value];

/** `NAME=VALUE` in two. */
function assignment(flag: string, text: string, expected: string): [string, string] {
  const at = text.lastIndexOf('=');
  if (at > 0 && at < text.length - 1) return [text.slice(0, at), text.slice(at + 1)];
  throw new UserError(`${flag}: expected ${expected}, got '${text}'`);
}

function sizes(flag: string, text: string): number[] {
  const list = text.split('x').map(Number);
  if (list.every((size) => Number.isInteger(size) && size > 0)) return list;
  throw new UserError(`${flag}: expected sizes such as 28x28x1, got '${text}'`);
}

function declaredInputs(flags: ImportFlags): Record<string, DeclaredInput> {
  const declared: Record<string, DeclaredInput> = {};
  const declare = (name: string, input: DeclaredInput) => {
    if (Object.hasOwn(declared, name)) {
      throw new UserError(
        `--${input.role} ${name}: the input is declared as ${declared[name]!.role} already`,
      );
    }
    declared[name] = input;
  };
  for (const text of flags.noise) {
    const [name, distribution] = assignment('--noise', text, 'INPUT=normal or INPUT=uniform');
    if (distribution !== 'normal' && distribution !== 'uniform') {
      throw new UserError(`--noise: expected INPUT=normal or INPUT=uniform, got '${text}'`);
    }
    declare(name, { role: 'noise', distribution });
  }
  for (const text of flags.label) {
    const [name, classes] = assignment('--label', text, 'INPUT=CLASSES, such as y=10');
    declare(name, { role: 'label', classes: wholeNumber('--label', 1)(classes) });
  }
  for (const text of flags.scalar) {
    const [name, value] = assignment('--scalar', text, 'INPUT=VALUE, such as temperature=1');
    declare(name, { role: 'scalar', default: realNumber('--scalar')(value) });
  }
  for (const name of flags.data) declare(name, { role: 'data' });
  for (const name of flags.latent) declare(name, { role: 'latent' });
  return declared;
}

function rangeOf(text: string): [number, number] {
  const [low, high, ...more] = text.split(',').map(Number);
  if (Number.isFinite(low) && Number.isFinite(high) && low! < high! && more.length === 0)
    return [low!, high!];
  throw new UserError(`--range: expected LOW,HIGH such as -1,1, got '${text}'`);
}

/** `generatrix import PATH`: a bundle from a model that was trained elsewhere. */
export function addImport(program: Command): void {
  program
    .command('import')
    .description('make a bundle of a model trained elsewhere: an ONNX file or a TensorFlow.js model.json')
    .argument('<path>', 'an ONNX file, or the model.json of a TensorFlow.js LayersModel or GraphModel')
    .requiredOption('--out <folder>', 'where the bundle goes: a new or empty folder')
    .option(
      '--noise <input=distribution>',
      'an input of noise: normal or uniform on [0, 1) (repeatable)',
      collect,
      [],
    )
    .option(
      '--label <input=classes>',
      'an input of class indices or one-hot rows, and how many classes (repeatable)',
      collect,
      [],
    )
    .option(
      '--data <input>',
      'an input of examples, for --program encode or logProb (repeatable)',
      collect,
      [],
    )
    .option('--latent <input>', 'an input of codes, for --program decode (repeatable)', collect, [])
    .option(
      '--scalar <input=value>',
      'an input of one number for all, and its default (repeatable)',
      collect,
      [],
    )
    .option(
      '--size <input=sizes>',
      'sizes without the batch that the model leaves open, such as z=64 (repeatable)',
      collect,
      [],
    )
    .option('--output <name>', 'the output that counts, where there are several')
    .addOption(
      new Option('--program <name>', 'what the model does')
        .choices(Object.keys(importedPrograms))
        .default('sample'),
    )
    .option('--shape <sizes>', "shape of an example where it is not the output's own, such as 28x28x1")
    .addOption(
      new Option('--layout <order>', 'where channels of images stand (default: found out)').choices([
        'nhwc',
        'nchw',
      ]),
    )
    .option('--range <low,high>', 'values of black and white, or the extremes of sound', '-1,1')
    .option('--sample-rate <hz>', 'the examples are sound of that rate')
    .option('--class-names <list>', 'names of the classes, separated by commas')
    .option('--name <name>', "what the model is called (default: the file's name)")
    .option(
      '--overwrite',
      'replace what an earlier export or import wrote to that folder, never anything else',
    )
    .action(async (path: string, flags: ImportFlags) => {
      await importModel({
        path,
        out: flags.out,
        name: flags.name,
        classNames: flags.classNames?.split(',') ?? [],
        overwrite: flags.overwrite ?? false,
        plan: {
          program: flags.program,
          inputs: declaredInputs(flags),
          sizes: Object.fromEntries(
            flags.size.map((text) => {
              const [name, list] = assignment('--size', text, 'INPUT=SIZES, such as z=64');
              return [name, sizes('--size', list)];
            }),
          ),
          output: flags.output,
          shape: flags.shape === undefined ? undefined : sizes('--shape', flags.shape),
          layout: flags.layout,
          range: rangeOf(flags.range),
          sampleRate:
            flags.sampleRate === undefined
              ? undefined
              : realNumber('--sample-rate', { least: 1 })(flags.sampleRate),
        },
      });
      console.log(
        `wrote ${flags.out}: ${flags.program === 'sample' ? `generatrix sample ${flags.out} --out samples.png` : `the program ${flags.program}`}`,
      );
    });
}

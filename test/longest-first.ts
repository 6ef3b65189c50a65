import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * The long files of each project, longest first: CPU seconds that they took on two cores, 10 and more. The order of the
 * others is vitest's: what took longest in the last run here, or in a fresh checkout the largest file.
 */
const long: Readonly<Record<string, number>> = {
  'test/parity/parity.test.ts': 90,
  'test/browser/page.test.ts': 50,
  'test/browser/gallery.test.ts': 45,
  'test/browser/element.test.ts': 40,
  'test/parity/training-devices.test.ts': 25,
  'test/server/soak.test.ts': 25,
  'test/reference/reference.test.ts': 20,
  'test/browser/train.test.ts': 15,
  'test/browser/same-grid.test.ts': 15,
  'test/parity/convolution-webgpu.test.ts': 15,
  'test/cli/newcomer.test.ts': 15,
  'test/cli/sweep.test.ts': 12,
  'training/src/families/conformance.test.ts': 40,
  'training/src/evaluate/controls.test.ts': 15,
  'training/src/families/autoregressive/wavenet/wavenet.test.ts': 12,
  'runtime/src/serve/engine/serving.test.ts': 11,
};

/** A project's files run one after the other, so that they share processes; those of the longest files come first. */
const projects = ['whole', 'alone', 'unit'];

/** Starts the longest files first, so that both workers have something to do until the end. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const weight = ({ moduleId }: TestSpecification) =>
      Object.entries(long).find(([path]) => moduleId.endsWith(`/${path}`))?.[1] ?? 0;
    const place = ({ project }: TestSpecification) => projects.indexOf(project.name);
    return (await super.sort(files)).sort((a, b) => place(a) - place(b) || weight(b) - weight(a));
  }
}

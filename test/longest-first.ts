import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Seconds that the longer files took on two cores, for checkouts that have run none yet: `npm run test:seconds`. */
export const recordedFile = fileURLToPath(new URL('./file-seconds.json', import.meta.url));
const recorded = JSON.parse(readFileSync(recordedFile, 'utf8')) as Readonly<Record<string, number>>;

/** A project's files run one after the other, so that they share processes. */
const projects = ['alone', 'together'];

/**
 * Starts the longest files first, so that both workers have something to do until the end: by what each took in the
 * last run here, or else by what is recorded.
 */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const seconds = ({ moduleId, project }: TestSpecification) => {
      const path = relative(root, moduleId);
      const last = this.ctx.cache.getFileTestResults(`${project.name}:${path}`);
      return last === undefined ? (recorded[path] ?? 0) : last.duration / 1000;
    };
    const place = ({ project }: TestSpecification) => projects.indexOf(project.name);
    return (await super.sort(files)).sort((a, b) => place(a) - place(b) || seconds(b) - seconds(a));
  }
}

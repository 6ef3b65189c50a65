import {
  csvHeader,
  csvLines,
  type DataSpec,
  type HostTensor,
  tableRows,
  UserError,
} from '@generatrix/runtime/core';
import { canRender, npyBytes, renderSamples } from '@generatrix/runtime/media';
import { checkFileWritable } from '@generatrix/training/files';
import { wholeNumber } from './flags.ts';
import { checkPicture } from './sample-limits.ts';
import { columnsOf, isTable } from './sample-table.ts';

/** Flags of the commands that write samples. */
export interface SampleFileFlags {
  readonly out: string;
  readonly scale: string;
  readonly columns?: string;
}

/**
 * Samples as the bytes of `--out`: a grid or scatter plot (.png), sound (.wav), rows of a table (.csv) or an array (.npy).
 * @throws UserError when the kind of data is not written as such a file.
 */
export async function sampleFile(
  flags: SampleFileFlags,
  samples: HostTensor,
  spec: DataSpec,
): Promise<Uint8Array> {
  checkSampleFile(flags, spec);
  if (isArray(flags)) return npyBytes(samples);
  if (isTable(flags)) {
    const columns = columnsOf(spec, flags.out);
    return new TextEncoder().encode(csvHeader(columns) + csvLines(tableRows(samples, columns), columns));
  }
  const { bytes } = await renderSamples(samples, spec, layoutOf(flags));
  return bytes;
}

function layoutOf({ scale, columns }: Omit<SampleFileFlags, 'out'>): { scale: number; columns?: number } {
  return {
    scale: wholeNumber('--scale', 1)(scale),
    ...(columns === undefined ? {} : { columns: wholeNumber('--columns', 1)(columns) }),
  };
}

/**
 * What can be known before samples are drawn: that the file can be written, is of the right kind, and not too large.
 * @param count samples in the file
 * @throws UserError naming the flag.
 */
export async function checkBeforeSampling(
  flags: SampleFileFlags,
  spec: DataSpec,
  count: number,
): Promise<void> {
  checkSampleFile(flags, spec);
  if (!isArray(flags) && !isTable(flags)) checkPicture(spec, count, layoutOf(flags));
  await checkFileWritable(flags.out);
}

/** What `sampleFile` checks of the file's name, before there are samples. @throws UserError likewise. */
export function checkSampleFile(flags: Pick<SampleFileFlags, 'out'>, spec: DataSpec): void {
  if (isArray(flags)) return;
  if (isTable(flags)) {
    columnsOf(spec, flags.out);
    return;
  }
  if (spec.kind === 'points' && spec.columns !== undefined)
    throw new UserError(`--out ${flags.out}: rows of a table are written as .csv or .npy`);
  if (!canRender(spec)) {
    throw new UserError(
      `--out ${flags.out}: points of ${spec.shape[0]} dimensions cannot be drawn; write a .npy file`,
    );
  }
  const extension = spec.kind === 'audio' ? 'wav' : 'png';
  if (!flags.out.endsWith(`.${extension}`)) {
    throw new UserError(`--out ${flags.out}: samples of ${spec.kind} are written as .${extension} or .npy`);
  }
}

/** Whether `--out` is an array, which nobody watches while it is drawn. */
export function isArray({ out }: Pick<SampleFileFlags, 'out'>): boolean {
  return out.endsWith('.npy');
}

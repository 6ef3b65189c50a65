import { drawOf } from '../../model/inputs.ts';
import { fillNoiseInto } from '../../noise/noise.ts';
import type { InputSpec } from '../../program/program.ts';
import { allocate, type HostTensor, hostTensor, sizeOf } from '../../program/tensor.ts';
import type { BatchRows, Values } from './messages.ts';

/**
 * The inputs of a run whose rows come from several requests, each as `fillInputs` would fill it by itself. Rows that
 * only fill the run up repeat the last one, which is known to be a sane input.
 * @param into the inputs of another run of as many rows, which nobody reads any more: their memory is filled again
 * @returns tensors [paddedRows, ...shape], scalars []
 */
export function fillBatch(
  program: string,
  inputs: Readonly<Record<string, InputSpec>>,
  rows: BatchRows,
  into: Readonly<Record<string, HostTensor>> = {},
): Record<string, HostTensor> {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, spec]) => {
      if (spec.role === 'scalar') return [name, hostTensor(spec.dtype, [], [rows.scalars[name]!])];
      const data = into[name]?.data ?? allocate(spec.dtype, rows.paddedRows * sizeOf(spec.shape));
      return [name, fillRows(`${program}/${name}`, spec, { rows, given: rows.given[name], data })];
    }),
  );
}

function fillRows(
  stream: string,
  spec: InputSpec,
  {
    rows,
    given,
    data,
  }: {
    readonly rows: BatchRows;
    readonly given: Readonly<Record<number, Values>> | undefined;
    readonly data: Values;
  },
): HostTensor {
  const { seeds, firstIndices, counts, draws, paddedRows } = rows;
  const size = sizeOf(spec.shape);
  let row = 0;
  for (const [part, count] of counts.entries()) {
    const values = given?.[part];
    const target = data.subarray(row * size, (row + count) * size);
    const firstIndex = firstIndices[part]!;
    if (values) target.set(values);
    else if (spec.role === 'label') {
      for (let i = 0; i < count; i++) target[i] = (firstIndex + i) % spec.classes;
    } else if (spec.role === 'noise') {
      const { distribution, shape } = spec;
      if (spec.unless !== undefined && rows.scalars[spec.unless] === 1) {
        target.fill(0);
        row += count;
        continue;
      }
      const noise = {
        distribution,
        seed: seeds[part]!,
        stream,
        firstIndex,
        count,
        draw: drawOf(spec, draws[part]!),
        shape,
      };
      fillNoiseInto(target as Float32Array, noise);
    } else throw new Error(`${stream}: no values for input of role ${spec.role}`);
    row += count;
  }
  for (; row < paddedRows; row++) data.copyWithin(row * size, (row - 1) * size, row * size);
  return { dtype: spec.dtype, shape: [paddedRows, ...spec.shape], data } as HostTensor;
}

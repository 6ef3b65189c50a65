import { sizeOf } from '@generatrix/runtime/core';
import { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import type { Block, ShardContent } from './blocks.ts';

type Schema = ConstructorParameters<typeof ParquetWriter>[0]['schema'];

/** One row for each sample: its index, its class where there are classes, its values as a list. */
function schemaOf(labelled: boolean, dtype: ShardContent['dtype']): Schema {
  return [
    { name: 'root', num_children: labelled ? 3 : 2 },
    { name: 'index', type: 'INT64', repetition_type: 'REQUIRED' },
    ...(labelled ? [{ name: 'label', type: 'INT32', repetition_type: 'REQUIRED' } as const] : []),
    { name: 'values', repetition_type: 'REQUIRED', num_children: 1, converted_type: 'LIST' },
    { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
    { name: 'element', type: dtype === 'float32' ? 'FLOAT' : 'INT32', repetition_type: 'REQUIRED' },
  ];
}

/** A Parquet file in parts, a row group for each block; the shape of a sample is in the file's metadata (`shape`). */
export async function* parquetParts(
  { shape, dtype }: ShardContent,
  labelled: boolean,
  blocks: AsyncIterable<Block>,
): AsyncGenerator<Uint8Array> {
  const writer = new ByteWriter();
  const parquet = new ParquetWriter({
    writer,
    schema: schemaOf(labelled, dtype),
    // Floats pack badly, and random ones hardly at all.
    codec: 'UNCOMPRESSED',
    statistics: false,
    kvMetadata: [{ key: 'shape', value: JSON.stringify(shape) }],
    createdBy: 'generatrix',
  });
  const size = sizeOf(shape);
  for await (const { first, count, data, labels } of blocks) {
    const values = Array.from({ length: count }, (_, i) =>
      Array.from(data.data.subarray(i * size, (i + 1) * size)),
    );
    const column = { encoding: 'PLAIN', offsetIndex: false } as const;
    await parquet.write({
      columnData: [
        {
          ...column,
          name: 'index',
          data: BigInt64Array.from({ length: count }, (_, i) => BigInt(first + i)),
        },
        ...(labelled ? [{ ...column, name: 'label', data: labels! }] : []),
        { ...column, name: 'values', data: values },
      ],
      rowGroupSize: count,
    });
    yield drained(writer);
  }
  await parquet.finish();
  yield drained(writer);
}

/** What was written since the last time; the writer's own count of all bytes goes on. */
function drained(writer: ByteWriter): Uint8Array {
  const bytes = writer.getBytes().slice();
  writer.index = 0;
  return bytes;
}

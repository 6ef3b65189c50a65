import { crc32c } from '@aws-crypto/crc32c';

/**
 * TensorFlow's record framing (tensorflow/core/lib/io/record_writer.h): a little-endian 64-bit length, the masked
 * CRC-32C of those 8 bytes, the data, and the masked CRC-32C of the data.
 */
const headerBytes = 12;
const footerBytes = 4;

/** A checksum that is stored beside what it checks is rotated and moved (tensorflow/core/lib/hash/crc32c.h). */
function maskedChecksum(bytes: Uint8Array): number {
  const checksum = crc32c(bytes);
  return (((checksum >>> 15) | (checksum << 17)) + 0xa282ead8) >>> 0;
}

/** Frames the data as one record. */
export function encodeRecord(data: Uint8Array): Uint8Array {
  const record = new Uint8Array(headerBytes + data.byteLength + footerBytes);
  const view = new DataView(record.buffer);
  view.setBigUint64(0, BigInt(data.byteLength), true);
  view.setUint32(8, maskedChecksum(record.subarray(0, 8)), true);
  record.set(data, headerBytes);
  view.setUint32(headerBytes + data.byteLength, maskedChecksum(data), true);
  return record;
}

/** The records of a file up to its end or the first that is torn or damaged, which a killed writer leaves. */
export function decodeRecords(file: Uint8Array): Uint8Array[] {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const records: Uint8Array[] = [];
  let at = 0;
  while (at + headerBytes + footerBytes <= file.byteLength) {
    const length = view.getBigUint64(at, true);
    if (view.getUint32(at + 8, true) !== maskedChecksum(file.subarray(at, at + 8))) break;
    const end = at + headerBytes + Number(length);
    if (end + footerBytes > file.byteLength) break;
    const data = file.subarray(at + headerBytes, end);
    if (view.getUint32(end, true) !== maskedChecksum(data)) break;
    records.push(data);
    at = end + footerBytes;
  }
  return records;
}

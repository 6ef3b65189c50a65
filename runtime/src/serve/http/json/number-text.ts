/** Room that one number may take: `-1.23456789e-45` and less. */
export const longestNumber = 24;

const zero = 48;
const minus = 45;
const plus = 43;
const point = 46;
const exponent = 101;
/** The digits of 00 to 99. */
const pairs = Uint8Array.from(
  { length: 200 },
  (_, i) => zero + (i % 2 === 0 ? Math.floor(i / 20) : (i >> 1) % 10),
);
/** Powers of ten that doubles hold exactly: a product with one, or a quotient, is rounded once. */
const tens = Float64Array.from({ length: 23 }, (_, power) => Number(`1e${power}`));
/** By the exponent field of a float32: the power of ten at or below 2^(field - 127). */
const powers = Int8Array.from({ length: 256 }, (_, field) =>
  Math.floor((field - 127) * Math.LOG10E * Math.LN2),
);
/** Half of the distance between neighbours, by the same field. */
const halves = Float64Array.from({ length: 256 }, (_, field) => 2 ** (field - 127 - 24));
/** So many digits tell all float32 apart. */
const enough = 9;

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/**
 * Writes a float32 as text of JSON: a whole number of 32 bits as it is, others with the fewest digits that name them
 * among all float32, and of these the nearest, in the notation that JavaScript has for a number of these digits. What is
 * not finite becomes null.
 *
 * The value is scaled to an integer of 9 digits, by a power of ten and one rounding, of which digits are dropped as long
 * as what is left lies nearer to it than half the distance to its neighbours. Whether the digits name it is checked as a
 * reader would: they are an integer below 2^53 over an exact power of ten, which is rounded once.
 * @returns where the text ends
 */
export function writeFloat32(out: Uint8Array, at: number, value: number): number {
  if ((value | 0) === value) return writeInt32(out, at, value);
  float[0] = value;
  const field = (bits[0]! >>> 23) & 255;
  const size = Math.abs(value);
  // Beside a power of two the neighbours are not equally far, and below the least normal number not so near.
  if (field === 255 || field === 0 || (bits[0]! & 0x7fffff) === 0) return writeSlowly(out, at, value);
  let power = powers[field]!;
  if (size >= powerOfTen(power + 1)) power++;
  const shift = enough - 1 - power;
  if (shift > 22 || shift < -22) return writeSlowly(out, at, value);
  const factor = tens[Math.abs(shift)]!;
  const scaled = shift >= 0 ? size * factor : size / factor;
  // What lies in the middle may be read as either neighbour: the check below says.
  const half = (1 + 1e-9) * (shift >= 0 ? halves[field]! * factor : halves[field]! / factor);
  let digits = Math.floor(scaled + 0.5);
  let unit = 1;
  let length = enough;
  for (;;) {
    const wider = 10 * unit;
    const fewer = Math.floor(scaled / wider + 0.5);
    const off = fewer * wider - scaled;
    if (Math.abs(off) > half) break;
    digits = fewer;
    unit = wider;
    length--;
  }
  const whole = digits * unit;
  // Rounded up to one digit more.
  if (whole >= 1e9) return writeSlowly(out, at, value);
  if (Math.fround(shift >= 0 ? whole / factor : whole * factor) !== size) return writeSlowly(out, at, value);
  if (value < 0) out[at++] = minus;
  return writeDigits(out, at, digits, length, power);
}

/** Writes a whole number of 32 bits. @returns where the text ends */
export function writeInt32(out: Uint8Array, at: number, value: number): number {
  let rest = value;
  if (rest < 0) {
    out[at++] = minus;
    rest = -rest;
  }
  const length = lengthOf(rest);
  writeWhole(out, at, length, rest);
  return at + length;
}

/**
 * As JavaScript would: 0.00012, 12.5, 1.2e-7.
 * @param length of the digits
 * @param power of ten of the first
 */
function writeDigits(out: Uint8Array, at: number, digits: number, length: number, power: number): number {
  if (power < 0 && power >= -6) {
    out[at++] = zero;
    out[at++] = point;
    for (let i = -1; i > power; i--) out[at++] = zero;
    writeWhole(out, at, length, digits);
    return at + length;
  }
  if (power >= 21 || power < -6) {
    writeWhole(out, at + 1, length, digits);
    out[at] = out[at + 1]!;
    out[at + 1] = point;
    let end = length === 1 ? at + 1 : at + 1 + length;
    out[end++] = exponent;
    out[end++] = power < 0 ? minus : plus;
    return writeInt32(out, end, Math.abs(power));
  }
  const before = power + 1;
  if (length <= before) {
    writeWhole(out, at, length, digits);
    for (let i = length; i < before; i++) out[at + i] = zero;
    return at + before;
  }
  writeWhole(out, at + 1, length, digits);
  for (let i = at; i < at + before; i++) out[i] = out[i + 1]!;
  out[at + before] = point;
  return at + length + 1;
}

/** @param value below 2^32 */
function writeWhole(out: Uint8Array, at: number, length: number, value: number): void {
  let end = at + length;
  let rest = value >>> 0;
  while (end >= at + 2) {
    const next = (rest / 100) >>> 0;
    const pair = 2 * (rest - 100 * next);
    out[--end] = pairs[pair + 1]!;
    out[--end] = pairs[pair]!;
    rest = next;
  }
  if (end > at) out[at] = zero + rest;
}

function lengthOf(value: number): number {
  let length = 1;
  while (length < 10 && value >= tens[length]!) length++;
  return length;
}

function powerOfTen(power: number): number {
  return power >= 0 ? (tens[power] ?? 10 ** power) : 10 ** power;
}

/** The same by trying one number of digits after the other. */
function writeSlowly(out: Uint8Array, at: number, value: number): number {
  const text = Number.isFinite(value) ? shortest(value) : 'null';
  for (let i = 0; i < text.length; i++) out[at + i] = text.charCodeAt(i);
  return at + text.length;
}

function shortest(value: number): string {
  for (let digits = 1; digits < enough; digits++) {
    const rounded = Number(value.toPrecision(digits));
    if (Math.fround(rounded) === value) return String(rounded);
  }
  return String(Number(value.toPrecision(enough)));
}

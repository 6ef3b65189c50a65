const units = ['bytes', 'KB', 'MB', 'GB', 'TB', 'PB', 'EB'] as const;

/** A number of bytes for people: three digits and the decimal unit, such as `19.5 GB`. */
export function byteSize(bytes: number): string {
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, bytes)) / 3)));
  return `${Number((bytes / 1000 ** power).toPrecision(3))} ${units[power]}`;
}

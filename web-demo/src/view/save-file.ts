import { formatBytes } from './text.ts';

/** Saves a file to the visitor's downloads. @returns a line that says so */
export function saveFile(blob: Blob, name: string): string {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  // The download has taken its copy by then.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  return `Saved ${name}, ${formatBytes(blob.size)}`;
}

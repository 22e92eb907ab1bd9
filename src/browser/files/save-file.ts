/** Hands bytes to the browser to be saved. */
import { savedName } from './paths.ts';

/** How long the browser may take to begin, in milliseconds. */
const KEEP_MS = 60_000;

/** Never shown as a page: whatever the file is, its type says only that it is bytes. */
export function saveFile(name: string, bytes: Uint8Array): void {
  // What `fetch` gives is never shared between threads.
  const blob = new Blob([bytes as Uint8Array<ArrayBuffer>], { type: 'application/octet-stream' });
  const url = URL.createObjectURL(blob);
  const link = document.createElement('a');
  link.href = url;
  link.download = savedName(name);
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), KEEP_MS);
}

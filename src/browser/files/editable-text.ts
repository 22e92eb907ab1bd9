/** Files as texts that a person can edit, and back: what was not edited stays as it was, byte for byte. Pure. */
import { t } from '../language.ts';

/** The largest file that is edited, in bytes. */
export const MAX_EDIT_BYTES = 5 * 1024 * 1024;

export interface EditableText {
  /** With line feeds at the ends of lines, as a `<textarea>` has them. */
  readonly text: string;
  readonly lineEnd: '\n' | '\r\n';
}

/** Why a file is not edited here. */
export type Uneditable = 'binary' | 'mixed-lines';

/** A `<textarea>` turns every end of a line into a line feed: a file with several kinds would not come back. */
export function editable(bytes: Uint8Array): EditableText | Uneditable {
  if (bytes.includes(0)) return 'binary';
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return 'binary';
  }
  if (!text.includes('\r')) return { text, lineEnd: '\n' };
  const unified = text.replaceAll('\r\n', '\n');
  const isPure = !unified.includes('\r') && unified.replaceAll('\n', '\r\n') === text;
  return isPure ? { text: unified, lineEnd: '\r\n' } : 'mixed-lines';
}

/** The bytes of a text as it was edited. */
export function bytesOf(text: string, lineEnd: EditableText['lineEnd']): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(lineEnd === '\n' ? text : text.replaceAll('\n', lineEnd));
}

/** The sentence for it. */
export function uneditableText(name: string, why: Uneditable): string {
  return why === 'binary'
    ? t('"{0}" is no text and can only be downloaded.', name)
    : t(
        '"{0}" mixes the line ends of several systems, which this editor would not keep. Download it, or edit it in the terminal.',
        name,
      );
}

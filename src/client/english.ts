/** The texts that pages share with the extension, as they stand in the source: what a server says is English. */
import type { Translate } from '../client/translate.ts';

export const english: Translate = (message, ...values) =>
  message.replace(/\{(\d+)\}/g, (_whole, index: string) => String(values[Number(index)] ?? ''));

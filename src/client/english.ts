/** Texts as they stand in the source, for what speaks English alone: the command line. */
import type { Translate } from './translate.ts';

export const english: Translate = (message, ...values) =>
  message.replace(/\{(\d+)\}/g, (_whole, index: string) => String(values[Number(index)] ?? ''));

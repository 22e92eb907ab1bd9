/** Columns that SQLite has no type for. */
import * as z from 'zod';
import { errorInfoSchema } from '../../protocol/errors.ts';

/** A column of JSON text whose content follows a schema of the protocol. */
export function jsonColumn<T extends z.core.$ZodType>(schema: T): z.ZodPipe<z.ZodType<unknown, string>, T> {
  return z
    .string()
    .transform((text): unknown => JSON.parse(text))
    .pipe(schema);
}

export const errorColumn = z.nullable(jsonColumn(errorInfoSchema));

/** 0 or 1. */
export const flagColumn = z.number().transform((flag) => flag !== 0);

/** A value as the text of a JSON column. */
export function toJson(value: unknown): string | null {
  return value === null || value === undefined ? null : JSON.stringify(value);
}

export function toFlag(flag: boolean): number {
  return flag ? 1 : 0;
}

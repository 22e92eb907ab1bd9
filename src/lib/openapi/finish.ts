/** What a document needs after it was made of schemas: descriptions, answers without a body, and nothing that is unused. */
import { STATUS_CODES } from 'node:http';
import type { OperationNote, OperationNotes } from './notes.ts';

interface Media {
  schema: unknown;
}

export interface OpenapiResponse {
  description: string;
  content?: Record<string, Media>;
}

export interface OpenapiOperation {
  operationId: string;
  readonly security?: readonly object[];
  requestBody?: { required?: boolean; content: Record<string, Media> };
  readonly responses: Record<string, OpenapiResponse>;
}

export interface OpenapiDocument {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, OpenapiOperation>>>>;
  readonly components: { schemas: Record<string, unknown> };
}

const COMPONENT = '#/components/schemas/';

/** Finishes the document. */
export function finish(document: OpenapiDocument, notes: OperationNotes): OpenapiDocument {
  const byId = new Map(Object.values(notes).map((note) => [note.operationId, note]));
  for (const operation of Object.values(document.paths).flatMap((path) => Object.values(path))) {
    // That is how the library tells a HEAD from the GET that it mostly belongs to.
    operation.operationId = operation.operationId.replace(/-head$/, '');
    const note = byId.get(operation.operationId);
    if (note !== undefined) finishOperation(operation, note);
  }
  const used = usedComponents(document);
  const kept = Object.entries(document.components.schemas).filter(([name]) => used.has(name));
  document.components.schemas = Object.fromEntries(kept);
  return renamed(document, used);
}

/** A schema that only requests use needs no name of its own for that. */
function renamed(document: OpenapiDocument, used: ReadonlySet<string>): OpenapiDocument {
  let text = JSON.stringify(document);
  for (const name of used) {
    const short = name.replace(/Input$/, '');
    if (short === name || used.has(short)) continue;
    text = text.replaceAll(`"${COMPONENT}${name}"`, `"${COMPONENT}${short}"`).replace(`"${name}":{`, `"${short}":{`);
  }
  return JSON.parse(text) as OpenapiDocument;
}

function finishOperation(operation: OpenapiOperation, note: OperationNote): void {
  for (const [status, { description, content }] of Object.entries(note.answers ?? {})) {
    if (content === null) operation.responses[status] = { description };
    else if (operation.responses[status] !== undefined) operation.responses[status].description = description;
  }
  for (const [status, response] of Object.entries(operation.responses)) {
    if (response.description === 'Default Response') response.description = describeStatus(status);
  }
  const stream = operation.responses['200']?.content?.['text/event-stream'];
  if (stream !== undefined && note.frames !== undefined) {
    const contentSchema = { $ref: COMPONENT + note.frames };
    stream.schema = { type: 'string', contentMediaType: 'application/json', contentSchema };
  }
  const { requestBody } = operation;
  if (requestBody === undefined) return;
  requestBody.required = note.optionalBody !== true;
  for (const [type, component] of Object.entries(note.alsoConsumes ?? {})) {
    requestBody.content[type] = { schema: { $ref: COMPONENT + component } };
  }
}

function describeStatus(status: string): string {
  return status === '5XX' ? 'Out of order, out of room, or a defect' : (STATUS_CODES[status] ?? status);
}

/** Those that the calls name, and those that these name. */
function usedComponents(document: OpenapiDocument): ReadonlySet<string> {
  const used = new Set<string>();
  const visit = (value: unknown): void => {
    for (const [, name = ''] of JSON.stringify(value).matchAll(/"#\/components\/schemas\/([^"]+)"/g)) {
      if (used.has(name)) continue;
      used.add(name);
      visit(document.components.schemas[name] ?? null);
    }
  };
  visit(document.paths);
  return used;
}

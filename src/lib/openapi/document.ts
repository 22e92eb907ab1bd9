/** The OpenAPI 3.1 document of a service, made from the zod schemas of its routes. */
import swagger from '@fastify/swagger';
import fastify, { type RouteOptions } from 'fastify';
import { createJsonSchemaTransform, createJsonSchemaTransformObject } from 'fastify-type-provider-zod';
import { $ZodRegistry, type $ZodType, type JSONSchema, type ToJSONSchemaParams } from 'zod/v4/core';
import { VERSION } from '../version.ts';
import { errorBodySchema } from '../../protocol/errors.ts';
import { finish, type OpenapiDocument } from './finish.ts';
import { keyOfRoute, type OperationNote, type OperationNotes, type RecordedRoute } from './notes.ts';

export interface DocumentOptions {
  readonly title: string;
  readonly description: string;
  /** Calls that are described by the notes alone: they are no routes of the service. */
  readonly further?: readonly RecordedRoute[];
  readonly notes: OperationNotes;
  /** Names of schemas; each becomes a component, and one that a request takes a second one, `…Input`. */
  readonly components: Readonly<Record<string, $ZodType>>;
  readonly tags: Readonly<Record<string, string>>;
}

/** Of every call: a malformed request, and everything that is a defect or out of order. */
const COMMON_REFUSALS = [400];
const GUARDED_REFUSALS = [401, 403];

/** Requests are closed, answers open: a client ignores what it does not know. */
const leaveAnswersOpen: NonNullable<ToJSONSchemaParams['override']> = ({ zodSchema, jsonSchema }) => {
  const { def } = zodSchema._zod;
  if (def.type === 'object' && def.catchall === undefined) Reflect.deleteProperty(jsonSchema, 'additionalProperties');
  dropSafeBounds(jsonSchema);
  // A format says it already; "starts_with" is none.
  if (jsonSchema.format === 'date-time') Reflect.deleteProperty(jsonSchema, 'pattern');
  if (jsonSchema.format === 'starts_with') Reflect.deleteProperty(jsonSchema, 'format');
};

/** Of every whole number in JavaScript; they say nothing. */
function dropSafeBounds(schema: JSONSchema.BaseSchema): void {
  if (schema.maximum === Number.MAX_SAFE_INTEGER) Reflect.deleteProperty(schema, 'maximum');
  if (schema.minimum === Number.MIN_SAFE_INTEGER) Reflect.deleteProperty(schema, 'minimum');
}

function refusalsOf(route: RecordedRoute, note: OperationNote): number[] {
  const guarded = note.open === true ? [] : GUARDED_REFUSALS;
  const named = /:|\*/.test(route.url) ? [404] : [];
  return [...new Set([...COMMON_REFUSALS, ...guarded, ...named, ...(note.refusals ?? [])])];
}

function responsesOf(route: RecordedRoute, note: OperationNote): Record<string, unknown> {
  const responses: Record<string, unknown> = { ...(route.schema['response'] as object | undefined) };
  for (const [status, { description, content }] of Object.entries(note.answers ?? {})) {
    // Answers without a body are no schema: they are added at the end.
    if (content === null) continue;
    const media = Object.entries(content).map(([type, schema]) => [type, { schema }] as const);
    responses[status] = { description, content: Object.fromEntries(media) };
  }
  for (const status of refusalsOf(route, note)) responses[status] = errorBodySchema;
  return { ...responses, '5XX': errorBodySchema };
}

function describedRoute(route: RecordedRoute, note: OperationNote): RouteOptions {
  const { querystring, params, body, headers } = { ...route.schema, ...note };
  const schema = {
    operationId: note.operationId,
    summary: note.summary,
    ...(note.description !== undefined && { description: note.description }),
    tags: [note.tag],
    security: note.open === true ? [] : [{ bearer: [] }],
    ...(note.consumes !== undefined && { consumes: [note.consumes] }),
    ...Object.fromEntries(
      Object.entries({ querystring, params, body, headers }).filter(([, value]) => value !== undefined),
    ),
    response: responsesOf(route, note),
  };
  return { method: route.method, url: route.url, schema, handler: () => undefined };
}

/** Makes the document. Routes without a note are left out. @throws where two routes have the same id */
export async function describeService(
  routes: readonly RecordedRoute[],
  options: DocumentOptions,
): Promise<OpenapiDocument> {
  const schemaRegistry = new $ZodRegistry<{ id?: string }>();
  for (const [id, schema] of Object.entries(options.components)) schemaRegistry.add(schema, { id });
  const settings = { schemaRegistry, zodToJsonConfig: { override: leaveAnswersOpen } };
  const app = fastify({ exposeHeadRoutes: false });
  app.setValidatorCompiler(() => () => true);
  app.setSerializerCompiler(() => JSON.stringify);
  await app.register(swagger, {
    exposeHeadRoutes: true,
    openapi: {
      openapi: '3.1.0',
      info: { title: options.title, description: options.description, version: VERSION, license: LICENSE },
      servers: [{ url: '/' }],
      tags: Object.entries(options.tags).map(([name, description]) => ({ name, description })),
      components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } } },
    },
    transform: createJsonSchemaTransform(settings),
    transformObject: createJsonSchemaTransformObject(settings),
  });
  const all = [...routes, ...(options.further ?? [])];
  for (const route of all) {
    const note = options.notes[keyOfRoute(route)];
    if (note !== undefined) app.route(describedRoute(route, note));
  }
  await app.ready();
  return finish(app.swagger() as unknown as OpenapiDocument, options.notes);
}

const LICENSE = { name: 'MIT', identifier: 'MIT' };

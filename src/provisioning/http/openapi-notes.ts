/** What the document says of each call beyond its schemas. A test holds that every route is here. */
import * as z from 'zod/mini';
import type { Answer, OperationNote, OperationNotes } from '../../lib/openapi/notes.ts';
import { createdWorkshopSchema } from '../../protocol/operation.ts';

const lastEventIdSchema = z.object({ 'last-event-id': z.optional(z.string().check(z.regex(/^\d{1,15}$/))) });
const idempotencySchema = z.object({
  'idempotency-key': z.optional(z.string().check(z.regex(/^[\x21-\x7e]{1,128}$/))),
});

const EVENTS: Answer = {
  description:
    'Server-sent events: each frame has the number of an event as its id and an `Event` in JSON as its data; a comment ' +
    'each few seconds shows that the connection lives.',
  content: { 'text/event-stream': z.string() },
};

const PAGE: OperationNote['answers'] = {
  200: { description: 'A page in HTML', content: { 'text/html': z.string() } },
  304: { description: 'The page that the client has', content: null },
  503: { description: 'The installation has no pages', content: { 'text/plain': z.string() } },
};

type Note = Omit<OperationNote, 'operationId' | 'summary' | 'tag'>;

function tagged(tag: string): (operationId: string, summary: string, more?: Note) => OperationNote {
  return (operationId, summary, more = {}) => ({ operationId, summary, tag, ...more });
}

const service = tagged('service');
const workshops = tagged('workshops');
const learners = tagged('learners');
const operations = tagged('operations');
const cluster = tagged('cluster');

const CONFLICT = { refusals: [409] };
/** SkyPilot or the credentials of a cloud are missing. */
const NEEDS_SKY = { refusals: [404, 409, 424] };
const NOTHING = { ...CONFLICT, optionalBody: true } as const;

export const CONTROL_PLANE_NOTES: OperationNotes = {
  'GET /api/health': service('health', 'Whether it serves, and its version', { open: true }),
  'GET /api/openapi.json': service('openapi', 'This document', { open: true }),
  'GET /metrics': service('metrics', 'Measurements for Prometheus', {
    answers: { 200: { description: 'Measurements', content: { 'text/plain': z.string() } } },
  }),
  'GET /api/runtimes': service('getRuntimes', 'What seats of this machine can be, and what is missing for more'),

  'GET /api/workshops': workshops('listWorkshops', 'All workshops'),
  'POST /api/workshops': workshops('createWorkshop', 'Make a workshop, and begin to provision it', {
    refusals: [409],
    headers: idempotencySchema,
    answers: {
      201: {
        description: 'The workshop, and the operation that provisions it',
        content: { 'application/json': createdWorkshopSchema },
      },
    },
  }),
  'GET /api/workshops/:id': workshops('getWorkshop', 'One workshop'),
  'DELETE /api/workshops/:id': workshops('deleteWorkshop', 'Delete a workshop and all of its seats', NOTHING),
  'GET /api/workshops/:id/seats': workshops('listSeats', 'The seats of a workshop'),
  'POST /api/workshops/:id/start': workshops('startWorkshop', 'Start a workshop', NOTHING),
  'POST /api/workshops/:id/stop': workshops('stopWorkshop', 'Stop a workshop and keep its files', NOTHING),
  'POST /api/workshops/:id/extend': workshops('extendWorkshop', 'Set the time until a workshop stops', CONFLICT),
  'POST /api/workshops/:id/seats/:seat/reset': workshops('resetSeat', 'Bring a seat back as new', NOTHING),
  'POST /api/workshops/:id/seats/:seat/access': workshops('accessSeat', "A way into a seat for the teacher's tools", {
    refusals: [409],
  }),

  'POST /api/join': learners('join', 'Take a seat by the code of a workshop', {
    open: true,
    refusals: [404, 409, 429],
  }),
  'GET /join': learners('joinPage', 'The page behind a join link', { open: true, answers: PAGE }),
  'GET /seat': learners('seatPage', "A learner's seat, as a page for browsers", { open: true, answers: PAGE }),
  'GET /api/learner': learners('getLearner', "A learner's own seat and workshop, by their token"),
  'POST /api/learner/access': learners('accessLearner', "A new way into a learner's own seat", {
    optionalBody: true,
    refusals: [409],
  }),
  'GET /api/workshops/:id/learners': learners('listLearners', 'Who has joined a workshop'),
  'DELETE /api/workshops/:id/learners/:seat': learners(
    'freeSeat',
    'Take a seat from its learner and reset it',
    NOTHING,
  ),

  'GET /api/events': operations('events', 'All changes as they happen', {
    headers: lastEventIdSchema,
    answers: { 200: EVENTS },
    frames: 'Event',
  }),
  'GET /api/operations': operations('listOperations', 'Operations, the newest first'),
  'GET /api/operations/:id': operations('getOperation', 'One operation'),
  'GET /api/operations/:id/events': operations('operationEvents', 'The events of one operation until its end', {
    headers: lastEventIdSchema,
    answers: { 200: EVENTS },
    frames: 'Event',
  }),
  'POST /api/operations/:id/cancel': operations('cancelOperation', 'Ask an operation to stop', NOTHING),

  'GET /api/cluster': cluster('getCluster', 'The server as it is'),
  'GET /api/cluster/check': cluster('checkCluster', 'Whether SkyPilot can be used, and which clouds'),
  'POST /api/cluster/offers': cluster('listOffers', 'Machines that clouds rent out', NEEDS_SKY),
  'POST /api/cluster/plan': cluster('planLaunch', 'What a launch would do, before anything is made', NEEDS_SKY),
  'POST /api/cluster/launch': cluster('launchCluster', 'Launch the server', { ...NEEDS_SKY, optionalBody: true }),
  'POST /api/cluster/start': cluster('startCluster', 'Start the stopped server', { ...NEEDS_SKY, optionalBody: true }),
  'POST /api/cluster/stop': cluster('stopCluster', 'Stop the server and keep its disk', {
    ...NEEDS_SKY,
    optionalBody: true,
  }),
  'POST /api/cluster/destroy': cluster('destroyCluster', 'Destroy the server and its disk', {
    ...NEEDS_SKY,
    optionalBody: true,
  }),
  'POST /api/cluster/sync': cluster('syncCluster', 'Copy the vaults to the server', {
    ...NEEDS_SKY,
    optionalBody: true,
  }),
  'POST /api/cluster/autostop': cluster('setAutostop', 'Set after how many idle minutes the server stops', NEEDS_SKY),
  'POST /api/cluster/activity': cluster('tellActivity', 'Tell that somebody works with the server', NEEDS_SKY),
  'POST /api/cluster/vaults': cluster('inspectVaults', 'What is in the vaults, and what has changed', {
    ...NEEDS_SKY,
    optionalBody: true,
  }),
  'POST /api/cluster/ssh': cluster('prepareSsh', "Write the server's entry for ssh", {
    ...NEEDS_SKY,
    optionalBody: true,
  }),
};

/** Routes that the document does not tell, with the reason. */
export const UNDOCUMENTED: Readonly<Record<string, string>> = {
  '/proxy': "what goes to a seat, told in its agent's own document",
  '/browser/join.js': 'a part of the page of joining',
  '/browser/join.css': 'a part of the page of joining',
  '/browser/seat.js': 'a part of the page of a seat',
  '/browser/seat.css': 'a part of the page of a seat',
};

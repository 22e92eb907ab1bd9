/** What the agent's document says of its own calls beyond their schemas. A test holds that every route is here. */
import * as z from 'zod/mini';
import type { OperationNote, OperationNotes } from '../lib/openapi/notes.ts';

type Note = Omit<OperationNote, 'operationId' | 'summary' | 'tag'>;

function tagged(tag: string): (operationId: string, summary: string, more?: Note) => OperationNote {
  return (operationId, summary, more = {}) => ({ operationId, summary, tag, ...more });
}

const worker = tagged('worker');
const seats = tagged('seats');

export const AGENT_NOTES: OperationNotes = {
  'GET /health': worker('health', 'Whether seats can be made', { open: true }),
  'GET /info': worker('info', 'Versions, images, network and limits'),
  'GET /metrics': worker('metrics', 'Measurements for Prometheus', {
    answers: { 200: { description: 'Measurements', content: { 'text/plain': z.string() } } },
  }),
  'GET /openapi.json': worker('openapi', 'This document'),
  'POST /vms': seats('createVm', 'Make a seat; answered once its servers answer', { refusals: [409] }),
  'GET /vms': seats('listVms', 'All seats, or those of one workshop'),
  'GET /vms/:workshop/:seat': seats('getVm', 'One seat'),
  'POST /vms/:workshop/:seat/reset': seats('resetVm', 'Bring a seat back as new', {
    refusals: [409],
    optionalBody: true,
  }),
  'DELETE /vms/:workshop/:seat': seats('deleteVm', 'Remove a seat; the same again changes nothing', {
    answers: { 204: { description: 'There is no such seat any more', content: null } },
  }),
};

/** Routes that the document does not tell, with the reason. */
export const UNDOCUMENTED: Readonly<Record<string, string>> = {
  '/proxy': 'it stands for the calls of seats, which are told one by one',
};

/** The streams of events. */
import type { FastifyReply } from 'fastify';
import type { HttpService } from '../../lib/http-service.ts';
import * as z from 'zod';
import type { NumberedEvent } from '../../protocol/event.ts';
import { idSchema } from '../../protocol/names.ts';
import type { ControlPlane } from '../control-plane.ts';
import type { EventFilter } from '../store/events.ts';
import type { LearnerRow } from '../store/learners.ts';
import { eventForLearner, isLastForLearner } from '../workshop/learner-view.ts';
import { callerOf, type Authority } from './callers.ts';
import { streamEvents, type EventStreamOptions } from './event-stream.ts';
import { entrance, parseLastEventId } from './snapshot.ts';

const paramsSchema = z.object({ id: idSchema });

type Streaming = Pick<EventStreamOptions, 'read' | 'listen' | 'signal' | 'heartbeatMs' | 'slowReaderMs'>;

/** `GET /api/events`: everything for the teacher; for a learner their workshop and their seat, as long as it is theirs. */
export function addEventStream(service: HttpService, controlPlane: ControlPlane, authority: Authority): void {
  service.get('/api/events', async (request, reply) => {
    const caller = await callerOf(request, authority);
    const lastEventId = parseLastEventId(request.headers['last-event-id']);
    const learner = caller.role === 'learner' ? caller.learner : undefined;
    const place = entrance(controlPlane, lastEventId, learner);
    if (learner === undefined) await stream(reply, { ...streaming(controlPlane, {}), ...place });
    else await stream(reply, { ...streamingTo(controlPlane, learner), ...place });
  });
}

/** `GET /api/operations/:id/events`: one operation's events from its start to its end. */
export function addOperationStream(service: HttpService, controlPlane: ControlPlane): void {
  const { journal } = controlPlane;
  service.get('/api/operations/:id/events', { schema: { params: paramsSchema } }, async (request, reply) => {
    const { id } = journal.find(request.params.id);
    const after = parseLastEventId(request.headers['last-event-id']) ?? 0;
    const isLast = ({ event }: NumberedEvent): boolean => event.type === 'complete' || event.type === 'error';
    const source = streaming(controlPlane, { operationId: id });
    const hasEnded = (): boolean => journal.find(id).status !== 'running';
    // Where its last event is not kept any more, or was seen before, the stream ends at once.
    const read: Streaming['read'] = (place, limit) => {
      const ended = hasEnded();
      const events = controlPlane.store.events.after(place, limit, { operationId: id });
      return ended && events.length === 0 ? undefined : events;
    };
    await stream(reply, { ...source, read, after, isLast });
  });
}

function streaming(controlPlane: ControlPlane, filter: EventFilter): Streaming {
  const { store, events, timing, closing } = controlPlane;
  // What is nothing to this reader is not looked through again at each change, for each of a class.
  let passed = 0;
  return {
    read: (after, limit) => {
      const from = Math.max(after, passed);
      const { oldest, newest } = store.events.bounds();
      if (oldest > from + 1) return undefined;
      const found = store.events.after(from, limit, filter);
      if (found.length < limit) passed = newest;
      return found;
    },
    listen: (listener) => events.listen(listener),
    signal: closing,
    heartbeatMs: timing.heartbeatMs,
    slowReaderMs: timing.slowReaderMs,
  };
}

/** What a learner may see. Ends with the workshop, and when the seat is taken from them. */
function streamingTo(controlPlane: ControlPlane, learner: LearnerRow): Streaming & Pick<EventStreamOptions, 'isLast'> {
  const { workshop_id: workshopId, seat } = learner;
  const source = streaming(controlPlane, { workshopId, seat });
  const isLast = ({ event }: NumberedEvent): boolean => isLastForLearner(event);
  const read: Streaming['read'] = (after, limit) => {
    const isGone = controlPlane.store.learners.find(learner.id) === undefined;
    const told: NumberedEvent[] = [];
    for (let place = after; ;) {
      const events = source.read(place, limit);
      if (events === undefined) return undefined;
      for (const { id, event } of events) {
        const own = eventForLearner(event, learner, isGone);
        if (own !== undefined) told.push({ id, event: own });
      }
      place = events.at(-1)?.id ?? place;
      if (events.length < limit || told.length >= limit) break;
    }
    return isGone && !told.some(isLast) ? undefined : told;
  };
  return { ...source, read, isLast };
}

async function stream(reply: FastifyReply, options: EventStreamOptions): Promise<void> {
  const requestId = reply.getHeader('x-request-id');
  reply.hijack();
  if (typeof requestId === 'string') reply.raw.setHeader('x-request-id', requestId);
  await streamEvents(reply.raw, options);
}

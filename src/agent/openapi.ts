/** `GET /openapi.json` of the agent: its own calls, and those of a seat as they are reached through it. */
import * as z from 'zod/mini';
import type { HttpService } from '../lib/http-service.ts';
import { AGENT_COMPONENTS } from '../lib/openapi/components.ts';
import { describeService } from '../lib/openapi/document.ts';
import type { OpenapiDocument } from '../lib/openapi/finish.ts';
import { recordRoutes } from '../lib/openapi/record.ts';
import { AGENT_NOTES } from './openapi-notes.ts';
import { SEAT_NOTES, SEAT_ROUTES } from './openapi-seat.ts';

const TAGS = {
  worker: 'The worker itself',
  seats: 'Making and removing seats',
  seat: 'What is in a seat, with a seat token or the agent token',
};

const DESCRIPTION =
  'The agent of a worker. Its own calls take the agent token, those below /proxy a seat token, too. Requests with ' +
  'fields that are not known are refused (400); answers may have more fields than are told here.';

const documentSchema = z.record(z.string(), z.unknown());

/** Writes down the routes from now on. The function that comes back adds the route, behind whatever guards it there. */
export function prepareOpenapi(service: HttpService): (guarded: HttpService) => void {
  const routes = recordRoutes(service);
  let document: Promise<OpenapiDocument> | undefined;
  const describe = (): Promise<OpenapiDocument> =>
    describeService(routes, {
      title: 'Carapace agent',
      description: DESCRIPTION,
      further: SEAT_ROUTES,
      notes: { ...AGENT_NOTES, ...SEAT_NOTES },
      components: AGENT_COMPONENTS,
      tags: TAGS,
    });
  return (guarded) => {
    guarded.get('/openapi.json', { schema: { response: { 200: documentSchema } } }, async () => ({
      ...(await (document ??= describe())),
    }));
  };
}

/** `GET /api/openapi.json`: what the control plane's calls take and answer. It tells no secret and takes no token. */
import * as z from 'zod/mini';
import type { HttpService } from '../../lib/http-service.ts';
import { CONTROL_PLANE_COMPONENTS } from '../../lib/openapi/components.ts';
import { describeService } from '../../lib/openapi/document.ts';
import type { OpenapiDocument } from '../../lib/openapi/finish.ts';
import { recordRoutes } from '../../lib/openapi/record.ts';
import { CONTROL_PLANE_NOTES } from './openapi-notes.ts';

const TAGS = {
  workshops: 'Workshops and their seats',
  learners: 'Joining, and what a learner may do',
  operations: 'Long work, and the events of everything',
  cluster: 'The cloud server',
  service: 'The control plane itself',
};

const DESCRIPTION =
  'Requests with fields that are not known are refused (400), and every request of a page of another site (403); answers ' +
  'may have more fields than are told here. ' +
  'Errors have one form, and a code of a closed list. Every answer has an X-Request-Id, which is taken over from the ' +
  'request where that has one of 8 to 64 letters, digits, dots, hyphens and underscores.';

const documentSchema = z.record(z.string(), z.unknown());

/** Adds the route; to be called before all others, which it writes down. */
export function addOpenapi(service: HttpService): void {
  const routes = recordRoutes(service);
  let document: Promise<OpenapiDocument> | undefined;
  const describe = (): Promise<OpenapiDocument> =>
    describeService(routes, {
      title: 'Carapace control plane',
      description: DESCRIPTION,
      notes: CONTROL_PLANE_NOTES,
      components: CONTROL_PLANE_COMPONENTS,
      tags: TAGS,
    });
  service.get('/api/openapi.json', { schema: { response: { 200: documentSchema } } }, async () => ({
    ...(await (document ??= describe())),
  }));
}

/** The two servers of a seat, as far as a machine's driver asks them: `GET /health`. */
import { createServer } from 'node:http';

for (const port of [3001, 3002]) {
  createServer((request, response) => {
    response.setHeader('content-type', 'application/json');
    response.writeHead(request.url === '/health' ? 200 : 404).end('{"status":"ok"}');
  }).listen(port, '0.0.0.0');
}

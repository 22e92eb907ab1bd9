/**
 * The internet behind the uplink of a played worker: internet.ts READY_FILE. On each address of its network namespace it
 * answers HTTP on port 80, greets on the mail ports, echoes on port 7 and resolves names on port 53 (UDP and TCP).
 *
 * 1.2.3.4 is a public server, 169.254.169.254 the cloud's metadata, 10.200.0.5, 172.20.0.5 and 10.128.0.1 are private
 * hosts, 100.64.0.5 is one behind a carrier's NAT, 2001:db8:1::1 a server by IPv6. The file is made once all of them listen.
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type Socket } from 'node:net';
import { answerDns } from './dns-answer.ts';

const RESOLVERS = ['169.254.169.254', '1.2.3.4', '10.128.0.1'];
const MAIL_PORTS = [25, 465, 587];

/** Addresses of IPv4 as such, not within those of IPv6. */
function plain(address: string | undefined): string {
  return (address ?? '').replace('::ffff:', '');
}

/** `/bytes/<n>` sends that many bytes; everything else tells who asked whom. */
const web = createHttpServer((request, response) => {
  const bytes = /^\/bytes\/(\d+)$/.exec(request.url ?? '')?.[1];
  if (bytes !== undefined) {
    response.end(Buffer.alloc(Number(bytes)));
    return;
  }
  // What is sent here is read, so that the way there can be measured, too.
  request.resume().on('end', () => {
    response.end(`${plain(request.socket.localAddress)} was asked by ${plain(request.socket.remoteAddress)}\n`);
  });
});

function quiet(socket: Socket): Socket {
  return socket.on('error', () => socket.destroy());
}

const mail = MAIL_PORTS.map(() => createServer((socket) => quiet(socket).end('220 mail\r\n')));
const echo = createServer((socket) => quiet(socket).pipe(socket));

/** One for each address: an answer has to come from where the question went. */
const dnsDatagrams = RESOLVERS.map(() => {
  const socket = createSocket('udp4');
  return socket.on('message', (query, from) => {
    socket.send(answerDns(query, 512), from.port, from.address, () => undefined);
  });
});

const dnsStreams = createServer((socket) => {
  let received = Buffer.alloc(0);
  quiet(socket).on('data', (chunk) => {
    received = Buffer.concat([received, chunk]);
    while (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
      const length = received.readUInt16BE(0);
      const answer = answerDns(received.subarray(2, 2 + length), 65_535);
      const prefix = Buffer.alloc(2);
      prefix.writeUInt16BE(answer.length);
      socket.write(Buffer.concat([prefix, answer]));
      received = received.subarray(2 + length);
    }
  });
});

const readyFile = process.argv[2];
if (readyFile === undefined) throw new Error('Usage: internet.ts READY_FILE');

web.listen(80);
echo.listen(7);
dnsStreams.listen(53);
mail.forEach((server, index) => server.listen(MAIL_PORTS[index]));
dnsDatagrams.forEach((socket, index) => socket.bind(53, RESOLVERS[index]));
await Promise.all([web, echo, dnsStreams, ...dnsDatagrams, ...mail].map((server) => once(server, 'listening')));
writeFileSync(readyFile, '');

import { deepEqual, equal, ok } from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server, type Socket as StreamSocket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { DatagramRelay } from '../../../../src/agent/network/dns/datagrams.ts';
import { Quota } from '../../../../src/agent/network/dns/quota.ts';
import { parseResolvConf, ResolvConf } from '../../../../src/agent/network/dns/resolv-conf.ts';
import { StreamRelay } from '../../../../src/agent/network/dns/streams.ts';
import { Upstreams } from '../../../../src/agent/network/dns/upstreams.ts';
import { freePort } from '../../../support/free-port.ts';

const OWN = '192.168.100.1';
const log = pino({ level: 'silent' });

describe("The worker's resolvers", () => {
  it('are the addresses of resolv.conf, without our own', () => {
    const text = `# nameserver 9.9.9.9\nsearch example.org\nnameserver ${OWN}\n nameserver\t127.0.0.53\nnameserver nonsense\nnameserver 2001:db8::1 # six\nnameserver 1.1.1.1\nnameserver 8.8.8.8\n`;
    deepEqual(parseResolvConf(text, OWN), ['127.0.0.53', '2001:db8::1', '1.1.1.1']);
    deepEqual(parseResolvConf('', OWN), []);
  });

  it('are read again when the file changes, also by a link to another one', () => {
    const folder = mkdtempSync(join(tmpdir(), 'carapace-resolv-'));
    try {
      const path = join(folder, 'resolv.conf');
      writeFileSync(join(folder, 'first'), 'nameserver 1.1.1.1\n');
      writeFileSync(join(folder, 'second'), 'nameserver 2.2.2.2\n');
      symlinkSync('first', path);
      const file = new ResolvConf(path, OWN);
      deepEqual(file.addresses(0), ['1.1.1.1']);
      symlinkSync('second', join(folder, 'new'));
      renameSync(join(folder, 'new'), path);
      deepEqual(file.addresses(500), ['1.1.1.1']);
      deepEqual(file.addresses(1_500), ['2.2.2.2']);
      unlinkSync(path);
      deepEqual(file.addresses(3_000), ['2.2.2.2']);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('are asked in the order of the file, the last that answered first', () => {
    let addresses = ['1.1.1.1', '2.2.2.2', '3.3.3.3'];
    const upstreams = new Upstreams(() => addresses);
    deepEqual(upstreams.inOrder(), addresses);
    upstreams.hasAnswered('2.2.2.2');
    deepEqual(upstreams.inOrder(), ['2.2.2.2', '1.1.1.1', '3.3.3.3']);
    addresses = ['1.1.1.1'];
    deepEqual(upstreams.inOrder(), ['1.1.1.1']);
  });
});

describe('The quota of questions', () => {
  it('bounds each client and all of them', () => {
    const quota = new Quota(3, 2);
    deepEqual(
      ['a', 'a', 'a', 'b', 'c'].map((client) => quota.take(client)),
      [true, true, false, true, false],
    );
    quota.give('a');
    ok(quota.take('c'));
    quota.give('nobody');
    equal(quota.take('d'), false);
  });
});

/** A message with this number, and what follows its header. */
function message(id: number, flags: number, rest = 'question'): Buffer {
  const bytes = Buffer.alloc(12);
  bytes.writeUInt16BE(id, 0);
  bytes.writeUInt16BE(flags, 2);
  return Buffer.concat([bytes, Buffer.from(rest)]);
}

const QUESTION = 0x0100;
const ANSWER = 0x8180;

async function until(holds: () => boolean): Promise<void> {
  const deadline = performance.now() + 30_000;
  while (!holds()) {
    ok(performance.now() < deadline, 'waited in vain');
    await sleep(2);
  }
}

describe('The forwarder of names', () => {
  const opened: (Socket | Server | DatagramRelay | StreamRelay)[] = [];
  let upstreamPort: number;
  let port: number;

  beforeEach(async () => {
    upstreamPort = await freePort();
    port = await freePort();
  });

  afterEach(() => {
    for (const it of opened.splice(0))
      if ('stop' in it) it.stop();
      else it.close();
  });

  function options(...addresses: string[]): ConstructorParameters<typeof DatagramRelay>[0] {
    return { address: '127.0.0.1', port, upstreams: new Upstreams(() => addresses), upstreamPort, log };
  }

  async function startRelay(relay: DatagramRelay | StreamRelay): Promise<void> {
    await relay.start();
    opened.push(relay);
  }

  async function startUpstream(
    address: string,
    answer: (question: Buffer, reply: (bytes: Buffer) => void) => void,
  ): Promise<void> {
    const socket = createSocket('udp4');
    socket.on('message', (question, from) => answer(question, (bytes) => socket.send(bytes, from.port, from.address)));
    socket.bind(upstreamPort, address);
    await once(socket, 'listening');
    opened.push(socket);
  }

  async function ask(question: Buffer): Promise<Buffer> {
    const socket = createSocket('udp4');
    opened.push(socket);
    socket.send(question, port, '127.0.0.1');
    const [answer] = (await once(socket, 'message')) as [Buffer];
    return answer;
  }

  it('passes on the answer to the question and no other message', async () => {
    await startUpstream('127.0.0.2', (question, reply) => {
      reply(message(question.readUInt16BE(0) ^ 1, ANSWER, 'another number'));
      reply(message(question.readUInt16BE(0), QUESTION, 'no answer'));
      reply(Buffer.from('short'));
      reply(message(question.readUInt16BE(0), ANSWER, `to ${question.toString('latin1', 12)}`));
    });
    await startRelay(new DatagramRelay(options('127.0.0.2')));
    deepEqual(await ask(message(7, QUESTION)), message(7, ANSWER, 'to question'));
  });

  it('asks the next resolver where one is silent or gone, and stays with it', async () => {
    let silent = 0;
    await startUpstream('127.0.0.2', () => (silent += 1));
    await startUpstream('127.0.0.4', (question, reply) => reply(message(question.readUInt16BE(0), ANSWER, 'four')));
    await startRelay(new DatagramRelay(options('127.0.0.2', '127.0.0.3', '127.0.0.4')));
    deepEqual(await ask(message(7, QUESTION)), message(7, ANSWER, 'four'));
    deepEqual(await ask(message(8, QUESTION)), message(8, ANSWER, 'four'));
    equal(silent, 1);
  });

  it('says that it failed where nobody answers, and goes on', async () => {
    const addresses = ['127.0.0.3'];
    await startRelay(new DatagramRelay(options(...addresses)));
    const failed = await ask(message(7, QUESTION));
    equal(failed.readUInt16BE(2), 0x8182);
    await startUpstream('127.0.0.3', (question, reply) => reply(message(question.readUInt16BE(0), ANSWER)));
    deepEqual(await ask(message(8, QUESTION)), message(8, ANSWER));
  });

  it('goes on where the system does not let a resolver be asked', async () => {
    await startUpstream('127.0.0.2', (question, reply) => reply(message(question.readUInt16BE(0), ANSWER)));
    // To everybody: connecting to that is refused, as is an address without a route.
    await startRelay(new DatagramRelay(options('255.255.255.255', '127.0.0.2')));
    deepEqual(await ask(message(7, QUESTION)), message(7, ANSWER));
  });

  it('does not answer answers, so that two of them do not talk for ever', async () => {
    let asked = 0;
    await startUpstream('127.0.0.2', (question, reply) => {
      asked += 1;
      reply(message(question.readUInt16BE(0), ANSWER));
    });
    await startRelay(new DatagramRelay(options('127.0.0.2')));
    const socket = createSocket('udp4');
    opened.push(socket);
    socket.send(message(5, ANSWER), port, '127.0.0.1');
    socket.send(Buffer.from('short'), port, '127.0.0.1');
    deepEqual(await ask(message(6, QUESTION)), message(6, ANSWER));
    equal(asked, 1);
  });

  it('carries streams both ways, by the first resolver that takes them', async () => {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      // Not by buffer(): on Node 22 that destroys the socket at the end of what it reads.
      const question: Buffer[] = [];
      socket.on('data', (chunk: Buffer) => question.push(chunk));
      socket.on('end', () => socket.end(Buffer.concat([...question, Buffer.alloc(200_000, 'x')])));
    }).listen(upstreamPort, '127.0.0.3');
    await once(server, 'listening');
    opened.push(server);
    await startRelay(new StreamRelay(options('127.0.0.2', '127.0.0.3')));
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    socket.end('question');
    const answer = await buffer(socket);
    equal(answer.length, 200_008);
    equal(answer.toString('latin1', 0, 9), 'questionx');
  });

  it('takes no more streams of one client than its share, and each again after it', async () => {
    const taken = new Set<StreamSocket>();
    const server = createServer((socket) => taken.add(socket.on('error', () => undefined).resume()));
    await once(server.listen(upstreamPort, '127.0.0.2'), 'listening');
    opened.push(server);
    await startRelay(new StreamRelay(options('127.0.0.2')));
    const sockets = [];
    for (let index = 0; index < 8; index += 1) {
      const socket = connect({ port, host: '127.0.0.1' });
      await once(socket, 'connect');
      sockets.push(socket);
    }
    await until(() => taken.size === 8);
    const refused = connect({ port, host: '127.0.0.1' }).on('error', () => undefined);
    await once(refused, 'close');
    for (const socket of sockets) socket.destroy();
    // It counts them off as it sees their ends; then the next one is passed on to the resolver again.
    let again: StreamSocket;
    do {
      again = connect({ port, host: '127.0.0.1' }).on('error', () => undefined);
      await Promise.race([once(again, 'close'), until(() => taken.size > 8)]);
    } while (taken.size === 8);
    again.destroy();
  });
});

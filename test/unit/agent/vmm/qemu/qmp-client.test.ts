import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { QmpClient } from '../../../../../src/agent/vmm/qemu/qmp-client.ts';
import { nothingSchema, statusSchema } from '../../../../../src/agent/vmm/qemu/qmp-messages.ts';
import { TimedOutError, UnavailableError } from '../../../../../src/protocol/errors.ts';
import { answer, MonitorServer, type Reply } from './monitor-server.ts';

const STATUS = { status: 'running', running: true, singlestep: false };
const forever = new AbortController().signal;

describe('the client of QEMU’s monitor', () => {
  let server: MonitorServer;

  const clients: QmpClient[] = [];
  afterEach(async () => {
    for (const client of clients.splice(0)) await client.close();
    await server[Symbol.asyncDispose]();
  });

  async function connect(reply: Reply, deadlineMs = 5_000, signal = forever): Promise<QmpClient> {
    server = await MonitorServer.start(reply);
    const client = await QmpClient.connect(server.path, { signal, deadlineMs });
    clients.push(client);
    return client;
  }

  async function refusesGreeting(greeting: string, expected: RegExp | typeof TimedOutError): Promise<void> {
    server = await MonitorServer.start(() => undefined, greeting);
    await assert.rejects(QmpClient.connect(server.path, { signal: forever, deadlineMs: 100 }), expected);
    while (server.open > 0) await sleep(1);
  }

  /** Asks for the status of a monitor that answers it so. */
  async function statusFrom(reply: Reply, deadlineMs = 5_000): Promise<unknown> {
    const client = await connect(reply, deadlineMs);
    return await client.execute('query-status', statusSchema);
  }

  function says(text: string): Reply {
    return (_command, socket) => socket.write(text);
  }

  it('greets, then sends commands with their arguments and gives what they return', async () => {
    const client = await connect((command, socket) => socket.write(answer(command, STATUS)));
    assert.deepEqual(await client.execute('query-status', statusSchema, { a: 1 }), {
      status: 'running',
      running: true,
    });
    assert.deepEqual(
      server.commands.map((command) => [command.execute, command.arguments]),
      [
        ['qmp_capabilities', {}],
        ['query-status', { a: 1 }],
      ],
    );
  });

  it('reads answers in pieces, and several in one piece with events between them', async () => {
    const events: string[] = [];
    const client = await connect((command, socket) => {
      const text = `{"event":"STOP","timestamp":{"seconds":1}}\r\n${answer(command, STATUS)}{"event":"RESUME"}\r\n`;
      for (let at = 0; at < text.length; at += 7) setTimeout(() => socket.write(text.slice(at, at + 7)), at);
    });
    client.onEvent = (event) => events.push(event.event);
    await client.execute('query-status', statusSchema);
    while (events.length < 2) await sleep(1);
    assert.deepEqual(events, ['STOP', 'RESUME']);
  });

  it('gives each command its own answer, in whatever order they come', async () => {
    const waiting: (() => void)[] = [];
    const client = await connect((command, socket) => {
      waiting.unshift(() => socket.write(answer(command, { status: command.execute, running: true })));
      if (waiting.length === 2) waiting.forEach((send) => send());
    });
    const both = await Promise.all([client.execute('one', statusSchema), client.execute('two', statusSchema)]);
    assert.deepEqual(
      both.map((each) => each.status),
      ['one', 'two'],
    );
  });

  it('tells QEMU’s reason when it refuses, and goes on', async () => {
    const client = await connect((command, socket) => {
      const error = { class: 'GenericError', desc: 'no such thing' };
      socket.write(
        command.execute === 'cont' ? `${JSON.stringify({ error, id: command.id })}\n` : answer(command, STATUS),
      );
    });
    await assert.rejects(client.execute('cont', nothingSchema), { name: 'UnavailableError', message: /no such thing/ });
    assert.equal((await client.execute('query-status', statusSchema)).running, true);
  });

  it('refuses an answer that is not what the command returns', async () => {
    const wrong = statusFrom((command, socket) => socket.write(answer(command, { status: 7 })));
    await assert.rejects(wrong, { name: 'UnavailableError', message: /query-status/ });
  });

  it('refuses what is no message', () => assert.rejects(statusFrom(says('hello\n')), /no QEMU monitor/));
  it('refuses a message of no kind', () => assert.rejects(statusFrom(says('{"id":2}\n')), /no QEMU monitor/));
  it('refuses JSON that is no object', () => assert.rejects(statusFrom(says('[1]\n')), /no QEMU monitor/));

  it('takes no answer to a command that it did not number', () =>
    assert.rejects(statusFrom(says('{"return":{}}\n')), /not sent/));

  it('drops the late answer of a command that was given up', async () => {
    let late = (): void => undefined;
    const client = await connect((command, socket) => {
      if (command.execute === 'slow') late = () => socket.write(answer(command, { status: 'slow', running: false }));
      else socket.write(answer(command, STATUS));
    }, 100);
    await assert.rejects(client.execute('slow', statusSchema), TimedOutError);
    late();
    assert.equal((await client.execute('query-status', statusSchema)).status, 'running');
  });

  it('waits for half a line no longer than its deadline', () =>
    assert.rejects(statusFrom(says('{"return": {"stat'), 50), TimedOutError));

  it('refuses a line without end', () => assert.rejects(statusFrom(says('x'.repeat(1_200_000))), /without end/));

  it('fails at once where the connection closes instead of an answer', () =>
    assert.rejects(
      statusFrom((_command, socket) => socket.destroy()),
      { name: 'UnavailableError', message: /closed/ },
    ));

  it('fails every command after the connection has closed', async () => {
    const client = await connect((_command, socket) => socket.end());
    await assert.rejects(client.execute('one', nothingSchema), UnavailableError);
    await assert.rejects(client.execute('two', nothingSchema), UnavailableError);
    assert.equal(server.commands.length, 2);
  });

  it('ends with the signal’s reason, before and during a command', async () => {
    const controller = new AbortController();
    const client = await connect(() => controller.abort(new Error('enough')), 5_000, controller.signal);
    await assert.rejects(client.execute('one', nothingSchema), /enough/);
    await assert.rejects(client.execute('two', nothingSchema), /enough/);
    assert.equal(server.commands.length, 2);
    await assert.rejects(QmpClient.connect(server.path, { signal: controller.signal }), /enough/);
  });

  it('waits for a greeting no longer than its deadline, and closes', () => refusesGreeting('', TimedOutError));
  it('refuses another greeting, and closes', () => refusesGreeting('{"hello":1}\n', /no QEMU monitor/));
  it('refuses a greeting that is no JSON, and closes', () => refusesGreeting('SSH-2.0\r\n', /no QEMU monitor/));

  it('says so where nobody listens', async () => {
    server = await MonitorServer.start(() => undefined);
    const failed = QmpClient.connect(`${server.path}.not`, { signal: forever });
    await assert.rejects(failed, (error: Error) => {
      return error instanceof UnavailableError && (error.cause as NodeJS.ErrnoException).code === 'ENOENT';
    });
  });

  it('has closed the connection once it says so', async () => {
    const client = await connect(() => undefined);
    const given = assert.rejects(client.execute('never', nothingSchema), UnavailableError);
    await client.close();
    await given;
    while (server.open > 0) await sleep(1);
  });
});

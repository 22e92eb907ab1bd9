import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { BootWatch } from '../../../../../src/agent/vmm/qemu/boot-watch.ts';
import { answer, MonitorServer } from './monitor-server.ts';

describe('the watch over a machine that boots', () => {
  let server: MonitorServer;
  let say: (text: string) => void;

  beforeEach(async () => {
    server = await MonitorServer.start((command, socket) => {
      say = (text) => socket.write(text);
      say(answer(command, command.execute === 'ringbuf-read' ? 'it has no disk\r\n' : {}));
    });
  });
  afterEach(() => server[Symbol.asyncDispose]());

  function asked(): string[] {
    return server.commands.map(({ execute, arguments: { shutdown } }) =>
      typeof shutdown === 'string' ? `${execute} ${shutdown}` : execute,
    );
  }

  const BEGINNING = ['qmp_capabilities', 'set-action pause'];

  it('reads the last words of a machine that ends, then lets it end', async () => {
    const watch = await BootWatch.begin(server.path);
    assert.equal(watch.lastWords, undefined);
    say('{"event":"RESUME"}\r\n{"event":"SHUTDOWN","data":{"guest":true,"reason":"guest-reset"}}\r\n');
    while (server.open > 0) await sleep(1);
    await watch.end();
    assert.equal(watch.lastWords, 'it has no disk');
    assert.deepEqual(asked(), [...BEGINNING, 'ringbuf-read', 'quit']);
  });

  it('leaves a machine that goes on to itself', async () => {
    const watch = await BootWatch.begin(server.path);
    await Promise.all([watch.end(), watch.end()]);
    while (server.open > 0) await sleep(1);
    assert.equal(watch.lastWords, undefined);
    assert.deepEqual(asked(), [...BEGINNING, 'set-action poweroff']);
  });

  it('ends with QEMU', async () => {
    const watch = await BootWatch.begin(server.path);
    await server[Symbol.asyncDispose]();
    await watch.end();
    assert.equal(watch.lastWords, undefined);
    server = await MonitorServer.start(() => undefined);
  });
});

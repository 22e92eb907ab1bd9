/** The network between a learner and a class on this machine: both the control plane and the agent, there or not. */
import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { CutProxy } from './cut-proxy.ts';

export class LearnerNetwork {
  readonly #controlPlane: string;
  readonly #agentEndpoint: string;
  readonly #agent: CutProxy;
  readonly #server: Server;
  #door: CutProxy | undefined;
  #newEndpoint = '';
  /** The address of the control plane for the learner. */
  url = '';

  /**
   * @param controlPlane its address
   * @param agentEndpoint the agent's address, as the control plane gives it to learners: this network's stands in its place
   */
  constructor(controlPlane: string, agentEndpoint: string) {
    this.#controlPlane = controlPlane;
    this.#agentEndpoint = agentEndpoint;
    this.#agent = new CutProxy(placeOf(agentEndpoint));
    this.#server = createServer((asked, answer) => this.#pass(asked, answer));
  }

  async open(): Promise<void> {
    this.#newEndpoint = `http://127.0.0.1:${await this.#agent.listen()}`;
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    this.#door = new CutProxy({ host: '127.0.0.1', port: (this.#server.address() as AddressInfo).port });
    this.url = `http://127.0.0.1:${await this.#door.listen()}`;
  }

  cut(): void {
    this.#door?.cut();
    this.#agent.cut();
  }

  mend(): void {
    this.#door?.mend();
    this.#agent.mend();
  }

  async close(): Promise<void> {
    await this.#door?.close();
    await this.#agent.close();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #pass(asked: IncomingMessage, answer: ServerResponse): void {
    const { method, url, headers } = asked;
    const passed = request(new URL(url ?? '/', this.#controlPlane), { method, headers, agent: false }, (given) => {
      // An event stream passes as it comes.
      if (given.headers['content-type']?.startsWith('application/json') !== true) {
        answer.writeHead(given.statusCode ?? 502, given.headers);
        answer.flushHeaders();
        given.pipe(answer);
        return;
      }
      text(given).then(
        (body) => {
          const changed = body.replaceAll(this.#agentEndpoint, this.#newEndpoint);
          const length = Buffer.byteLength(changed);
          answer.writeHead(given.statusCode ?? 502, { ...given.headers, 'content-length': length });
          answer.end(changed);
        },
        () => answer.destroy(),
      );
    });
    passed.on('error', () => answer.destroy());
    answer.on('close', () => passed.destroy());
    asked.pipe(passed);
  }
}

function placeOf(url: string): { host: string; port: number } {
  const { hostname, port } = new URL(url);
  return { host: hostname, port: Number(port) };
}

// The real binary on free ports, ended by its process id.

import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const BINARY = resolve(process.env.LINGSHAO_BIN ?? '../target/ci/lingshao');
/** Long enough for a start with history on a loaded machine. */
const START_MS = 60_000;

/** As `web.users` wants it. */
export function passwordHash(password: string): string {
  return execFileSync(BINARY, ['passwd'], { input: `${password}\n` }).toString().trim();
}

export class Server {
  private constructor(
    private readonly child: ChildProcess,
    readonly folder: string,
    /** `http://127.0.0.1:PORT` */
    readonly url: string,
    /** Addresses of all listeners by their names. */
    private readonly listeners: ReadonlyMap<string, string>,
  ) {}

  /** The base of another listener's addresses: `elasticsearch`. */
  listener(name: string): string {
    const address = this.listeners.get(name);
    if (address === undefined) throw new Error(`no listener ${name}`);
    return `http://${address}`;
  }

  /** `lingshao demo` in a fresh folder. */
  static demo(...more: string[]): Promise<Server> {
    const folder = mkdtempSync(join(tmpdir(), 'lingshao-demo-'));
    return Server.start(folder, ['demo', '--listen', '127.0.0.1:0', '--data', join(folder, 'data'), '--seed', '7', ...more]);
  }

  /** `lingshao run` with a config of this text; where the data lie, if that matters. */
  static run(config: string, files: Record<string, string> = {}, data?: string): Promise<Server> {
    const folder = mkdtempSync(join(tmpdir(), 'lingshao-run-'));
    for (const [name, text] of Object.entries({ ...files, 'lingshao.yml': config })) {
      writeFileSync(join(folder, name), text);
    }
    const arguments_ = ['run', '--config', join(folder, 'lingshao.yml'), '--listen', '127.0.0.1:0'];
    return Server.start(folder, [...arguments_, '--data', data ?? join(folder, 'data')]);
  }

  private static async start(folder: string, arguments_: string[]): Promise<Server> {
    const log = join(folder, 'stderr');
    const environment = Object.entries(process.env).filter(([name]) => !name.startsWith('LINGSHAO_'));
    const child = spawn(BINARY, arguments_, {
      env: Object.fromEntries(environment),
      stdio: ['ignore', 'pipe', openSync(log, 'w')],
    });
    const failed = () => new Error(`${BINARY} did not start:\n${readFileSync(log, 'utf8')}`);
    const listeners = await new Promise<Map<string, string>>((give, fail) => {
      let said = '';
      const timer = setTimeout(() => fail(failed()), START_MS);
      child.once('error', fail);
      child.once('exit', () => fail(failed()));
      child.stdout?.on('data', (chunk: Buffer) => {
        said += chunk.toString();
        const found = new Map([...said.matchAll(/^listening (\w+)=(\S+)$/gm)].map(([, name = '', address = '']) => [name, address]));
        // All of them are said at once, the page's among them.
        if (found.has('web')) {
          clearTimeout(timer);
          give(found);
        }
      });
    });
    return new Server(child, folder, `http://${listeners.get('web')}`, listeners);
  }

  async json<T>(path: string, options?: RequestInit): Promise<T> {
    const response = await fetch(`${this.url}/${path}`, options);
    if (!response.ok) {
      throw new Error(`${path}: ${response.status} ${await response.text()}`);
    }
    return (await response.json()) as T;
  }

  post(path: string, body: unknown): Promise<unknown> {
    const headers = { 'Content-Type': 'application/json' };
    return this.json(path, { method: 'POST', headers, body: JSON.stringify(body) });
  }

  /** The value of an expression that gives one series. */
  async value(query: string): Promise<number> {
    const body = await this.json<{ data: { result: { value: [number, string] }[] } }>(
      `api/v1/query?${new URLSearchParams({ query })}`,
    );
    const [first, ...more] = body.data.result;
    if (first === undefined || more.length > 0) {
      throw new Error(`${query}: ${body.data.result.length} series`);
    }
    return Number(first.value[1]);
  }

  async stop(): Promise<void> {
    const gone = new Promise((done) => this.child.once('exit', done));
    this.child.kill('SIGTERM');
    await gone;
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Asks again until the answer is there; says what was missing when time is up. */
export async function eventually<T>(what: string, seconds: number, look: () => Promise<T | undefined>): Promise<T> {
  const end = Date.now() + seconds * 1000;
  let last: unknown = 'nothing';
  while (Date.now() < end) {
    try {
      const found = await look();
      if (found !== undefined) return found;
    } catch (error) {
      last = error;
    }
    await new Promise((done) => setTimeout(done, 250));
  }
  throw new Error(`${what}: not within ${seconds} s (last: ${String(last)})`);
}

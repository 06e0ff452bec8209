// The bench's side of tally.mjs: how many handlers have begun, and at the end which and when.
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** CLOCK_MONOTONIC in microseconds, as in tally.mjs. */
export function now() {
  return Number(process.hrtime.bigint() / 1000n);
}

export class TallyServer {
  #dir = mkdtempSync(join(tmpdir(), 'afd-bench-'));
  #sockets = new Set();
  #counts = new Map();
  #collected = [];
  #toldNow = [];
  #onChange = () => {};
  /** Called once, when the first handler begins. */
  onFirst = () => {};
  #server = createServer((socket) => this.#accept(socket));

  get path() {
    return join(this.#dir, 'tally');
  }

  async listen() {
    this.#server.listen(this.path);
    await once(this.#server, 'listening');
    return this;
  }

  get count() {
    return [...this.#counts.values()].reduce((sum, one) => sum + one, this.#toldNow.length);
  }

  /** Resolves when `total` handlers have begun. Rejects when nothing happens for `silenceMs`. */
  until(total, silenceMs = 60_000) {
    return new Promise((resolve, reject) => {
      const end = (settle) => {
        clearTimeout(timer);
        this.#onChange = () => {};
        settle();
      };
      const late = () => end(() => reject(new Error(`${this.count} of ${total} tasks have begun, and no more come`)));
      let timer = setTimeout(late, silenceMs);
      this.#onChange = () => {
        clearTimeout(timer);
        timer = setTimeout(late, silenceMs);
        if (this.count >= total) end(resolve);
      };
      this.#onChange();
    });
  }

  /** Every beginning: `[{id, at}]`, `at` in microseconds. Ask before the workers end. */
  async collect() {
    this.#collected = [];
    const sockets = [...this.#sockets].filter((one) => this.#counts.has(one));
    const answered = new Promise((resolve) => {
      this.#onChange = () => this.#collected.length >= sockets.length && resolve();
    });
    for (const one of sockets) one.write('collect\n');
    if (sockets.length > 0) await answered;
    return [...this.#collected, ...this.#toldNow].flatMap(({ ids, begun }) =>
      ids.map((id, n) => ({ id, at: begun[n] })),
    );
  }

  close() {
    for (const one of this.#sockets) one.destroy();
    this.#server.close();
    rmSync(this.#dir, { recursive: true, force: true });
  }

  #accept(socket) {
    // A process connects when its first handler begins, and tells its counts only later.
    this.onFirst();
    this.onFirst = () => {};
    this.#sockets.add(socket);
    socket.on('error', () => {});
    // What a killed process had in memory is lost; how many had begun there is known.
    socket.once('close', () => this.#sockets.delete(socket));
    let rest = '';
    socket.setEncoding('utf8').on('data', (text) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop();
      for (const line of lines) {
        const said = JSON.parse(line);
        if (said.now) this.#toldNow.push(said);
        else if (said.count === undefined) this.#collected.push(said);
        else this.#counts.set(socket, said.count);
      }
      this.#onChange();
    });
  }
}

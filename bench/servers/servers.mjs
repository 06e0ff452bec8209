// The servers of one run: each is started when the first peer asks for it, and all are ended together.
import { startMariaDb } from './mariadb.mjs';
import { startPostgres } from './postgres.mjs';
import { startRedis } from './redis.mjs';

const STARTERS = { redis: startRedis, postgres: startPostgres, mariadb: startMariaDb };

export class Servers {
  #started = new Map();
  #options;

  constructor(options) {
    this.#options = options;
  }

  /** @throws Missing */
  get(name) {
    if (!this.#started.has(name)) this.#started.set(name, STARTERS[name](this.#options));
    return this.#started.get(name);
  }

  async stop() {
    for (const one of this.#started.values()) {
      const server = await one.catch(() => undefined);
      await server?.stop();
    }
  }
}

// afd itself: real `afd worker` processes with a configuration file, at the defaults, on MySQL and on MariaDB.

import { countingProxy } from '../counting-proxy.mjs';
import { Missing } from '../servers/missing.mjs';
import { pidOfServer } from '../servers/server-pid.mjs';
import { afdFleet } from './afd-fleet.mjs';
import { AfdStore } from './afd-store.mjs';
import { typeOf } from './afd-types.mjs';
import { payload, range } from './payload.mjs';

const BULK = 1000;

export const afd = {
  name: 'afd',
  profiles: { mysql: { share: 1 }, mariadb: { share: 1 } },
  stores: 'the result column, and a row per attempt',
  async open(profile, { servers }) {
    const store = await AfdStore.open(profile === 'mariadb' ? (await servers.get('mariadb')).url : mysqlUrl());
    const tasks = (ids, lanes = 1) => ids.map((id) => ({ task_type: typeOf(id % lanes), task_data: payload(id) }));
    return {
      about: store.about,
      store,
      reset: () => store.reset(),
      // One transaction: idle workers see all of the tasks at once.
      preload: (n, lanes) => store.enqueue(tasks(range(n, n)[0], lanes)),
      addOne: (id) => store.enqueue(tasks([id])),
      bulk: BULK,
      addBulk: (ids) => store.enqueue(tasks(ids)),
      startWorkers: (options) => afdFleet(store, options),
      unfinished: () => store.unfinished(),
      finished: () => store.finished(),
      deadlocks: () => store.deadlocks(),
      locks: () => store.locks(),
      proxied: (work, options) => proxied(store, work, options),
      leader: () => store.leader(),
      serverPid: () => pidOfServer(store.address),
      warm: (sessions) => store.warm(sessions),
      stored: () => store.unfinished(),
      producers: {
        'own API': (id) => store.enqueue(tasks([id])),
        'plain INSERT': (id) => store.insert(typeOf(0), payload(id)),
      },
      storesResult: true,
      close: () => store.close(),
    };
  },
};

/**
 * Gives `work` a way to start workers that reach the database through counting proxies: one for all of them, or, `each`,
 * one for each. Second argument: the counts, in the order of the workers. `delayMs`: of each direction.
 */
async function proxied(store, work, { workers = 1, each = false, delayMs = 0 } = {}) {
  const open = () => countingProxy(store.address, { delayMs });
  const proxies = await Promise.all(Array.from({ length: each ? workers : 1 }, open));
  const urlOf = (n) => store.urlVia(proxies[each ? n : 0]);
  try {
    return await work(
      (options) => afdFleet(store, { ...options, urlOf }),
      proxies.map((one) => one.counts),
    );
  } finally {
    for (const one of proxies) one.close();
  }
}

function mysqlUrl() {
  const url = process.env.AFD_BENCH_MYSQL_URL;
  if (url !== undefined && url !== '') return url;
  throw new Missing(
    'AFD_BENCH_MYSQL_URL is not set (mysql://user:password@host:port/schema of a MySQL; the account must be able to create the schema afd_bench)',
  );
}

// afd itself: real `afd worker` processes with a configuration file, at the defaults, on MySQL and on MariaDB.

import { countingProxy } from '../counting-proxy.mjs';
import { Missing } from '../servers/missing.mjs';
import { afdFleet } from './afd-fleet.mjs';
import { AfdStore } from './afd-store.mjs';
import { payload, range } from './payload.mjs';

const BULK = 1000;
export const TYPE = 'bench';

export const afd = {
  name: 'afd',
  profiles: { mysql: { share: 1 }, mariadb: { share: 1 } },
  stores: 'the result column, and a row per attempt',
  async open(profile, { servers }) {
    const store = await AfdStore.open(profile === 'mariadb' ? (await servers.get('mariadb')).url : mysqlUrl());
    const tasks = (ids) => ids.map((id) => ({ task_type: TYPE, task_data: payload(id) }));
    return {
      about: store.about,
      store,
      reset: () => store.reset(),
      // One transaction: idle workers see all of the tasks at once.
      preload: (n) => store.enqueue(tasks(range(n, n)[0] ?? [])),
      addOne: (id) => store.enqueue(tasks([id])),
      bulk: BULK,
      addBulk: (ids) => store.enqueue(tasks(ids)),
      startWorkers: (options) => afdFleet(store, options),
      unfinished: () => store.unfinished(),
      finished: () => store.finished(),
      deadlocks: () => store.deadlocks(),
      proxied: (work) => proxied(store, work),
      storesResult: true,
      close: () => store.close(),
    };
  },
};

/** Gives `work` a peer whose workers reach the database through a counting proxy, and the counts. */
async function proxied(store, work) {
  const proxy = await countingProxy(store.address);
  const startWorkers = (options) => afdFleet(store, { ...options, urlOf: () => store.urlVia(proxy) });
  try {
    return await work(startWorkers, proxy.counts);
  } finally {
    proxy.close();
  }
}

function mysqlUrl() {
  const url = process.env.AFD_BENCH_MYSQL_URL;
  if (url !== undefined && url !== '') return url;
  throw new Missing(
    'AFD_BENCH_MYSQL_URL is not set (mysql://user:password@host:port/schema of a MySQL; the account must be able to create the schema afd_bench)',
  );
}

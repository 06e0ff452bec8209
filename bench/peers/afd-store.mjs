// afd's database as the bench sees it: a schema of its own, filled through core, read back by plain SQL.
import mysql from 'mysql2/promise';

/** One schema per run: several may measure on one server. The process that holds the lock of its name is alive. */
const SCHEMA = `afd_bench_${process.pid}`;

export class AfdStore {
  #sql;
  #producers = [];
  #core;

  /** @throws Error that says what the account must be able to do */
  static async open(url) {
    const store = new AfdStore();
    const own = new URL(url);
    own.pathname = `/${SCHEMA}`;
    store.url = own.href;
    const socket = own.searchParams.get('socket');
    store.address = {
      ...(socket === null ? { host: own.hostname, port: Number(own.port || 3306) } : { socketPath: socket }),
      user: decodeURIComponent(own.username),
      password: decodeURIComponent(own.password),
      database: SCHEMA,
    };
    store.#sql = await mysql.createConnection({ ...store.address, database: undefined, decimalNumbers: true });
    await store.#claimSchema();
    store.#core = {
      ...(await dist('core/db/session.js')),
      ...(await dist('core/db/table-names.js')),
      ...(await dist('core/db/claim-state.js')),
      ...(await dist('core/db/migrate/migrator.js')),
      ...(await dist('core/context/producer.js')),
      ...(await dist('core/config/config-schema.js')),
    };
    store.names = store.#core.tableNames({ task: 'af_crawl_task', prefix: 'af_' });
    const [[facts]] = await store.#sql.query(
      'SELECT VERSION() AS version, @@innodb_flush_log_at_trx_commit AS flush, @@sync_binlog AS sync, @@log_bin AS bin, @@innodb_buffer_pool_size AS pool',
    );
    store.mariadb = /mariadb/i.test(facts.version);
    const binlog = facts.bin === 1 ? `sync_binlog=${facts.sync}` : 'no binary log';
    const pool = `innodb_buffer_pool_size=${Math.round(facts.pool / 2 ** 20)}M`;
    store.about = `${store.mariadb ? 'MariaDB' : 'MySQL'} ${facts.version.split('-')[0]}, innodb_flush_log_at_trx_commit=${facts.flush}, ${binlog}, ${pool}`;
    return store;
  }

  /** Takes the name, and removes the schemas of runs that were killed. */
  async #claimSchema() {
    await this.query('SET SESSION wait_timeout = 28800');
    await this.query('SELECT GET_LOCK(?, 0)', [SCHEMA]);
    const found = await this.query('SHOW DATABASES LIKE ?', ['afd\\_bench\\_%']);
    for (const name of found.flatMap((row) => Object.values(row)).filter((one) => /^afd_bench_\d+$/.test(one))) {
      const [row] = await this.query('SELECT IS_FREE_LOCK(?) AS abandoned', [name]);
      if (row.abandoned === 1) await this.query(`DROP DATABASE IF EXISTS ${name}`);
    }
  }

  /** An empty, migrated schema. */
  async reset() {
    this.#after = 0;
    await this.#closeProducers();
    await this.#sql.query(`DROP DATABASE IF EXISTS ${SCHEMA}`);
    await this.#sql.query(`CREATE DATABASE ${SCHEMA} CHARACTER SET utf8mb4`);
    await this.#core.migrateUp(this.address, this.names);
    await this.#sql.query(`USE ${SCHEMA}`);
  }

  /** As every node opens its own; the caller closes it. */
  async openSession() {
    const options = { address: this.address, timeZone: '+00:00', idleTimeoutS: 600, deadlineMs: 600_000 };
    const session = new this.#core.Session({ ...options, multiStatements: true });
    await session.ready();
    return session;
  }

  async #newProducer() {
    const { Producer, configSchema } = this.#core;
    const session = await this.openSession();
    const producer = new Producer(session, this.names, configSchema.parse({}));
    this.#producers.push({ session, producer });
    return producer;
  }

  async #closeProducers() {
    for (const { session, producer } of this.#producers.splice(0)) {
      await producer.close();
      await session.close();
    }
    this.#idle = [];
  }

  #idle = [];
  #after = 0;
  /** As `afd tasks add` and `import` do it: one transaction per call, as many producers as calls at once. */
  async enqueue(tasks) {
    const producer = this.#idle.pop() ?? (await this.#newProducer());
    try {
      return await producer.enqueue(tasks);
    } finally {
      this.#idle.push(producer);
    }
  }

  /** As a program does it that knows nothing of afd. */
  insert(type, data) {
    return this.query(`INSERT INTO ${this.names.task} (task_type, task_data) VALUES (?, ?)`, [
      type,
      JSON.stringify(data),
    ]);
  }

  /** Opens the connections of `enqueue` before the clock starts. */
  async warm(parallel) {
    while (this.#producers.length < parallel) this.#idle.push(await this.#newProducer());
  }

  /** The URL of the schema at another host and port. */
  urlVia({ host, port }) {
    const url = new URL(this.url);
    url.host = `${host}:${port}`;
    url.search = '';
    return url.href;
  }

  async query(sql, values) {
    const [rows] = await this.#sql.query(sql, values);
    return rows;
  }

  /** Rows up to the highest id are none of those that are measured. */
  async ignoreWhatIsThere() {
    const [row] = await this.query(`SELECT COALESCE(MAX(id), 0) AS id FROM ${this.names.task}`);
    this.#after = row.id;
  }

  async unfinished() {
    const [row] = await this.query(
      `SELECT COUNT(*) AS n FROM ${this.names.task}
        WHERE ${this.#core.stateIn('pending', 'running', 'assigned', 'waiting')} AND id > ?`,
      [this.#after],
    );
    return row.n;
  }

  async finished() {
    const [tasks] = await this.query(
      `SELECT SUM(status = 'done') AS done, SUM(status <> 'done') AS failed
         FROM ${this.names.task} WHERE id > ?`,
      [this.#after],
    );
    const [attempts] = await this.query(
      `SELECT COUNT(*) AS n, COUNT(DISTINCT task_id) AS tasks, MIN(result) AS result
         FROM ${this.names.assignment}
        WHERE status = 'completed' AND task_id > ?`,
      [this.#after],
    );
    const once = attempts.n === tasks.done && attempts.tasks === tasks.done;
    return { done: tasks.done ?? 0, failed: (tasks.failed ?? 0) + (once ? 0 : 1), result: attempts.result };
  }

  /** Device id of the leader. */
  async leader() {
    const [row] = await this.query(`SELECT holder FROM ${this.names.leader}`);
    return row?.holder ?? undefined;
  }

  /** As `afd devices pause` and `resume` write it. */
  setOperatorState(ids, state) {
    return this.query(`UPDATE ${this.names.device} SET operator_state = ? WHERE device_id IN (?)`, [state, ids]);
  }

  /** Devices that are registered, and whether one of them leads. */
  async ready() {
    const [devices] = await this.query(
      `SELECT COUNT(*) AS n FROM ${this.names.device} WHERE status IN ('online', 'busy')`,
    );
    const [leader] = await this.query(`SELECT COUNT(*) AS n FROM ${this.names.leader} WHERE holder IS NOT NULL`);
    return { devices: devices.n, leader: leader.n > 0 };
  }

  /** Sessions of this schema, and those that the server is working for. */
  async sessions() {
    const [row] = await this.query(
      "SELECT COUNT(*) AS n, SUM(COMMAND <> 'Sleep') AS active FROM information_schema.PROCESSLIST WHERE DB = ?",
      [SCHEMA],
    );
    return { all: Number(row.n), active: Number(row.active) };
  }

  /** Deadlocks that the server has seen; undefined where the account may not ask (MySQL: PROCESS). */
  async deadlocks() {
    try {
      const [row] = await this.query(
        "SELECT COUNT AS n FROM information_schema.INNODB_METRICS WHERE NAME = 'lock_deadlocks'",
      );
      return Number(row.n);
    } catch (error) {
      if (error.errno !== 1227) throw error;
      return undefined;
    }
  }

  /** Waits for row locks so far, and the milliseconds that they took together, of the whole server. */
  async locks() {
    const rows = await this.query("SHOW GLOBAL STATUS LIKE 'Innodb_row_lock_%'");
    const of = (name) => Number(rows.find((row) => row.Variable_name.toLowerCase() === name)?.Value ?? 0);
    return { lock_waits: of('innodb_row_lock_waits'), lock_wait_ms: of('innodb_row_lock_time') };
  }

  async close() {
    await this.#closeProducers();
    await this.#sql.query(`DROP DATABASE IF EXISTS ${SCHEMA}`);
    await this.#sql.end();
  }
}

function dist(file) {
  return import(new URL(`../../dist/${file}`, import.meta.url).href);
}

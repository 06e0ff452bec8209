/** A database of its own on the run's PostgreSQL, empty after each `reset`. @throws Missing */
export async function openDatabase(servers, name) {
  const server = await servers.get('postgres');
  // Only where the peers are installed: afd is measured without them too.
  const { default: pg } = await import('pg');
  const admin = new pg.Client({ connectionString: server.url });
  await admin.connect();
  const url = server.url.replace(/postgres$/, name);
  let client;
  return {
    url,
    async reset() {
      await client?.end();
      await admin.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
      await admin.query(`CREATE DATABASE ${name}`);
      client = new pg.Client({ connectionString: url });
      await client.connect();
    },
    query: (sql, values) => client.query(sql, values),
    async close() {
      await client?.end();
      await admin.end();
    },
  };
}

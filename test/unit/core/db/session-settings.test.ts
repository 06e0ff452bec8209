// What each session is set to, and that a server which has not done so is refused. On a real one: test/proof/servers/hostile-server.test.ts.
import { describe, expect, it } from 'vitest';
import { assertSettings, SETTINGS_READ, settingsStatement } from '../../../../src/core/db/session-settings.ts';

const LIMIT = { statementLimitMs: 4000 };
/** In the order of the statement. */
const WANTED: Record<string, string | number> = {
  ...{ autocommit: 1, completion_type: 'NO_CHAIN', sql_select_limit: '18446744073709551615', sql_safe_updates: 0 },
  ...{ sql_big_selects: 1, sql_auto_is_null: 0, unique_checks: 1, foreign_key_checks: 1, check_constraint_checks: 1 },
  ...{ div_precision_increment: 4, max_sort_length: 1024, tx_isolation: 'READ-COMMITTED' },
  ...{ transaction_isolation: 'READ-COMMITTED', tx_read_only: 0, transaction_read_only: 0 },
  ...{ innodb_lock_wait_timeout: 5, max_statement_time: 4, max_execution_time: 4000 },
};
const CHARACTERS = ['character_set_client', 'character_set_connection', 'character_set_results'];

/** What a server answers that has done all of it. */
function obedient(): Record<string, unknown> {
  const read: Record<string, unknown> = { set_sql_mode: 'STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION' };
  for (const name of CHARACTERS) read[`set_${name}`] = 'utf8mb4';
  for (const [name, value] of Object.entries(WANTED)) read[`set_${name}`] = value;
  return read;
}

describe('a session', () => {
  it('is set to this and nothing else, whatever the globals of its server are', () => {
    const session = { timeZone: '+00:00', sqlMode: "'STRICT_TRANS_TABLES'", idleTimeoutS: 59.5, ...LIMIT };
    const { sql, values } = settingsStatement(session);
    const [, assignments = ''] = sql.split("sql_mode = 'STRICT_TRANS_TABLES'");
    expect(values).toEqual(['+00:00', 60]);
    const set = [...assignments.matchAll(/, (\w+) = '?([\w-]+)'?/g)].map(([, name, value]) => [name, value]);
    expect(set).toEqual(Object.entries(WANTED).map(([name, value]) => [name, String(value)]));
    expect(sql).toMatch(
      /^SET NAMES utf8mb4 COLLATE utf8mb4_general_ci, time_zone = \?, wait_timeout = \?, sql_mode = 'STRICT/,
    );
  });

  it('reads all of it back', () => {
    const read = [...SETTINGS_READ.matchAll(/@@session\.(\w+) AS set_\1/g)].map(([, name]) => name);
    expect(read).toEqual([...CHARACTERS, 'sql_mode', ...Object.keys(WANTED)]);
    expect(() => assertSettings(obedient(), 'here', LIMIT)).not.toThrow();
  });

  it.each([...CHARACTERS, 'sql_mode', ...Object.keys(WANTED)])('is refused by a server that has not set %s', (name) => {
    expect(() => assertSettings({ ...obedient(), [`set_${name}`]: 'latin1' }, 'here', LIMIT)).toThrow(
      expect.objectContaining({ code: 'E_CONFIG', message: expect.stringContaining(`set ${name}: it is "latin1"`) }),
    );
  });

  it.each(['NO_BACKSLASH_ESCAPES', 'ANSI_QUOTES'])('is refused with the sql_mode %s', (mode) => {
    const read = { ...obedient(), set_sql_mode: `STRICT_TRANS_TABLES,${mode}` };
    expect(() => assertSettings(read, 'here', LIMIT)).toThrow('set sql_mode');
  });

  it('may lack what its server does not know', () => {
    const { set_max_execution_time: _, ...mariadb } = obedient();
    expect(() => assertSettings(mariadb, 'here', LIMIT)).not.toThrow();
  });
});

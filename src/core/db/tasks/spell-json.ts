// How MySQL spells JSON text that it stores: in an order and with spaces of its own, and a lane is a hash of that. Reads no
// table. MariaDB stores JSON as it was sent, and is not asked.

/** One row; column `text_N` is the Nth text. @throws DatabaseError for text that is not JSON */
export function spellJsonStatement(texts: string[]): { sql: string; values: unknown[] } {
  return { sql: `SELECT ${texts.map((_, n) => `CAST(? AS JSON) AS text_${n}`).join(', ')}`, values: texts };
}

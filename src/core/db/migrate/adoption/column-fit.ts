// Whether a column that exists can hold what afd writes, and else as what it must be defined. Pure.
import type { WantedColumn } from './create-table.ts';
import { type ColumnFacts, enumLabels } from './task-table.ts';

export type Fit =
  | { kind: 'fits' }
  /** `copy`: the server has to copy the table for it. */
  | { kind: 'change'; definition: string; copy: boolean }
  | { kind: 'misfit'; needs: string };

const BYTES = new Map([
  ['tinyint', 1],
  ['smallint', 2],
  ['mediumint', 3],
  ['int', 4],
  ['bigint', 8],
]);
const TEXTS = new Set(['text', 'mediumtext', 'longtext']);
const FITS: Fit = { kind: 'fits' };

/** Bytes of a type of whole numbers; undefined for any other. */
export function integerBytes(type: string): number | undefined {
  return BYTES.get(/^[a-z]+/i.exec(type)?.[0].toLowerCase() ?? '');
}

/** `collation`: of text that is defined anew. */
export function fitOf(facts: ColumnFacts, wanted: WantedColumn, collation: string): Fit {
  const [type] = /^\w+(\([^)]*\))?/.exec(wanted.definition) ?? [''];
  const family = type.replace(/\(.*/, '').toLowerCase();
  const size = Number(/\((\d+)/.exec(type)?.[1] ?? 0);
  const redefined = (definition: string, copy = true): Fit => ({
    kind: 'change',
    // Rows may hold NULL where the column lets them.
    definition: withComment(facts.nullable ? definition.replace(' NOT NULL', ' NULL') : definition, facts.comment),
    copy,
  });
  const whole = () => redefined(withCharset(wanted.definition.replace(' PRIMARY KEY', ' NOT NULL'), collation));
  if (facts.generated !== 'no') return { kind: 'misfit', needs: 'a column that is not generated' };
  const insisted = !facts.nullable && facts.default === null && !/ NOT NULL| PRIMARY KEY/.test(wanted.definition);
  switch (family) {
    case 'enum':
      return fitWords(facts, wanted, redefined);
    case 'varchar': {
      if (TEXTS.has(facts.kind)) return FITS;
      if (facts.kind !== 'varchar' && facts.kind !== 'char') return { kind: 'misfit', needs: 'text' };
      const short = Number(/\((\d+)/.exec(facts.type)?.[1] ?? 0) < size;
      return short || insisted || narrowCharset(facts, wanted) ? whole() : FITS;
    }
    case 'text':
      if (TEXTS.has(facts.kind)) return insisted || narrowCharset(facts, wanted) ? whole() : FITS;
      return ['varchar', 'char', 'tinytext'].includes(facts.kind) ? whole() : { kind: 'misfit', needs: 'text' };
    case 'json':
      if (facts.kind !== 'json' && !TEXTS.has(facts.kind)) return { kind: 'misfit', needs: 'JSON' };
      return insisted ? whole() : FITS;
    case 'datetime': {
      if (facts.kind !== 'datetime' && facts.kind !== 'timestamp') return { kind: 'misfit', needs: 'a DATETIME' };
      const digits = Number(/\((\d)\)/.exec(facts.type)?.[1] ?? 0);
      const local = /current_timestamp/i.test(facts.default ?? '') || facts.onUpdate;
      if (facts.kind === 'datetime' && digits >= 3 && !local && !insisted) return FITS;
      return redefined(wanted.definition.replace('DATETIME(3)', `DATETIME(${Math.max(3, digits)})`));
    }
    case 'decimal':
      if (!['decimal', 'float', 'double'].includes(facts.kind)) return { kind: 'misfit', needs: 'a number' };
      return insisted ? whole() : FITS;
    case 'binary':
      return facts.type.toLowerCase() === type.toLowerCase() ? FITS : { kind: 'misfit', needs: type };
    default: {
      const bytes = BYTES.get(facts.kind);
      if (bytes === undefined) return { kind: 'misfit', needs: 'a whole number' };
      return bytes < (integerBytes(type) ?? 0) || insisted ? whole() : FITS;
    }
  }
}

/** Labels are compared by word and appended, so that stored ordinals keep their meaning. */
function fitWords(
  facts: ColumnFacts,
  wanted: WantedColumn,
  redefined: (definition: string, copy?: boolean) => Fit,
): Fit {
  const words = enumLabels(/^\w+\([^)]*\)/.exec(wanted.definition)![0]);
  if (facts.kind === 'varchar' || facts.kind === 'char') {
    const longest = Math.max(...words.map((word) => word.length));
    if (Number(/\((\d+)/.exec(facts.type)?.[1] ?? 0) >= longest) return FITS;
  }
  if (facts.kind !== 'enum') return { kind: 'misfit', needs: `an ENUM of ${words.join(', ')}` };
  const missing = words.filter((word) => !enumLabels(facts.type).includes(word));
  if (missing.length === 0) return FITS;
  const type = `${facts.type.replace(/\)$/, '')},${missing.map((word) => `'${word}'`).join(',')})`;
  const charset =
    facts.collation === null ? '' : ` CHARACTER SET ${facts.collation.split('_')[0]} COLLATE ${facts.collation}`;
  return redefined(wanted.definition.replace(/^\w+\([^)]*\)/, `${type}${charset}`), false);
}

/** Names and error texts may hold any character. A device id holds letters of ASCII alone. */
function narrowCharset(facts: ColumnFacts, wanted: WantedColumn): boolean {
  if (facts.name === 'device_id' || / CHARACTER SET /.test(wanted.definition)) return false;
  return facts.collation !== null && !facts.collation.startsWith('utf8mb4_');
}

/** A text column without a character set of its own gets the one of afd's text columns, not the table's. */
export function withCharset(definition: string, collation: string): string {
  if (/ CHARACTER SET /.test(definition)) return definition;
  return definition.replace(/^(VARCHAR\(\d+\)|TEXT)/, `$1 CHARACTER SET utf8mb4 COLLATE ${collation}`);
}

function withComment(definition: string, comment: string): string {
  if (comment === '') return definition;
  // Ours has at most one, at its end.
  const [plain] = definition.split(" COMMENT '");
  return `${plain} COMMENT '${comment.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
}

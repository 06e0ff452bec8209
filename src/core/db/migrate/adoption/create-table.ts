// The CREATE TABLE of a migration, read as what a table that exists already must have: so that each of afd's tables is
// spelled once.
export interface WantedColumn {
  name: string;
  /** Type, NULL or NOT NULL, default, comment, as written. */
  definition: string;
}

export interface WantedIndex {
  name: string;
  columns: string[];
  unique: boolean;
}

/** `sql` has one column or index in each line, columns in small letters. The primary key is not among the indexes. */
export function wantedOf(sql: string): { columns: WantedColumn[]; indexes: WantedIndex[] } {
  const lines = sql.split('\n').map((line) => line.trim().replace(/,$/, ''));
  return {
    columns: lines.flatMap((line) => {
      const found = /^([a-z_]+) (.+)$/.exec(line);
      return found === null ? [] : [{ name: found[1]!, definition: found[2]! }];
    }),
    indexes: lines.flatMap((line) => {
      const found = /^(UNIQUE )?KEY ([a-z_]+) \(([^)]*)\)$/.exec(line);
      return found === null
        ? []
        : [{ name: found[2]!, columns: found[3]!.split(', '), unique: found[1] !== undefined }];
    }),
  };
}

/** The COMMENT of each column, quoted as written; also of a generated column, whose expression takes several lines. */
export function commentsOf(sql: string): Map<string, string> {
  const found = new Map<string, string>();
  let column = '';
  for (const line of sql.split('\n')) {
    column = /^\s*([a-z_]+) /.exec(line)?.[1] ?? column;
    const comment = / COMMENT ('[^']*'),?$/.exec(line)?.[1];
    if (comment !== undefined) found.set(column, comment);
  }
  return found;
}

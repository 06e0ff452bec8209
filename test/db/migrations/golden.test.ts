// The schema as a file, fresh and adopted, spelled alike for both servers: a change is a reviewed diff.
//   npx vitest run test/db/migrations/golden.test.ts -u
import { fileURLToPath } from 'node:url';
import { afterEach, expect, it } from 'vitest';
import { migrateUp } from '../../../src/core/db/migrate/migrator.ts';
import { type OldDatabase, oldDatabase, T1 } from './old-table.ts';

const golden = (name: string) => fileURLToPath(new URL(`../../golden/${name}`, import.meta.url));

let db: OldDatabase;

/**
 * MariaDB's and MySQL's ways to write the same definition, made one. Each server has a collation of its own for utf8mb4: that
 * one is left out, so that a table or a column in another one than its neighbours is seen.
 */
function spelled(sql: string, usual: string): string {
  return `${sql
    .replaceAll(` CHARACTER SET utf8mb4 COLLATE ${usual}`, '')
    .replace(new RegExp(` COLLATE[ =]${usual}`, 'g'), '')
    .replace(/\/\*!\d+ INVISIBLE \*\//g, 'INVISIBLE')
    .replace(/\/\*!\d+ PARTITION/g, 'PARTITION')
    .replace(/^ PARTITION/gm, 'PARTITION')
    .replace(/\) \*\/$/m, ')')
    .replace(/ CHARACTER SET utf8mb4 (COLLATE utf8mb4_\w+)/g, ' $1')
    .replace(/CHARACTER SET ascii COLLATE ascii_bin/g, 'COLLATE ascii_bin')
    .replace(/ AUTO_INCREMENT=\d+/, '')
    .replace(
      /longtext COLLATE utf8mb4_bin( INVISIBLE)? DEFAULT NULL( COMMENT '[^']*')? CHECK \(json_valid\(`\w+`\)\)/g,
      'json$1 DEFAULT NULL$2',
    )
    .replace(
      /longtext COLLATE utf8mb4_bin NOT NULL( COMMENT '[^']*')? CHECK \(json_valid\(`\w+`\)\)/g,
      'json NOT NULL$1',
    )
    .replace(/\b(tinyint|smallint|mediumint|int|bigint)\(\d+\)/g, '$1')
    .replace(/DEFAULT '(\d+)'/g, 'DEFAULT $1')
    .replace(/current_timestamp\(\)/gi, 'CURRENT_TIMESTAMP')
    .replace(/\(utc_timestamp\(3\)\)/gi, 'utc_timestamp(3)')
    .replace(/_utf8mb4'/g, "'")
    .replace(/if\(\(\((month\(.*?) \* (dayofmonth\(.*?)\) = 0\),/g, 'if($1 * $2 = 0,')
    .replace(
      /\(\(\((field\([^)]*\) \* 100000)\) - if\(\((`status` in \([^)]*\))\),least\(\((.*?)\),32767\),0\)\)\)/,
      '($1 - if($2,least($3,32767),0))',
    )
    .replace(/\(\((10 - least\(greatest\(coalesce\(`priority`,5\),0\),10\))\)\)/, '($1)')
    .replace(/if\(\((`batch_id` is null)\),/, 'if($1,')
    .replace(
      /(`\w+` [\w()']+( COLLATE \w+)?)((?: NOT NULL| DEFAULT (?:\([^)]*\)\)|[^ ,\n]+)| INVISIBLE)+)/g,
      (_, head, __, rest) => {
        const invisible = rest.includes(' INVISIBLE');
        return `${head}${rest.replace(' INVISIBLE', '')}${invisible ? ' INVISIBLE' : ''}`;
      },
    )
    .replace(/^ {2}`(\w+)` text( COLLATE \w+)?( INVISIBLE)?( COMMENT '[^']*')?,$/gm, '  `$1` text DEFAULT NULL$3$4,')
    .replace(/`(heartbeat_time|written_at|p_future)`(?=\)$| VALUES)/gm, '$1')
    .replace(/^ *\(PARTITION/m, '(PARTITION')
    .replace(/ ENGINE = InnoDB\)/, ')')
    .trim()};\n`;
}

async function schema(tables: string[]): Promise<string> {
  const parts: string[] = [];
  const [usual] = await db.admin.rows<{ name: string }>('SELECT @@collation_database AS name');
  for (const table of tables) {
    const [row] = await db.admin.rows(`SHOW CREATE TABLE \`${table}\``);
    parts.push(spelled(String(row?.['Create Table']), usual!.name));
  }
  return parts.join('\n');
}

afterEach(() => db.drop());

it('the schema that afd makes is the reviewed one', async () => {
  db = await oldDatabase([], { task: 'af_crawl_task' });
  await migrateUp(db.address, db.names);
  const { plain } = db.names;
  const { device, task, assignment, heartbeat, leader, lane, setting, progress, checkpoint, log, taskEnd } = plain;
  const tables = [device, task, assignment, heartbeat, leader, lane, setting, progress, checkpoint, log, taskEnd];
  const text = await schema(tables);
  await expect(text).toMatchFileSnapshot(golden('schema.sql'));
});

it('the schema of an adopted T1 table is the reviewed one', async () => {
  db = await oldDatabase([T1]);
  await db.migrate();
  await expect(await schema(['af_crawl_tasks', 'af_task_assignment'])).toMatchFileSnapshot(
    golden('schema-adopted-t1.sql'),
  );
});

import { describe, expect, it } from 'vitest';
import { databaseError } from '../../../../src/core/db/database-error.ts';
import { missingGrant } from '../../../../src/core/db/missing-right.ts';

const who = { account: 'afd@%', schema: 'crawl' };

describe('the GRANT that a refusal asks for', () => {
  it.each([
    ["INSERT command denied to user 'afd'@'h' for table 'af_crawl_task'", 'INSERT ON `crawl`.`af_crawl_task`'],
    ["ALTER command denied to user 'afd'@'h' for table `crawl`.`af_device`", 'ALTER ON `crawl`.`af_device`'],
    ["SELECT, UPDATE command denied to user 'afd'@'h' for table 'af_device'", 'SELECT, UPDATE ON `crawl`.`af_device`'],
    [
      "INSERT command denied to user 'afd'@'h' for column 'attempt' in table 'af_crawl_task'",
      'INSERT (`attempt`) ON `crawl`.`af_crawl_task`',
    ],
    // Of a table that is not there yet.
    ["CREATE command denied to user 'afd'@'h' for table 'af_device'", 'CREATE ON `crawl`.*'],
    ["Access denied for user 'afd'@'%' to database 'crawl'", 'LOCK TABLES ON `crawl`.*'],
    [
      "SELECT with locking clause command denied to user 'afd'@'h' for table 'af_leader'",
      'SELECT, UPDATE ON `crawl`.`af_leader`',
    ],
  ])('%s', (text, right) => {
    expect(missingGrant(text, who)).toEqual([`GRANT ${right} TO 'afd'@'%';`]);
  });

  it('is followed by the command that prints all rights of the role, for that account', () => {
    const text = "INSERT command denied to user 'afd'@'10.0.0.5' for table 'af_crawl_task'";
    const command = (account: string) => missingGrant(text, { account, schema: 'crawl', role: 'worker' })[1];
    expect(command('afd@%')).toBe('afd db grants --role worker --user afd');
    expect(command('afd_worker@10.0.0.%')).toBe('afd db grants --role worker --host 10.0.0.%');
    expect(command("o'brien x@%")).toBe('afd db grants --role worker');
  });

  it('of a connection that was refused is by the account as the server names it', () => {
    const text = "Access denied for user 'nobody'@'%' to database 'crawl'";
    expect(missingGrant(text, { account: undefined, schema: 'crawl' })).toEqual([
      "GRANT SELECT, INSERT, UPDATE, DELETE ON `crawl`.* TO 'nobody'@'%';",
    ]);
    // It has no right at all: one GRANT of many would be no help.
    expect(missingGrant(text, { account: undefined, schema: 'crawl', role: 'readonly' })).toEqual([
      'afd db grants --role readonly --user nobody',
    ]);
  });

  it('is not guessed where the server says nothing of a right', () => {
    expect(missingGrant("Access denied for user 'afd'@'h' (using password: YES)", who)).toEqual([]);
  });

  it('is what the error proposes; for a wrong password it is where that came from', () => {
    const denied = { errno: 1142, message: "DELETE command denied to user 'afd'@'h' for table 'af_lane'" };
    expect(databaseError(denied, 'here', who)).toMatchObject({
      code: 'E_FORBIDDEN',
      suggestions: ["GRANT DELETE ON `crawl`.`af_lane` TO 'afd'@'%';"],
    });
    const password = { errno: 1045, message: "Access denied for user 'afd'@'h' (using password: YES)" };
    expect(databaseError(password, 'here', who).suggestions).toEqual(['afd config show']);
  });
});

import { describe, expect, it } from 'vitest';
import { databaseError } from '../../../../src/core/db/database-error.ts';
import { missingGrant } from '../../../../src/core/db/missing-right.ts';

const who = { account: 'afd@%', schema: 'crawl' };

describe('the GRANT that a refusal asks for', () => {
  it.each([
    [
      "INSERT command denied to user 'afd'@'10.0.0.5' for table 'af_crawl_task'",
      "GRANT INSERT ON `crawl`.`af_crawl_task` TO 'afd'@'%';",
    ],
    [
      "ALTER command denied to user 'afd'@'localhost' for table `crawl`.`af_device_heartbeat`",
      "GRANT ALTER ON `crawl`.`af_device_heartbeat` TO 'afd'@'%';",
    ],
    [
      "SELECT, UPDATE command denied to user 'afd'@'h' for table 'af_device'",
      "GRANT SELECT, UPDATE ON `crawl`.`af_device` TO 'afd'@'%';",
    ],
    [
      "INSERT command denied to user 'afd'@'h' for column 'attempt' in table 'af_crawl_task'",
      "GRANT INSERT (`attempt`) ON `crawl`.`af_crawl_task` TO 'afd'@'%';",
    ],
    // Of a table that is not there yet.
    ["CREATE command denied to user 'afd'@'h' for table 'af_device'", "GRANT CREATE ON `crawl`.* TO 'afd'@'%';"],
    ["Access denied for user 'afd'@'%' to database 'crawl'", "GRANT LOCK TABLES ON `crawl`.* TO 'afd'@'%';"],
    [
      "SELECT with locking clause command denied to user 'afd'@'h' for table 'af_leader'",
      "GRANT SELECT, UPDATE ON `crawl`.`af_leader` TO 'afd'@'%';",
    ],
  ])('%s', (text, grant) => {
    expect(missingGrant(text, who)).toEqual([grant]);
  });

  it('is followed by the command that prints all rights of the role, for that account', () => {
    const text = "INSERT command denied to user 'afd'@'10.0.0.5' for table 'af_crawl_task'";
    expect(missingGrant(text, { ...who, role: 'worker' })[1]).toBe('afd db grants --role worker --user afd');
    const named = { account: 'afd_worker@10.0.0.%', schema: 'crawl', role: 'worker' } as const;
    expect(missingGrant(text, named)[1]).toBe('afd db grants --role worker --host 10.0.0.%');
    const odd = { account: "o'brien x@%", schema: 'crawl', role: 'worker' } as const;
    expect(missingGrant(text, odd)[1]).toBe('afd db grants --role worker');
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
    expect(missingGrant('something else', who)).toEqual([]);
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

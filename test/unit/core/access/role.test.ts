import { expect, it } from 'vitest';
import { ACCESSES, mayAccess, ROLES, rolesWith } from '../../../../src/core/domain/access/role.ts';
import { accessOf, OPERATION_ACCESS } from '../../../../src/http/operations/access.ts';
import { OPERATIONS } from '../../../../src/http/operations/operations.ts';

it('each kind of access has its roles, and no other', () => {
  expect(Object.fromEntries(ACCESSES.map((access) => [access, rolesWith(access)]))).toEqual({
    public: ROLES,
    self: ['viewer', 'operator', 'submitter', 'admin'],
    follow: ['viewer', 'operator', 'submitter', 'admin'],
    read: ['viewer', 'operator', 'admin'],
    submit: ['operator', 'submitter', 'admin'],
    operate: ['operator', 'admin'],
    device: ['device'],
    admin: ['admin'],
  });
  expect(ACCESSES.filter((access) => mayAccess(undefined, access))).toEqual(['public']);
});

it('each operation has one; what has none is for administrators alone', () => {
  expect(Object.keys(OPERATION_ACCESS).sort()).toEqual(Object.keys(OPERATIONS).sort());
  expect([accessOf('somethingNew'), accessOf(undefined), accessOf('toString')]).toEqual(['admin', 'admin', 'admin']);
});

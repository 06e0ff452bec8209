import { describe, expect, test } from 'vitest';
import { infeasibleReasons } from '../../../../../src/core/domain/eligibility.ts';
import {
  MOST_READ_BYTES,
  REQUIREMENTS_BYTES,
  requirementsOf,
} from '../../../../../src/core/domain/task/requirements.ts';

const ANYTHING = { supported_tasks: ['x'], required_capabilities: true, unreadable: true, chrome: true };
const reasons = (text: string | null) =>
  infeasibleReasons(ANYTHING, { task_type: 'x', required_capabilities: requirementsOf(text).requires });

describe('required_capabilities as a row spells it', () => {
  test('JSON is read', () => {
    expect(requirementsOf('{"browser": true}')).toEqual({ requires: { browser: true }, readable: true });
  });

  test('NULL and the empty text ask for nothing: they are one lane', () => {
    for (const text of [null, undefined, '']) expect(requirementsOf(text)).toEqual({ requires: null, readable: true });
    expect(reasons('')).toEqual([]);
  });

  test.each(['chrome', ' ', '{', '{"a":1}x', "{'a': 1}", 'NaN'])(
    '%j is not JSON: nobody may run it, and nothing is thrown',
    (text) => {
      expect(requirementsOf(text).readable).toBe(false);
      expect(reasons(text)).toEqual([`lacks required_capabilities={"unreadable":${JSON.stringify(text)}}`]);
    },
  );

  test.each(['5', 'null', '[]', 'true', '{}'])('%s is JSON that names nothing', (text) => {
    expect(requirementsOf(text).readable).toBe(true);
    expect(reasons(text)).toEqual([]);
  });

  test.each(['"abc"', '["a"]'])('%s is JSON that no device meets', (text) => {
    expect(requirementsOf(text).readable).toBe(true);
    expect(reasons(text).length).toBeGreaterThan(0);
  });

  test('a long text is shown in part', () => {
    expect(JSON.stringify(requirementsOf('x'.repeat(5000)).requires).length).toBeLessThan(200);
  });

  test('as many as a task may have are read, however a server spaces them', () => {
    const sent = `{"a":[${'1,'.repeat((REQUIREMENTS_BYTES - 8) / 2)}1]}`;
    expect(sent.length).toBeGreaterThanOrEqual(REQUIREMENTS_BYTES - 1);
    expect(sent.replace(/[,:]/g, '$& ').length).toBeLessThanOrEqual(MOST_READ_BYTES);
  });
});

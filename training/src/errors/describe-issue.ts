import type { z } from 'zod';

type Issue = z.core.$ZodIssue;

/** A setting as the command line has it: `outputStd` is `--output-std`. */
export function flagOf(setting: string): string {
  return `--${setting.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/**
 * The first problem that zod found, as one line in plain words: the setting, what was expected, what came.
 * @param value what was checked
 * @param nameOf what the user calls a setting, such as its flag
 */
export function describeIssue(
  error: z.ZodError,
  value: unknown,
  nameOf: (setting: string) => string = (setting) => setting,
): string {
  const issue = error.issues[0]!;
  const [setting, ...rest] = issue.path;
  const place = setting === undefined ? '' : `${nameOf(String(setting))}: `;
  const found = issue.path.reduce<unknown>(
    (inner, key) => (inner as Record<PropertyKey, unknown>)?.[key],
    value,
  );
  if (issue.code === 'unrecognized_keys') return `${place}there is no setting '${issue.keys.join("', '")}'`;
  const which =
    rest.length === 0
      ? ''
      : rest
          .map((key) => (typeof key === 'number' ? ` (number ${key + 1} of the list)` : `.${String(key)}`))
          .join('');
  const got = found === undefined ? 'nothing' : JSON.stringify(found);
  return `${place}expected ${expectation(issue)}, got ${got}${which}`;
}

const kinds: Readonly<Record<string, string>> = {
  int: 'a whole number',
  number: 'a number',
  string: 'a text',
  boolean: 'true or false',
  array: 'a list',
  tuple: 'a list',
  object: 'an object',
  record: 'an object',
};

function expectation(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_type':
      return kinds[issue.expected] ?? issue.expected;
    case 'invalid_value':
      return issue.values.map(String).join(' or ');
    case 'too_small':
      return bound(issue.origin, issue.inclusive === false ? 'more than' : 'at least', issue.minimum);
    case 'too_big':
      return bound(issue.origin, issue.inclusive === false ? 'less than' : 'at most', issue.maximum);
    case 'not_multiple_of':
      return `a multiple of ${issue.divisor}`;
    default:
      // What a family says of its own, as it says it.
      return issue.message.replace(/^expected /, '');
  }
}

function bound(origin: string, relation: string, limit: number | bigint): string {
  if (origin === 'array') return `a list of ${relation} ${limit}`;
  if (origin === 'string') return `a text of ${relation} ${limit} characters`;
  return `${origin === 'int' ? 'a whole number of' : 'a number of'} ${relation} ${limit}`;
}

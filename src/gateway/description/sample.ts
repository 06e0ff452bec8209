// A value that fits a JSON schema, made from the examples in it: what the description shows of bodies and answers.

export interface JsonSchema {
  $ref?: string;
  type?: string | string[];
  examples?: unknown[];
  example?: unknown;
  default?: unknown;
  const?: unknown;
  enum?: unknown[];
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
  allOf?: JsonSchema[];
  properties?: Record<string, JsonSchema>;
  required?: string[];
  items?: JsonSchema;
  additionalProperties?: JsonSchema | boolean;
  minimum?: number;
  exclusiveMinimum?: number;
  maximum?: number;
  exclusiveMaximum?: number;
  minItems?: number;
  maxItems?: number;
  minLength?: number;
  maxLength?: number;
  pattern?: string;
  format?: string;
  description?: string;
}

export type Schemas = Record<string, JsonSchema>;

/** An object has the members that it must have and those with an example; `whole`: all of them. */
export function sample(schema: JsonSchema, schemas: Schemas, whole: boolean): unknown {
  const given = exampleOf(schema);
  if (given !== undefined) return given;
  if (schema.$ref !== undefined) return sample(resolve(schema, schemas), schemas, whole);
  const [first] = schema.anyOf ?? schema.oneOf ?? [];
  if (first !== undefined) return sample(first, schemas, whole);
  if (schema.allOf !== undefined) return Object.assign({}, ...schema.allOf.map((one) => sample(one, schemas, whole)));
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  if (type === 'object') return objectOf(schema, schemas, whole);
  if (type === 'array') return schema.items === undefined ? [] : [sample(schema.items, schemas, whole)];
  if (type === 'integer' || type === 'number') return numberOf(schema);
  if (type === 'boolean') return false;
  return type === 'string' ? 'text' : null;
}

/** The least that it may be; an integer without a limit says how many digits a number keeps. */
function numberOf({ minimum, exclusiveMinimum }: JsonSchema): number {
  const least = minimum ?? (exclusiveMinimum === undefined ? 1 : exclusiveMinimum + 1);
  return least <= Number.MIN_SAFE_INTEGER ? 1 : least;
}

/** What a reference means; anything else is what it is. */
export function resolve(schema: JsonSchema, schemas: Schemas): JsonSchema {
  const name = schema.$ref?.split('/').at(-1);
  return name === undefined ? schema : (schemas[name] ?? {});
}

function objectOf(schema: JsonSchema, schemas: Schemas, whole: boolean): object {
  const members = Object.entries(schema.properties ?? {}).filter(
    ([name, one]) =>
      whole || schema.required?.includes(name) === true || exampleOf(resolve(one, schemas), false) !== undefined,
  );
  return Object.fromEntries(members.map(([name, one]) => [name, sample(one, schemas, whole)]));
}

function exampleOf(schema: JsonSchema, withDefault = true): unknown {
  const given = schema.example ?? schema.examples?.[0];
  if (given !== undefined) return given;
  return withDefault ? (schema.default ?? schema.const ?? schema.enum?.[0]) : undefined;
}

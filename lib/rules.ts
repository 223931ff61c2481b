/** Puts what a value must be on top of a setting's declaration. */
import * as z from "zod/mini";

type Shape = z.core.$ZodLooseShape;
type Rules<S extends Shape> = { readonly [Name in keyof S]?: z.ZodMiniType<NonNullable<z.output<S[Name]>>> };

/** The same settings, whose values follow these rules. Defaults stay, and so do the comments. */
export function ruled<S extends Shape>(shape: S, rules: Rules<S>): S {
  const fields = Object.entries(shape).map(([name, field]) => [name, withRule(field as z.ZodMiniType, rules[name])]);
  return Object.fromEntries(fields);
}

function withRule(field: z.ZodMiniType, rule: z.ZodMiniType | undefined): z.ZodMiniType {
  if (!rule) return field;
  if (field instanceof z.ZodMiniDefault) return z._default(rule, () => field.def.defaultValue);
  return field instanceof z.ZodMiniOptional ? z.optional(rule) : rule;
}

/** A section. Left out, it has all its defaults; what is unknown in it is refused. */
export const section = <S extends Shape>(
  shape: S,
  rules: Rules<S>,
  ...checks: z.core.$ZodCheck<z.output<z.ZodMiniObject<S>>>[]
) => z.prefault(z.strictObject(ruled(shape, rules)).check(...checks), {} as never);

/** Settings as they are given, unchanged by us: lists that a program keeps as constants are taken, too. */
export type Fixed<T> = T extends readonly (infer Item)[]
  ? readonly Item[]
  : T extends object
    ? { readonly [Name in keyof T]: Fixed<T[Name]> }
    : T;

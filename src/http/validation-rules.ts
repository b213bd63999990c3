import type { Type } from '@nestjs/common';
import { getMetadataStorage, ValidationTypes, type ValidationArguments } from 'class-validator';
import { oncePerClass } from './per-class.js';

/**
 * class-validator collects the rules of a class from those of all classes, anew for each object: a twentieth of a request with a
 * body. From now on it does so once for each class, as no rule is added after a class has been loaded.
 */
export function rememberRules(): void {
  const storage = getMetadataStorage();
  type Collect = typeof storage.getTargetValidationMetadatas;
  const collect: Collect = storage.getTargetValidationMetadatas.bind(storage);
  const remembered = new WeakMap<object, Map<string, ReturnType<Collect>>>();
  storage.getTargetValidationMetadatas = (type, schema, always, strictGroups, groups) => {
    if (always || strictGroups || groups?.length) return collect(type, schema, always, strictGroups, groups);
    const bySchema = remembered.get(type) ?? new Map<string, ReturnType<Collect>>();
    // An object within another has the name of the outer class here.
    const rules = bySchema.get(schema) ?? collect(type, schema, always, strictGroups, groups);
    remembered.set(type, bySchema.set(schema, rules));
    return rules;
  };
}

/** @returns the names of the fields that a class declares, those included that are known in order to be refused */
export const fieldsOf = oncePerClass((type) => {
  const rules = getMetadataStorage().getTargetValidationMetadatas(type, '', false, false);
  return [...new Set(rules.map(({ propertyName }) => propertyName))];
});

type Fields = Record<string, unknown>;

type Condition = (object: object, value: unknown) => boolean;

/** The rules of a field. */
interface FieldRules {
  field: string;
  /** When the checks have to be passed: where all of these hold. */
  conditions: Condition[];
  checks: ((value: unknown, object: object) => boolean)[];
}

const rulesOf = oncePerClass(readRules);

/** Whether {@link keepsRules} can say anything of a class: none of objects within others, and of rules that take their time. */
export const hasPlainRules = (type: Type<object>): boolean => rulesOf(type) !== 'for class-validator';

/**
 * Whether an object keeps the rules of a class. class-validator makes an error for each field before it looks at it, and promises for
 * each object, which is a tenth of a request with a body: so it is only asked what is wrong.
 *
 * @returns false also where {@link hasPlainRules} is false
 */
export function keepsRules(object: object, type: Type<object>): boolean {
  const rules = rulesOf(type);
  if (rules === 'for class-validator') return false;
  return rules.every(({ field, conditions, checks }) => {
    const value = (object as Fields)[field];
    return !conditions.every((holds) => holds(object, value)) || checks.every((keeps) => keeps(value, object));
  });
}

function readRules(type: Type<object>): FieldRules[] | 'for class-validator' {
  const storage = getMetadataStorage();
  const metadata = storage.getTargetValidationMetadatas(type, '', false, false);
  // It removes what a class gives its objects without a rule.
  const hasOthers = Object.keys(new type()).some((name) => !fieldsOf(type).includes(name));
  if (hasOthers || !metadata.every(isPlain)) return 'for class-validator';
  return Object.entries(storage.groupByPropertyName(metadata)).map(([field, rules]) => ({
    field,
    conditions: rules
      .filter((rule) => rule.type === ValidationTypes.CONDITIONAL_VALIDATION)
      .map(({ constraints }) => constraints[0] as Condition),
    checks: rules.filter((rule) => rule.type === ValidationTypes.CUSTOM_VALIDATION).flatMap(checksOf),
  }));
}

type Rule = ReturnType<ReturnType<typeof getMetadataStorage>['getTargetValidationMetadatas']>[number];

function isPlain({ type, constraintCls }: Rule): boolean {
  if (type !== ValidationTypes.CUSTOM_VALIDATION) return type === ValidationTypes.CONDITIONAL_VALIDATION;
  return !getMetadataStorage()
    .getTargetValidatorConstraints(constraintCls)
    .some(({ async }) => async);
}

function checksOf({ constraintCls, constraints, each, propertyName, validateIf }: Rule): FieldRules['checks'] {
  return getMetadataStorage()
    .getTargetValidatorConstraints(constraintCls)
    .map(({ instance }) => (value, object) => {
      if (validateIf && !validateIf(object, value)) return true;
      const targetName = object.constructor.name;
      const args: ValidationArguments = { targetName, property: propertyName, object, value, constraints };
      // A promise is not true.
      const keeps = (one: unknown) => instance.validate(one, args) === true;
      return each && Array.isArray(value) ? value.every(keeps) : keeps(value);
    });
}

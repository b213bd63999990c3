import { ValidateBy } from 'class-validator';

/**
 * How many characters PostgreSQL counts in a text: code points. class-validator's own length leaves out variation
 * selectors, and so would let through what a column refuses.
 */
export function countCharacters(text: string): number {
  return Array.from(text).length;
}

/** The text takes at most so many characters. */
export function HasAtMostCharacters(most: number): PropertyDecorator {
  return ValidateBy({
    name: 'hasAtMostCharacters',
    validator: {
      validate: (value) => typeof value === 'string' && countCharacters(value) <= most,
      defaultMessage: () => `must be at most ${most} characters`,
    },
  });
}

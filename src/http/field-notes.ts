import type { Type } from '@nestjs/common';
import { oncePerClass } from './per-class.js';

/** What a decorator of ours notes of fields, by their class. */
export class FieldNotes<Note> {
  private readonly key = Symbol('notes');

  /** @returns the notes of a class, after those of the class that it extends. Asked once no more are added */
  readonly of: (type: Type<object>) => readonly (Note & { property: string })[] = oncePerClass(({ prototype }) =>
    prototype ? this.read(prototype as object) : [],
  );

  /** To be called by the decorator of a field. */
  add(prototype: object, property: string | symbol, note: Note): void {
    const notes = [...this.read(prototype), { ...note, property: String(property) }];
    Reflect.defineMetadata(this.key, notes, prototype);
  }

  private read(prototype: object) {
    return (Reflect.getMetadata(this.key, prototype) ?? []) as (Note & { property: string })[];
  }
}

/** What most callers have at once, and some have to wait for. */
export type MaybePromise<T> = T | Promise<T>;

/** Goes on with a value at once if it is there: a promise costs what is asked most often more than the answer does. */
export function after<T, R>(value: MaybePromise<T>, next: (value: T) => MaybePromise<R>): MaybePromise<R> {
  return value instanceof Promise ? value.then(next) : next(value);
}

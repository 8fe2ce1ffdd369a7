/**
 * Stands for an object that is loaded when one of its methods is first called. All of them answer with promises, but
 * `watch`, which returns at once what stops it.
 */
export function lazy<T>(load: () => Promise<T>, path: string[] = []): T {
  const known: Record<string, unknown> = {}; // a member is the same each time
  return new Proxy(() => {}, {
    get(target, name) {
      // Nobody may take this for a promise, or make text of what is not there.
      if (typeof name === "symbol" || name in target || /^(then|toJSON)$/.test(name)) return target[name as never];
      known[name] ??= lazy(load, [...path, name]);
      return known[name];
    },
    apply(_, __, args) {
      // biome-ignore lint/suspicious/noExplicitAny: the path leads to a method, as T says
      const answer = load().then((at: any) => path.reduce((o, name) => o[name], at)(...args));
      return path.at(-1) === "watch" ? () => answer.then((stop) => stop()) : answer;
    },
  }) as T;
}

/** An object, and for what it does not have a lazy one. */
export const extend = <A extends object, B extends object>(object: A, more: B): A & B =>
  new Proxy(object, {
    get: (_, name) => (name in object ? object : more)[name as never],
  }) as A & B;

import type { Ask } from "./http.js";

/**
 * Methods from a table of operations: `PUT /users/$/roles roles` takes an id for the $ and then what becomes the
 * member `roles` of the body. Without a member the last argument is the whole body, or of GET and DELETE the query.
 */
export function calls<T>(ask: Ask, base: string, table: Record<string, string>): T {
  const methods: Record<string, (...args: unknown[]) => Promise<unknown>> = {};
  for (const [name, operation] of Object.entries(table)) {
    const [method = "", path = "", member] = operation.split(" ");
    methods[name] = async (...args) => {
      const to = path.replace("$", () => encodeURIComponent(String(args.shift())));
      const [given] = args;
      const body = member ? { [member]: given } : (given ?? {});
      return ask(`${method} ${base}${to}`, /[GD]E/.test(method) ? { query: body } : { body });
    };
  }
  return methods as T;
}

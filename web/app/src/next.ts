/**
 * Where to go after a sign-in: a path of this site, or home. Browsers read "//host", "/\host" and control characters
 * in ways that leave the site, so whatever is not plainly a path counts for nothing.
 */
export function safeNext(next: string | null): string {
  if (!next || !/^\/(?![/\\])/.test(next) || /[\\\s\p{Cc}]/u.test(next)) return "/";
  const url = new URL(next, location.origin);
  if (
    url.origin !== location.origin ||
    url.pathname.startsWith("//") ||
    /^\/(login|signup|forgot)\/?$/.test(url.pathname)
  )
    return "/";
  return url.pathname + url.search;
}

export function loginAt(path: string, search: string): string {
  const next = path + (search && `?${search.replace(/^\?/, "")}`);
  return `/login?next=${encodeURIComponent(next).replaceAll("%2F", "/")}`;
}
